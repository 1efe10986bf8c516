"""Galaxies with sizes: what was measured, and which ones could have been."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surveys.errors import SettingProblem
from surveys.scaling.likelihood import Floats

_RANGES: Mapping[str, tuple[float, float, str]] = {
    "size_kpc": (math.ulp(0.0), 1e6, "give sizes above 0; a galaxy without one has no place here"),
    "luminosity": (math.ulp(0.0), 1e60, "give luminosities above 0"),
    "z": (-0.99, 1200.0, "give redshifts"),
    "ln_size_err": (0.0, 10.0, "give errors of ln R: those of R over R"),
    "ln_luminosity_err": (0.0, 10.0, "give errors of ln L: those of L over L"),
    "least_kpc": (0.0, 1e6, "give 0 where there is none"),
    "most_kpc": (math.ulp(0.0), math.inf, "give infinity where there is none"),
    "limit": (-1, 1, "give 0 for a measured size, -1 for an upper limit, 1 for a lower one"),
    "weight": (math.ulp(0.0), 1e12, "give numbers above 0, and leave out the other galaxies"),
}


@dataclass(frozen=True)
class SizeSample:
    """Sizes of galaxies, or medians of many.

    Attributes
    ----------
    size_kpc : (n,)
        Measured, or the limit that is known of it.
    luminosity : (n,), optional
        In the unit of the L* that is fitted with, erg/s/Hz without.
    z : (n,), optional
    ln_size_err : (n,) or float
        Standard error of ln R, which is that of R over R; of a median, that of the median.
    ln_luminosity_err : (n,) or float
        The same of L; independent of that of R.
    least_kpc, most_kpc : (n,) or float
        What the measured size of this galaxy, of its luminosity and redshift, must be between
        for it to be in the sample.
    limit : (n,) or int
        0 of a measured size, -1 of an upper limit, 1 of a lower one.
    weight : (n,) or float
        How many galaxies of the universe each stands for; only ratios count, and errors do not
        get smaller by them.

    All are checked and, where a single number is given for all, made as long as `size_kpc`.
    """

    size_kpc: ArrayLike
    luminosity: ArrayLike | None = None
    z: ArrayLike | None = None
    ln_size_err: ArrayLike = 0.0
    ln_luminosity_err: ArrayLike = 0.0
    least_kpc: ArrayLike = 0.0
    most_kpc: ArrayLike = math.inf
    limit: ArrayLike = 0
    weight: ArrayLike = 1.0

    def __post_init__(self) -> None:
        shape = np.shape(self.size_kpc)
        if len(shape) != 1 or not shape[0]:
            problem = "is empty" if 0 in shape else f"has {len(shape)} axes"
            raise SettingProblem("size_kpc", problem, "give one size for each galaxy")
        for name, (least, most, remedy) in _RANGES.items():
            given = getattr(self, name)
            if given is None:
                continue
            values = _numbers(name, given)
            if values.ndim and values.shape != shape:
                problem = f"has shape {values.shape}, size_kpc {shape}"
                raise SettingProblem(name, problem, "give one value for each galaxy")
            values = np.broadcast_to(values, shape)
            wrong = ~((values >= least) & (values <= most))
            _refuse(name, wrong, values, remedy)
            object.__setattr__(self, name, values)
        self._check_limits()

    def __len__(self) -> int:
        return len(np.asarray(self.size_kpc))

    def of(self, chosen: NDArray[np.bool_]) -> SizeSample:
        """The galaxies (n,) that are chosen."""
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{k: v[chosen] for k, v in parts.items() if v is not None})

    def _check_limits(self) -> None:
        size, limit = np.asarray(self.size_kpc), np.asarray(self.limit)
        least, most = np.asarray(self.least_kpc), np.asarray(self.most_kpc)
        _refuse("limit", limit != np.round(limit), limit, "give -1, 0 or 1")
        _refuse("most_kpc", most <= least, most, "give more than least_kpc")
        # A limit that is an end of the sample leaves nothing on its far side.
        low = (size < least) | ((limit == -1) & (size == least))
        _refuse("size_kpc", low, size, "is below the least that the sample has: leave it out")
        high = (size > most) | ((limit == 1) & (size == most))
        _refuse("size_kpc", high, size, "is above the most that the sample has: leave it out")


def largest_kpc(luminosity: ArrayLike, least_brightness: ArrayLike) -> Floats:
    """Largest half-light radius at which a galaxy is above a surface brightness.

    Parameters
    ----------
    luminosity : (n,)
    least_brightness : (n,) or float
        Of the mean within the half-light radius, L / (2 pi R^2), in the unit of the luminosity
        per square kpc.

    Returns
    -------
    radius_kpc : (n,)
    """
    bright, least = (
        _numbers("luminosity", luminosity),
        _numbers("least_brightness", least_brightness),
    )
    for name, values in (("luminosity", bright), ("least_brightness", least)):
        _refuse(name, ~((values > 0) & np.isfinite(values)), values, "give numbers above 0")
    return np.sqrt(bright / (2 * math.pi * least))


def _numbers(name: str, values: ArrayLike) -> Floats:
    try:
        # A masked value is none, and is refused as one.
        return np.asarray(np.ma.filled(np.ma.asarray(values, np.float64), np.nan))
    except (TypeError, ValueError) as error:
        raise SettingProblem(name, "holds something else than numbers", "give numbers") from error


def _refuse(name: str, wrong: NDArray[np.bool_], values: Floats, remedy: str) -> None:
    if not np.any(wrong):
        return
    first = int(np.flatnonzero(wrong)[0])
    value = np.broadcast_to(values, np.shape(wrong)).ravel()[first]
    n_wrong = int(np.sum(wrong))
    others = f", and {n_wrong - 1} more" if n_wrong > 1 else ""
    raise SettingProblem(name, f"is {value:g} in galaxy {first + 1}{others}", remedy)
