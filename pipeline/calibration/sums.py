"""Visibilities over those of a known sky, summed over time.

That is all that gains need: the sum over time of ``W |V - g_i conj(g_j) M|^2``, M being the
visibilities of the sky, is that of the mean of V / M with the weight W |M|^2, and a constant. A
few pieces of time are kept apart, so that one with interference can be told from the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from pipeline.catalog import Catalog
from pipeline.errors import NoDataError
from pipeline.imaging.point_sources import Channels, channels_of, seen_by, visibility_of_one
from pipeline.stages import Tell
from pipeline.visibilities.block import HandsReader, VisHeader

_PIECES = 8
_BLOCK_BYTES = 32 << 20


class Sums(NamedTuple):
    """Sums over time of pieces, (piece, baseline, channel, polarisation).

    Attributes
    ----------
    product : complex64
        Of visibilities with the conjugates of those of the sky, weighted.
    power : float32
        Of those of the sky, weighted.
    mjd : float
        Middle of what had weight.
    weight : float
        Mean weight of a visibility that had one.
    """

    product: NDArray[np.complex64]
    power: NDArray[np.float32]
    mjd: float
    weight: float


def summed(
    vis: HandsReader,
    sky: Catalog,
    used: NDArray[np.bool_],
    span: tuple[int, int],
    progress: Tell | None,
) -> Sums:
    """Sums over time of some samples.

    Parameters
    ----------
    vis : HandsReader
    sky : Catalog
        Point sources, seen through the primary beam where it is known.
    used : (baseline, channel) bool
    span : (start, stop)
    progress : callable, optional

    Raises
    ------
    NoDataError
        If nothing has weight.
    """
    header = vis.header
    places = tuple(sky.places[i] for i in range(len(sky)))
    spectra, channels = sky.spectra(header.freq_mhz), channels_of(header)
    edges = np.unique(np.linspace(*span, _PIECES + 1).astype(int))
    shape = (len(edges) - 1, *used.shape, len(header.polarisations))
    product, power = np.zeros(shape, np.complex64), np.zeros(shape, np.float32)
    middle, total, n_used = 0.0, 0.0, 0
    for piece, start, stop in _blocks(header, edges):
        block = vis.read_hands(start, stop)
        weights = np.where(used[..., None], block.weights, np.float32(0))
        there = weights > 0
        if there.any():
            seen = seen_by(vis, start, stop, places)
            light = (seen.beam * spectra[:, None]).astype(np.float32)
            here = _products((block.data, weights), seen.turn, seen.delay_s, light, channels)
            product[piece] += np.asarray(here[0])
            power[piece] += np.asarray(here[1])
        each = weights.sum(axis=(1, 2, 3), dtype=float)
        middle += float(np.arange(start, stop) @ each)
        total, n_used = total + float(each.sum()), n_used + int(there.sum())
        if progress is not None:
            progress(stop - span[0], span[1] - span[0])
    if not total:
        problem = "every visibility is flagged or missing in the samples to be used"
        raise NoDataError(header.source, "data", problem, "use others, or check the flags")
    seconds = middle / total * header.tsamp_s
    return Sums(product, power, header.start.utc.mjd + seconds / 86400, total / n_used)


def _blocks(header: VisHeader, edges: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """Pieces in blocks that fit into memory: number, first sample, and the one after the last."""
    of_sample = len(header.baselines) * len(header.freq_mhz) * len(header.polarisations)
    at_once = max(1, _BLOCK_BYTES // (8 * of_sample))
    for piece, (low, high) in enumerate(pairwise(edges)):
        for start in range(low, high, at_once):
            yield piece, start, min(start + at_once, high)


@jax.jit
def _products(
    block: tuple[jax.Array, jax.Array],
    turn: jax.Array,
    delay_s: jax.Array,
    light: jax.Array,
    channels: Channels,
) -> tuple[jax.Array, jax.Array]:
    """Sums over time of data with sources, and of sources.

    Parameters
    ----------
    block : (time, baseline, channel, polarisation) complex64, float32
    turn, delay_s : (source, time, baseline) float32
    light : (source, time, channel) float32
        Fluxes through the primary beam.

    Returns
    -------
    (baseline, channel, polarisation) complex64, float32
    """
    data, weights = block

    def one(sky: jax.Array, source: tuple[jax.Array, ...]) -> tuple[jax.Array, None]:
        turn, delay_s, light = source
        return sky + visibility_of_one(turn, delay_s, channels) * light[:, None], None

    dark = jnp.zeros(data.shape[:-1], jnp.complex64)
    sky = lax.scan(one, dark, (turn, delay_s, light))[0][..., None]
    product = jnp.where(weights > 0, data * weights, 0) * sky.conj()
    return product.sum(0), (weights * (sky.real**2 + sky.imag**2)).sum(0)


def averaged(
    freq_mhz: NDArray[np.float64], sums: Sums, average: int
) -> tuple[NDArray[np.float64], Sums]:
    """Sums of groups of channels, and their middles."""
    first = np.arange(0, len(freq_mhz), average)
    last = np.minimum(first + average, len(freq_mhz)) - 1
    product = np.add.reduceat(sums.product, first, axis=2)
    power = np.add.reduceat(sums.power, first, axis=2)
    middle = (freq_mhz[first] + freq_mhz[last]) / 2
    return middle, sums._replace(product=product, power=power)
