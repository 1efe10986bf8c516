"""The table ``[sweep]`` of the file of ``slowburst cl``: which cosmologies, and who computes."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path

from surveys.errors import SettingProblem, check_ranges
from surveys.scheduling import Workers

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class ParameterLists:
    """Numbers for some parameters of a cosmology.

    Attributes
    ----------
    h, omega_m, omega_b, n_s, sigma8, a_s, omega_k, w0, wa, m_nu, n_eff, t_cmb
        As in `cosmo.parameters.Cosmology`.
    """

    h: Numbers | None = None
    omega_m: Numbers | None = None
    omega_b: Numbers | None = None
    n_s: Numbers | None = None
    sigma8: Numbers | None = None
    a_s: Numbers | None = None
    omega_k: Numbers | None = None
    w0: Numbers | None = None
    wa: Numbers | None = None
    m_nu: Numbers | None = None
    n_eff: Numbers | None = None
    t_cmb: Numbers | None = None

    def __post_init__(self) -> None:
        for name, values in self.given.items():
            if not values:
                raise SettingProblem(name, "is empty", "give numbers, or leave it out")
        if not self.given:
            raise SettingProblem("omega_m", "is missing, as all others", "give a parameter")

    @property
    def given(self) -> dict[str, Numbers]:
        """Those that are there."""
        every = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: values for name, values in every.items() if values is not None}


PARAMETERS = tuple(f.name for f in fields(ParameterLists))


@dataclass(frozen=True)
class SweepSettings:
    """Spectra of many cosmologies.

    Attributes
    ----------
    file : Path, optional
        ECSV or NPZ: a column a parameter, a row a cosmology.
    values : ParameterLists, optional
        Or every combination of these.
    ranges : ParameterLists, optional
        Or a Latin hypercube between two numbers each.
    n, seed : int
        Of the hypercube.
    chunk : int
        Cosmologies that are written at a time.
    scheduler : str
        "threads", "processes" or "synchronous" of Dask, or the address of a cluster.
    workers : int, optional
        As many as processors without.
    """

    file: Path | None = None
    values: ParameterLists | None = None
    ranges: ParameterLists | None = None
    n: int = 100
    seed: int = 0
    chunk: int = 16
    scheduler: str = "threads"
    workers: int | None = None

    def __post_init__(self) -> None:
        limits = {"n": (1, 1_000_000), "seed": (0, (1 << 63) - 1), "chunk": (1, 100_000)}
        check_ranges(self, limits)
        ways = [w for w in ("file", "values", "ranges") if getattr(self, w) is not None]
        if len(ways) != 1:
            problem = f"is given beside {ways[0]}" if ways else "is missing"
            name = ways[1] if ways else "file"
            raise SettingProblem(name, problem, "give one of file, values and ranges")
        for name, ends in (self.ranges.given if self.ranges else {}).items():
            if len(ends) != 2 or not ends[0] < ends[1]:
                remedy = "give two numbers, the lower one first"
                raise SettingProblem(f"ranges.{name}", f"is {list(ends)}", remedy)
        if self.values is not None:
            n = math.prod(len(v) for v in self.values.given.values())
            if n > 1_000_000:
                remedy = "give fewer, or ranges for a hypercube"
                raise SettingProblem("values", f"has {n} combinations", remedy)
        Workers(self.scheduler, self.workers)
