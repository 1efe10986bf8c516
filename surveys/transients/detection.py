"""The chance that visits of places find a pulsing source, by its flux density.

A source pulses with a period P and a width W = δ P. A visit of T seconds holds floor or ceil of
(T - W) / P whole pulses, by its phase, which is as good as random from visit to visit; each of them
is found with the completeness of its S/N. Pulses that are cut by the ends of a visit do not count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from surveys.coverage.completeness import Completeness
from surveys.transients.beams import LONGEST_DUTY, Views
from surveys.transients.galaxy import Sightlines

LongPulses = Literal["lost", "cut"]
_SNR_SPAN = 0.2, 6.0
"""Of the threshold: where tables of flux density begin and end."""


@dataclass(frozen=True)
class Looks:
    """Visits of cells, sorted by cell.

    Attributes
    ----------
    cell : NDArray of int, shape (v,)
        Index of the cell; every cell has one at least.
    seconds : NDArray, shape (v,)
    searched_share : NDArray, shape (v,)
        Of the seconds; the rest was flagged here and there.
    sigma_1s : NDArray, shape (v,)
        Noise of one second, Jy s^1/2.
    tsamp_s, max_width_s, threshold : NDArray, shape (v,)
        Of the search.
    """

    cell: NDArray[np.int64]
    seconds: NDArray[np.float64]
    searched_share: NDArray[np.float64]
    sigma_1s: NDArray[np.float64]
    tsamp_s: NDArray[np.float64]
    max_width_s: NDArray[np.float64]
    threshold: NDArray[np.float64]

    @property
    def first(self) -> NDArray[np.int64]:
        """Row of the first visit of each cell."""
        return np.flatnonzero(np.diff(self.cell, prepend=-1))


@dataclass(frozen=True)
class Search:
    """Visits, and what was found in them.

    Attributes
    ----------
    looks : Looks
    completeness : Completeness
    long_pulses : {"lost", "cut"}
        Whether pulses that are wider than the widest filter are lost, or found by as much of them
        as that filter holds.
    """

    looks: Looks
    completeness: Completeness
    long_pulses: LongPulses = "lost"

    def snr_per_jy(self, width_s: float) -> NDArray[np.float64]:
        """S/N of a pulse of one Jy and a width, by visit; 0 where it is not searched for."""
        looks = self.looks
        width = np.full(len(looks.cell), width_s)
        if self.long_pulses == "cut":
            width = np.minimum(width, looks.max_width_s)
        short = width < looks.tsamp_s
        root = np.where(short, width / np.sqrt(looks.tsamp_s), np.sqrt(width))
        return np.where(width <= looks.max_width_s, root / looks.sigma_1s, 0.0)

    def found(self, flux_jy: NDArray, width_s: float) -> NDArray[np.float64]:
        """Share of pulses that are found, by visit and flux density, shape (v, k)."""
        looks = self.looks
        snr = self.snr_per_jy(width_s)[:, None] * flux_jy
        width = np.broadcast_to(np.asarray(width_s), snr.shape)
        if self.long_pulses == "cut":
            width = np.minimum(width, looks.max_width_s[:, None])
        share = self.completeness.found(snr, width, looks.threshold[:, None])
        return np.where(snr > 0, share * looks.searched_share[:, None], 0.0)


def flux_grid(search: Search, widths_s: NDArray, step: float) -> NDArray[np.float64]:
    """Flux densities, equally spaced in their logarithm, from never found to always found."""
    snr = np.stack([search.snr_per_jy(w) for w in widths_s])
    # Wider than what is searched for: any grid does, as nothing is found.
    snr = snr[snr > 0] if (snr > 0).any() else np.ones(1)
    low = math.log(_SNR_SPAN[0] * search.looks.threshold.min() / snr.max())
    high = math.log(_SNR_SPAN[1] * search.looks.threshold.max() / snr.min())
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
    looks = search.looks
    turns = np.maximum(looks.seconds - width_s, 0.0) / period_s
    whole = np.floor(turns)
    rest = (turns - whole)[:, None]
    found = search.found(flux_jy, width_s)
    if width_s > LONGEST_DUTY * period_s:
        found = np.zeros_like(found)
    missed = 1.0 - found
    none = missed ** whole[:, None] * (1.0 - rest * found)
    if active_share < 1:
        none = 1.0 - active_share * (1.0 - none)
    return 1.0 - np.multiply.reduceat(none, looks.first, axis=0)


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
    mean = np.einsum("nmd,nd->nm", windows, lines.prior[:, ::-1], optimize=True)
    nearest = 2 * math.log(lines.distance_pc[0] / 1e3)
    step = math.log(flux[1] / flux[0])
    return Chances(math.log(flux[0]) + nearest + step * np.arange(n_flux + n_distance - 1), mean)
