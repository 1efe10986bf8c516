"""Galaxies in FITS: images, cubes, stacks, and data cubes of SKIRT."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from surveys.errors import InputError, SettingProblem
from surveys.images.fits_stacks import FitsSettings, fits_images
from surveys.images.opening import open_images
from surveys.images.photometry import kpc_per_arcsec, luminosity
from surveys.images.skirt import skirt_images

RNG = np.random.default_rng(1)
CUBE = RNG.exponential(size=(3, 10, 10)).astype(np.float32)
WAVES = (0.15, 0.25, 0.4)
HEAD = {"BUNIT": "nJy", "PIXKPC": 0.3, "REDSHIFT": 6.0}


def test_a_cube_with_a_table(fits_file, planck):
    path = fits_file(CUBE, table=("WAVELENGTH", [2500, 1500, 4000], "Angstrom"), **HEAD)
    source = open_images([path], FitsSettings(), planck)
    np.testing.assert_allclose(source.rest_um, WAVES)
    images = source.read(0, 1)
    np.testing.assert_array_equal(images.flux[0], CUBE[[1, 0, 2]])
    assert (images.names, images.unit, images.synthetic) == (("a",), "nJy", False)
    assert (images.redshift[0], images.pixel_kpc[0]) == (6.0, 0.3)


def test_observed_wavelengths(fits_file, planck):
    waves = np.array(WAVES) * 7
    path = fits_file(CUBE, table=("WAVELENGTH", waves, "um"), **HEAD)
    source = fits_images([path], FitsSettings(wavelengths="observed"), planck)
    np.testing.assert_allclose(source.rest_um, WAVES)


def test_a_linear_axis_of_wavelength_or_frequency(fits_file, planck):
    axis = {"CTYPE3": "WAVE", "CRVAL3": 1e-7, "CDELT3": 1e-7, "CRPIX3": 1, "CUNIT3": "m"}
    source = fits_images([fits_file(CUBE, **HEAD, **axis)], FitsSettings(), planck)
    np.testing.assert_allclose(source.rest_um, [0.1, 0.2, 0.3])
    axis = {"CTYPE3": "FREQ", "CRVAL3": 1.9005e12, "CDELT3": 1e10, "CUNIT3": "Hz"}
    source = fits_images([fits_file(CUBE[:1], **HEAD, **axis)], FitsSettings(), planck)
    assert source.rest_um == pytest.approx(157.74, abs=0.01)


@pytest.mark.parametrize(
    ("keys", "arcsec"),
    [
        ({"CDELT1": -1e-5, "CDELT2": 1e-5, "CUNIT1": "deg"}, 0.036),
        ({"CDELT1": 0.05, "CDELT2": 0.05, "CUNIT1": "arcsec"}, 0.05),
        ({"PIXSCALE": 0.031}, 0.031),
        (
            {
                "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0, "CRVAL2": 20.0,
                "CD1_1": -6e-6, "CD1_2": 8e-6, "CD2_1": 8e-6, "CD2_2": 6e-6,
            },
            0.036,
        ),
    ],
)  # fmt: skip
def test_pixels_by_angle(fits_file, planck, keys, arcsec):
    path = fits_file(CUBE, BUNIT="MJy/sr", REDSHIFT=6.0, **keys)
    source = fits_images([path], FitsSettings(rest_um=WAVES), planck)
    assert source.pixel_kpc[0] == pytest.approx(arcsec * kpc_per_arcsec(6.0, planck), rel=1e-6)
    total = CUBE.sum() * 1e15 * (arcsec / 206264.806) ** 2
    assert source.read(0, 1).flux.sum() == pytest.approx(total, rel=1e-5)


def test_pixels_by_length(fits_file, planck):
    path = fits_file(CUBE, BUNIT="nJy", CDELT1=200.0, CDELT2=200.0, CUNIT1="pc", REDSHIFT=6.0)
    source = fits_images([path], FitsSettings(rest_um=WAVES), planck)
    assert source.pixel_kpc[0] == pytest.approx(0.2)
    settings = FitsSettings(rest_um=WAVES, pixel_kpc=0.7)
    assert fits_images([path], settings, planck).pixel_kpc[0] == 0.7


def test_many_files_of_other_sizes_are_padded(fits_file, planck):
    wide = RNG.exponential(size=(3, 6, 14)).astype(np.float32)
    paths = [fits_file(CUBE, "a.fits", **HEAD), fits_file(wide, "b.fits", **HEAD)]
    source = open_images(paths, FitsSettings(rest_um=WAVES), planck)
    images = source.read(0, 2)
    assert images.flux.shape == (2, 3, 14, 14)
    np.testing.assert_array_equal(images.flux[0, :, 2:12, 2:12], CUBE)
    np.testing.assert_array_equal(images.flux[1, :, 4:10], wide)
    np.testing.assert_allclose(images.flux.sum((1, 2, 3)), [CUBE.sum(), wide.sum()], rtol=1e-6)
    assert images.names == ("a", "b")


def test_a_stack(fits_file, planck):
    stack = RNG.exponential(size=(4, 3, 10, 10)).astype(np.float32)
    path = fits_file(stack, BUNIT="nJy", PIXKPC=0.3)
    settings = FitsSettings(redshift=(5.0, 6.0, 7.0, 8.0), rest_um=WAVES, stack=True)
    source = fits_images([path], settings, planck)
    np.testing.assert_array_equal(source.read(1, 3).flux, stack[1:3])
    np.testing.assert_array_equal(source.read(1, 3).redshift, [6.0, 7.0])
    assert source.names == ("a-0", "a-1", "a-2", "a-3")
    short = FitsSettings(redshift=(5.0,), rest_um=WAVES, stack=True)
    with pytest.raises(SettingProblem, match="has 1 for 4 galaxies"):
        fits_images([path], short, planck)
    flat = FitsSettings(redshift=5.0, rest_um=(0.15,), stack=True)
    path = fits_file(stack[:, 0], "flat.fits", BUNIT="nJy", PIXKPC=0.3)
    assert fits_images([path], flat, planck).read(0, 4).flux.shape == (4, 1, 10, 10)


@pytest.mark.parametrize(
    ("changes", "settings", "says"),
    [
        ({"BUNIT": None}, {}, "BUNIT: is missing; set unit"),
        ({"BUNIT": "counts"}, {}, "BUNIT: is 'counts', which is no known unit"),
        ({"PIXKPC": None}, {}, "CDELT1: is missing, so that pixels have no size"),
        ({"PIXKPC": None, "CDELT1": 1.0}, {}, "CUNIT1: is missing beside CDELT1"),
        ({"PIXKPC": None, "CDELT1": 1.0, "CUNIT1": "Hz"}, {}, "CUNIT1: is 'Hz'"),
        (
            {"PIXKPC": None, "CDELT1": 1.0, "CDELT2": 2.0, "CUNIT1": "kpc"},
            {},
            "make pixels of 1 by 2; give images with square pixels",
        ),
        ({"PIXKPC": "wide"}, {}, "PIXKPC: is 'wide'; give a number"),
        ({"PIXKPC": 0.0}, {}, "PIXKPC: is 0; write a number above 0"),
        ({"PIXKPC": None, "PIXSCALE": -0.03}, {}, "PIXSCALE: is -0.03; write a number above 0"),
        ({"REDSHIFT": -1.0}, {}, "REDSHIFT: is -1; set redshift, or write one"),
        ({"REDSHIFT": None}, {}, "REDSHIFT: is missing"),
        ({"REDSHIFT": 0.0}, {}, "REDSHIFT: is missing"),
        ({}, {"rest_um": None}, "wavelengths: are missing; set rest_um"),
        ({}, {"rest_um": (0.1, 0.2)}, "wavelengths: are 2 for 3 planes"),
        ({}, {"rest_um": (0.1, 0.2, 0.2)}, "has a wavelength twice"),
        ({}, {"extension": "SCI"}, "extension: 'SCI' is not in the file"),
        ({"CTYPE3": "WAVE"}, {"rest_um": None}, "CRVAL3: is missing"),
    ],
)
def test_what_a_header_lacks(fits_file, planck, changes, settings, says):
    path = fits_file(CUBE, **(HEAD | changes))
    with pytest.raises(InputError, match=says) as error:
        fits_images([path], FitsSettings(**({"rest_um": WAVES} | settings)), planck)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_arrays_that_are_no_images(fits_file, planck):
    settings = FitsSettings(rest_um=WAVES)
    with pytest.raises(InputError, match="image: is missing"):
        fits_images([fits_file(np.zeros(5), **HEAD)], settings, planck)
    with pytest.raises(InputError, match=r"has the axes \(2, 3, 10, 10\); .* stack = true"):
        fits_images([fits_file(np.zeros((2, 3, 10, 10)), **HEAD)], settings, planck)
    with pytest.raises(InputError, match="has 2 pixels along a side"):
        fits_images([fits_file(np.zeros((3, 2, 2)), **HEAD)], settings, planck)


def test_pixels_that_are_no_numbers(fits_file, planck):
    cube = CUBE.copy()
    cube[0, 0, :2] = np.nan
    path = fits_file(cube, **HEAD)
    with pytest.raises(InputError, match=r'2 of 300 pixels that are not finite; .*nan = "zero"'):
        fits_images([path], FitsSettings(rest_um=WAVES), planck).read(0, 1)
    read = fits_images([path], FitsSettings(rest_um=WAVES, nan="zero"), planck).read(0, 1)
    assert read.flux.sum() == pytest.approx(np.nansum(cube), rel=1e-6)
    path = fits_file(np.full_like(cube, 3e38), **(HEAD | {"BUNIT": "Jy"}))
    with pytest.raises(InputError, match="300 of 300 pixels that are not finite"):
        fits_images([path], FitsSettings(rest_um=WAVES), planck).read(0, 1)
    path = fits_file(np.zeros_like(cube), **HEAD)
    with pytest.raises(InputError, match="has no light in any pixel"):
        fits_images([path], FitsSettings(rest_um=WAVES), planck).read(0, 1)


def test_a_cut_file(fits_file, planck):
    path = fits_file(np.ones((3, 40, 40)), **HEAD)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(InputError, match="file: is truncated"):
        open_images([path], FitsSettings(rest_um=WAVES), planck).read(0, 1)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="file: cannot be read"):
        open_images([path], FitsSettings(rest_um=WAVES), planck)


def test_files_of_two_kinds(fits_file, skirt_file, planck):
    settings = FitsSettings(rest_um=WAVES)
    paths = [fits_file(CUBE, **HEAD), fits_file(CUBE, "b.fits", **(HEAD | {"BUNIT": "W/Hz"}))]
    with pytest.raises(InputError, match="give files of one kind at a time"):
        fits_images(paths, settings, planck)
    with pytest.raises(InputError, match="give files of one kind at a time"):
        open_images([paths[0], skirt_file(CUBE, WAVES)], settings, planck)
    other = fits_file(CUBE, "c.fits", table=("WAVE", [0.1, 0.2, 0.5], "um"), **HEAD)
    first = fits_file(CUBE, "a.fits", table=("WAVE", WAVES, "um"), **HEAD)
    with pytest.raises(InputError, match="wavelengths: are not those of"):
        fits_images([first, other], FitsSettings(), planck)


@pytest.mark.parametrize("wrong", [{"pixel_kpc": 0.0}, {"redshift": -1.0}, {"rest_um": ()}])
def test_impossible_settings(wrong):
    with pytest.raises(SettingProblem):
        FitsSettings(**wrong)
    with pytest.raises(SettingProblem, match="is given beside pixel_kpc"):
        FitsSettings(pixel_kpc=1.0, pixel_arcsec=1.0)


def test_skirt_without_redshift_gives_luminosities(skirt_file, planck):
    """L_lambda = 4 pi d^2 F_lambda, whatever the distance and the unit."""
    l_nu = (CUBE * 1e27 * u.erg / u.s / u.Hz).astype(np.float64)
    rest = np.array(WAVES)[:, None, None] * u.um
    for distance, unit, arcsec in ((10.0, "W/m2/micron/arcsec2", 0.02), (1.0, "MJy/sr", 0.2)):
        flux = l_nu / (4 * np.pi * (distance * u.Mpc) ** 2) / (arcsec * u.arcsec) ** 2
        as_unit = u.Unit("W/(m2 micron arcsec2)") if "W" in unit else u.MJy / u.sr
        brightness = flux.to_value(as_unit, u.spectral_density(rest))
        path = skirt_file(
            brightness, WAVES, BUNIT=unit, DISTLUMI=distance, CDELT1=arcsec, CDELT2=arcsec
        )
        source = open_images([path], FitsSettings(redshift=6.0), planck)
        images = source.read(0, 1)
        assert images.unit == "erg s-1 Hz-1"
        np.testing.assert_allclose(images.flux[0], l_nu.value, rtol=1e-5)
        assert source.pixel_kpc[0] == pytest.approx(distance * 1e3 * arcsec / 206264.806)
        np.testing.assert_allclose(source.rest_um, WAVES)


def test_skirt_in_a_universe_gives_fluxes(skirt_file, planck):
    z = 6.0
    seen = np.array(WAVES) * (1 + z)
    distances = {
        "REDSHIFT": z,
        "DISTLUMI": planck.luminosity_distance(z).value,
        "DISTANGD": planck.angular_diameter_distance(z).value,
    }
    path = skirt_file(CUBE, seen, BUNIT="MJy/sr", **distances)
    images = skirt_images([path], FitsSettings(), planck).read(0, 1)
    assert (images.unit, images.redshift[0]) == ("nJy", z)
    np.testing.assert_allclose(images.rest_um, WAVES)
    sr = (0.01 / 206264.80624709636) ** 2
    np.testing.assert_allclose(images.flux[0], CUBE * 1e15 * sr, rtol=1e-5)
    assert images.pixel_kpc[0] == pytest.approx(0.01 * kpc_per_arcsec(z, planck), rel=1e-4)
    assert luminosity(images.flux.sum(), z, planck) > 0


def test_skirt_of_before_2020_has_pixels_in_pc(skirt_file, planck):
    old = dict.fromkeys(("REDSHIFT", "DISTLUMI", "DISTANGD", "DISTUNIT"))
    keys = {"CDELT1": 100.0, "CDELT2": 100.0, "CUNIT1": "pc", "CUNIT2": "pc"}
    cube = 1e-12 * CUBE
    path = skirt_file(cube, WAVES, **old, **keys)
    source = skirt_images([path], FitsSettings(redshift=5.0, distance_mpc=10.0), planck)
    assert source.pixel_kpc[0] == pytest.approx(0.1)
    arcsec = 0.1 / (10e3 / 206264.806)
    new = skirt_file(cube, WAVES, "new.fits", CDELT1=arcsec, CDELT2=arcsec)
    same = skirt_images([new], FitsSettings(redshift=5.0), planck)
    np.testing.assert_allclose(source.read(0, 1).flux, same.read(0, 1).flux, rtol=1e-5)
    with pytest.raises(InputError, match=r"DISTLUMI: is missing.*set distance_mpc"):
        skirt_images([path], FitsSettings(redshift=5.0), planck)


def test_skirt_by_frequency(skirt_file, planck):
    grid = 299792.458 / np.array(WAVES)[::-1]
    path = skirt_file(CUBE[::-1], grid, CUNIT3="GHz", BUNIT="MJy/sr")
    images = skirt_images([path], FitsSettings(redshift=6.0), planck).read(0, 1)
    np.testing.assert_allclose(images.rest_um, WAVES, rtol=1e-6)
    ratio = images.flux[0] / CUBE
    np.testing.assert_allclose(ratio, ratio[0, 0, 0], rtol=1e-5)


@pytest.mark.parametrize(
    ("keys", "settings", "says"),
    [
        ({"BUNIT": None}, {"redshift": 6.0}, "BUNIT: is missing"),
        ({}, {}, "REDSHIFT: is missing"),
        ({"CDELT1": None}, {"redshift": 6.0}, "CDELT1: is missing"),
        ({"CUNIT1": None}, {"redshift": 6.0}, "CUNIT1: is missing"),
        ({"CUNIT3": "kg"}, {"redshift": 6.0}, "are in 'kg'"),
    ],
)
def test_what_a_cube_of_skirt_lacks(skirt_file, planck, keys, settings, says):
    path = skirt_file(CUBE, WAVES, **keys)
    with pytest.raises(InputError, match=says):
        skirt_images([path], FitsSettings(**settings), planck)


def test_skirt_without_its_grid(skirt_file, planck):
    path = skirt_file(CUBE, WAVES[:2])
    with pytest.raises(InputError, match="has 2 wavelengths for 3 planes"):
        skirt_images([path], FitsSettings(redshift=6.0), planck)


def test_other_ways_to_store_an_image(tmp_path, planck):
    """Scaled integers, compression, an extension: all are read as numbers."""
    settings = FitsSettings(redshift=6.0, pixel_kpc=0.2, unit="nJy", rest_um=(0.15,))
    counts = RNG.poisson(40, size=(12, 12))
    whole = {
        "u16.fits": fits.HDUList([fits.PrimaryHDU(counts.astype(np.uint16))]),
        "z.fits.gz": fits.HDUList([fits.PrimaryHDU(counts.astype(np.float32))]),
        "sci.fits": fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(counts, name="SCI")]),
        "c.fits": fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(counts.astype(np.int32))]),
    }
    for name, hdus in whole.items():
        hdus.writeto(tmp_path / name)
        read = open_images([tmp_path / name], settings, planck).read(0, 1)
        np.testing.assert_array_equal(read.flux[0, 0], counts)


def test_headers_that_make_no_sense(fits_file, planck):
    settings = FitsSettings(redshift=6.0, rest_um=WAVES)
    with pytest.raises(InputError, match="CTYPE1: begins coordinates that cannot be read"):
        fits_images([fits_file(CUBE, BUNIT="nJy", CTYPE1="RA---TAN")], settings, planck)
    path = fits_file(CUBE, **HEAD)
    column = fits.Column("WAVELENGTH", format="3A", array=["a", "b", "c"], unit="um")
    with fits.open(path, mode="append") as hdus:
        hdus.append(fits.BinTableHDU.from_columns([column]))
    with pytest.raises(InputError, match="column WAVELENGTH: are not numbers"):
        fits_images([path], FitsSettings(), planck)
