"""What is said of a burst, of the gas before it, and of how its budget is drawn.

Each class is a table of the file of ``slowburst dm-host --frb``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cosmo.concentration import RELATIONS
from cosmo.halos import MASS_DEFINITIONS
from cosmo.profiles import PROFILES, Profile
from surveys.errors import SettingProblem

_SHAPE = ("alpha", "y0", "core", "scale", "beta", "epsilon", "gamma", "slope")


def _check(settings: object, ranges: Mapping[str, tuple[float, float]]) -> None:
    for name, (least, most) in ranges.items():
        value = getattr(settings, name)
        if value is not None and not least <= value <= most:
            raise SettingProblem(name, f"is {value}", f"give {least:g} to {most:g}")


@dataclass(frozen=True)
class Frb:
    """A burst.

    Attributes
    ----------
    name : str
    ra, dec : float
        ICRS, degrees.
    z : float
        Of its host.
    dm, dm_err : float
        As observed, pc cm^-3.
    tau_ms, tau_err_ms, nu_ghz : float, optional
        Scattering time, its error, and the frequency that it was measured at.
    halpha_flux : float, optional
        Of the host, erg s^-1 cm^-2, without the extinction of the Milky Way.
    halpha_radius_arcsec : float
        Radius of the circle that the flux comes from.
    log_mstar, log_mstar_err : float, optional
        log10 of the stellar mass of the host, Msun.
    """

    name: str
    ra: float
    dec: float
    z: float
    dm: float
    dm_err: float = 0.0
    tau_ms: float | None = None
    tau_err_ms: float = 0.0
    nu_ghz: float | None = None
    halpha_flux: float | None = None
    halpha_radius_arcsec: float = 0.5
    log_mstar: float | None = None
    log_mstar_err: float = 0.0

    def __post_init__(self) -> None:
        positive = 1e-300, math.inf
        _check(
            self,
            {
                "ra": (-360, 360),
                "dec": (-90, 90),
                "z": (1e-4, 8.0),
                "dm": (0.0, 1e5),
                "dm_err": (0.0, 1e5),
                "tau_ms": positive,
                "tau_err_ms": (0.0, math.inf),
                "nu_ghz": positive,
                "halpha_flux": positive,
                "halpha_radius_arcsec": positive,
                "log_mstar": (5.0, 13.0),
                "log_mstar_err": (0.0, 3.0),
            },
        )
        if (self.tau_ms is None) != (self.nu_ghz is None):
            missing = "nu_ghz" if self.nu_ghz is None else "tau_ms"
            raise SettingProblem(missing, "is missing", "give tau_ms and nu_ghz, or none of them")


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
        _check(self, ranges)
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


def _choose(name: str, value: str, known: Any) -> None:
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


@dataclass(frozen=True)
class MilkyWaySettings:
    """The Milky Way, as we observe it.

    Attributes
    ----------
    ism : float, optional
        Of the disc, pc cm^-3.
    ism_err : float, optional
        Standard deviation; a fifth of it without.
    ism_map : Path, optional
        Instead of ``ism``: a HEALPix map.
    ism_table : Path, optional
        Or a table of ``l, b, dm``.
    ism_model : str, optional
        Or ``NE2001`` or ``NE2025``, by the package mwprop.
    halo, halo_err : float
    """

    ism: float | None = None
    ism_err: float | None = None
    ism_map: Path | None = None
    ism_table: Path | None = None
    ism_model: str | None = None
    halo: float = 50.0
    halo_err: float = 25.0

    def __post_init__(self) -> None:
        _check(self, dict.fromkeys(("ism", "ism_err", "halo", "halo_err"), (0.0, 10000.0)))
        given = (self.ism, self.ism_map, self.ism_table, self.ism_model)
        if sum(v is not None for v in given) != 1:
            remedy = "give one of ism, ism_map, ism_table and ism_model"
            raise SettingProblem("ism", "is missing or given twice", remedy)


@dataclass(frozen=True)
class IgmSettings:
    """The gas between halos.

    Attributes
    ----------
    f_igm : float, optional
        Share of the baryons that is there; what halos and stars leave without it.
    f_parameter : float, optional
        F of the distribution of Macquart et al. (2020) for the scatter between sightlines.
    scatter : float
        Without it: standard deviation of the logarithm.
    """

    f_igm: float | None = None
    f_parameter: float | None = None
    scatter: float = 0.2

    def __post_init__(self) -> None:
        _check(self, {"f_igm": (0.0, 1.0), "f_parameter": (0.01, 2.0), "scatter": (0.0, 2.0)})


@dataclass(frozen=True)
class UnseenSettings:
    """Halos that the catalogs are too shallow for, by a mass function.

    Attributes
    ----------
    log_mass_limit : float, optional
        Below which (log10 of M200m in Msun) halos are in no catalog; none are added without it.
    log_mass_min : float
        The lightest halo with hot gas: counted here, and in what is left for the IGM.
    """

    log_mass_limit: float | None = None
    log_mass_min: float = 10.0

    def __post_init__(self) -> None:
        _check(self, {"log_mass_limit": (8.0, 16.0), "log_mass_min": (8.0, 16.0)})


@dataclass(frozen=True)
class MonteCarlo:
    """How many times the budget is drawn.

    Attributes
    ----------
    n_draws : int
    seed : int
    """

    n_draws: int = 100_000
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self, {"n_draws": (100, 10_000_000), "seed": (0, (1 << 63) - 1)})


@dataclass(frozen=True)
class SightlineSettings:
    """A burst and its budget.

    Attributes
    ----------
    frb : Frb
    milky_way : MilkyWaySettings
    gas : GasSettings
    igm : IgmSettings
    unseen : UnseenSettings
    mc : MonteCarlo
    cosmology : str
        Of astropy.
    """

    frb: Frb
    milky_way: MilkyWaySettings
    gas: GasSettings = field(default_factory=GasSettings)
    igm: IgmSettings = field(default_factory=IgmSettings)
    unseen: UnseenSettings = field(default_factory=UnseenSettings)
    mc: MonteCarlo = field(default_factory=MonteCarlo)
    cosmology: str = "Planck18"
