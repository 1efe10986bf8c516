"""Places and fluxes of steady sources, fitted to visibilities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import erfa
import jax
import jax.numpy as jnp
import numpy as np
from astropy.coordinates import SkyCoord
from jax import lax
from numpy.typing import NDArray

from pipeline.ahead import computed_ahead
from pipeline.imaging.geometry import LIGHT_M_S, sky_axes
from pipeline.imaging.point_sources import (
    Anchor,
    Channels,
    Seen,
    channels_of,
    seen_by,
    visibility_of_one,
)
from pipeline.imaging.subtraction import SteadySources, chebyshev, n_orders, subtract
from pipeline.visibilities.block import VisBlock, VisReader

_BRIGHT, _BRIGHTEST = 30.0, 1000.0
"""Standard deviations from which what the beam leaves of a source is worth following in time,
and from which it is with the last order."""
_SOURCES_AT_ONCE = 4
_NEAR = 0.02
"""Steps that are shorter, of the largest, are the last."""


@jax.jit
def _projected(
    block: tuple[jax.Array, jax.Array], turn: jax.Array, delay_s: jax.Array, channels: Channels
) -> tuple[jax.Array, jax.Array]:
    """Products of sources with each other and with the data, summed over time and baselines.

    Returns
    -------
    (source, source, channel), (source, channel)
    """
    data, weights = block
    of = visibility_of_one(turn, delay_s, channels)
    good = jnp.where(weights > 0, data, 0)

    def one(_: None, source: jax.Array) -> tuple[None, tuple[jax.Array, jax.Array]]:
        weighted = jnp.conj(source) * weights

        def with_other(other: jax.Array) -> jax.Array:
            return jnp.sum((weighted * other).real, (0, 1))

        return None, (lax.map(with_other, of), with_other(good))

    return lax.scan(one, None, of)[1]


@jax.jit
def _displaced(
    block: tuple[jax.Array, jax.Array],
    seen: tuple[jax.Array, jax.Array, jax.Array],
    light: jax.Array,
    channels: Channels,
) -> tuple[jax.Array, jax.Array]:
    """Normal equations of a share of the flux and the displacement (l, m) of every source.

    Parameters
    ----------
    block
        What is left after subtraction, and its weights.
    seen
        Turns and delays (source, time, baseline), and baselines (source, time, baseline, 2) in
        metres.
    light : (source, time, channel) float32

    Returns
    -------
    (3 source, 3 source), (3 source,)
        Of all shares, all l and all m.
    """
    per_m = 2 * jnp.pi * (channels.band.reference_hz + channels.band.offset_hz) / LIGHT_M_S

    def at(total: tuple[jax.Array, jax.Array], sample: tuple[jax.Array, ...]) -> tuple:
        data, weights, turn, delay_s, uv_m, light = sample
        root = jnp.sqrt(weights)
        model = visibility_of_one(turn, delay_s, channels) * light[:, None] * root
        # A displacement turns the model by -2 pi i (u l + v m).
        turned = -1j * per_m * model
        slopes = [model, *(turned * uv_m[..., i, None] for i in range(2))]
        slope = jnp.concatenate(slopes).reshape(3 * len(model), -1)
        parts = jnp.concatenate([slope.real, slope.imag], axis=1)
        left = (jnp.where(weights > 0, data, 0) * root).ravel()
        left = jnp.concatenate([left.real, left.imag])
        with jax.default_matmul_precision("highest"):
            return (total[0] + parts @ parts.T, total[1] + parts @ left), None

    n = 3 * len(light)
    by_time = (*block, *(a.swapaxes(0, 1) for a in (*seen, light)))
    return lax.scan(at, (jnp.zeros((n, n)), jnp.zeros(n)), by_time)[0]


@dataclass(frozen=True)
class Fit:
    """Places and fluxes of all sources together, fitted to some of the samples of a recording.

    Attributes
    ----------
    vis : VisReader
    stretches : list of (start, stop)
        Samples that are looked at, a few at a time.
    largest_step : float
        That a place moves by at once, in radians.
    noise_jy : float
        Noise of a source in their mean.
    """

    vis: VisReader
    stretches: list[tuple[int, int]]
    largest_step: float
    noise_jy: float = 0.0
    _read: list[tuple[VisBlock, list[Anchor]]] = field(default_factory=list, repr=False)
    """The stretches, which are looked at many times, and their geometry."""

    def fitted(self, places: list[SkyCoord], most_steps: int = 3) -> SteadySources:
        """Sources that are known to about a beam, their places and fluxes fitted."""
        found = self.with_fluxes(places)
        for _ in range(most_steps):
            moved, furthest = self._moved(found)
            found = self.with_fluxes(moved)
            if furthest < _NEAR * self.largest_step:
                break
        return found

    def _moved(self, found: SteadySources) -> tuple[list[SkyCoord], float]:
        """Places a step nearer to those that leave least, and the longest step in radians."""
        n = len(found.places)
        matrix, rhs = np.zeros((3, n, 3, n)), np.zeros((3, n))
        channels = channels_of(self.vis.header)
        for block, seen in self._seen(found.places):
            light = found.light(self.vis.header, block.start, seen.beam)
            left = subtract(block.data, seen.turn, seen.delay_s, light, channels)
            places = seen.turn, seen.delay_s, seen.uv_m
            square, right = _displaced((left, block.weights), places, light, channels)
            padded = len(light)
            matrix += np.asarray(square).reshape(3, padded, 3, padded)[:, :n, :, :n]
            rhs += np.asarray(right).reshape(3, padded)[:, :n]
        scale = np.sqrt(np.einsum("iaia->ia", matrix)) + 1e-30
        matrix /= scale[..., None, None] * scale
        steps = np.linalg.lstsq(matrix.reshape(3 * n, -1), (rhs / scale).ravel(), rcond=1e-4)[0]
        moved, furthest = [], 0.0
        for place, step in zip(found.places, (steps.reshape(3, n) / scale)[1:].T, strict=True):
            length = float(np.linalg.norm(step))
            step = step * min(1.0, self.largest_step / max(length, 1e-30))
            furthest = max(furthest, length)
            east, north, towards = sky_axes(place)
            ra, dec = erfa.c2s(towards + step[0] * east + step[1] * north)
            moved.append(SkyCoord(ra, dec, unit="rad"))
        return moved, furthest

    def with_fluxes(self, places: list[SkyCoord]) -> SteadySources:
        """Sources at known places, their fluxes fitted channel by channel.

        The flux of a faint one is constant where the beam is known: what a polynomial follows
        more it takes from wide pulses.
        """
        header, channels = self.vis.header, channels_of(self.vis.header)
        n_sources, n, n_channels = len(places), n_orders(header), len(header.freq_mhz)
        matrix = np.zeros((n_channels, n_sources, n, n_sources, n))
        rhs, weight = np.zeros((n_channels, n_sources, n)), 0.0
        for block, seen in self._seen(tuple(places)):
            products, fluxes = _projected(
                (block.data, block.weights), seen.turn, seen.delay_s, channels
            )
            products, fluxes = (
                np.asarray(a, float)[tuple([slice(n_sources)] * (a.ndim - 1))]
                for a in (products, fluxes)
            )
            # A stretch is short: the beam and the polynomials are those of its middle.
            time = chebyshev(header, block.start + np.arange(len(block.data)), n).mean(0)
            basis = seen.beam[:n_sources].mean(1)[:, None] * time[:, None]
            matrix += np.einsum("koc,klc,lpc->ckolp", basis, products, basis, optimize=True)
            rhs += np.einsum("koc,kc->cko", basis, fluxes)
            weight += float(block.weights.sum())
        free = np.zeros((n_sources, n), bool)
        free[:, 0] = True
        constant = _solved(matrix, rhs, free)[..., 0]
        power = np.einsum("ckk->ck", matrix[:, :, 0, :, 0])
        mean = np.sum(power * constant, 0) / np.maximum(power.sum(0), 1e-30)
        sensitivity = np.sqrt(power.sum(0) / max(weight, 1e-30))
        significance = mean * sensitivity / max(self.noise_jy, 1e-30)
        free[(significance > _BRIGHT) | (not header.dish_m), :-1] = True
        free[(significance > _BRIGHTEST) | (not header.dish_m)] = True
        fluxes = _solved(matrix, rhs, free).transpose(1, 2, 0)
        return SteadySources(tuple(places), fluxes, mean, significance)

    def _seen(self, places: tuple[SkyCoord, ...]) -> Iterator[tuple[VisBlock, Seen]]:
        """What is in each of the stretches, and how sources are seen there."""
        if not self._read:
            blocks = computed_ahead(lambda stretch: self.vis.read(*stretch), self.stretches)
            self._read.extend((block, []) for block in blocks)
        for block, anchors in self._read:
            stop = block.start + len(block.data)
            yield block, _padded(seen_by(self.vis, block.start, stop, places, anchors))


def _padded(seen: Seen) -> Seen:
    """With some sources of which nothing is seen: few numbers of them are compiled for."""
    spare = -len(seen.turn) % _SOURCES_AT_ONCE
    return Seen(*(np.pad(a, ((0, spare), *[(0, 0)] * (a.ndim - 1))) for a in seen))


def _solved(
    matrix: NDArray[np.float64], rhs: NDArray[np.float64], free: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Solve the normal equations of every channel for the coefficients that are free.

    Parameters
    ----------
    matrix : (channel, source, order, source, order)
    rhs : (channel, source, order)
    free : (source, order) bool

    Returns
    -------
    (channel, source, order)
        0 where not free.
    """
    at = np.flatnonzero(free)
    n_channels, n = len(rhs), free.size
    square = matrix.reshape(n_channels, n, n)[:, at[:, None], at]
    # What was not recorded has no flux.
    scale = np.trace(square, axis1=1, axis2=2)[:, None, None] / len(at)
    square = square + (1e-9 * scale + 1e-30) * np.eye(len(at))
    solved = np.zeros((n_channels, n))
    solved[:, at] = np.linalg.solve(square, rhs.reshape(n_channels, n)[:, at, None])[..., 0]
    return solved.reshape(rhs.shape)
