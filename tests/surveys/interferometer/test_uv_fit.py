"""Sizes from visibilities, against numerical transforms and many draws of noise."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from surveys.fitting.elliptical import axis_ratio_and_pa, model_and_slopes
from surveys.fitting.profiles import (
    visibility_table,
)
from surveys.interferometer.imaging import draw_visibilities, observe_visibilities
from surveys.interferometer.uv_fit import fit_visibilities
from surveys.interferometer.uv_sizes import FitFlag, FitSettings, UvSizes

N_DRAWS = 200


@pytest.fixture(scope="module")
def table():
    return jnp.asarray(visibility_table())


def visibilities(array, table, parameters):
    real, imaginary = model_and_slopes(
        jnp.asarray(parameters, jnp.float32), array.samples.cycles, table
    )[0]
    return jax.lax.complex(real, imaginary)


def drawn(array, table, parameters, n=N_DRAWS, seed=0):
    noise = draw_visibilities(jax.random.key(seed), array.samples, (n,))
    return visibilities(array, table, parameters) + noise


def fitted(array, seen, settings=None):
    """Sizes of some sources; always 200 at once, so that one program does."""
    filled = jnp.concatenate([seen, jnp.zeros((N_DRAWS - len(seen), seen.shape[1]), seen.dtype)])
    sizes = fit_visibilities(filled, array.samples, settings, 1.0)
    return jax.tree.map(lambda a: np.asarray(a)[: len(seen)], sizes)


def test_slopes_are_those_of_the_model(array, table):
    @jax.jit
    def both(p):
        given = model_and_slopes(p, array.samples.cycles, table)[1]
        exact = jax.jacfwd(lambda q: model_and_slopes(q, array.samples.cycles, table)[0])(p)
        return given, jnp.moveaxis(exact, -1, 0)

    for shape in ((0.0, 0.0), (0.005, -0.003), (0.7, -1.1)):
        p = jnp.array([1.0, 0.1, -0.2, math.log(0.15), *shape, math.log(1.3)], jnp.float32)
        np.testing.assert_allclose(*both(p), atol=2e-3)


def test_an_elliptical_model_is_an_elliptical_image(array, table):
    """Its parameters, next to pixels of a Gaussian with north up and east to the left."""
    n, pixel, major, ratio, pa = 64, 0.06, 0.3, 0.5, 30.0
    at = (np.arange(n) - (n - 1) / 2) * pixel
    y, x = np.meshgrid(at - 0.12, at + 0.06, indexing="ij")
    angle = math.radians(pa)
    along = -math.sin(angle) * x + math.cos(angle) * y
    across = math.cos(angle) * x + math.sin(angle) * y
    sky = np.exp(-math.log(2) * (along**2 + (across / ratio) ** 2) / major**2)
    sky = jnp.asarray(sky / sky.sum(), jnp.float32)
    seen = observe_visibilities(sky, array.samples)
    got = jax.tree.map(lambda a: a[0], fitted(array, seen[None] * 1e-2))
    assert float(got.flux_jy) == pytest.approx(1e-2, rel=1e-3)
    assert float(got.r_half_arcsec) == pytest.approx(major * math.sqrt(ratio), rel=2e-3)
    assert float(got.axis_ratio) == pytest.approx(ratio, abs=3e-3)
    assert float(got.pa_deg) == pytest.approx(pa, abs=0.3)
    assert (float(got.x_arcsec), float(got.y_arcsec)) == pytest.approx((-0.06, 0.12), abs=1e-3)
    assert int(got.flags) == 0


@pytest.mark.parametrize(
    ("settings", "index", "pixels"),
    [
        (None, 0.5, 25),
        (FitSettings(index=None), 1.0, 60),
    ],
)
def test_fits_are_unbiased_and_their_errors_right(array, table, settings, index, pixels):
    """Over 200 draws, within four standard errors; ``pixels`` is the flux over the noise."""
    settings = settings or FitSettings()
    shape = (0.4, -0.3) if settings.elliptical else (0.0, 0.0)
    rms = array.synthesis.rms_jy
    truth = np.array([pixels * rms, 0.13, -0.21, math.log(0.2), *shape, math.log(index)])
    got = fitted(array, drawn(array, table, truth), settings)
    good = np.asarray(got.flags) == 0
    assert good.mean() > 0.9
    free = np.diagonal(np.asarray(got.covariance)[0]) > 0
    errors = np.sqrt(np.diagonal(np.asarray(got.covariance), axis1=1, axis2=2)[good][:, free])
    pulls = (np.asarray(got.parameters)[good] - truth)[:, free] / errors
    n = good.sum()
    # Beyond the linear: medians, and the bias of second order of a fit with some 20 sigma.
    assert (np.abs(np.median(pulls, axis=0)) < 4 * 1.25 / math.sqrt(n) + 0.1).all()
    middle = np.subtract(*np.percentile(pulls, [84.13, 15.87], axis=0)) / 2
    np.testing.assert_allclose(middle, 1, atol=4 * 1.4 / math.sqrt(2 * n))
    per_degree = np.asarray(got.chi2 / got.n_degrees)
    spread = math.sqrt(2 / int(got.n_degrees[0]) / n)
    assert per_degree.mean() == pytest.approx(1, abs=5 * spread)
    if settings.index is not None:
        r = got.r_half_arcsec.astype(float)[good]
        assert np.median(r) == pytest.approx(0.2, abs=5 * r.std() / math.sqrt(n))


def test_a_point_gets_an_upper_limit(array, table):
    rms = array.synthesis.rms_jy
    truth = [25 * rms, 0.1, 0.1, math.log(1e-3), 0, 0, math.log(0.5)]
    got = fitted(array, drawn(array, table, truth))
    unresolved = (np.asarray(got.flags) & FitFlag.UNRESOLVED) > 0
    # 3 sigma, one draw in 370.
    assert unresolved.sum() >= N_DRAWS - 4
    assert np.isnan(np.asarray(got.r_half_arcsec)[unresolved]).all()
    limits = np.asarray(got.r_limit_arcsec)[unresolved]
    assert np.isfinite(limits).all()
    assert 0.01 < np.median(limits) < 0.25 * array.synthesis.beam.mean_arcsec
    flux = np.asarray(got.flux_jy)
    assert np.median(flux) == pytest.approx(25 * rms, rel=0.05)


def test_limits_hold_95_of_100(array, table):
    """Of a source that noise lets be resolved now and then, the hardest case."""
    truth_r = 0.045
    truth = [25 * array.synthesis.rms_jy, 0.1, 0.1, math.log(truth_r), 0, 0, math.log(0.5)]
    got = fitted(array, drawn(array, table, truth, seed=3))
    unresolved = (got.flags & FitFlag.UNRESOLVED) > 0
    assert 0.7 < unresolved.mean() < 0.95
    right = ~unresolved | (got.r_limit_arcsec >= truth_r)
    assert right.mean() > 0.95 - 4 * math.sqrt(0.95 * 0.05 / N_DRAWS)


def test_noise_and_nothing_are_no_source(array, table):
    noise = drawn(array, table, [0, 0, 0, math.log(0.2), 0, 0, math.log(0.5)], 50)
    blank = jnp.stack([jnp.zeros_like(noise[0]), jnp.full_like(noise[0], jnp.nan)])
    got = fitted(array, jnp.concatenate([noise, blank]))
    assert ((np.asarray(got.flags) & FitFlag.NOT_DETECTED) > 0).sum() >= 50
    assert ((np.asarray(got.flags) & FitFlag.NOT_DETECTED) > 0)[-2:].all()
    assert np.isnan(np.asarray(got.r_half_arcsec)[-2:]).all()


def test_a_source_that_is_resolved_out_is_flagged(array, table):
    """Nearly as large as the largest scale, bright enough to leave something on short baselines."""
    truth = [3000 * array.synthesis.rms_jy, 0, 0, math.log(2.5), 0, 0, math.log(0.5)]
    got = fitted(array, drawn(array, table, truth, 20))
    flags = np.asarray(got.flags)
    assert ((flags & (FitFlag.RESOLVED_OUT | FitFlag.AT_BOUND)) > 0).all()


def test_missing_visibilities_cost_only_what_they_knew(array, table):
    truth = [40 * array.synthesis.rms_jy, 0.1, 0, math.log(0.2), 0, 0, math.log(0.5)]
    seen = drawn(array, table, truth, 1)[0]
    missing = jax.random.uniform(jax.random.key(1), seen.shape) < 0.3
    got = fitted(array, jnp.stack([seen, jnp.where(missing, jnp.nan, seen)]))
    assert int(got.flags[1]) == 0
    whole, part = np.asarray(got.r_half_err_arcsec)
    assert 1.02 < part / whole < 1.6
    assert abs(got.r_half_arcsec[1] - got.r_half_arcsec[0]) < 4 * math.sqrt(part**2 - whole**2)
    assert got.n_degrees[1] < 0.75 * got.n_degrees[0]


def test_noise_scale_batches_and_shapes(array, table):
    truth = [40 * array.synthesis.rms_jy, 0.1, 0, math.log(0.2), 0, 0, math.log(0.5)]
    seen = drawn(array, table, truth, 6)
    one = fitted(array, seen)
    many = fit_visibilities(seen.reshape(2, 3, -1), array.samples, batch_size=3)
    assert many.r_half_arcsec.shape == (2, 3)
    assert many.covariance.shape == (2, 3, 7, 7)
    np.testing.assert_allclose(one.r_half_arcsec, many.r_half_arcsec.reshape(-1), rtol=2e-3)
    filled = jnp.concatenate([2 * seen, jnp.zeros((N_DRAWS - 6, seen.shape[1]), seen.dtype)])
    doubled = fit_visibilities(filled, array.samples, None, 2.0)
    doubled = jax.tree.map(lambda a: a[:6], doubled)
    np.testing.assert_allclose(doubled.r_half_arcsec, one.r_half_arcsec, rtol=2e-3)
    np.testing.assert_allclose(doubled.r_half_err_arcsec, one.r_half_err_arcsec, rtol=0.01)
    np.testing.assert_allclose(doubled.chi2, one.chi2, rtol=1e-4)
    assert isinstance(one, UvSizes)


def test_the_centre_can_be_anywhere_that_is_searched(array, table):
    truth = [60 * array.synthesis.rms_jy, 0.7, -0.6, math.log(0.1), 0, 0, math.log(0.5)]
    seen = drawn(array, table, truth, 3)
    got = fitted(array, seen)
    np.testing.assert_allclose(got.x_arcsec, 0.7, atol=0.03)
    assert (got.flags == 0).all()


def test_position_angles():
    p = jnp.zeros((3, 7)).at[:, 4].set(jnp.array([1.0, -1.0, 0.0])).at[2, 5].set(1.0)
    ratio, pa = axis_ratio_and_pa(p)
    np.testing.assert_allclose(ratio, math.exp(-1), rtol=1e-6)
    # Along x is east to west, along y north; the diagonal of x = y is to the north-west.
    np.testing.assert_allclose(pa, [90, 0, 135], atol=1e-4)


@pytest.mark.parametrize("wrong", [{"index": 0.1}, {"most_steps": 0}, {"search_arcsec": 0.0}])
def test_impossible_settings_are_errors(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: is .*; give"):
        FitSettings(**wrong)


def test_visibilities_must_be_those_of_the_samples(array):
    with pytest.raises(ValueError, match="7 visibilities; the samples have 1024"):
        fit_visibilities(jnp.zeros(7, jnp.complex64), array.samples)
