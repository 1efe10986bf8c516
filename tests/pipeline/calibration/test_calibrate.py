"""Simulated recordings are calibrated back; a real one shows its calibrator afterwards."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table

from pipeline.calibration.calibrate import CalibrationSettings, calibrate
from pipeline.calibration.gains import read_gains, write_gains
from pipeline.catalog import one_source, read_catalog
from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded
from pipeline.errors import InputError, NoDataError
from pipeline.imaging.imager import ImagedReader
from pipeline.imaging.settings import ImagingSettings
from pipeline.visibilities.calibrated import CalibratedReader
from pipeline.visibilities.flags import FlagSettings
from pipeline.visibilities.nsfrb import NsfrbReader
from pipeline.visibilities.uvdata import UvdataReader

VLA = "vla_tdem0003_j1008.uvh5"
DEAD = 6
"""The seventh of the antennas in their order."""


def run(*args):
    return run_guarded(build(), [str(a) for a in args], "slowburst")


def test_gains_are_those_that_were_put_in(field):
    """To their errors: amplitudes to 0.7 %, phases of all against one to 0.4 degrees."""
    gains = read_gains(field.gains)
    rest = np.arange(24) != DEAD
    assert gains.bad_antennas == (gains.antennas[DEAD],)
    truth = field.truth[rest, None, None] * np.exp(-1j * np.angle(field.truth[1]))
    off = (gains.gain[rest] - truth) * np.exp(-1j * np.angle(truth))
    scaled = off * np.sqrt(gains.weight[rest])
    # The beam of the model is that of the simulation but for rounding of the declination.
    assert scaled.real.std() == pytest.approx(1, abs=0.15)
    assert np.abs(scaled.real.mean()) < 0.3
    # That of the reference is in all of them.
    assert scaled.imag.std() < 1.7
    assert gains.unit == "Jy"
    assert field.summary["reference"] == gains.antennas[1]
    assert field.summary["bad_antennas"] == [gains.antennas[DEAD]]
    # Of an antenna of gain g it is SEFD / g^2.
    expected = np.median(6000 / np.abs(field.truth[rest]) ** 2)
    assert field.summary["sefd_jy"] == pytest.approx(expected, rel=0.03)


def test_the_dead_antenna_is_left_out_and_named(field):
    reader = CalibratedReader(NsfrbReader(field.paths), field.gains)
    station = read_gains(field.gains).antennas[DEAD]
    assert reader.header.unit == "Jy"
    assert any(f"without gains, and not used: {station}" in note for note in reader.header.notes)
    block = reader.read(3, 5)
    dead = (reader.header.baselines == station).any(axis=1)
    assert not block.weights[:, dead].any()
    assert (block.weights[:, ~dead] > 0).all()
    assert np.isnan(reader.uvw(3, 5, reader.header.centre)[0][:, dead]).all()
    whole = NsfrbReader(field.paths).read_hands(3, 5)
    i, j = np.searchsorted(np.unique(reader.header.baselines), reader.header.baselines).T
    gains = read_gains(field.gains)
    both = gains.gain[i] * gains.gain[j].conj()
    weight = np.abs(both[~dead]) ** 2
    expected = (whole.data[:, ~dead] / both[~dead] * weight).sum(-1) / weight.sum(-1)
    np.testing.assert_allclose(block.data[:, ~dead], expected, rtol=2e-4, atol=1e-4)


def test_hands_are_read_as_their_mean_is(field):
    reader = NsfrbReader(field.paths)
    hands, mean = reader.read_hands(7, 9), reader.read(7, 9)
    np.testing.assert_allclose(hands.data.mean(-1), mean.data, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(hands.weights.mean(-1), mean.weights)
    assert reader.header.polarisations == ("XX", "YY")


def test_flags_and_spans_are_heeded(field):
    flags = FlagSettings(antennas=(1,), freq_mhz=((1300.0, 1330.0),))
    settings = CalibrationSettings(
        start_s=2.0, stop_s=6.0, average=1, imaging=ImagingSettings(flags=flags)
    )
    found = calibrate(NsfrbReader(field.paths), read_catalog(field.catalog), settings)
    assert 1 in found.gains.bad_antennas
    lost = ~(found.gains.weight > 0).any(axis=(0, 2))
    np.testing.assert_array_equal(lost, found.gains.freq_mhz < 1330 + 11.72 / 2)
    # Samples 15 to 44: 2 to 6 s.
    assert found.summary["n_samples"] == 30
    assert found.gains.mjd == pytest.approx(60700.3 + 29.5 * 0.1342182159 / 86400, abs=1e-9)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"start_s": 30.0}, "--start: no sample lies from 30 to inf s"),
        ({"average": 99}, "--average: is 99"),
        ({"reference": 999}, "--reference: 999 is not in"),
    ],
)
def test_settings_that_do_not_fit(field, settings, words):
    with pytest.raises(InputError, match=words):
        calibrate(
            NsfrbReader(field.paths), read_catalog(field.catalog), CalibrationSettings(**settings)
        )


def test_a_place_without_a_source_gives_no_gains(field):
    vis = NsfrbReader(field.paths)
    # Far out of the beam, where a model of 1 Jy is nearly none: gains are noise.
    away = SkyCoord(vis.header.centre.ra.deg + 40, 0.0, unit="deg")
    with pytest.raises(NoDataError, match="no antenna has gains"):
        calibrate(vis, one_source(away, 1.0), CalibrationSettings(average=16, min_snr=30.0))


def peak_snr(image):
    """Value in the middle over the robust noise of the rest, and whether it is the peak."""
    middle = image.shape[0] // 2
    noise = 1.4826 * np.median(np.abs(image - np.median(image)))
    at = np.unravel_index(int(np.argmax(image)), image.shape)
    return image[middle, middle] / noise, at == (middle, middle)


INTEGRATIONS_S = (10.001, 19.997, 29.998, 39.999, 50.0, 60.001, 70.002, 79.998)
"""Those that most baselines have."""


def images(path, gains):
    """Mean over channels of each integration, with its time."""
    vis = UvdataReader(path)
    reader = ImagedReader(
        CalibratedReader(vis, gains) if gains else vis, ImagingSettings(size=64, channels=1)
    )
    found = []
    for seconds in INTEGRATIONS_S:
        t = round(seconds / reader.header.tsamp_s)
        block = reader.read(t, t + 1)
        assert block.weights.any()
        found.append((seconds, block.data[0, 0]))
    return found, reader.header.bunit


def test_j1008_stands_at_the_phase_centre(shared_data, tmp_path):
    """With gains of two integrations, at more than 10 sigma in each of the other six."""
    path = shared_data(VLA)
    vis = UvdataReader(path)
    settings = CalibrationSettings(start_s=9.0, stop_s=21.0)
    sky = one_source(vis.header.centre, 1.0)
    found = calibrate(vis, sky, settings, flux_known=False)
    # Two that were not on the source.
    assert found.gains.bad_antennas == (6, 11)
    assert found.gains.polarisations == ("RR", "LL")
    write_gains(tmp_path / "gains.h5", found.gains)
    raw, unit = images(path, None)
    assert unit == "uncalibrated"
    assert max(peak_snr(image)[0] for _, image in raw) < 5
    calibrated, unit = images(path, tmp_path / "gains.h5")
    assert unit == "calibrator/beam"
    others = [image for seconds, image in calibrated if not 9 < seconds < 21]
    assert len(others) == 6
    for image in others:
        snr, is_peak = peak_snr(image)
        assert snr > 10
        assert is_peak
        # A tenth is lost to what the gains took from the noise, and to the atmosphere.
        assert image.max() == pytest.approx(0.9, abs=0.06)


def test_the_command(field, tmp_path, capsys):
    out = tmp_path / "gains.h5"
    args = ("calibrate", *field.paths, "--out", out)
    assert run(*args) == 2
    assert "source: is not known: there is no phase centre; give --ra" in capsys.readouterr().err
    assert run(*args, "--catalog", field.catalog, "--stop", 10, "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["n_samples"] == 75
    assert summary == json.loads(out.with_suffix(".json").read_text())
    assert out.with_suffix(".png").read_bytes()[:4] == b"\x89PNG"
    assert read_gains(out).model == "S0, S1, S2, S3: 11 Jy"
    cube = tmp_path / "cube.h5"
    options = ("--size", 32, "--channels", 2, "--gains", out)
    assert run("image", *field.paths, "--out", cube, *options) == 0
    shown = capsys.readouterr()
    assert "unit Jy/beam" in shown.out
    assert "note: gains of gains.h5" in shown.err
    assert run("search", cube, "--out", tmp_path / "found", "--gains", out) == 2
    assert "holds no visibilities to calibrate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--ra", 10), "--ra: is given without --dec"),
        (("--ra", 10, "--dec", 100), "--ra: is 10, --dec is 100"),
        (("--ra", 10, "--dec", 37, "--flux", -1), "--flux: is -1"),
        (("--source", "S1"), "--source: needs a catalog"),
        (
            ("--catalog", "CATALOG", "--source", "S11"),
            "name: 'S11' is not there; did you mean 'S1'?",
        ),
        (("--catalog", "CATALOG", "--flux", 3), "--catalog: is given together"),
        (("--catalog", "none.ecsv"), "none.ecsv: file: does not exist"),
    ],
)
def test_what_is_said_wrongly(field, tmp_path, capsys, options, words):
    options = [field.catalog if o == "CATALOG" else o for o in options]
    assert run("calibrate", *field.paths, "--out", tmp_path / "g.h5", *options) == 2
    shown = capsys.readouterr().err.splitlines()[-1]
    assert words in shown
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.remove_column("dec"), "dec: is missing; there are name, ra, flux_jy"),
        (lambda t: t.remove_rows(slice(None)), "rows: there are none"),
        (lambda t: t["ra"].__setitem__(1, np.nan), "ra: of row 2 is nan"),
        (lambda t: t["flux_jy"].__setitem__(0, 0.0), "flux_jy: of row 1 is 0"),
        (lambda t: setattr(t["dec"], "unit", "Jy"), "dec: cannot be used"),
    ],
)
def test_catalogs_that_cannot_be_used(field, tmp_path, change, words):
    table = Table.read(field.catalog, format="ascii.ecsv")
    change(table)
    table.write(tmp_path / "catalog.ecsv", format="ascii.ecsv")
    with pytest.raises(InputError, match=words):
        read_catalog(tmp_path / "catalog.ecsv")
