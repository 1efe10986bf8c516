"""Sérsic fits of stamps, next to images summed over fine points and many draws of noise."""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import asdict

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import fftconvolve

from surveys.errors import SettingProblem
from surveys.fitting.profiles import visibility_table
from surveys.fitting.stamps import stamp_plan, unit_image
from surveys.observing.cameras import Stamps, gaussian_camera, nircam
from surveys.observing.observe import observe
from surveys.psf.analytic import gaussian_psf
from surveys.sizes.flags import Flag
from surveys.sizes.sersic_fit import SersicSettings, fit_sersic
from surveys.sizes.sersic_sizes import SersicSizes

N, MIDDLE = 51, 25.0
N_DRAWS = 60
INDICES = [0.5, 1.0, 2.5, 4.0]
MAJOR, RATIO = 4.0, 0.6
RADIUS = MAJOR * math.sqrt(RATIO)


def plan_of(instrument):
    return stamp_plan(
        instrument.response.transfer,
        instrument.response.oversampling,
        instrument.response.n_pixels,
        instrument.response.noise_amplitude,
    )


@pytest.fixture(scope="module")
def plan():
    """Of a Gaussian PSF of 2.2 pixels."""
    return plan_of(gaussian_camera(2.2, 2.0, Stamps(N, 1.0)))


@pytest.fixture(scope="module")
def webb():
    return nircam("F200W", Stamps(N))


@pytest.fixture(scope="module")
def table():
    return jnp.asarray(visibility_table())


@pytest.fixture(scope="module")
def painted(sersic):
    """By points: a galaxy seen with the Gaussian PSF. On a wide field, so that no light is lost."""

    def of(radius, index, axis_ratio, angle, centre, fine=8, side=101):
        shape = (index, axis_ratio, angle)
        sky = sersic(side * fine, radius * fine, *shape, np.array(centre) * fine, points=2)
        # A cusp needs more points, and its middle still more.
        middle = (side * fine - 1) / 2
        at = [round(middle + c * fine) for c in centre]
        off = [middle + c * fine - a for c, a in zip(centre, at, strict=True)]
        for half, points in ((24, 21), (1, 401)):
            box = tuple(slice(a - half, a + half + 1) for a in at)
            sky[box] = sersic(2 * half + 1, radius * fine, *shape, off, points=points)
        psf = gaussian_psf(2.2, 1 / fine, 16 * fine + 1)
        seen = fftconvolve(sky, psf, mode="same")
        seen = seen.reshape(side, fine, side, fine).sum((1, 3))
        first = (side - N) // 2
        return seen[first : first + N, first : first + N]

    return of


def fitted(images, sigma, plan, settings=None, segments=None, others=None):
    """Fits of some stamps; always as many at once, so that one program does."""
    images = np.asarray(images, np.float32)
    n, fill = len(images), N_DRAWS - len(images)
    empty = np.zeros(images.shape, bool)
    if segments is None:
        y, x = np.mgrid[:N, :N] - MIDDLE
        level = np.nanmax(images, axis=(1, 2), keepdims=True) * 0.1
        segments = (images > level) & (np.hypot(y, x) < 15)

    def filled(array):
        array = np.asarray(array)
        return jnp.asarray(np.concatenate([array, np.repeat(array[:1], fill, axis=0)]))

    sigma = np.asarray(sigma, np.float32)
    if sigma.ndim < 3:
        sigma = np.broadcast_to(sigma.reshape(-1, 1, 1), images.shape)
    others = empty if others is None else others
    sizes = fit_sersic(
        filled(images), filled(sigma), filled(segments), filled(others), plan, settings
    )
    return jax.tree.map(lambda a: np.asarray(a)[:n], sizes)


_unit_image = jax.jit(unit_image)


def image_of(plan, table, radius, index, axis_ratio=1.0, angle=0.0, centre=(0.0, 0.0)):
    g = -math.log(axis_ratio)
    shape = (g * math.cos(2 * angle), g * math.sin(2 * angle))
    p = [1.0, centre[1], centre[0], math.log(radius), *shape, math.log(index)]
    return np.asarray(_unit_image(jnp.array(p, jnp.float32), plan, table))


