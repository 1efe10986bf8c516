"""Sizes from visibilities: an elliptical Gaussian or Sérsic profile fitted in the uv plane.

The noise of every cell is known and no two share any, so that this is plain least squares. No beam,
no CLEAN and no pixels come into it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from surveys.batches import map_sources
from surveys.fitting.elliptical import (
    FLUX,
    LN_N,
    LN_R,
    X,
    Y,
    axis_ratio_and_pa,
    model_and_slopes,
)
from surveys.fitting.least_squares import Bounds, Fitted, Spectrum, least_squares
from surveys.fitting.profiles import (
    LEAST_INDEX,
    MOST_INDEX,
    at_frequency,
    profile_row,
    visibility_table,
)
from surveys.interferometer.imaging import UvSamples, dirty_image
from surveys.interferometer.uv_sizes import FitFlag, FitSettings, UvSizes

_DETECTED = 25.0
"""Least gain of chi^2 over an empty sky: 5 sigma."""

_RESOLVED = 14.16
"""Least gain of chi^2 over a point: 3 sigma for the three parameters of a size and a shape."""

_SEEN = 0.5
"""Share of the flux that the most sensitive cell has to see."""

_ONE_SIDED_95 = 1.645
_N_RADII = 16
_POINT_STEPS = 10
_START_SCALES = (0.05, 0.2, 0.5)
"""Half-light radii with which the source is looked for, times the shortest frequency."""

_MOST_SHAPE = 2.3
"""Of either component: axis ratios down to 0.1 or less."""


@dataclass(frozen=True)
class _Data:
    """Visibilities of one source over their errors, and what the array can tell of it."""

    root_weight: Array  # (cell,)
    values: Array  # (2, cell)
    cycles: tuple[Array, Array]
    lengths: Array  # (cell,)
    shortest: Array
    longest: Array
    table: Array

    def residuals(self, parameters: Array) -> tuple[Array, Array]:
        model, slopes = model_and_slopes(parameters, self.cycles, self.table)
        left = self.values - model * self.root_weight
        return left.reshape(-1), (slopes * self.root_weight).reshape(len(slopes), -1)


def _prepare(visibilities: Array, samples: UvSamples, noise_scale: Array) -> _Data:
    good = (samples.weight > 0) & jnp.isfinite(visibilities)
    root = jnp.where(good, jnp.sqrt(samples.weight) / noise_scale, 0.0)
    whitened = jnp.where(good, visibilities, 0) * root
    lengths = jnp.hypot(*samples.cycles)
    return _Data(
        root,
        jnp.stack([whitened.real, whitened.imag]),
        samples.cycles,
        lengths,
        jnp.min(jnp.where(samples.weight > 0, lengths, jnp.inf)),
        jnp.max(jnp.where(samples.weight > 0, lengths, 0.0)),
        jnp.asarray(visibility_table()),
    )


def _find(data: _Data, samples: UvSamples, row: Array, search: float) -> tuple[Array, ...]:
    """Position, ln r and flux of the round source that explains most."""
    grid = samples.grid
    weighted = jax.lax.complex(*data.values) * data.root_weight
    weight = data.root_weight**2

    def seen_with(radius: Array) -> Array:
        return at_frequency(row, (radius * data.lengths) ** 2)[0]

    at = (jnp.arange(grid) - (grid - 1) / 2) * samples.pixel_arcsec
    inside = jnp.hypot(at[:, None], at) <= search
    radii = jnp.array(_START_SCALES) / data.shortest
    shapes = jax.vmap(seen_with)(radii)
    matched = dirty_image(weighted * shapes, samples, jnp.ones(()), grid)
    matched = matched / jnp.sqrt((weight * shapes**2).sum(-1))[:, None, None]
    place = jnp.argmax(jnp.where(inside, matched, -jnp.inf)) % (grid * grid)
    x, y = at[place % grid], at[place // grid]
    fx, fy = data.cycles
    straightened = (weighted * jnp.exp(2j * math.pi * (fx * x + fy * y))).real
    ends = jnp.log(0.1 / data.longest), jnp.log(0.7 / data.shortest)
    ln_r = jnp.linspace(*ends, _N_RADII)
    shapes = jax.vmap(seen_with)(jnp.exp(ln_r))
    product, norm = shapes @ straightened, (weight * shapes**2).sum(-1)
    best = jnp.argmax(jnp.where(product > 0, product / jnp.sqrt(norm), -jnp.inf))
    return x, y, ln_r[best], product[best] / norm[best]


def _bounds(data: _Data, settings: FitSettings, start: Array, free: Array) -> Bounds:
    """Radii from a hundredth of the finest fringe to the coarsest one, and a step's reach."""
    finest, coarsest = 1 / data.longest, 1 / data.shortest
    one = jnp.ones(())
    least = [-jnp.inf, -jnp.inf, -jnp.inf, jnp.log(0.01 * finest)]
    least += [-_MOST_SHAPE, -_MOST_SHAPE, math.log(LEAST_INDEX)]
    most = [jnp.inf, jnp.inf, jnp.inf, jnp.log(coarsest)]
    most += [_MOST_SHAPE, _MOST_SHAPE, math.log(MOST_INDEX)]
    # A flux may change by a few times itself, a position by a fringe.
    reach = [5 * jnp.abs(start[FLUX]), 0.5 * coarsest, 0.5 * coarsest, 1.0, 0.7, 0.7, 0.7]
    stacked = [jnp.stack([v * one for v in values]) for values in (least, most, reach)]
    return Bounds(stacked[0], stacked[1], jnp.where(free, stacked[2], 0.0))


