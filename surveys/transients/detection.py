"""The chance that visits of places find a pulsing source, by its flux density.

A source pulses with a period P and a width W = δ P. How many pulses a visit holds and which share
of them is found is that of :mod:`surveys.rates.trains`: floor or ceil of L / P, by a phase that is
as good as random from visit to visit, where L is the length of the visit, less W, and what pulses
at both its ends add. Visits that are shorter than a pulse count nothing here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from surveys.coverage.completeness import Completeness
from surveys.rates.trains import Stays, lengths_and_shares
from surveys.transients.beams import LONGEST_DUTY, Views
from surveys.transients.galaxy import Sightlines

LongPulses = Literal["lost", "cut"]
_SNR_SPAN = 0.35, 3.0
"""Of the threshold: where tables of flux density begin and end."""
_BLOCK, _CELLS = 16, 1000
_MOST_SHARE = 1 - 1e-15
_LOG_STEP = 0.012
"""Of tables of the share that is found: whole steps of those of the trains, which round to them."""


@dataclass(frozen=True)
class Search:
    """Visits, and what was found in them.

    Attributes
    ----------
    stays : Stays
        Visits of cells, which are numbered from 0; every cell has one at least.
    completeness : Completeness
    long_pulses : {"lost", "cut"}
        Whether pulses that are wider than the widest filter are lost, or found by as much of them
        as that filter holds.
    """

    stays: Stays
    completeness: Completeness
    long_pulses: LongPulses = "lost"

    @property
    def first(self) -> NDArray[np.int64]:
        """Row of the first visit of each cell."""
        return np.flatnonzero(np.diff(self.stays.place, prepend=-1))

    @cached_property
    def kinds(self) -> list[tuple[NDArray[np.float64], NDArray[np.int64]]]:
        """Sampling time, threshold and widest pulse of each kind of search, and its rows."""
        stays = self.stays
        columns = np.stack([stays.tsamp_s, stays.threshold, stays.max_width_s], axis=1)
        kinds, which = np.unique(columns, axis=0, return_inverse=True)
        return [(kind, np.flatnonzero(which.ravel() == i)) for i, kind in enumerate(kinds)]

    def held_s(self, width_s: float, max_width_s: float) -> float:
        """What a filter holds of a pulse; 0 if it is not searched for."""
        if width_s <= max_width_s * (1 + 1e-6):
            return width_s
        return max_width_s if self.long_pulses == "cut" else 0.0

    def snr_per_jy(self, width_s: float) -> NDArray[np.float64]:
        """S/N of a pulse of one Jy and a width in the parts of visits; 0 if not searched for."""
        snr = np.zeros(self.stays.sigma_1s.shape)
        for (tsamp, _, widest), rows in self.kinds:
            held = self.held_s(width_s, widest)
            snr[rows] = held / math.sqrt(max(held, tsamp)) / self.stays.sigma_1s[rows]
        return snr


def flux_grid(search: Search, widths_s: NDArray, step: float) -> NDArray[np.float64]:
    """Flux densities, equally spaced in their logarithm, from never found to always found."""
    snr = np.stack([search.snr_per_jy(float(w)) for w in widths_s])
    # Wider than what is searched for: any grid does, as nothing is found.
    snr = snr[snr > 0] if (snr > 0).any() else np.ones(1)
    low = math.log(_SNR_SPAN[0] * search.stays.threshold.min() / snr.max())
    high = math.log(_SNR_SPAN[1] * search.stays.threshold.max() / snr.min())
    return np.exp(low + step * np.arange(math.ceil((high - low) / step) + 1))


def chance_of_visits(
    search: Search, period_s: float, width_s: float, flux_jy: NDArray, active_share: float = 1.0
) -> NDArray[np.float64]:
    """Chance of one pulse or more, by cell and flux density, shape (n, k).

    Parameters
    ----------
    search : Search
    period_s, width_s : float
    flux_jy : array, shape (k,)
        Of the pulses.
    active_share : float
        Chance of each visit, on its own, to meet an active source.
    """
    none = np.ones((len(search.stays), len(flux_jy)))
    for kind, rows in search.kinds:
        held = search.held_s(width_s, float(kind[2]))
        if held > 0 and width_s <= LONGEST_DUTY * period_s:
            none[rows] = _missed(search, rows, (period_s, width_s, held), np.log(flux_jy))
    if active_share < 1:
        none = 1.0 - active_share * (1.0 - none)
    return 1.0 - np.multiply.reduceat(none, search.first, axis=0)


def _missed(
    search: Search, rows: NDArray[np.int64], pulse: tuple[float, float, float], log_flux: NDArray
) -> NDArray[np.float64]:
    """Chance of visits of one kind to find none of the pulses: period, width, what is held of it.

    The share that is found, and the length that the edges add to a visit, depend on the flux
    density over the noise alone: both are read from a table in its logarithm.
    """
    stays, held = search.stays, pulse[2]
    log_sigma = np.log(stays.sigma_1s[rows])
    # Grids of a few sizes only: each is a program of its own.
    padded = np.pad(log_flux, (0, -len(log_flux) % _BLOCK), mode="edge")
    low = math.floor((log_flux.min() - log_sigma.max()) / _LOG_STEP)
    high = math.ceil((log_flux.max() - log_sigma.min()) / _LOG_STEP)
    n = high - low + 2
    table = _LOG_STEP * (low + np.arange(n + -n % (16 * _BLOCK)))
    length, share = lengths_and_shares(
        _visits_of_a_pulse(stays, int(rows[0]), held, table),
        1.0,
        np.array([held]),
        search.completeness,
    )
    with jax.enable_x64(True):
        none = _none_of_a_train(
            jnp.asarray((padded - table[0]) / _LOG_STEP),
            jnp.asarray(log_sigma.T / _LOG_STEP),
            jnp.asarray(np.stack([stays.seconds[rows], stays.live[rows]])),
            jnp.asarray(np.stack([share[:, 0], length[:, 0]])),
            jnp.asarray(pulse),
        )
    return np.asarray(none)[:, : len(log_flux)]


@jax.jit
def _none_of_a_train(
    flux: jax.Array, levels: jax.Array, visits: jax.Array, table: jax.Array, pulse: jax.Array
) -> jax.Array:
    """Chance of visits to find none, (v, k), of their levels of noise (l, v).

    Logarithms are in steps of the table. See :mod:`surveys.rates.trains` for the means.
    """
    period, width, held = pulse
    seconds, live = visits[:, :, None]

    def add(sums: tuple[jax.Array, ...], sigma: jax.Array) -> tuple[tuple[jax.Array, ...], None]:
        place = flux - sigma[:, None]
        i = jnp.clip(place.astype(jnp.int32), 0, table.shape[1] - 2)
        part = place - i
        found, edges = table[:, i] * (1 - part) + table[:, i + 1] * part
        lasts = jnp.maximum(seconds + width - 2 * held + edges, 0.0)
        return tuple(
            a + b for a, b in zip(sums, (found, found**2, found * lasts), strict=True)
        ), None

    nothing = jnp.zeros((levels.shape[1], len(flux)))
    (mean, square, total), _ = jax.lax.scan(add, (nothing, nothing, nothing), levels)
    found = square / jnp.maximum(mean, 1e-30)
    turns = total / len(levels) / jnp.maximum(found, 1e-30) / period
    turns = jnp.where(seconds >= width, turns, 0.0)
    found = jnp.minimum(found * live, _MOST_SHARE)
    whole = jnp.floor(turns)
    return jnp.exp(whole * jnp.log1p(-found)) * (1 - (turns - whole) * found)


def _visits_of_a_pulse(stays: Stays, i: int, held_s: float, log_snr: NDArray) -> Stays:
    """Visits as long as a pulse, of the kind of another, at flux densities over noise."""
    one = np.ones(len(log_snr))
    columns = (stays.tsamp_s[i], stays.threshold[i], stays.max_width_s[i])
    number = np.arange(len(log_snr))
    sigma = np.exp(-log_snr)[:, None]
    return Stays(number, 0 * one, held_s * one, one, sigma, *(c * one for c in columns))


@dataclass(frozen=True)
class Chances:
    """Chance of cells to show a source that is one of a kind, by its flux density at 1 kpc.

    Attributes
    ----------
    log_jy_kpc2 : NDArray, shape (m,)
        Natural logarithms, equally spaced.
    chance : NDArray, shape (n, m)
        Mean over the distances and the duty cycles of the sources of a cell whose beams pass us.
    """

    log_jy_kpc2: NDArray[np.float64]
    chance: NDArray[np.float64]

    def at(self, jy_kpc2: float) -> NDArray[np.float64]:
        """Chances of all cells, shape (n,)."""
        if not jy_kpc2 > 0:
            return np.zeros(len(self.chance))
        step = self.log_jy_kpc2[1] - self.log_jy_kpc2[0]
        place = (math.log(jy_kpc2) - self.log_jy_kpc2[0]) / step
        place = min(max(place, 0.0), len(self.log_jy_kpc2) - 1.0)
        i = min(int(place), len(self.log_jy_kpc2) - 2)
        part = place - i
        return (1 - part) * self.chance[:, i] + part * self.chance[:, i + 1]


def chances(
    search: Search,
    lines: Sightlines,
    period_s: float,
    seen: Views,
    active_share: float = 1.0,
) -> Chances:
    """Average the chance of visits over duty cycles and distances.

    The steps of ln F are twice those of ln d, so that the mean over distances is a sum of products
    of shifted rows, for all flux densities at once.

    Parameters
    ----------
    search : Search
    lines : Sightlines
        Of the cells.
    period_s : float
    seen : Views
        Duty cycles, and their shares among those who see the source at all.
    active_share : float
    """
    step = 2 * math.log(lines.distance_pc[1] / lines.distance_pc[0])
    flux = flux_grid(search, seen.duty * period_s, step)
    weights = seen.share / seen.share.sum()
    mean = sum(
        w * chance_of_visits(search, period_s, duty * period_s, flux, active_share)
        for duty, w in zip(seen.duty, weights, strict=True)
    )
    return _over_distances(np.asarray(mean), flux, lines)


def _over_distances(chance: NDArray, flux: NDArray, lines: Sightlines) -> Chances:
    """Means over distances of a chance by flux density, shape (n, k), by that at 1 kpc."""
    n_flux, n_distance = chance.shape[1], len(lines.distance_pc)
    # Fainter than the grid: nothing; brighter: as at its end.
    nothing = np.zeros((len(chance), n_distance - 1))
    always = np.repeat(chance[:, -1:], n_distance - 1, axis=1)
    padded = np.concatenate([nothing, chance, always], axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, n_distance, axis=1)
    # Row m holds the flux densities of a source from the farthest to the nearest.
    prior, mean = lines.prior[:, ::-1], np.empty(windows.shape[:2])
    for a in range(0, len(chance), _CELLS):
        cells = slice(a, a + _CELLS)
        mean[cells] = np.einsum("nmd,nd->nm", windows[cells], prior[cells], optimize=True)
    nearest = 2 * math.log(lines.distance_pc[0] / 1e3)
    step = math.log(flux[1] / flux[0])
    return Chances(math.log(flux[0]) + nearest + step * np.arange(n_flux + n_distance - 1), mean)