@pytest.fixture(scope="module")
def by_points(painted):
    """Galaxies by their index."""
    return {n: painted(MAJOR, n, RATIO, 0.7, (0.3, -0.4)) for n in INDICES}


@pytest.mark.parametrize("index", INDICES)
def test_the_model_is_the_image_by_points(plan, table, by_points, index):
    got = image_of(plan, table, RADIUS, index, RATIO, 0.7, (0.3, -0.4))
    expected = by_points[index]
    np.testing.assert_allclose(got, expected, atol=1e-3 * expected.max())


def test_without_noise_it_finds_what_is_there(plan, by_points):
    images = np.stack(list(by_points.values()))
    got = fitted(images, 1e-4 * images.max((1, 2)), plan)
    np.testing.assert_allclose(got.radius, RADIUS, rtol=5e-3)
    np.testing.assert_allclose(got.semi_major, MAJOR, rtol=5e-3)
    np.testing.assert_allclose(got.index, INDICES, rtol=5e-3)
    np.testing.assert_allclose(got.axis_ratio, RATIO, rtol=5e-3)
    np.testing.assert_allclose(got.flux, 1, rtol=5e-3)
    np.testing.assert_allclose(got.angle, 0.7, atol=5e-3)
    np.testing.assert_allclose(got.centre, [[25.3, 24.6]] * 4, atol=5e-3)
    assert (got.flags == 0).all()
    assert isinstance(got, SersicSizes)


def test_any_source_is_found(plan, table):
    """60 at random, nearly without noise, in fluxes of any unit."""
    rng = np.random.default_rng(3)
    radius, index = rng.uniform(1.5, 7, N_DRAWS), rng.uniform(0.5, 3.5, N_DRAWS)
    ratio, angle = rng.uniform(0.3, 0.95, N_DRAWS), rng.uniform(0, math.pi, N_DRAWS)
    centre = rng.uniform(-3, 3, (N_DRAWS, 2))
    flux = rng.choice([1e-12, 1.0, 1e9], N_DRAWS)
    what = zip(radius, index, ratio, angle, centre, strict=True)
    images = flux[:, None, None] * np.stack([image_of(plan, table, *one) for one in what])
    got = fitted(images, 1e-3 * images.max((1, 2)), plan)
    assert (got.flags == 0).all()
    # Wide priors draw by a part of the error of each, which is a percent here.
    np.testing.assert_allclose(got.radius, radius, rtol=0.01)
    np.testing.assert_allclose(got.index, index, rtol=0.02)
    np.testing.assert_allclose(got.axis_ratio, ratio, rtol=0.01)
    np.testing.assert_allclose(got.flux, flux, rtol=0.01)
    np.testing.assert_allclose(got.centre - MIDDLE, centre, atol=0.01)
    np.testing.assert_allclose(np.sin(got.angle - angle) * (1 - ratio), 0, atol=0.01)


def drawn(webb, sersic, index, snr, radius=5.0, key=0):
    """Draws of noise of a galaxy through NIRCam, with an axis ratio of 0.7."""
    s, ratio = webb.response.oversampling, 0.7
    shape = (radius * s / math.sqrt(ratio), index, ratio, 0.5)
    sky = sersic(N * s, *shape, (0.5, -0.25), points=9)
    middle = (N * s - 1) / 2
    at = [int(middle + 0.5), int(middle - 0.25)]
    off = [middle + 0.5 - at[0], middle - 0.25 - at[1]]
    sky[at[0] - 3 : at[0] + 4, at[1] - 3 : at[1] + 4] = sersic(7, *shape, off, points=101)
    return observe(
        jnp.asarray(sky, jnp.float32),
        webb,
        pixel_arcsec=webb.pixel_arcsec / s,
        snr=snr,
        snr_kind="aperture",
        key=jax.random.key(key),
        n_draws=N_DRAWS,
    )