def _limit_arcsec(data: _Data, at_point: Array) -> Array:
    """95 % upper limit of the radius.

    For a small source visibilities are linear in r^2, whose estimate is Gaussian and may be
    negative; flux and position are marginalised over.
    """
    probe = at_point.at[LN_R].set(jnp.log(0.1 / data.longest))
    residuals, slopes = data.residuals(probe)
    spectrum = Spectrum.of(slopes @ slopes.T, jnp.arange(len(probe)) <= LN_R)
    change = spectrum.step(slopes @ residuals)[LN_R]
    variance = spectrum.inverse[LN_R, LN_R]
    square = jnp.exp(2 * probe[LN_R])
    estimate, error = square * (1 + 2 * change), 2 * square * jnp.sqrt(variance)
    return jnp.sqrt(jnp.maximum(estimate, 0) + _ONE_SIDED_95 * error)


def _flags(data: _Data, fit: Fitted, point: Fitted, bounds: Bounds) -> Array:
    over_nothing = jnp.vdot(data.values, data.values) - fit.chi2
    over_point = point.chi2 - fit.chi2
    p = fit.parameters
    row, _ = profile_row(data.table, p[LN_N])
    seen, _ = at_frequency(row, jnp.exp(2 * p[LN_R]) * data.lengths**2)
    seen = jnp.where(data.root_weight > 0, seen, 0.0)
    detected = over_nothing >= _DETECTED
    resolved = over_point >= _RESOLVED
    at_bound = ((p <= bounds.least) | (p >= bounds.most)) & (bounds.reach > 0)
    # Of a point, size and shape do not matter.
    converged = jnp.where(resolved, fit.converged, point.converged)
    flags = (
        (~converged, FitFlag.NOT_CONVERGED),
        (~detected | ~(p[FLUX] > 0), FitFlag.NOT_DETECTED),
        (detected & ~resolved, FitFlag.UNRESOLVED),
        (resolved & (seen.max() < _SEEN), FitFlag.RESOLVED_OUT),
        (detected & resolved & at_bound.any(), FitFlag.AT_BOUND),
    )
    return sum((jnp.where(is_set, int(flag), 0) for is_set, flag in flags), jnp.int32(0))


