"""NIRCam's point spread function against published widths and encircled energies."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from surveys.errors import SettingProblem
from surveys.instruments.nircam import filter_named
from surveys.psf.measures import encircled_energy, fwhm_of_area, fwhm_of_mean_profile
from surveys.psf.nircam import Band, PsfSettings, nircam_psf, transfer
from surveys.psf.pupil import PupilGeometry

SIX = ("F115W", "F150W", "F200W", "F277W", "F356W", "F444W")
QUICK = PsfSettings(n_wavelengths=3)


def well_sampled(name):
    """Pixel below Nyquist, and the function over 7"."""
    pixel = filter_named(name).pixel_arcsec / 2
    return pixel, nircam_psf(name, pixel, int(7.2 / pixel) // 2 * 2 + 1)


@pytest.fixture(scope="module")
def reference(shared_reference):
    return json.loads(shared_reference("nircam_psf.json").read_text())


@pytest.mark.parametrize("name", SIX)
def test_width_and_encircled_energy_are_the_published_ones(name, reference):
    pixel, psf = well_sampled(name)
    published = reference["filters"][name]["fwhm_arcsec"]
    middle = len(psf) // 2
    core = psf[middle - 20 : middle + 21, middle - 20 : middle + 21]
    assert fwhm_of_mean_profile(core, pixel) == pytest.approx(published, rel=0.03)
    assert fwhm_of_area(core, pixel) == pytest.approx(published, rel=0.03)
    radius = np.asarray(reference["encircled_energy"]["radius_arcsec"])
    beyond = radius >= 0.05
    light = encircled_energy(psf, pixel, radius[beyond])
    published = np.asarray(reference["encircled_energy"][name])[beyond]
    np.testing.assert_allclose(light, published, atol=0.03)


@pytest.mark.parametrize("name", ["F090W", "F140M", "F162M", "F410M"])
def test_filters_that_it_was_not_tuned_to_have_the_published_width(name, reference):
    pixel = filter_named(name).pixel_arcsec / (3 if name == "F090W" else 2)
    psf = nircam_psf(name, pixel, 61, settings=QUICK)
    width = fwhm_of_mean_profile(psf, pixel)
    assert width == pytest.approx(reference["filters"][name]["fwhm_arcsec"], rel=0.06)


def test_it_is_centred_positive_and_mirrored():
    psf = nircam_psf("F200W", 0.0155, 161, settings=QUICK)
    assert psf.argmax() == psf.size // 2
    assert psf.min() > 0
    np.testing.assert_allclose(psf, psf[:, ::-1], atol=1e-9 * psf.max())
    # An error-free wavefront has an image that does not change when it is turned by half.
    np.testing.assert_allclose(psf, psf[::-1, ::-1], atol=1e-9 * psf.max())


def test_spikes_are_those_of_hexagons_and_struts():
    psf = nircam_psf("F200W", 0.03, 201)
    offset = np.arange(201) - 100
    radius = np.hypot(offset, offset[:, None])
    angle = np.degrees(np.arctan2(offset[:, None], offset)) % 180
    ring = (radius > 40) & (radius < 95)
    light = [psf[ring & (np.abs((angle - a + 90) % 180 - 90) < 3)].mean() for a in range(180)]
    # Across the edges of the hexagons, and the horizontal pair across the upper strut.
    for spike in (0, 30, 90, 150):
        assert light[spike] > 3 * max(light[a] for a in (14, 60, 120, 166))


@pytest.mark.parametrize("name", ["F115W", "F444W"])
def test_coarse_and_fine_pixels_sample_the_same_light(name):
    pixel = filter_named(name).pixel_arcsec
    coarse = nircam_psf(name, pixel, 81, settings=QUICK)
    fine = nircam_psf(name, pixel / 3, 243, settings=QUICK)
    np.testing.assert_allclose(coarse, 9 * fine[1::3, 1::3], rtol=2e-3, atol=1e-5 * coarse.max())


def test_light_of_a_pixel_is_the_sum_of_its_parts():
    whole = nircam_psf("F277W", 0.063, 41, integrate=True, settings=QUICK)
    parts = nircam_psf("F277W", 0.063 / 3, 41 * 3, integrate=True, settings=QUICK)
    summed = parts.reshape(41, 3, 41, 3).sum((1, 3))
    np.testing.assert_allclose(whole, summed, atol=1e-4 * whole.max())
    # Integrated light is blurred, and none of it is lost.
    assert whole.max() < nircam_psf("F277W", 0.063, 41, settings=QUICK).max()


def test_light_beyond_the_array_is_missing_from_the_sum():
    small = nircam_psf("F356W", 0.0315, 65, settings=QUICK)
    large = nircam_psf("F356W", 0.0315, 801, settings=QUICK)
    assert 0.8 < small.sum() < large.sum() < 1.0
    np.testing.assert_allclose(small, large[368:433, 368:433], rtol=0.02, atol=1e-5 * small.max())


def test_one_wavelength_is_narrower_when_it_is_shorter():
    one = [
        fwhm_of_mean_profile(nircam_psf("F200W", 0.012, 41, wavelength_um=w), 0.012)
        for w in (1.8, 2.2)
    ]
    assert one[1] / one[0] == pytest.approx(2.2 / 1.8, rel=0.03)


def test_focus_can_be_found_by_its_gradient():
    """From the image of a known defocus, by Gauss-Newton steps on the transfer function."""
    band = Band.of(filter_named("F200W"), QUICK, 2.0)
    pixel, n = 0.03, 48

    def plane(coefficients):
        return transfer(band, pixel, n, QUICK, coefficients)

    with jax.enable_x64(True):
        truth = plane(jnp.asarray([80.0, -30.0]))
        at = jnp.asarray([40.0, 10.0])
        for _ in range(8):
            apart = plane(at) - truth
            slope = jax.jacfwd(plane)(at).reshape(-1, 2)
            rows = jnp.concatenate([slope.real, slope.imag])
            rest = jnp.concatenate([apart.real.ravel(), apart.imag.ravel()])
            at = at - jnp.linalg.lstsq(rows, rest)[0]
    np.testing.assert_allclose(np.asarray(at), [80.0, -30.0], atol=0.01)


def test_a_known_error_dims_the_middle():
    clear = nircam_psf("F200W", 0.0155, 61, settings=QUICK)
    settings = PsfSettings(n_wavelengths=3, zernike_nm=(100.0,))
    assert nircam_psf("F200W", 0.0155, 61, settings=settings).max() < 0.95 * clear.max()


def test_arrays_are_kept_and_cannot_be_changed():
    first = nircam_psf("F200W", 0.0155, 61, settings=QUICK)
    assert nircam_psf("F200W", 0.0155, 61, settings=QUICK) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 1.0


def test_what_cannot_be_is_said():
    with pytest.raises(ValueError, match="did you mean F200W"):
        nircam_psf("F200", 0.03, 41)
    with pytest.raises(SettingProblem, match="n_pixels: is 40; give an odd"):
        nircam_psf("F200W", 0.03, 40)
    with pytest.raises(SettingProblem, match="pixel_arcsec: is nan"):
        nircam_psf("F200W", float("nan"), 41)
    with pytest.raises(SettingProblem, match="pixel_arcsec: is 2; give"):
        nircam_psf("F200W", 2.0, 3)
    with pytest.raises(SettingProblem, match=r"n_pixels: of 0.5 arcsec make 200"):
        nircam_psf("F200W", 0.5, 401)
    with pytest.raises(SettingProblem, match="wavelength_um: is 10, which"):
        nircam_psf("F200W", 0.03, 41, wavelength_um=10.0)
    with pytest.raises(SettingProblem, match="wavefront_nm"):
        PsfSettings(wavefront_nm=-1.0)
    with pytest.raises(SettingProblem, match="zernike_nm: has nan"):
        PsfSettings(zernike_nm=(0.0, float("nan")))
    with pytest.raises(SettingProblem, match="flat_m: is 2"):
        PupilGeometry(flat_m=2.0)


def test_the_page_has_the_settings(repository):
    page = (repository / "docs" / "sizes_psf.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| `?(.*?)`? \|", page, flags=re.MULTILINE))
    for f in fields(PsfSettings):
        text = rows.pop(f.name)
        value = getattr(PsfSettings(), f.name)
        if f.name != "geometry":
            assert tomllib.loads(f"x = {text}")["x"] == (list(value) if value == () else value)
    assert not rows
