"""Where tiles are in the course of a day, and when a telescope can begin to follow them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surveys.planning.earth import horizontal_grid
from surveys.planning.telescopes import Telescope
from surveys.planning.windows import DAY_S, Limits

_CHUNK = 2_000_000


@dataclass(frozen=True)
class Tracks:
    """Directions of places (tiles, then calibrators) at the steps of a day.

    Attributes
    ----------
    first_mjd : float
    step_s : float
    altitude_deg, azimuth_deg : (place, step) float32
    steps : (place,) int64
        That a visit lasts.
    can_begin : (place, step) bool
        Whether the place is open from a step to the end of a visit.
    left : (place, step) int32
        Steps from this one on at which a visit can begin.
    is_lit : (step,) bool
        Whether any tile is open.
    """

    first_mjd: float
    step_s: float
    altitude_deg: NDArray[np.float32]
    azimuth_deg: NDArray[np.float32]
    steps: NDArray[np.int64]
    can_begin: NDArray[np.bool_]
    left: NDArray[np.int32]
    is_lit: NDArray[np.bool_]

    @property
    def n_steps(self) -> int:
        return len(self.is_lit)

    def mjd(self, step: NDArray | int) -> NDArray[np.float64]:
        """When steps begin."""
        return self.first_mjd + np.asarray(step) * (self.step_s / DAY_S)

    def mount(
        self, telescope: Telescope, place: NDArray, step: NDArray, from_deg: float
    ) -> tuple[NDArray, NDArray]:
        """Altitude and azimuth of the mount for visits that begin at steps; NaN if none."""
        last = np.minimum(step + self.steps[place], self.n_steps)
        begin, end = (self.azimuth_deg[place, k].astype(float) for k in (step, last))
        return (
            self.altitude_deg[place, step].astype(float),
            telescope.mount_azimuth(begin, end, from_deg),
        )


def tracks_of(
    limits: Limits,
    place_deg: tuple[NDArray, NDArray],
    visit_s: NDArray,
    span_mjd: tuple[float, float],
    step_s: float,
) -> Tracks:
    """Follow places through a day.

    Parameters
    ----------
    limits : Limits
    place_deg : ((place,), (place,))
        ICRS.
    visit_s : (place,)
        Length of a visit; of tiles 0 or more, of calibrators less than 0 (its size counts).
    span_mjd : (float, float)
    step_s : float
    """
    ra, dec = place_deg
    n = int(np.floor((span_mjd[1] - span_mjd[0]) * DAY_S / step_s + 1e-6))
    mjd = span_mjd[0] + np.arange(n + 1) * (step_s / DAY_S)
    steps = np.maximum(np.ceil(np.abs(visit_s) / step_s - 1e-9), 1).astype(np.int64)
    altitude, azimuth = (np.empty((len(ra), n + 1), np.float32) for _ in range(2))
    can_begin, is_lit = np.zeros((len(ra), n), bool), np.zeros(n, bool)
    size = max(_CHUNK // (n + 1), 1)
    sun = limits.sun(mjd)
    for low in range(0, len(ra), size):
        part = slice(low, low + size)
        up, around = horizontal_grid(ra[part], dec[part], mjd, limits.telescope.site)
        altitude[part], azimuth[part] = up, around
        is_open = limits.room(up, around, mjd, sun) >= 0
        is_lit |= is_open[visit_s[part] >= 0, :-1].any(axis=0)
        # How many of the steps up to each one are closed.
        closed = np.concatenate(
            [np.zeros((len(up), 1), np.int64), np.cumsum(~is_open, axis=1)], axis=1
        )
        last = np.arange(n) + steps[part, None] + 1
        inside = last <= n + 1
        whole = np.take_along_axis(closed, np.minimum(last, n + 1), 1) == closed[:, :n]
        can_begin[part] = inside & whole
    left = np.cumsum(can_begin[:, ::-1], axis=1, dtype=np.int32)[:, ::-1]
    return Tracks(span_mjd[0], step_s, altitude, azimuth, steps, can_begin, left, is_lit)
