"""Spectra of many cosmologies, by one plan and with Dask.

A plan is made once, at the cosmology of the settings, for distances that hold the windows of all
rows (`surveys.spectra.sweep_plan`). A row then costs a background, P(k) and one sum. Rows are
shared out in chunks; each is one task of Dask.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import dask
import jax
import numpy as np
from numpy.typing import NDArray

from surveys.scheduling import Tell, Workers, compute
from surveys.spectra.cosmologies import Cosmologies
from surveys.spectra.settings import SpectraSettings
from surveys.spectra.sweep_plan import SweepPlan, make_sweep_plan

Real = NDArray[np.float64]
Keep = Callable[[int, "Chunk"], Any]

_planning = Lock()


@dataclass(frozen=True)
class Chunk:
    """Some rows of a sweep.

    Attributes
    ----------
    cl : (n, n_pair, n_ell) array
        NaN in rows that could not be computed.
    problems : tuple of str
        Why, by row; empty where nothing was wrong.
    """

    cl: Real
    problems: tuple[str, ...]


def sweep(
    settings: SpectraSettings,
    where: Path,
    rows: Cosmologies,
    keep: Keep | None = None,
    done: Collection[int] = (),
    tell: Tell = lambda *_: None,
) -> list[Any]:
    """Compute the spectra of all rows.

    Parameters
    ----------
    settings : SpectraSettings
        With ``sweep``.
    where : Path
        Their file, which others are found beside.
    rows : Cosmologies
        Of `surveys.spectra.cosmologies.cosmologies_of`.
    keep : callable, optional
        Called with the number of a chunk and the chunk, by who has computed it, which may be
        another process: to write it away. What it gives back is returned in place of the chunk.
    done : collection of int
        Chunks that are not wanted.
    tell : callable
        Called with the chunks that are done and those there are.

    Returns
    -------
    list of Chunk, or of what `keep` gives
        In the order of rows.

    Raises
    ------
    InputError
        The plan cannot be made, or there is no cluster at the address.
    """
    chosen = settings.sweep
    assert chosen is not None
    wanted = [i for i in range(n_chunks(rows, chosen.chunk)) if i not in done]
    task = dask.delayed(_task, pure=False)  # type: ignore[attr-defined]
    tasks = [task(settings, where, rows, i, keep) for i in wanted]
    if not tasks:
        return []
    if chosen.scheduler == "threads":
        # Before threads wait for each other, and errors are plain here.
        sweep_plan(settings, where, rows)
    who = Workers(chosen.scheduler, chosen.workers)
    return compute(tasks, who, (str(where), "sweep.scheduler"), tell, len(done))


def n_chunks(rows: Cosmologies, size: int) -> int:
    """Chunks of so many rows."""
    return -(-len(rows) // size)


def sweep_plan(settings: SpectraSettings, where: Path, rows: Cosmologies) -> SweepPlan:
    """The plan of a sweep; a process makes it once."""
    with _planning:
        key = rows.names, rows.values.tobytes()
        return _plan(settings, where, key)


@lru_cache(maxsize=1)
def _plan(settings: SpectraSettings, where: Path, key: tuple[tuple[str, ...], bytes]) -> SweepPlan:
    names, values = key
    rows = Cosmologies(names, np.frombuffer(values).reshape(-1, len(names)))
    return make_sweep_plan(settings, where, rows)


def _task(
    settings: SpectraSettings, where: Path, rows: Cosmologies, number: int, keep: Keep | None
) -> Any:
    """One chunk."""
    assert settings.sweep is not None
    plan, size = sweep_plan(settings, where, rows), settings.sweep.chunk
    some = rows.values[number * size : (number + 1) * size]
    found = [_row(plan, rows.names, row) for row in some]
    chunk = Chunk(np.stack([cl for cl, _ in found]), tuple(problem for _, problem in found))
    return chunk if keep is None else keep(number, chunk)


def _row(plan: SweepPlan, names: tuple[str, ...], row: Real) -> tuple[Real, str]:
    """Spectra of a row, and what was wrong with it."""
    none = np.full(plan.found.cl.shape, np.nan)
    try:
        with jax.enable_x64(True):
            cl = plan.spectra(names, row)
    except ValueError as error:
        return none, str(error)
    return (cl, "") if np.isfinite(cl).all() else (none, "spectra are not finite")