@pytest.mark.parametrize("index", INDICES)
def test_it_is_unbiased_at_an_snr_of_20(webb, sersic, index):
    """To 10 %, within three standard errors of the median of 60 draws."""
    seen = drawn(webb, sersic, index, 20.0)
    got = fitted(seen.image, seen.sigma, plan_of(webb))
    ratio = got.radius / 5.0
    assert np.isfinite(ratio).all()
    spread = np.subtract(*np.percentile(ratio, [84, 16])) / 2
    assert abs(np.median(ratio) - 1) < 0.1 + 3 * 1.25 * spread / math.sqrt(N_DRAWS)
    assert np.mean(got.flags == 0) > 0.8


@pytest.mark.parametrize("index", [0.5, 1.0, 2.5])
def test_errors_are_right(webb, sersic, index):
    """Pulls at an S/N of 50: their width within four standard errors, chi^2 too."""
    seen = drawn(webb, sersic, index, 50.0, key=1)
    got = fitted(seen.image, seen.sigma, plan_of(webb))
    error = got.radius_err / got.radius
    pulls = np.log(got.radius / 5.0) / error
    assert pulls.std() == pytest.approx(1, abs=4 / math.sqrt(2 * N_DRAWS))
    assert np.median(pulls) == pytest.approx(0, abs=4 * 1.25 / math.sqrt(N_DRAWS))
    for value, its_error, truth in (
        (got.axis_ratio, got.axis_ratio_err, 0.7),
        (got.angle, got.angle_err, 0.5),
        (got.centre[:, 0], got.centre_err[:, 0], MIDDLE + 0.25),
        (got.index, got.index_err, index),
    ):
        width = ((value - truth) / its_error).std()
        assert width == pytest.approx(1, abs=5 / math.sqrt(2 * N_DRAWS))
    per_degree = (got.chi2 / got.n_degrees).mean()
    assert per_degree == pytest.approx(1, abs=5 * math.sqrt(2 / N_DRAWS) / N)
    assert (got.flags == 0).all()


def test_errors_in_noise_that_is_smooth(sersic):
    """Drizzled images: what the fit says of itself is what draws say."""
    camera = gaussian_camera(2.2, 2.0, Stamps(N, 1.0, noise_fwhm_pixels=2.0))
    seen = drawn(camera, sersic, 1.0, 40.0)
    got = fitted(seen.image, seen.sigma, plan_of(camera))
    pulls = np.log(got.radius / 5.0) / (got.radius_err / got.radius)
    assert pulls.std() == pytest.approx(1, abs=4 / math.sqrt(2 * N_DRAWS))
    plain = fitted(seen.image, seen.sigma, plan_of(gaussian_camera(2.2, 2.0, Stamps(N, 1.0))))
    np.testing.assert_allclose(plain.radius, got.radius, rtol=1e-4)
    # What it would be if the noise were white is not half of it.
    assert np.median(got.radius_err / plain.radius_err) > 2


def test_a_point_is_not_resolved(plan, table):
    """3 sigma: one draw in 370."""
    point = image_of(plan, table, 1e-3, 0.5, centre=(0.2, 0.4))
    noise = np.random.default_rng(0).normal(size=(N_DRAWS, N, N)) * point.max() / 20
    got = fitted(point + noise, point.max() / 20, plan)
    assert ((got.flags & Flag.UNRESOLVED) > 0).sum() >= N_DRAWS - 2
    assert np.median(got.radius) < 1
    disc = image_of(plan, table, 2.0, 1.0)
    got = fitted(disc + noise * disc.max() / point.max(), disc.max() / 20, plan)
    assert not (got.flags & Flag.UNRESOLVED).any()


