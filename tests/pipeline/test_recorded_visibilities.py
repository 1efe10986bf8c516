"""A recording of DSA-110, end to end: the pulses are found as they were put in, nothing else.

The demonstration, of fewer antennas, is run and checked as a notebook (tests/test_notebooks.py).
"""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.table import Table

from pipeline.imaging.settings import ImagingSettings
from pipeline.readers import open_recording
from pipeline.search import SearchSettings, plan_for, search
from pipeline.simulation import simulate, ten_minutes_of_visibilities


def places(table):
    return SkyCoord(table["ra"], table["dec"], unit=units.deg)


def test_pulses_are_found_as_they_were_put_in(tmp_path):
    """Each within half a beam, half a width, one DM resolution, and 15 % of the fluence.

    DMs are told apart whose delays differ by the width of the pulse, or by a trial. A fluence
    has an error of its own of 5 to 8 %.
    """
    made = simulate(ten_minutes_of_visibilities(20), tmp_path / "recording")
    imaging = ImagingSettings(size=112, primary_beam=True)
    settings = SearchSettings(imaging=imaging, dm_max=1000.0)
    with open_recording(made.recordings, settings.imaging, settings.max_sources) as reader:
        pixel = reader.pixel_rad * units.rad
        beam = reader.header.beam_fwhm_px * pixel
        plan = plan_for(reader.header, settings)
        summary = search(reader, tmp_path / "out", settings)
    assert summary["dropped_detections"] == 0
    truth = Table.read(made.truth, format="ascii.ecsv")
    found = Table.read(tmp_path / "out" / "candidates.ecsv", format="ascii.ecsv")
    pulses, steady = truth[truth["kind"] == "pulse"], truth[truth["kind"] == "source"][0]
    assert (found["snr"] > 8).sum() == len(pulses)
    for pulse in pulses:
        near = found[np.argmin(np.abs(found["mjd"] - pulse["mjd"]))]
        assert abs(near["mjd"] - pulse["mjd"]) * 86400 <= pulse["width"] / 2
        assert places(near).separation(places(pulse)) <= beam / 2
        resolution = pulse["width"] / reader.header.tsamp_s / plan.delay_per_dm
        spacing = np.diff(plan.dm_pc_cm3).max()
        assert abs(near["dm"] - pulse["dm"]) <= max(resolution, spacing)
        assert near["fluence"] == pytest.approx(pulse["fluence"], rel=0.15)
        assert abs(near["fluence"] - pulse["fluence"]) < 3 * near["fluence_error"]
    (note,) = (n for n in summary["notes"] if "steady" in n)
    flux, unit, _, ra, dec = note.partition(": ")[2].split()
    assert unit == "Jy"
    assert float(flux) == pytest.approx(steady["flux"], rel=0.02)
    place = SkyCoord(float(ra), float(dec), unit=units.deg)
    assert place.separation(places(steady)) < 0.1 * beam
