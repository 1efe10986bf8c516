"""Sérsic profiles, as an instrument shows them, fitted to the sources of stamps.

The best values are those of the largest posterior probability, for Gaussian noise and the wide
priors of `SersicSettings`; the errors are those of the curvature there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from surveys.batches import map_sources
from surveys.errors import check_ranges
from surveys.fitting.elliptical import FLUX, G1, G2, LN_N, LN_R
from surveys.fitting.least_squares import Bounds, Fitted, Spectrum, least_squares
from surveys.fitting.profiles import LEAST_INDEX, MOST_INDEX, visibility_table
from surveys.fitting.stamps import StampPlan, image_and_slopes, unit_image
from surveys.sizes.flags import Flag
from surveys.sizes.sersic_sizes import BACKGROUND, N_PARAMETERS, SersicSizes, shapes_of
from surveys.sizes.source import source_of

_RESOLVED = 14.16
"""Least gain of chi^2 over a point: 3 sigma for the three parameters of a size and a shape."""

_START_INDICES = (0.7, 1.5, 3.5)
_START_RADII = (0.5, 0.8, 1.3, 2.0)
"""Times the radius that the second moments of the segment have."""

_LEAST_RADIUS, _MOST_SHAPE = 0.02, 2.3
"""Pixels; of either component: axis ratios down to 0.1 or less."""

_POINT = 1e-3
_PERMILLE = 1e-3


@dataclass(frozen=True)
class SersicSettings:
    """What is fitted, and what is known before.

    Attributes
    ----------
    index : float, optional
        Of Sérsic, where it is not to be fitted.
    background : bool
        Whether a constant is fitted too.
    index_median, index_scatter : float
        Prior: normal in ln n about the logarithm of the first, with the second as its width.
    radius_scatter : float
        Prior: normal in ln r about the radius of the best start.
    shape_scatter : float
        Prior: normal in either component of the shape, about round.
    most_steps : int
    """

    index: float | None = None
    background: bool = False
    index_median: float = 1.5
    index_scatter: float = 1.0
    radius_scatter: float = 1.5
    shape_scatter: float = 1.0
    most_steps: int = 50

    def __post_init__(self) -> None:
        check_ranges(
            self,
            {
                "index": (LEAST_INDEX, MOST_INDEX),
                "index_median": (LEAST_INDEX, MOST_INDEX),
                "index_scatter": (_PERMILLE, 100.0),
                "radius_scatter": (_PERMILLE, 100.0),
                "shape_scatter": (_PERMILLE, 100.0),
                "most_steps": (1, 1000),
            },
        )


@partial(jax.jit, static_argnames=("settings", "batch_size"))
@jax.default_matmul_precision("highest")
def fit_sersic(  # noqa: PLR0913 - all but the first four by name
    images: Array,
    sigma: Array,
    segments: Array,
    others: Array,
    plan: StampPlan,
    settings: SersicSettings | None = None,
    batch_size: int | None = None,
) -> SersicSizes:
    """Fit one Sérsic profile to each stamp.

    Parameters
    ----------
    images : (stamp, y, x)
        Less the background; pixels that are not finite are left out.
    sigma : (stamp,) or (stamp, y, x)
        Noise of a pixel.
    segments : (stamp, y, x) bool
        Pixels of the source, for the start: all other pixels are fitted too.
    others : (stamp, y, x) bool
        Pixels of other sources, which are left out.
    plan : StampPlan
        Of the instrument.
    settings : SersicSettings, optional
    batch_size : int, optional
        Of `map_sources`.
    """
    settings = settings or SersicSettings()
    noise = sigma if sigma.ndim == images.ndim else sigma[:, None, None]
    noise = jnp.broadcast_to(noise, images.shape)

    def one(stamp: tuple[Array, Array, Array, Array]) -> SersicSizes:
        return _fit_one(stamp[0], stamp[1], stamp[2], stamp[3], plan, settings)

    return map_sources(one, (images, noise, segments, others), batch_size)


@dataclass(frozen=True)
class _Data:
    """A stamp over its noise, and the priors; fluxes are in units of the segment's."""

    image: Array  # (y, x), 0 where nothing is known
    root: Array  # (y, x), 1 / noise there
    plan: StampPlan
    table: Array
    prior: Array  # (8,)
    prior_root: Array  # (8,), 0 where there is none

    def residuals(self, parameters: Array) -> tuple[Array, Array]:
        model, slopes = self.model(parameters)
        left = jnp.append((self.image - model * self.root).reshape(-1), self.off_prior(parameters))
        rows = (slopes * self.root).reshape(N_PARAMETERS, -1)
        return left, jnp.concatenate([rows, jnp.diag(self.prior_root)], axis=1)

    def model(self, parameters: Array) -> tuple[Array, Array]:
        model, slopes = image_and_slopes(parameters[:BACKGROUND], self.plan, self.table)
        constant = jnp.ones((1, *model.shape), model.dtype)
        return model + parameters[BACKGROUND], jnp.concatenate([slopes, constant])

    def off_prior(self, parameters: Array) -> Array:
        return (self.prior - parameters) * self.prior_root

    def with_best_flux(self, parameters: Array) -> tuple[Array, Array]:
        """Flux of the shape of parameters that explains most, and residuals (y, x)."""
        shape = unit_image(parameters[:BACKGROUND], self.plan, self.table) * self.root
        target = self.image - parameters[BACKGROUND] * self.root
        flux = jnp.vdot(shape, target) / jnp.maximum(jnp.vdot(shape, shape), 1e-30)
        return flux, target - flux * shape