def test_pixels_and_neighbours_that_are_left_out(plan, by_points):
    clean = by_points[1.0]
    sigma = 0.01 * clean.max()
    noisy = clean + np.random.default_rng(1).normal(size=clean.shape) * sigma
    holes = np.random.default_rng(2).random(clean.shape) < 0.2
    others = np.zeros((3, N, N), bool)
    others[2, :15, :15] = True
    images = np.stack([noisy, np.where(holes, np.nan, noisy), np.where(others[2], 1e3, noisy)])
    segments = np.repeat(clean[None] > 0.1 * clean.max(), 3, axis=0)
    got = fitted(images, sigma, plan, None, segments, others)
    assert (got.flags == 0).all()
    assert (np.abs(got.radius - got.radius[0]) < 3 * got.radius_err[0]).all()
    assert 1.05 < got.radius_err[1] / got.radius_err[0] < 1.4
    assert got.n_degrees[0] - got.n_degrees[1] == holes.sum()
    assert got.n_degrees[0] - got.n_degrees[2] == 225
    # A neighbour that is not left out is no small matter.
    wrong = fitted(images[2:], sigma, plan, None, segments[2:])
    assert not abs(wrong.radius[0] / got.radius[0] - 1) < 0.1


def test_noise_that_differs_from_pixel_to_pixel(plan, by_points):
    clean = by_points[1.0]
    level = 0.01 * clean.max()
    sigma = np.full((2, N, N), level, np.float32)
    sigma[1, 30:] *= 100
    noise = np.random.default_rng(1).normal(size=clean.shape) * level
    images = np.stack([clean + noise, clean + noise])
    images[1, 30:] += 50 * noise[30:]
    got = fitted(images, sigma, plan)
    one = fitted(images[:1], level, plan)
    np.testing.assert_allclose(got.radius[0], one.radius[0], rtol=1e-3)
    assert got.radius[1] == pytest.approx(RADIUS, abs=4 * float(got.radius_err[1]))
    assert got.radius_err[1] > 1.1 * got.radius_err[0]


def test_a_constant_and_a_given_index_many_at_once(plan, by_points):
    images = np.repeat(by_points[1.0][None], 4, axis=0).astype(np.float32)
    level = images.max()
    constant = np.array([0.0, -0.05, 0.1, 0.5])[:, None, None] * level
    noise = np.random.default_rng(5).normal(size=images.shape) * 1e-3 * level
    got = fit_sersic(
        jnp.asarray(images + constant + noise, jnp.float32),
        jnp.full(4, 1e-3 * level),
        jnp.asarray(images > 0.1 * level),
        jnp.zeros(images.shape, bool),
        plan,
        SersicSettings(index=1.0, background=True),
        batch_size=4,
    )
    got = jax.tree.map(np.asarray, got)
    np.testing.assert_array_less(np.abs(got.background - constant[:, 0, 0]), 4 * got.background_err)
    np.testing.assert_array_less(np.abs(got.radius - RADIUS), 4 * got.radius_err)
    assert (got.radius_err < 0.01 * RADIUS).all()
    np.testing.assert_allclose(got.index, 1)
    assert (got.index_err == 0).all()
    assert (got.flags == 0).all()


def test_nothing_noise_and_holes_are_no_silent_numbers(plan):
    noise = np.random.default_rng(0).normal(size=(4, N, N)).astype(np.float32)
    images = np.stack([np.zeros((N, N)), np.full((N, N), np.nan), -np.abs(noise[0]), noise[1]])
    segments = np.zeros((4, N, N), bool)
    segments[1:3, 20:30, 20:30] = True
    got = fitted(images, 1.0, plan, None, segments)
    assert (got.flags[[0, 3]] & Flag.NOT_DETECTED).all()
    assert (got.flags & Flag.NOT_CONVERGED).all()
    assert np.isnan(got.radius).all()
    assert np.isnan(got.flux).all()


@pytest.mark.parametrize(
    "wrong", [{"index": 0.1}, {"index": 9.0}, {"most_steps": 0}, {"shape_scatter": 0.0}]
)
def test_impossible_settings_are_errors(wrong):
    with pytest.raises(SettingProblem, match=next(iter(wrong))):
        SersicSettings(**wrong)


def test_settings_of_the_page(repository):
    page = (repository / "docs" / "sizes_sersic.md").read_text(encoding="utf-8")
    table = page.split("| setting | default |")[1].split("\n\n")[0]
    documented = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, flags=re.MULTILINE))
    known = asdict(SersicSettings())
    assert set(documented) == set(known)
    for name, text in documented.items():
        value = None if text == "none" else tomllib.loads(f"x = {text}")["x"]
        assert value == known[name], name
