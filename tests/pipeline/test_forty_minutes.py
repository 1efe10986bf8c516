"""Forty minutes of images, end to end: four pulses, a bright steady source, nothing else."""

from __future__ import annotations

import numpy as np
from astropy.table import Table

from pipeline.readers import open_recording
from pipeline.search import SearchSettings, plan_for, search
from pipeline.simulation import forty_minute_config, simulate


def test_four_pulses_are_found_and_nothing_else(tmp_path):
    """Each within half a beam, half a width and one DM resolution of the truth.

    DMs are told apart that differ by a delay of one sample.
    """
    made = simulate(forty_minute_config(48), tmp_path / "recording")
    with open_recording(made.recordings) as reader:
        beam = reader.header.beam_fwhm_px
        resolution = 1 / plan_for(reader.header, SearchSettings()).delay_per_dm
        summary = search(reader, tmp_path / "out")
    assert summary["dropped_detections"] == 0
    truth = Table.read(made.truth, format="ascii.ecsv")
    pulses = truth[truth["kind"] == "pulse"]
    found = Table.read(tmp_path / "out" / "candidates.ecsv", format="ascii.ecsv")
    assert len(found) == len(pulses) == 4
    for pulse in pulses:
        near = found[np.argmin(np.abs(found["mjd"] - pulse["mjd"]))]
        assert abs(near["mjd"] - pulse["mjd"]) * 86400 <= pulse["width"] / 2
        assert np.hypot(near["x"] - pulse["x"], near["y"] - pulse["y"]) <= beam / 2
        assert abs(near["dm"] - pulse["dm"]) <= resolution
        assert near["snr"] > 0.85 * pulse["snr_ideal"]