def _start(data: _Data, segment: Array, settings: SersicSettings) -> Array:
    """Place and shape of the segment, and the best of some radii and indices."""
    light = data.image / jnp.maximum(data.root, 1e-30)
    source = source_of(light, segment)
    ratio = jnp.clip(source.axis_ratio, 0.3, 0.95)
    angle, middle = source.angle, (data.plan.n_pixels - 1) / 2
    major, minor = source.axes
    ln_r = 0.5 * jnp.log(2 * math.log(2) * major * minor)
    indices = jnp.asarray(_START_INDICES if settings.index is None else (settings.index,))
    radii, indices = jnp.meshgrid(jnp.log(jnp.asarray(_START_RADII)), jnp.log(indices))
    one = jnp.ones(radii.size, jnp.float32)
    starts = jnp.stack(
        [
            one,
            one * (source.centre[1] - middle),
            one * (source.centre[0] - middle),
            ln_r + radii.ravel(),
            one * (-jnp.log(ratio) * jnp.cos(2 * angle)),
            one * (-jnp.log(ratio) * jnp.sin(2 * angle)),
            indices.ravel(),
            0 * one,
        ],
        axis=1,
    )
    fluxes, left = jax.lax.map(data.with_best_flux, starts)
    chi2 = jnp.where(fluxes > 0, jnp.sum(left**2, axis=(1, 2)), jnp.inf)
    best = jnp.argmin(chi2)
    return starts[best].at[FLUX].set(fluxes[best])


def _with_priors(data: _Data, start: Array, free: Array, settings: SersicSettings) -> _Data:
    nothing = jnp.zeros(N_PARAMETERS)
    middle = nothing.at[LN_R].set(start[LN_R]).at[LN_N].set(math.log(settings.index_median))
    root = nothing.at[LN_R].set(1 / settings.radius_scatter)
    root = root.at[jnp.array([G1, G2])].set(1 / settings.shape_scatter)
    root = root.at[LN_N].set(1 / settings.index_scatter)
    return replace(data, prior=middle, prior_root=jnp.where(free, root, 0.0))


def _bounds(start: Array, free: Array, n_pixels: int) -> Bounds:
    """A centre inside the stamp, radii up to its side, and a step's reach."""
    half, flux = 0.5 * n_pixels, jnp.abs(start[FLUX])
    least = [-jnp.inf, -half, -half, math.log(_LEAST_RADIUS), -_MOST_SHAPE, -_MOST_SHAPE]
    least += [math.log(LEAST_INDEX), -jnp.inf]
    most = [jnp.inf, half, half, math.log(n_pixels), _MOST_SHAPE, _MOST_SHAPE]
    most += [math.log(MOST_INDEX), jnp.inf]
    place = jnp.maximum(1.0, 0.5 * jnp.exp(start[LN_R]))
    reach = jnp.stack([5 * flux, place, place, *jnp.array([1.0, 0.7, 0.7, 0.7]), flux])
    return Bounds(jnp.array(least), jnp.array(most), jnp.where(free, reach, 0.0))


