"""What angular power spectra are wanted, and of what.

Each class is a table of the file of ``slowburst cl``. Files are found from the folder of that file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Literal

import numpy as np

from cosmo.band_powers import Weighting, band_windows
from surveys.errors import SettingProblem, check_ranges
from surveys.spectra.sweep_settings import SweepSettings
from surveys.spectra.tracer_settings import TracerSettings

POSITIVE = math.ulp(0.0), math.inf
Pair = tuple[int, int]


@dataclass(frozen=True)
class CosmologySettings:
    """Parameters of the universe, or its expansion as a table.

    Attributes
    ----------
    background : Path, optional
        NPZ or ECSV of ``z, chi_mpc_h, hubble_h_mpc, growth`` and ``growth_rate``.
    h, omega_m, omega_b, n_s, sigma8, a_s, omega_k, w0, wa, m_nu, n_eff, t_cmb
        As in `cosmo.parameters.Cosmology`.
    """

    background: Path | None = None
    h: float | None = None
    omega_m: float | None = None
    omega_b: float = 0.049
    n_s: float | None = None
    sigma8: float | None = None
    a_s: float | None = None
    omega_k: float = 0.0
    w0: float = -1.0
    wa: float = 0.0
    m_nu: float = 0.06
    n_eff: float = 3.044
    t_cmb: float = 2.7255

    def __post_init__(self) -> None:
        if self.sigma8 is not None and self.a_s is not None:
            raise SettingProblem("a_s", "is given beside sigma8", "give one of them")


@dataclass(frozen=True)
class PowerSettings:
    """Where P(k, z) comes from.

    Attributes
    ----------
    source : str
    file : Path, optional
        Of a table: NPZ or ECSV of ``k_h_mpc, pk_mpc_h3`` and, if there is more than z = 0, ``z``.
    nonlinear : str, optional
        Linear without. A table is taken as it is.
    extend : bool
        Whether P(k, z) may grow as D(z)^2 beyond the redshifts of a table.
    """

    source: Literal["table", "eisenstein-hu", "emu", "camb"] = "eisenstein-hu"
    file: Path | None = None
    nonlinear: Literal["takahashi", "mead2020"] | None = None
    extend: bool = False

    def __post_init__(self) -> None:
        if (self.source == "table") != (self.file is not None):
            problem = "is missing" if self.file is None else f"means nothing with {self.source!r}"
            raise SettingProblem("file", problem, 'give source = "table" and file, or neither')
        if self.nonlinear == "mead2020" and self.source != "camb":
            problem = f"is 'mead2020', which {self.source!r} has not"
            raise SettingProblem("nonlinear", problem, "give 'takahashi', or source = \"camb\"")


@dataclass(frozen=True)
class OutputSettings:
    """Multipoles and pairs.

    Attributes
    ----------
    ell : tuple of int, optional
        Rising; or the next three.
    lmin, lmax, n : int
        About so many, from the first to the last, evenly in their logarithm.
    pairs : "all", "auto" or pairs of names
    """

    ell: tuple[int, ...] | None = None
    lmin: int = 2
    lmax: int = 2000
    n: int = 100
    pairs: tuple[tuple[str, str], ...] | str = "all"

    def __post_init__(self) -> None:
        check_ranges(self, {"lmin": (2, 100_000), "lmax": (2, 100_000), "n": (1, 100_000)})
        if self.lmax < self.lmin:
            problem = f"is {self.lmax}, below lmin = {self.lmin}"
            raise SettingProblem("lmax", problem, "give lmin or more")
        if self.ell is not None:
            self._check_ell(self.ell)
        if isinstance(self.pairs, str) and self.pairs not in ("all", "auto"):
            remedy = 'give "all", "auto" or a list of pairs of names'
            raise SettingProblem("pairs", f"is {self.pairs!r}", remedy)
        if not self.pairs:
            raise SettingProblem("pairs", "is empty", 'give pairs of names, or "all"')

    def _check_ell(self, ell: tuple[int, ...]) -> None:
        if not ell:
            raise SettingProblem("ell", "is empty", "give multipoles of 2 or more")
        if min(ell) < 2 or max(ell) > 100_000:
            wrong = min(ell) if min(ell) < 2 else max(ell)
            raise SettingProblem("ell", f"has {wrong}", "give multipoles from 2 to 100000")
        if (np.diff(ell) <= 0).any():
            after = ell[int(np.argmax(np.diff(ell) <= 0))]
            raise SettingProblem("ell", f"does not rise after {after}", "sort it, each once")

    @property
    def ells(self) -> np.ndarray:
        """Multipoles, rising."""
        if self.ell is not None:
            return np.asarray(self.ell)
        return np.unique(np.round(np.geomspace(self.lmin, self.lmax, self.n)).astype(int))


@dataclass(frozen=True)
class CovarianceSettings:
    """The Gaussian covariance.

    Attributes
    ----------
    f_sky : float
        Fraction of the sky observed.
    bands : tuple of int, optional
        Edges of band powers; band b has the multipoles from one edge to the next less one. Without
        them the covariance is that of each multipole that is computed.
    weighting : str
        Of the multipoles of a band.
    """

    f_sky: float = 1.0
    bands: tuple[int, ...] | None = None
    weighting: Weighting = "uniform"

    def __post_init__(self) -> None:
        check_ranges(self, {"f_sky": (1e-6, 1.0)})
        if self.bands is not None:
            try:
                band_windows(self.bands, self.weighting)
            except ValueError as error:
                remedy = "give two or more rising multipoles"
                raise SettingProblem("bands", str(error), remedy) from None


@dataclass(frozen=True)
class MapSettings:
    """Random maps with the spectra, correlated with each other.

    Attributes
    ----------
    nside : int
        Of HEALPix.
    seed : int
    lognormal : bool
        Of clustering: overdensities that are never below -1.
    noise : bool
        Whether noise is put in.
    """

    nside: int = 256
    seed: int = 0
    lognormal: bool = False
    noise: bool = False

    def __post_init__(self) -> None:
        check_ranges(self, {"nside": (4, 8192), "seed": (0, (1 << 63) - 1)})
        if self.nside & (self.nside - 1):
            raise SettingProblem("nside", f"is {self.nside}, no power of 2", "give 256 or 512")


@dataclass(frozen=True)
class AccuracySettings:
    """How exact the spectra are.

    Attributes
    ----------
    tolerance : float
        Of C_ab over sqrt(C_aa C_bb).
    """

    tolerance: float = 1e-3

    def __post_init__(self) -> None:
        check_ranges(self, {"tolerance": (1e-7, 0.1)})


@dataclass(frozen=True)
class SpectraSettings:
    """Angular power spectra.

    Attributes
    ----------
    tracer : tuple of TracerSettings
    cosmology : CosmologySettings
    power : PowerSettings
    output : OutputSettings
    covariance : CovarianceSettings, optional
    maps : MapSettings, optional
    accuracy : AccuracySettings
    sweep : SweepSettings, optional
        Many cosmologies beside that of the settings.
    """

    tracer: tuple[TracerSettings, ...]
    cosmology: CosmologySettings = field(default_factory=CosmologySettings)
    power: PowerSettings = field(default_factory=PowerSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    covariance: CovarianceSettings | None = None
    maps: MapSettings | None = None
    accuracy: AccuracySettings = field(default_factory=AccuracySettings)
    sweep: SweepSettings | None = None

    def __post_init__(self) -> None:
        if not self.tracer:
            raise SettingProblem("tracer", "is empty", "give a [[tracer]]")
        names = [t.name for t in self.tracer]
        for i, name in enumerate(names):
            if name in names[:i]:
                problem = f"{name!r} is that of another tracer"
                raise SettingProblem(f"tracer[{i}].name", problem, "give each a name of its own")
        labels = [self.label(pair) for pair in self.pairs]
        if len(set(labels)) < len(labels):
            twice = next(label for label in labels if labels.count(label) > 1)
            raise SettingProblem("output.pairs", f"has {twice} twice", "give each pair once")
        self._check_pixels()
        self._check_bands()

    @property
    def pairs(self) -> list[Pair]:
        """Pairs that are written, as places in the list of tracers."""
        places = range(len(self.tracer))
        wanted = self.output.pairs
        if wanted == "all":
            return list(combinations_with_replacement(places, 2))
        if wanted == "auto":
            return [(i, i) for i in places]
        names = [t.name for t in self.tracer]
        for pair in wanted:
            for name in pair:
                if name not in names:
                    problem = f"has {name!r}, which is no tracer"
                    remedy = f"there are {', '.join(names)}"
                    raise SettingProblem("output.pairs", problem, remedy)
        pairs = [(names.index(a), names.index(b)) for a, b in wanted]
        for i, (a, b) in enumerate(pairs):
            if (b, a) in pairs[:i]:
                problem = f"has {names[a]} and {names[b]} both ways round"
                raise SettingProblem("output.pairs", problem, "give each pair once")
        return pairs

    def label(self, pair: Pair) -> str:
        """What the spectrum of a pair is called."""
        return f"{self.tracer[pair[0]].name}x{self.tracer[pair[1]].name}"

    def _check_pixels(self) -> None:
        last = int(self.output.ells[-1])
        for i, tracer in enumerate(self.tracer):
            nside = tracer.pixel_nside
            if nside is not None and last > 4 * nside:
                problem = f"is {nside}, whose pixels are known to ell = {4 * nside}"
                remedy = "give more, or fewer multipoles"
                raise SettingProblem(f"tracer[{i}].pixel_nside", problem, remedy)

    def _check_bands(self) -> None:
        covariance, ells = self.covariance, self.output.ells
        if self.maps is not None and self.maps.lognormal and len(ells) < 2:
            raise SettingProblem("maps.lognormal", "needs more multipoles", "give more in [output]")
        if covariance is None or covariance.bands is None:
            return
        first, last = covariance.bands[0], covariance.bands[-1] - 1
        if first < ells[0] or last > ells[-1] or len(ells) < 2:
            problem = f"go from {first} to {last}, beyond the multipoles {ells[0]} to {ells[-1]}"
            raise SettingProblem("covariance.bands", problem, "give more multipoles in [output]")
