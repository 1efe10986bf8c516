"""Settings and results of fits in the uv plane."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from enum import IntFlag

import jax
from jax import Array

from surveys.errors import check_ranges
from surveys.fitting.profiles import GAUSSIAN_INDEX, LEAST_INDEX, MOST_INDEX


class FitFlag(IntFlag):
    """What is wrong with a fit."""

    NOT_CONVERGED = 1
    NOT_DETECTED = 2
    UNRESOLVED = 4
    RESOLVED_OUT = 8
    AT_BOUND = 16


@dataclass(frozen=True)
class FitSettings:
    """What is fitted.

    Attributes
    ----------
    index : float, optional
        Of Sérsic; 0.5 is a Gaussian, 1 an exponential disc. Without, it is fitted.
    elliptical : bool
    most_steps : int
    search_arcsec : float, optional
        Farthest from the centre that the source may be; a quarter of the field without.
    """

    index: float | None = GAUSSIAN_INDEX
    elliptical: bool = True
    most_steps: int = 60
    search_arcsec: float | None = None

    def __post_init__(self) -> None:
        ranges = {
            "index": (LEAST_INDEX, MOST_INDEX),
            "most_steps": (1, 1000),
            "search_arcsec": (math.ulp(0.0), math.inf),
        }
        check_ranges(self, ranges)


@dataclass(frozen=True)
class UvSizes:
    """Sources as their visibilities have them.

    Attributes
    ----------
    flux_jy, flux_err_jy : (...)
    x_arcsec, y_arcsec : (...)
        From the centre of the image.
    r_half_arcsec, r_half_err_arcsec : (...)
        Circularised half-light radius; NaN where the source is not detected or not resolved.
    r_limit_arcsec : (...)
        95 % upper limit of the radius of a source that is not resolved; NaN elsewhere.
    axis_ratio, pa_deg, index : (...)
        Position angles from north (up) through east (left).
    chi2, gain_over_point, gain_over_nothing : (...)
        Chi^2, and how much larger it is for a point and for nothing.
    n_degrees, n_steps : (...)
        Degrees of freedom, and steps taken.
    flags : (...)
        Sums of :class:`FitFlag`.
    parameters, covariance : (..., 7), (..., 7, 7)
        As in `surveys.fitting.elliptical`; 0 for what was not fitted.
    """

    flux_jy: Array
    flux_err_jy: Array
    x_arcsec: Array
    y_arcsec: Array
    r_half_arcsec: Array
    r_half_err_arcsec: Array
    r_limit_arcsec: Array
    axis_ratio: Array
    pa_deg: Array
    index: Array
    chi2: Array
    gain_over_point: Array
    gain_over_nothing: Array
    n_degrees: Array
    n_steps: Array
    flags: Array
    parameters: Array
    covariance: Array


jax.tree_util.register_dataclass(UvSizes, [f.name for f in fields(UvSizes)], [])
