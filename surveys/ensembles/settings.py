"""What is said of many bursts that are looked at together.

Each class is a table of the file of ``slowburst dm-sample``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from surveys.errors import SettingProblem
from surveys.sightlines.settings import GasSettings

Range = tuple[float, float]


@dataclass(frozen=True)
class SightlineFiles:
    """A burst and the catalogs of its foreground; paths are relative to the file of the list.

    Attributes
    ----------
    frb : Path
        As for ``slowburst dm-host --frb``.
    catalogs : tuple of Path
    columns : tuple of Path
        A map of columns for each catalog, or none.
    """

    frb: Path
    catalogs: tuple[Path, ...] = ()
    columns: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if len(self.columns) not in (0, len(self.catalogs)):
            problem = f"has {len(self.columns)} maps for {len(self.catalogs)} catalogs"
            raise SettingProblem("columns", problem, "give one for each, or none")


@dataclass(frozen=True)
class Priors:
    """Between which two numbers each parameter is, all places there being as likely.

    Attributes
    ----------
    f_igm : (low, high)
        Share of all baryons that is between halos.
    f_hot : (low, high)
        Share of the baryons of a halo that is hot gas, one for all halos.
    host_median : (low, high)
        Median of the DM of hosts in their rest frame, pc cm^-3; flat in its logarithm.
    host_width : (low, high)
        Standard deviation of the natural logarithm of that DM from host to host.
    alpha, y0, r_max : (low, high), optional
        Of the gas of halos; fixed by ``[gas]`` without.
    """

    f_igm: Range = (0.0, 1.0)
    f_hot: Range = (0.0, 1.0)
    host_median: Range = (10.0, 1000.0)
    host_width: Range = (0.2, 2.0)
    alpha: Range | None = None
    y0: Range | None = None
    r_max: Range | None = None

    def __post_init__(self) -> None:
        limits = {
            "f_igm": (0.0, 1.0),
            "f_hot": (0.0, 1.0),
            "host_median": (0.1, 10000.0),
            "host_width": (0.05, 3.0),
            "alpha": (0.0, 10.0),
            "y0": (0.01, 100.0),
            "r_max": (0.1, 20.0),
        }
        for name, (least, most) in limits.items():
            given = getattr(self, name)
            if given is not None and not least <= given[0] < given[1] <= most:
                remedy = f"give [low, high], ascending, from {least:g} to {most:g}"
                raise SettingProblem(name, f"is {list(given)}", remedy)


@dataclass(frozen=True)
class Sampling:
    """How the posterior is drawn from: by NUTS, chain after chain.

    Attributes
    ----------
    n_warmup, n_draws : int
        Of each chain.
    n_chains : int
    target_accept : float
        Smaller steps with more.
    seed : int
    """

    n_warmup: int = 500
    n_draws: int = 1000
    n_chains: int = 4
    target_accept: float = 0.8
    seed: int = 0

    def __post_init__(self) -> None:
        ranges = {
            "n_warmup": (50, 1_000_000),
            "n_draws": (50, 1_000_000),
            "n_chains": (1, 64),
            "target_accept": (0.5, 0.999),
            "seed": (0, (1 << 32) - 1),
        }
        for name, (least, most) in ranges.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise SettingProblem(name, f"is {value}", f"give {least:g} to {most:g}")


@dataclass(frozen=True)
class EnsembleSettings:
    """Many bursts, one gas.

    Attributes
    ----------
    sightlines : tuple of SightlineFiles
    gas : GasSettings, optional
        Of all halos; that of the bursts' own files without it, which then has to be one.
    edge : float
        Half of the range of radii, over r_max, in which the gas ends, where ``gas`` has a sharp
        edge: a likelihood with a kink cannot be followed by its slope.
    milky_way_halo : str
        Whether the halo of the Milky Way is one unknown for all bursts, or each has its own.
    least_dm : float
        Halos whose mean DM, observed and with all their baryons hot, is less are left out.
    priors : Priors
    sampling : Sampling
    """

    sightlines: tuple[SightlineFiles, ...]
    gas: GasSettings | None = None
    edge: float = 0.1
    milky_way_halo: Literal["shared", "own"] = "shared"
    least_dm: float = 0.1
    priors: Priors = field(default_factory=Priors)
    sampling: Sampling = field(default_factory=Sampling)

    def __post_init__(self) -> None:
        if not self.sightlines:
            raise SettingProblem("sightlines", "is empty", "add a table [[sightlines]] per burst")
        if not 0.01 <= self.edge <= 0.9:
            raise SettingProblem("edge", f"is {self.edge}", "give 0.01 to 0.9")
        if not 0.0 <= self.least_dm <= 1000:
            raise SettingProblem("least_dm", f"is {self.least_dm}", "give 0 to 1000")
