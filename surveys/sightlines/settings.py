"""What is said of a burst, and of how its budget is drawn.

Each class is a table of the file of ``slowburst dm-host --frb``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.cosmology import available

from cosmo.background import cosmology_named
from cosmo.baryons import diffuse_fraction
from cosmo.cosmic_dm import CosmicDMDistribution
from surveys.errors import SettingProblem, check_ranges
from surveys.sightlines.gas_settings import GasSettings


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
        positive = math.ulp(0.0), math.inf
        check_ranges(
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
    halo_log_mass : float, optional
        Instead of ``halo``: the mass of the Galaxy's halo, filled with gas as ``[gas]`` says.
    """

    ism: float | None = None
    ism_err: float | None = None
    ism_map: Path | None = None
    ism_table: Path | None = None
    ism_model: str | None = None
    halo: float = 50.0
    halo_err: float = 25.0
    halo_log_mass: float | None = None

    def __post_init__(self) -> None:
        check_ranges(self, dict.fromkeys(("ism", "ism_err", "halo", "halo_err"), (0.0, 10000.0)))
        check_ranges(self, {"halo_log_mass": (11.0, 13.0)})
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
        check_ranges(self, {"f_igm": (0.0, 1.0), "f_parameter": (0.01, 2.0), "scatter": (0.0, 2.0)})


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
        check_ranges(self, {"log_mass_limit": (8.0, 16.0), "log_mass_min": (8.0, 15.0)})
        if self.log_mass_limit is not None and self.log_mass_limit <= self.log_mass_min:
            problem = f"is {self.log_mass_limit}, not above log_mass_min of {self.log_mass_min}"
            raise SettingProblem("log_mass_limit", problem, "give more, or leave it out")


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
        check_ranges(self, {"n_draws": (100, 10_000_000), "seed": (0, (1 << 63) - 1)})


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

    def __post_init__(self) -> None:
        if self.cosmology not in available:
            remedy = f"give one of {', '.join(available)}"
            raise SettingProblem("cosmology", f"is {self.cosmology!r}", remedy)
        z, share, f = self.frb.z, self.igm.f_igm, self.igm.f_parameter
        diffuse = diffuse_fraction(np.linspace(0, z, 33), cosmology_named(self.cosmology))
        if share is not None and share > diffuse.min():
            problem = f"is {share}, of {diffuse.min():.3f} of all baryons that are in no star"
            raise SettingProblem("igm.f_igm", problem, "give less, or leave it out")
        if f is not None:
            try:
                CosmicDMDistribution(f).sigma(z)
            except ValueError as error:
                raise SettingProblem(
                    "igm.f_parameter", str(error), "give scatter instead"
                ) from None