def _fit_one(
    visibilities: Array, noise_scale: Array, samples: UvSamples, settings: FitSettings
) -> UvSizes:
    data = _prepare(visibilities, samples, noise_scale)
    ln_n = jnp.log(jnp.float32(1.0 if settings.index is None else settings.index))
    search = settings.search_arcsec or samples.grid * samples.pixel_arcsec / 4
    x, y, ln_r, flux = _find(data, samples, profile_row(data.table, ln_n)[0], search)
    start = (
        jnp.zeros(7)
        .at[jnp.array([FLUX, X, Y, LN_R, LN_N])]
        .set(jnp.stack([flux, x, y, ln_r, ln_n]))
    )
    e, i = settings.elliptical, settings.index is None
    free = jnp.array([True, True, True, True, e, e, i])
    bounds = _bounds(data, settings, start, free)
    # The source, and a point, whose fit matters where it is a good one: there it takes few steps.
    starts = jnp.stack([start, start.at[LN_R].set(bounds.least[LN_R])])
    reach = jnp.stack([bounds.reach, jnp.where(jnp.arange(7) < LN_R, bounds.reach, 0.0)])
    both = jax.vmap(
        lambda p, r, most: least_squares(data.residuals, p, bounds._replace(reach=r), most)
    )(starts, reach, jnp.array([settings.most_steps, _POINT_STEPS]))
    fit, point = (jax.tree.map(lambda a, i=i: a[i], both) for i in (0, 1))
    flags = _flags(data, fit, point, bounds)
    p, covariance = fit.parameters, Spectrum.of(fit.curvature, free).inverse
    r, error = jnp.exp(p[LN_R]), jnp.sqrt(jnp.diagonal(covariance))
    unknown = (flags & (FitFlag.NOT_DETECTED | FitFlag.UNRESOLVED)) > 0
    ratio, pa_deg = axis_ratio_and_pa(p)
    n_data = 2 * jnp.sum(data.root_weight > 0)
    limit = jnp.where(flags & FitFlag.UNRESOLVED, _limit_arcsec(data, point.parameters), jnp.nan)
    return UvSizes(
        flux_jy=p[FLUX],
        flux_err_jy=error[FLUX],
        x_arcsec=p[X],
        y_arcsec=p[Y],
        r_half_arcsec=jnp.where(unknown, jnp.nan, r),
        r_half_err_arcsec=jnp.where(unknown, jnp.nan, r * error[LN_R]),
        r_limit_arcsec=limit,
        axis_ratio=ratio,
        pa_deg=pa_deg,
        index=jnp.exp(p[LN_N]),
        chi2=fit.chi2,
        gain_over_point=point.chi2 - fit.chi2,
        gain_over_nothing=jnp.vdot(data.values, data.values) - fit.chi2,
        n_degrees=n_data - free.sum(),
        n_steps=fit.n_steps,
        flags=flags,
        parameters=p,
        covariance=covariance,
    )


@partial(jax.jit, static_argnames=("settings", "batch_size"))
@jax.default_matmul_precision("highest")
def fit_visibilities(
    visibilities: Array,
    samples: UvSamples,
    settings: FitSettings | None = None,
    noise_scale: Array | float = 1.0,
    batch_size: int | None = None,
) -> UvSizes:
    """Fit one source to each set of visibilities.

    Parameters
    ----------
    visibilities : (..., cell)
        Jy; those that are not finite are left out.
    samples : UvSamples
    settings : FitSettings, optional
        An elliptical Gaussian without.
    noise_scale : (...)
        Errors of the visibilities over those that the weights of the samples say.
    batch_size : int, optional
        Of `map_sources`.
    """
    settings = settings or FitSettings()
    lead, n_cells = visibilities.shape[:-1], len(samples.weight)
    if visibilities.shape[-1] != n_cells:
        raise ValueError(f"{visibilities.shape[-1]} visibilities; the samples have {n_cells}")
    flat = visibilities.reshape(-1, visibilities.shape[-1])
    scale = jnp.broadcast_to(jnp.asarray(noise_scale, jnp.float32), lead).reshape(-1)
    sizes = map_sources(
        lambda a: _fit_one(a[0], a[1], samples, settings), (flat, scale), batch_size
    )
    return jax.tree.map(lambda a: a.reshape(*lead, *a.shape[1:]), sizes)
