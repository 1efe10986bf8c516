"""Beams that turn with a star: who sees them, and for how much of a turn.

A cone of half-angle ρ, tilted by χ from the axis of rotation, passes an observer at ζ from that
axis for the share δ of a turn, cos(π δ) = (cos ρ - cos χ cos ζ) / (sin χ sin ζ). Both χ and ζ are
isotropic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_NODES = 400
"""Of cos χ and cos ζ."""
N_DUTIES = 6
"""How many duty cycles stand for all of them."""
LONGEST_DUTY = 0.5
"""A source that is on for longer is steady to a search for pulses, and counted as never found."""


@dataclass(frozen=True)
class Views:
    """What isotropic observers see of one kind of source.

    Attributes
    ----------
    duty : NDArray, shape (k,)
        Pulse over period.
    share : NDArray, shape (k,)
        Of all sources; the rest is never seen.
    """

    duty: NDArray[np.float64]
    share: NDArray[np.float64]


def views(beam_deg: float, duty: float, seen_share: float) -> Views:
    """Duty cycles and their shares, of a beam, or of a duty cycle that is given.

    Parameters
    ----------
    beam_deg, duty, seen_share : float
        As in :class:`surveys.transients.emission.Emission`, one of each.
    """
    if math.isnan(beam_deg):
        return Views(np.array([duty]), np.array([seen_share]))
    mean, share = _cone(round(float(beam_deg), 9))
    # A second beam, opposite, is seen by others; who sees both counts as seeing one.
    return Views(mean, share * min(seen_share, 1.0 / share.sum()))


@lru_cache(maxsize=4096)
def _cone(beam_deg: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean duty cycles of equally large groups of those who see a cone, and their shares."""
    cos_chi = (np.arange(_NODES) + 0.5) / _NODES
    cos_zeta = 2 * (np.arange(2 * _NODES) + 0.5) / (2 * _NODES) - 1
    chi, zeta = np.arccos(cos_chi), np.arccos(cos_zeta)
    # Nodes that straddle a narrow cone would miss it: its cut through ζ is done exactly.
    rho = math.radians(beam_deg)
    if rho < 8.0 / _NODES:
        return _narrow(rho)
    sines = np.sin(chi)[:, None] * np.sin(zeta)
    ratio = (math.cos(rho) - cos_chi[:, None] * cos_zeta) / sines
    duties = np.arccos(np.clip(ratio, -1.0, 1.0)).ravel() / math.pi
    seen = duties[duties > 0]
    return _grouped(seen, len(seen) / duties.size)


def _narrow(rho: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same, of a cone so narrow that the way through it is straight.

    ζ = χ + x ρ with x uniform between -1 and 1: δ = ρ sqrt(1 - x²) / (π sin χ), weighted with
    sin² χ, as χ and ζ both are isotropic. The share that sees it is (π / 4) ρ.
    """
    chi = np.pi * (np.arange(_NODES) + 0.5) / _NODES
    x = (np.arange(_NODES) + 0.5) / _NODES
    duties = rho * np.sqrt(1 - x**2) / (math.pi * np.sin(chi)[:, None])
    weights = np.broadcast_to(np.sin(chi)[:, None] ** 2, duties.shape).ravel()
    order = np.argsort(duties, axis=None)
    duties, weights = np.minimum(duties.ravel()[order], 1.0), weights[order]
    below = np.cumsum(weights) / weights.sum()
    group = np.minimum((below * N_DUTIES).astype(int), N_DUTIES - 1)
    sums = np.bincount(group, weights, N_DUTIES)
    share = math.pi / 4 * rho
    return np.bincount(group, weights * duties, N_DUTIES) / sums, share * sums / sums.sum()


def _grouped(seen: NDArray, share: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    parts = np.array_split(np.sort(seen), N_DUTIES)
    sizes = np.array([len(p) for p in parts])
    return np.array([p.mean() for p in parts]), share * sizes / len(seen)
