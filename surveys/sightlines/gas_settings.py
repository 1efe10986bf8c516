"""What is said of the gas of halos: the table ``[gas]`` of a burst's file."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cosmo.concentration import RELATIONS
from cosmo.halos import MASS_DEFINITIONS
from cosmo.profiles import PROFILES, Profile
from surveys.errors import SettingProblem, check_ranges

_SHAPE = ("alpha", "y0", "core", "scale", "beta", "epsilon", "gamma", "slope")


@dataclass(frozen=True)
class GasSettings:
    """The gas of halos.

    Attributes
    ----------
    profile : str
        A key of :data:`cosmo.profiles.PROFILES`.
    alpha, y0, core, scale, beta, epsilon, gamma, slope : float, optional
        Parameters of the profiles that have them; that of the profile without it.
    table : Path, optional
        Of the profile "table": two columns, radius over that of the halo, and density.
    f_hot, f_hot_err : float
        Share of the baryons of a halo that is hot gas, within ``radius``; one for all halos.
    r_max : float
        Edge of the gas, over the radius.
    edge : float, optional
        Half of the range of radii, over ``r_max``, in which the gas ends; a sharp edge
        without it.
    renormalise : bool
        Whether ``f_hot`` is of the gas inside ``r_max``, and not of that inside the radius.
    radius : str
        Mass definition whose radius counts.
    concentration : float or str
        For that radius; or a key of :data:`cosmo.concentration.RELATIONS`.
    concentration_scatter_dex : float, optional
        From halo to halo; that of the relation without it, and none with a number.
    concentration_err_dex : float
        Of the relation itself, one for all halos.
    mass_err_dex : float
        Of the calibration of all masses, one for all halos.
    """

    profile: str = "mnfw"
    alpha: float | None = None
    y0: float | None = None
    core: float | None = None
    scale: float | None = None
    beta: float | None = None
    epsilon: float | None = None
    gamma: float | None = None
    slope: float | None = None
    table: Path | None = None
    f_hot: float = 0.75
    f_hot_err: float = 0.0
    r_max: float = 1.0
    edge: float | None = None
    renormalise: bool = False
    radius: str = "vir"
    concentration: float | str = 7.67
    concentration_scatter_dex: float | None = None
    concentration_err_dex: float = 0.0
    mass_err_dex: float = 0.0

    def __post_init__(self) -> None:
        ranges = {
            "f_hot": (0.0, 1.0),
            "f_hot_err": (0.0, 1.0),
            "r_max": (0.01, 20.0),
            "edge": (1e-3, 0.999),
            "alpha": (0.0, 10.0),
            "y0": (1e-3, 100.0),
            "core": (1e-4, 10.0),
            "scale": (1e-3, 100.0),
            "beta": (0.05, 5.0),
            "epsilon": (0.0, 20.0),
            "gamma": (0.1, 20.0),
            "slope": (0.0, 10.0),
            "concentration_scatter_dex": (0.0, 1.0),
            "concentration_err_dex": (0.0, 1.0),
            "mass_err_dex": (0.0, 2.0),
        }
        check_ranges(self, ranges)
        _choose("profile", self.profile, PROFILES)
        _choose("radius", self.radius, MASS_DEFINITIONS)
        if isinstance(self.concentration, str):
            _choose("concentration", self.concentration, RELATIONS)
        elif not 0.1 <= self.concentration <= 100:
            raise SettingProblem("concentration", f"is {self.concentration}", "give 0.1 to 100")
        own = self._own
        for name in _SHAPE:
            if getattr(self, name) is not None and name not in own:
                has = ", ".join(own) or "none"
                raise SettingProblem(name, f"is no parameter of {self.profile}", f"it has {has}")
        if (self.profile == "table") != (self.table is not None):
            raise SettingProblem("table", 'goes with profile = "table"', "give both or none")
        # A table that cannot be used is found before any work starts.
        self.shape()

    @property
    def _own(self) -> tuple[str, ...]:
        if self.profile in ("nfw", "table"):
            return ()
        return PROFILES[self.profile]._fields  # type: ignore[attr-defined]

    def shape(self) -> Profile:
        """The profile with its parameters.

        Raises
        ------
        SettingProblem
            The table cannot be used.
        """
        if self.profile == "nfw":
            return PROFILES["nfw"](0.0, 1.0)
        if self.table is not None:
            return PROFILES["table"](*_read_profile(self.table))
        given = {name: getattr(self, name) for name in self._own}
        return PROFILES[self.profile](**{k: v for k, v in given.items() if v is not None})


def _choose(name: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise SettingProblem(name, f"is {value!r}", f"give one of {', '.join(known)}")


def _read_profile(path: Path) -> tuple[Any, Any]:
    remedy = "give two columns, radius over that of the halo and density, both positive, ascending"
    try:
        x, density = np.loadtxt(path, ndmin=2, unpack=True)
    except (OSError, ValueError) as error:
        raise SettingProblem("table", f"{path} cannot be read ({error})", remedy) from error
    good = len(x) > 1 and (np.diff(x) > 0).all() and x[0] > 0 and (density > 0).all()
    if not good or not np.isfinite([x, density]).all():
        raise SettingProblem("table", f"{path} holds no profile", remedy)
    return x, density
