r"""Sizes against luminosity and redshift, :math:`R = R_0 (L/L_*)^\beta (1 + z)^{-m}`.

ln R is a straight line in ln L and ln(1 + z), and normal about it with the intrinsic scatter: one
fit serves the relation with luminosity, that with redshift and the one with both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike
from scipy.stats import norm

from surveys.errors import SettingProblem, check_ranges
from surveys.scaling.likelihood import Floats, LinearData, Outliers
from surveys.scaling.linear_fit import LinearFit, fit_linear
from surveys.scaling.luminosities import true_ln_luminosity
from surveys.scaling.sample import SizeSample

L_STAR = 10**29.03
"""erg/s/Hz: of Lyman-break galaxies at z = 3 (Steidel et al. 1999), as FLARES IV takes it."""

UNITS = {"r0_kpc": "kpc", "beta": "", "m": "", "scatter": ""}
_MOST_LIMITS = 0.9


@dataclass(frozen=True)
class RelationSettings:
    """How a relation is fitted.

    Attributes
    ----------
    l_star : float
        Luminosity at which the size is R0; in the unit of the sample.
    scatter : float, optional
        Intrinsic scatter of ln R, if it is known; without it, it is fitted.
    outlier_fraction : float
        Of galaxies that do not follow the relation; 0 is none.
    outlier_width : float
        Their scatter of ln R about it.
    luminosity_slope : float, optional
        g of the galaxies there are, dN/dlnL proportional to L^g, where luminosities have errors.
        Without it, ln L is taken as normal.
    least_luminosity : float
        At which a sample is cut; only for the normal population of luminosities with errors.
    """

    l_star: float = L_STAR
    scatter: float | None = None
    outlier_fraction: float = 0.0
    outlier_width: float = 1.5
    luminosity_slope: float | None = None
    least_luminosity: float = 0.0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            {
                "l_star": (math.ulp(0.0), 1e60),
                "scatter": (0.0, 10.0),
                "outlier_fraction": (0.0, 0.5),
                "outlier_width": (0.1, 10.0),
                "luminosity_slope": (-10.0, 10.0),
                "least_luminosity": (0.0, 1e60),
            },
        )


@dataclass(frozen=True)
class SizeRelation:
    """A relation of sizes.

    Attributes
    ----------
    names : tuple of str
        Of its parameters: ``r0_kpc``, of ``beta`` and ``m`` what is fitted, ``scatter`` (of ln R).
    fit : LinearFit
        Its parameters are ln R0 and ln(scatter) in place of these two.
    l_star : float
    n_galaxies, n_limits : int
        Those of the fit, and of how many of them only a limit was known.
    """

    names: tuple[str, ...]
    fit: LinearFit
    l_star: float
    n_galaxies: int
    n_limits: int

    def value(self, name: str) -> float:
        """Of a parameter."""
        i = self._place(name)
        if name == "scatter":
            return self.fit.scatter
        value = float(self.fit.parameters[i])
        return math.exp(value) if name == "r0_kpc" else value

    def error(self, name: str) -> float:
        """Standard error; nan of a scatter that was not fitted or is 0."""
        return float(self.fit.errors[self._place(name)] * self._stretch(name))

    @property
    def covariance(self) -> Floats:
        """Of the parameters as named."""
        stretch = np.array([self._stretch(name) for name in self.names])
        return self.fit.covariance * np.outer(stretch, stretch)

    def interval(self, name: str, level: float = 0.6827) -> tuple[float, float]:
        """Interval of a parameter from the profile of the likelihood."""
        low, high = self.fit.profile_interval(self._place(name), level)
        return self._from_fit(name, low), self._from_fit(name, high)

    def bootstrap(self, n: int, seed: int) -> dict[str, Floats]:
        """Values (n,) of each parameter, of galaxies drawn with replacement."""
        drawn = self.fit.bootstrap(n, seed)
        in_log = ("r0_kpc", "scatter")
        return {
            name: np.exp(column) if name in in_log else column
            for name, column in zip(self.names, drawn.T, strict=True)
        }

    def size_kpc(
        self, luminosity: ArrayLike | None = None, z: ArrayLike | None = None, level: float = 0.6827
    ) -> tuple[Floats, Floats, Floats]:
        """Median size of galaxies, and the ends of the interval in which it lies."""
        design = _design("beta" in self.names, "m" in self.names, luminosity, z, self.l_star)
        n_coefficients = design.shape[-1]
        part = self.fit.covariance[:n_coefficients, :n_coefficients]
        middle = design @ self.fit.parameters[:n_coefficients]
        error = np.sqrt(np.einsum("...i,ij,...j->...", design, part, design))
        far = norm.ppf(0.5 + level / 2) * error
        return np.exp(middle), np.exp(middle - far), np.exp(middle + far)

    def table(self) -> Table:
        """One row for each parameter: ``parameter, value, error, low, high, unit``."""
        rows = [
            (name, self.value(name), self.error(name), *self.interval(name), UNITS[name])
            for name in self.names
        ]
        table = Table(rows=rows, names=("parameter", "value", "error", "low", "high", "unit"))
        table.meta |= {
            "l_star": self.l_star,
            "n_galaxies": self.n_galaxies,
            "n_limits": self.n_limits,
            "log_likelihood": self.fit.log_likelihood,
            "goodness": self.fit.goodness(),
        }
        return table

    def _place(self, name: str) -> int:
        if name not in self.names:
            raise ValueError(f"{name!r} is no parameter of it; there are {', '.join(self.names)}")
        return self.names.index(name)

    def _stretch(self, name: str) -> float:
        """By how much a parameter changes with that of the fit."""
        return self.value(name) if name in ("r0_kpc", "scatter") else 1.0

    def _from_fit(self, name: str, value: float) -> float:
        return math.exp(value) if name in ("r0_kpc", "scatter") else value


def fit_size_luminosity(
    sample: SizeSample, settings: RelationSettings | None = None
) -> SizeRelation:
    """R = R0 (L/L*)^beta.

    Raises
    ------
    SettingProblem
        Luminosities are missing or all the same, there are too few galaxies, or limits leave the
        relation open.
    """
    return _fit(sample, True, False, settings)


def fit_size_redshift(sample: SizeSample, settings: RelationSettings | None = None) -> SizeRelation:
    """R = R0 (1 + z)^-m of galaxies of one bin of luminosities, or of medians; errors as above."""
    return _fit(sample, False, True, settings)


def fit_size_luminosity_redshift(
    sample: SizeSample, settings: RelationSettings | None = None
) -> SizeRelation:
    """R = R0 (L/L*)^beta (1 + z)^-m; errors as above."""
    return _fit(sample, True, True, settings)


def _fit(
    sample: SizeSample, by_luminosity: bool, by_z: bool, settings: RelationSettings | None
) -> SizeRelation:
    settings = settings or RelationSettings()
    for name, wanted in (("luminosity", by_luminosity), ("z", by_z)):
        values = getattr(sample, name)
        if wanted and values is None:
            raise SettingProblem(name, "is missing", "give one for each galaxy")
        if wanted and np.ptp(values) <= 1e-9 * np.abs(np.max(values)):
            problem = f"is {values[0]:g} of all galaxies"
            raise SettingProblem(name, problem, "give galaxies that differ in it")
    data = _linear_data(sample, by_luminosity, by_z, settings)
    n_limits = int(np.sum(data.limit != 0))
    if n_limits > _MOST_LIMITS * len(sample):
        problem = f"is a limit for {n_limits} of {len(sample)} galaxies"
        raise SettingProblem("size_kpc", problem, "give measured sizes for a tenth or more")
    outliers = None
    if settings.outlier_fraction > 0:
        outliers = Outliers(settings.outlier_fraction, settings.outlier_width)
    fit = fit_linear(data, settings.scatter, outliers)
    names = ("r0_kpc", *["beta"] * by_luminosity, *["m"] * by_z, "scatter")
    return SizeRelation(names, fit, settings.l_star, len(sample), n_limits)


def _linear_data(
    sample: SizeSample, by_luminosity: bool, by_z: bool, settings: RelationSettings
) -> LinearData:
    design = _design(by_luminosity, by_z, sample.luminosity, sample.z, settings.l_star)
    design_variance = np.zeros_like(design)
    if by_luminosity:
        least = settings.least_luminosity / settings.l_star
        design[:, 1], design_variance[:, 1] = true_ln_luminosity(
            design[:, 1],
            np.asarray(sample.ln_luminosity_err),
            settings.luminosity_slope,
            math.log(least) if least > 0 else -math.inf,
        )
    weight = np.asarray(sample.weight)
    with np.errstate(divide="ignore"):
        lower, upper = np.log(sample.least_kpc), np.log(sample.most_kpc)
    return LinearData(
        np.log(sample.size_kpc),
        design,
        np.asarray(sample.ln_size_err) ** 2,
        design_variance,
        lower,
        upper,
        np.asarray(sample.limit, int),
        weight / weight.mean(),
    )


def _design(
    by_luminosity: bool,
    by_z: bool,
    luminosity: ArrayLike | None,
    z: ArrayLike | None,
    l_star: float,
) -> Floats:
    """What ln R0, beta and m are multiplied with, (..., p)."""
    parts = []
    if by_luminosity:
        if luminosity is None:
            raise ValueError("the relation needs a luminosity")
        parts.append(np.log(np.asarray(luminosity, np.float64) / l_star))
    if by_z:
        if z is None:
            raise ValueError("the relation needs a redshift")
        parts.append(-np.log1p(np.asarray(z, np.float64)))
    return np.stack(np.broadcast_arrays(np.ones(()), *parts), axis=-1)