def _prepared(
    image: Array, noise: Array, segment: Array, others: Array, plan: StampPlan
) -> tuple[_Data, Array]:
    good = jnp.isfinite(image) & jnp.isfinite(noise) & (noise > 0) & ~others
    light = jnp.sum(jnp.where(good & segment, jnp.maximum(image, 0.0), 0.0))
    scale = jnp.where(light > 0, light, 1.0)
    root = jnp.where(good, scale / jnp.where(good, noise, 1.0), 0.0)
    whitened = jnp.where(good, image, 0.0) / scale * root
    nothing = jnp.zeros(N_PARAMETERS, jnp.float32)
    table = jnp.asarray(visibility_table())
    return _Data(whitened, root, plan, table, nothing, nothing), scale


def _fit_one(
    image: Array,
    noise: Array,
    segment: Array,
    others: Array,
    plan: StampPlan,
    settings: SersicSettings,
) -> SersicSizes:
    data, scale = _prepared(image, noise, segment, others, plan)
    start = _start(data, segment & (data.root > 0), settings)
    fitted_index = settings.index is None
    free = jnp.array([True] * 6 + [fitted_index, settings.background])
    data = _with_priors(data, start, free, settings)
    bounds = _bounds(start, free, plan.n_pixels)
    # Without a start there is nothing to do.
    most_steps = jnp.where(jnp.isfinite(start).all(), settings.most_steps, 0)
    fit = least_squares(data.residuals, start, bounds, most_steps)
    covariance, gain = _covariance(data, fit, free), _gain_over_point(data, fit)
    p = fit.parameters
    at_bound = (((p <= bounds.least) | (p >= bounds.most)) & (bounds.reach > 0)).any()
    there = jnp.isfinite(p).all() & segment.any() & (p[FLUX] > 0)
    flags = (
        (~segment.any(), Flag.NOT_DETECTED),
        (~(p[FLUX] > 0), Flag.NOT_POSITIVE),
        (~fit.converged | at_bound | ~there, Flag.NOT_CONVERGED),
        (there & (gain < _RESOLVED), Flag.UNRESOLVED),
    )
    total = sum((jnp.where(is_set, int(flag), 0) for is_set, flag in flags), jnp.int32(0))
    off_prior = data.off_prior(p)
    shapes = shapes_of(p, covariance, scale, (plan.n_pixels - 1) / 2)
    return SersicSizes(
        **{name: jnp.where(there, value, jnp.nan) for name, value in shapes.items()},
        chi2=jnp.where(there, fit.chi2 - jnp.vdot(off_prior, off_prior), jnp.nan),
        n_degrees=jnp.sum(data.root > 0) - jnp.sum(free),
        gain_over_point=jnp.where(there, gain, jnp.nan),
        n_steps=fit.n_steps,
        flags=total,
    )


def _covariance(data: _Data, fit: Fitted, free: Array) -> Array:
    """Of the parameters (8, 8): that of the posterior where the noise is white.

    Where it is not, the fit stays what it is and its errors are those that this noise gives it.
    """
    posterior = Spectrum.of(fit.curvature, free).inverse
    if data.plan.noise_amplitude is None:
        return posterior
    slopes = data.model(fit.parameters)[1] * data.root
    known = jnp.diag(data.prior_root**2)
    return posterior @ (data.plan.noise_power(slopes) + known) @ posterior


def _gain_over_point(data: _Data, fit: Fitted) -> Array:
    """Chi^2 of the best point in the same place less that of the fit.

    Noise that is not white is accounted for by its power in the difference of both.
    """
    p = fit.parameters
    both = jnp.stack([p, p.at[LN_R].set(math.log(_POINT))])
    # Of the fit, whose flux no prior draws at, the best flux is its own.
    _, (of_fit, of_point) = jax.lax.map(data.with_best_flux, both)
    difference = of_point - of_fit
    gain = jnp.vdot(difference, of_point + of_fit)
    if data.plan.noise_amplitude is None:
        return gain
    power = data.plan.noise_power(difference[None])[0, 0]
    return gain * jnp.vdot(difference, difference) / jnp.maximum(power, 1e-30)
