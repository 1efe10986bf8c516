"""Corrections of own instruments: right, found again, and refused for others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from surveys.errors import InputError
from surveys.images.synthetic_settings import SyntheticSettings
from surveys.mock_sizes.correcting import simulate
from surveys.mock_sizes.instruments import observing
from surveys.mock_sizes.observation import ObservationSettings
from surveys.mock_sizes.own_corrections import (
    correcting,
    instruments_of,
    made_for,
    make_corrections,
)
from surveys.mock_sizes.settings import InputSettings, MeasureSettings, SizesSettings
from surveys.sizes.correction import load_corrections
from surveys.sizes.estimators import ESTIMATORS
from surveys.sizes.segmentation import DetectionSettings

HERE = Path("sizes.toml")
TELESCOPE = ObservationSettings(
    "Gaussian", name="T", fwhm_arcsec=0.1, wavelength_um=1.5, pixel_arcsec=0.05, n_pixels=24,
)  # fmt: skip
ARRAY = ObservationSettings("ALMA", name="A", configuration="C-5", dirty=True, n_pixels=48)


def settings(*observations, **measure):
    return SizesSettings(
        observations or (TELESCOPE,),
        InputSettings(synthetic=SyntheticSettings((6.0,), 1)),
        MeasureSettings(**measure),
    )


@pytest.fixture(scope="module")
def made():
    return make_corrections(settings(), HERE, 2500)


@pytest.fixture
def folder(made, tmp_path):
    """A folder with the table of the telescope."""
    made.table().write(tmp_path / "own.ecsv", format="ascii.ecsv")
    return tmp_path


def test_corrected_sizes_of_other_galaxies_are_right(made):
    """Medians of galaxies of another seed: within a tenth from S/N 10 on."""
    instrument = observing(TELESCOPE, 6.0, HERE, "observation[0]").instrument
    sample = simulate(instrument, 1000, seed=77)
    bright = sample.snr >= 10
    raw = []
    for estimator in ESTIMATORS:
        measured, truth = sample.measured[estimator], sample.truth(estimator)
        better, scatter = made.corrected(
            ("T", estimator), measured, sample.segment_snr, sample.fwhm_pixels
        )
        raw.append(np.nanmedian(measured[bright] / truth[bright]))
        for part in (bright, bright & (sample.snr < 25), bright & (sample.snr >= 25)):
            good = part & np.isfinite(better)
            values = np.log(better / truth)[good]
            assert len(values) > 200
            assert len(values) > 0.8 * part.sum()
            quartiles = np.subtract(*np.percentile(values, [75, 25])) / 1.35
            # The error of a median, from what is between the quartiles.
            assert abs(np.median(values)) < 0.1 + 2 * 1.253 * quartiles / len(values) ** 0.5
            # Two thirds are within the scatter that is told.
            share = np.mean(np.abs(values) < scatter[good])
            assert share == pytest.approx(0.68, abs=0.08 + 2 * 0.47 / len(values) ** 0.5)
    # Without them they are not.
    assert max(raw) > 1.25


def test_a_table_says_what_it_was_made_for(made):
    about = made.about
    assert about["galaxies"] == 2500
    assert about["instruments"] == {"T": ["Gaussian 0.1 arcsec, FWHM 2 pixels"]}
    assert about["made_for"]["T"] == {
        "instrument": "Gaussian", "fwhm_arcsec": 0.1, "wavelength_um": 1.5, "n_pixels": 24,
        "pixel_arcsec": 0.05, "noise_fwhm_pixels": 0.0,
    }  # fmt: skip
    assert about["detection"] == {"threshold": 1.5, "n_pixels": 5, "search_radius": 0.25}


def test_an_observation_finds_its_own(made, folder):
    """By the instrument: name, noise and order do not matter."""
    deeper = replace(TELESCOPE, name="other", snr=(50.0,), snr_kind="peak", n_noise=99)
    asked = settings(deeper, corrections=Path("own.ecsv"))
    found = correcting(asked, folder / "sizes.toml")
    assert found.families == ("T",)
    radius, snr = np.linspace(1.5, 3, 4), np.full(4, 20.0)
    for estimator in ESTIMATORS:
        ours = found.corrected((0, estimator), radius, snr, 2.0)
        expected = made.corrected(("T", estimator), radius, snr, 2.0)
        np.testing.assert_allclose(ours, expected, rtol=2e-3)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (replace(TELESCOPE, n_pixels=32), r"observation\[0\] \(T\): 'T' has n_pixels = 24, not 32"),
        (replace(TELESCOPE, pixel_arcsec=0.04), "has pixel_arcsec = 0.05, not 0.04; make it anew"),
        (replace(TELESCOPE, noise_fwhm_pixels=1.0), "has noise_fwhm_pixels = 0.0, not 1.0"),
        (ARRAY, r"nothing for observation\[0\] \(A\): 'T' has instrument = .Gaussian., not .ALMA."),
    ],
)
def test_a_table_of_other_instruments_is_refused(folder, wanted, words):
    with pytest.raises(InputError, match=words) as caught:
        correcting(settings(wanted, corrections=Path("own.ecsv")), folder / "sizes.toml")
    assert caught.value.where == str(folder / "own.ecsv")
    assert "\n" not in str(caught.value)


def test_a_table_of_another_detection_is_refused(folder):
    detection = DetectionSettings(threshold=2.0, fwhm_pixels=3.0)
    asked = settings(corrections=Path("own.ecsv"), detection=detection)
    with pytest.raises(InputError, match=r"detection: has threshold = 1.5, not 2.0 of measure"):
        correcting(asked, folder / "sizes.toml")


def test_the_table_that_ships_is_of_no_configuration(tmp_path):
    load_corrections().table().write(tmp_path / "own.ecsv", format="ascii.ecsv")
    with pytest.raises(InputError, match="made_for: is missing"):
        correcting(settings(corrections=Path("own.ecsv")), tmp_path / "sizes.toml")


def test_without_a_table_of_their_own_there_are_families():
    cleaned = replace(ARRAY, name="cleaned", dirty=False)
    found = correcting(settings(TELESCOPE, ARRAY, cleaned), HERE)
    assert found.families == ("camera", "dirty", "array")
    assert np.isnan(found.corrected((1, "kron"), 8.0, 30.0, 5.0)[0])
    assert np.isfinite(found.corrected((2, "kron"), 8.0, 30.0, 5.0)[0])


def test_tunings_that_differ_little_are_one(tmp_path):
    """The beam of an array grows with 1 + z, and so does its FWHM in given pixels."""
    array = replace(ARRAY, pixel_arcsec=0.05)
    found = instruments_of(array, np.array([5.0, 5.1, 8.0]), HERE, "observation[0]")
    assert len(found) == 2
    ratio = found[1].fwhm_pixels / found[0].fwhm_pixels
    assert ratio == pytest.approx(9 / 6, rel=0.02)


def test_stamps_that_are_too_small_are_told():
    coarse = replace(TELESCOPE, fwhm_arcsec=0.4)
    with pytest.raises(InputError, match=r"observation\[1\].n_pixels: is 24, too few .* give 5\d"):
        make_corrections(settings(TELESCOPE, replace(coarse, name="coarse")), HERE, 2000)


def test_a_psf_is_known_by_what_is_in_its_file(tmp_path):
    camera = ObservationSettings("NIRCam", filter="F200W", psf=Path("psf.fits"))
    said = []
    for content in (b"one", b"other", b"one"):
        (tmp_path / "psf.fits").write_bytes(content)
        said.append(made_for(camera, tmp_path / "sizes.toml")["psf"])
    assert said[0] == said[2] != said[1]
    assert said[0].startswith("psf.fits of SHA-256 ")
