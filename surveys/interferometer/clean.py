"""CLEAN: point sources and, if wanted, Gaussians that explain a dirty image.

With scale 0 alone it is Högbom's (1974). With more, each step takes the place and scale with
the highest signal-to-noise ratio, narrow ones before wide ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from surveys.batches import map_sources
from surveys.errors import SettingProblem, check_ranges
from surveys.interferometer.cells import column_multiplicity, frequencies
from surveys.interferometer.imaging import beam_image, convolve
from surveys.interferometer.weighting import Synthesis


@dataclass(frozen=True)
class CleanSettings:
    """How far an image is cleaned.

    Attributes
    ----------
    gain : float
        Share of a peak that is taken at once.
    n_sigma : float
        No peak is left above so many standard deviations of the noise.
    most_components : int
        Steps at most.
    scales_beams : tuple of float
        FWHM of components over that of the beam; 0 is a point, and has to be the first.
    small_scale_bias : float
        A scale competes with its signal-to-noise ratio times 1 less this times its width over
        the largest (Cornwell 2008). Of wide components the array sees little, and the rest of their
        flux is a guess.
    """

    gain: float = 0.1
    n_sigma: float = 3.0
    most_components: int = 3000
    scales_beams: tuple[float, ...] = (0.0,)
    small_scale_bias: float = 0.3

    def __post_init__(self) -> None:
        ranges = {
            "gain": (0.001, 1.0),
            "n_sigma": (0.01, 1e6),
            "most_components": (1, 1_000_000),
            "small_scale_bias": (0.0, 0.99),
        }
        check_ranges(self, ranges)
        scales = self.scales_beams
        if not scales or scales[0] != 0 or list(scales) != sorted(set(scales)):
            raise SettingProblem("scales_beams", f"is {scales}", "give 0 and then rising numbers")


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["beams", "peaks", "noise", "scales", "restoring"],
    meta_fields=["n", "settings"],
)
@dataclass(frozen=True)
class CleanPlan:
    """What depends on the array and the size of images alone.

    Attributes
    ----------
    beams : (scale, scale, 2 n - 1, 2 n - 1)
        What a component of one scale, of 1 Jy, is in the dirty image smoothed to another.
    peaks : (scale,)
        The middle of those of a scale with itself.
    noise : (scale,)
        Standard deviation in the smoothed images, over that in the dirty one and the share of its
        signal-to-noise ratio that a scale competes with.
    scales, restoring : (scale, grid, grid // 2 + 1), (grid, grid // 2 + 1)
        Transfer functions of the components and of the clean beam.
    n : int
    settings : CleanSettings
    """

    beams: Array
    peaks: Array
    noise: Array
    scales: Array
    restoring: Array
    n: int = field(metadata={"static": True})
    settings: CleanSettings = field(metadata={"static": True})


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["image", "residual", "model", "n_components", "peak_sigma", "converged"],
    meta_fields=[],
)
@dataclass(frozen=True)
class Cleaned:
    """Cleaned images.

    Attributes
    ----------
    image : (..., n, n)
        The model seen with the clean beam, and the residual, Jy/beam.
    residual : (..., n, n)
        The dirty image less what the model is in it, Jy/beam.
    model : (..., n, n)
        Jy/pixel.
    n_components : (...)
        Steps.
    peak_sigma : (...)
        Highest peak that is left, over its noise.
    converged : (...) bool
        Whether that is below the threshold.
    """

    image: Array
    residual: Array
    model: Array
    n_components: Array
    peak_sigma: Array
    converged: Array


def make_clean_plan(
    synthesis: Synthesis, n: int, settings: CleanSettings | None = None
) -> CleanPlan:
    """Prepare CLEAN of images of n x n pixels.

    Raises
    ------
    ValueError
        If the grid is too small for the beam around every pixel.
    """
    settings = settings or CleanSettings()
    grid = synthesis.grid
    if grid < 2 * n - 1:
        raise ValueError(f"a grid of {grid} is too small for {n} pixels; give {2 * n} or more")
    fx, fy = frequencies(grid, synthesis.pixel_arcsec)
    width = np.array(settings.scales_beams) * synthesis.beam.mean_arcsec
    square = (math.pi * width[:, None, None]) ** 2 * (fx**2 + fy**2)
    scales = np.exp(-square / (4 * math.log(2)))
    crossed = scales[:, None] * scales * np.asarray(synthesis.transfer, np.float64)
    power = np.square(scales * np.asarray(synthesis.noise_amplitude, np.float64))
    noise = np.sqrt((column_multiplicity(grid) * power).sum((-2, -1))) / grid
    share = 1 - settings.small_scale_bias * width / max(width[-1], 1e-30)
    beams = beam_image(jnp.asarray(crossed), 2 * n - 1)
    return CleanPlan(
        beams,
        jnp.diagonal(beams[..., n - 1, n - 1]),
        jnp.asarray(noise / share, jnp.float32),
        jnp.asarray(scales, jnp.float32),
        jnp.asarray(synthesis.beam.transfer(grid), jnp.float32),
        n,
        settings,
    )


def _components(plan: CleanPlan, dirty: Array, rms: Array, mask: Array) -> tuple[Any, ...]:
    """Clean one image: residual (n, n), components (scale, n, n), steps, highest peak."""
    n, settings = plan.n, plan.settings
    weight = mask / plan.noise[:, None, None] / rms

    def highest(residuals: Array) -> tuple[tuple[Array, Array, Array], Array]:
        # A maximum along columns first: argmax of all pixels takes ten times as long.
        significance = jnp.abs(residuals) * weight
        of_columns = significance.max(axis=1).reshape(-1)
        column = jnp.argmax(of_columns)
        scale, x = column // n, column % n
        y = jnp.argmax(jax.lax.dynamic_slice(significance, (scale, 0, x), (1, n, 1)))
        return (scale, y, x), of_columns[column]

    def unfinished(state: tuple[Any, ...]) -> Array:
        return (state[4] >= settings.n_sigma) & (state[2] < settings.most_components)

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        residuals, components, i, (scale, y, x), _ = state
        flux = settings.gain * residuals[scale, y, x] / plan.peaks[scale]
        corner = (scale, jnp.zeros_like(y), n - 1 - y, n - 1 - x)
        beam = jax.lax.dynamic_slice(plan.beams, corner, (1, len(plan.peaks), n, n))[0]
        residuals = residuals - flux * beam
        components = components.at[scale, y, x].add(flux)
        return residuals, components, i + 1, *highest(residuals)

    # What is not finite anywhere is left as it is.
    whole = jnp.isfinite(dirty).all()
    known = jnp.where(whole, dirty, 0)
    start = convolve(known, plan.scales).at[0].set(known) if len(plan.peaks) > 1 else known[None]
    state = start, jnp.zeros_like(start), jnp.int32(0), *highest(start)
    residuals, components, i, _, peak = jax.lax.while_loop(unfinished, step, state)
    return jnp.where(whole, residuals[0], dirty), components, i, jnp.where(whole, peak, jnp.nan)


@partial(jax.jit, static_argnames="batch_size")
def clean(
    plan: CleanPlan,
    dirty: Array,
    rms_jy: Array | float,
    mask: Array | None = None,
    batch_size: int | None = None,
) -> Cleaned:
    """Clean dirty images, each until no peak stands out of its noise.

    Parameters
    ----------
    plan : CleanPlan
    dirty : (..., n, n)
        Jy/beam.
    rms_jy : (...)
        Standard deviation of the noise in each.
    mask : (..., n, n), optional
        Where components may be; everywhere without.
    batch_size : int, optional
        Of `map_sources`.
    """
    n, lead = plan.n, dirty.shape[:-2]
    if dirty.shape[-2:] != (n, n):
        raise ValueError(f"images of {dirty.shape[-2:]} pixels; the plan is for {n} x {n}")
    flat = dirty.reshape(-1, n, n)
    rms = jnp.broadcast_to(jnp.asarray(rms_jy, dirty.dtype), lead).reshape(-1)
    allowed = jnp.ones(()) if mask is None else jnp.asarray(mask, dirty.dtype)
    allowed = jnp.broadcast_to(allowed, dirty.shape).reshape(-1, n, n)

    def one(args: tuple[Array, Array, Array]) -> tuple[Array, ...]:
        residual, components, i, peak = _components(plan, *args)
        grid = plan.restoring.shape[-2]
        plane = (jnp.fft.rfft2(components, (grid, grid)) * plan.scales).sum(0)
        both = jnp.stack([plane, plane * plan.restoring])
        model, seen = jnp.fft.irfft2(both, (grid, grid))[..., :n, :n]
        return residual, model, seen, i, peak

    residual, model, seen, i, peak = map_sources(one, (flat, rms, allowed), batch_size)
    shape = dirty.shape
    return Cleaned(
        (seen + residual).reshape(shape),
        residual.reshape(shape),
        model.reshape(shape),
        i.reshape(lead),
        peak.reshape(lead),
        (peak < plan.settings.n_sigma).reshape(lead),
    )
