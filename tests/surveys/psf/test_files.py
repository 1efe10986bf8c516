"""FITS files with point spread functions."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy.io import fits

from surveys.errors import InputError, SettingProblem
from surveys.psf.analytic import gaussian_psf
from surveys.psf.files import read_psf, resample_psf
from surveys.psf.measures import fwhm_of_mean_profile

SHARE = 0.98


def stpsf(path, leave=(), **keys):
    """A file as STPSF writes it, with a Gaussian of 0.1"; each extension has a flux of its own."""
    hdus = fits.HDUList()
    for i, (name, n, pixel) in enumerate(
        [
            ("OVERSAMP", 128, 0.01575),
            ("DET_SAMP", 32, 0.063),
            ("OVERDIST", 128, 0.01575),
            ("DET_DIST", 32, 0.063),
        ]
    ):
        if name in leave:
            continue
        axis = (np.arange(n) - (n - 1) / 2) * pixel
        light = np.exp(-4 * np.log(2) * (axis**2 + axis[:, None] ** 2) / 0.1**2)
        light *= (SHARE - 0.01 * i) / light.sum()
        kind = fits.ImageHDU if hdus else fits.PrimaryHDU
        hdu = kind(light.astype(">f8"))
        hdu.header["EXTNAME"] = name
        hdu.header["PIXELSCL"] = pixel
        hdus.append(hdu)
    hdus[0].header["FILTER"] = "F444W"
    hdus[0].header["WAVELEN"] = 4.4043e-6
    hdus[0].header.update(keys)
    hdus.writeto(path)
    return path


def test_stpsf_files_are_read(tmp_path):
    psf = read_psf(stpsf(tmp_path / "psf.fits"))
    assert (psf.extension, psf.filter, psf.pixel_arcsec) == ("OVERDIST", "F444W", 0.01575)
    assert psf.wavelength_um == pytest.approx(4.4043)
    assert psf.image.sum() == pytest.approx(SHARE - 0.02)
    assert psf.image.dtype == np.float64
    other = read_psf(tmp_path / "psf.fits", extension="DET_SAMP")
    assert (other.pixel_arcsec, other.image.shape) == (0.063, (32, 32))
    undistorted = read_psf(stpsf(tmp_path / "two.fits", leave=("OVERDIST", "DET_DIST")))
    assert undistorted.extension == "OVERSAMP"


def test_it_is_put_on_other_pixels(tmp_path):
    psf = read_psf(stpsf(tmp_path / "psf.fits"))
    for pixel in (0.01, 0.02, 0.0315):
        made = psf.resampled(pixel)
        assert made.shape[0] % 2 == 1
        assert made.shape[0] * pixel <= 128 * 0.01575
        assert made.argmax() == made.size // 2
        assert made.sum() == pytest.approx(SHARE - 0.02, abs=1e-4)
        assert fwhm_of_mean_profile(made, pixel) == pytest.approx(0.1, rel=2e-3)
    whole = psf.resampled(0.063, 31, integrate=True)
    expected = (SHARE - 0.02) * gaussian_psf(0.1, 0.063, 31, integrate=True)
    np.testing.assert_allclose(whole, expected, atol=1e-4)


def test_the_same_pixels_change_nothing():
    image = np.random.default_rng(0).normal(size=(21, 21))
    np.testing.assert_allclose(resample_psf(image, 0.03, 0.03, 21), image, atol=1e-12)
    cut = resample_psf(image, 0.03, 0.03, 11)
    np.testing.assert_allclose(cut, image[5:16, 5:16], atol=1e-12)


def test_any_image_with_a_pixel_scale_is_read(tmp_path):
    image = 500 * gaussian_psf(0.8, 0.2, 25)
    header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"})
    header["CDELT1"], header["CDELT2"] = -0.2 / 3600, 0.2 / 3600
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(image.astype(np.float32), header)]
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    psf = read_psf(tmp_path / "a.fits")
    assert psf.pixel_arcsec == pytest.approx(0.2)
    assert psf.image.sum() == pytest.approx(1.0)
    assert (psf.filter, psf.wavelength_um) == (None, None)
    matrix = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"})
    matrix["CD1_1"], matrix["CD1_2"] = -0.12 / 3600, 0.16 / 3600
    matrix["CD2_1"], matrix["CD2_2"] = 0.16 / 3600, 0.12 / 3600
    fits.PrimaryHDU(image, matrix).writeto(tmp_path / "b.fits")
    assert read_psf(tmp_path / "b.fits").pixel_arcsec == pytest.approx(0.2)


def write(path, image, **keys):
    fits.PrimaryHDU(image, fits.Header(keys)).writeto(path)
    return path


def hole(value):
    image = gaussian_psf(0.8, 0.2, 25)
    image[3, 4] = value
    return image


@pytest.mark.parametrize(
    ("image", "keys", "said"),
    [
        (np.ones((9, 9)), {}, "PRIMARY.PIXELSCL: is missing; add PIXELSCL"),
        (np.ones((9, 9)), {"CDELT2": 0.1}, "PIXELSCL: is missing"),
        (np.ones((9, 9)), {"PIXELSCL": "wide"}, "PIXELSCL: is 'wide'; give the side"),
        (np.ones((9, 9)), {"PIXELSCL": 0.0}, "PIXELSCL: is 0.0"),
        (np.ones((9, 11)), {"PIXELSCL": 0.1}, "is 9 x 11 pixels; cut it to a square"),
        (np.ones((1, 1)), {"PIXELSCL": 0.1}, "is 1 x 1 pixels"),
        (hole(np.nan), {"PIXELSCL": 0.1}, "has 1 pixels that are not finite"),
        (hole(-np.inf), {"PIXELSCL": 0.1}, "has 1 pixels that are not finite"),
        (hole(-9.0), {"PIXELSCL": 0.1}, "has a sum of -8"),
        (np.eye(15)[::-1] * np.arange(15), {"PIXELSCL": 0.1}, "is brightest at pixel (0, 14) of"),
        (np.zeros((9, 9)), {"PIXELSCL": 0.1}, "has a sum of 0; give an image with flux"),
        (np.ones((2, 9, 9)), {"PIXELSCL": 0.1}, "file: has no image of two axes"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_a_line(tmp_path, image, keys, said):
    path = write(tmp_path / "bad.fits", image, **keys)
    with pytest.raises(InputError) as error:
        read_psf(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_psf(tmp_path / "none.fits")
    (tmp_path / "empty.fits").touch()
    with pytest.raises(InputError, match="cannot be read"):
        read_psf(tmp_path / "empty.fits")
    (tmp_path / "text.fits").write_text("SIMPLE is what this is not\n" * 200)
    with pytest.raises(InputError, match="cannot be read"):
        read_psf(tmp_path / "text.fits")
    whole = stpsf(tmp_path / "psf.fits").read_bytes()
    (tmp_path / "cut.fits").write_bytes(whole[: len(whole) // 3])
    with warnings.catch_warnings(record=True) as beside:
        warnings.simplefilter("always")
        with pytest.raises(InputError, match="truncated"):
            read_psf(tmp_path / "cut.fits")
    assert not beside
    with pytest.raises(InputError, match="'NONE' does not exist; there are OVERSAMP, DET_SAMP"):
        read_psf(tmp_path / "psf.fits", extension="NONE")
    with pytest.raises(SettingProblem, match="n_pixels: is 10"):
        read_psf(tmp_path / "psf.fits").resampled(0.03, 10)
