"""From a file of visibilities to a candidate."""

from __future__ import annotations

import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.table import Table

from pipeline.cli import app
from pipeline.cli.failures import run_guarded
from pipeline.imaging.settings import ImagingSettings
from pipeline.readers import open_recording
from pipeline.search import SearchSettings, search

CENTRE = SkyCoord(150.0, 37.0, unit="deg")


def pulse(data, source: SkyCoord, first: int, n: int, jansky: float) -> None:
    """Noise of 4 Jy a visibility, and a source that shines for a few samples."""
    rng = np.random.default_rng(5)
    steady = np.ones(data.data_array.shape, complex)
    data.data_array[:] = steady
    data.phase(lon=CENTRE.ra.rad, lat=CENTRE.dec.rad, phase_frame="icrs", cat_name="field")
    times = np.unique(data.time_array)[first : first + n]
    data.data_array *= jansky * np.isin(data.time_array, times)[:, None, None]
    data.data_array += (rng.normal(size=(*steady.shape, 2)) * 4).view(complex)[..., 0]


def test_a_pulse_in_visibilities_is_a_candidate(new_uvdata, write, tmp_path):
    source = CENTRE.directional_offset_by(200 * units.deg, 6 * units.arcmin)
    data = new_uvdata(source, n_times=300, step_s=0.134, n_channels=4)
    # 91 baselines, 4 channels, 2 hands, 4 samples: 0.074 Jy of noise.
    pulse(data, source, 150, 4, 1.0)
    path = write(data)
    imaging = ImagingSettings(size=121, channels=2)
    with open_recording([path], imaging) as reader:
        # Sidelobes of so few antennas are half as high as the pulse.
        settings = SearchSettings(imaging=imaging, dm_max=50, threshold=9)
        summary = search(reader, tmp_path / "out", settings)
    found = Table.read(tmp_path / "out" / "candidates.ecsv")
    assert summary["n_candidates"] == len(found) == 1
    (row,) = found
    assert 10 < row["snr"] < 17
    place = SkyCoord(row["ra"], row["dec"], unit="deg")
    beam = reader.header.beam_fwhm_px * np.abs(reader.header.wcs.wcs.cdelt[0]) * units.deg
    assert place.separation(source) < beam / 2
    middle = np.unique(data.time_array)[150] + 1.5 * 0.134 / 86400
    assert abs(row["mjd"] + 2400000.5 - middle) * 86400 < 0.27
    assert row["width"] < 0.134 * 7


def test_the_command_makes_a_cube(new_uvdata, write, tmp_path, capsys):
    path, out = write(new_uvdata(CENTRE)), tmp_path / "cube.h5"
    group = app.build(app.COMMANDS)
    assert run_guarded(group, ["image", str(path), "--out", str(out), "--size", "32"], "s") == 0
    assert "3 images of 32 × 32 pixels and 4 channels" in capsys.readouterr().out
    with open_recording([out]) as reader:
        assert reader.header.shape == (32, 32)


def test_the_command_refuses_images(new_uvdata, write, tmp_path, capsys):
    path, out = write(new_uvdata(CENTRE)), tmp_path / "cube.h5"
    group = app.build(app.COMMANDS)
    run_guarded(group, ["image", str(path), "--out", str(out), "--size", "8"], "s")
    assert run_guarded(group, ["image", str(out), "--out", str(tmp_path / "b.h5")], "s") == 2
    assert "cube.h5: format: holds no visibilities" in capsys.readouterr().err
    assert not (tmp_path / "b.h5").exists()
