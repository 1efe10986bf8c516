"""The cosmologies of a sweep: one row of parameters each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import jax
import numpy as np
from numpy.typing import NDArray

from surveys.errors import InputError, unknown
from surveys.spectra.files import MEND, column, read
from surveys.spectra.settings import CosmologySettings, SpectraSettings
from surveys.spectra.sources import cosmology_from
from surveys.spectra.sweep_settings import PARAMETERS, SweepSettings

Real = NDArray[np.float64]

_AMPLITUDES = {"sigma8": "a_s", "a_s": "sigma8"}


@dataclass(frozen=True)
class Cosmologies:
    """Parameters by row.

    Attributes
    ----------
    names : tuple of str
    values : (n, n_name) array
    """

    names: tuple[str, ...]
    values: Real

    def __len__(self) -> int:
        return len(self.values)


def cosmologies_of(settings: SpectraSettings, where: Path) -> Cosmologies:
    """The rows that ``[sweep]`` asks for, all of which make a cosmology.

    Raises
    ------
    InputError
        A parameter is unknown, a row is not finite or makes no cosmology, there are no rows, or
        something else in the settings belongs to one cosmology alone.
    """
    sweep = settings.sweep
    assert sweep is not None
    _check_free(settings, str(where))
    place = str(where) if sweep.file is None else str(where.parent / sweep.file)
    rows = _rows(sweep, where)
    with jax.enable_x64(True):
        for i, row in enumerate(rows.values):
            at = f"{place}: row {i + 1}" if sweep.file is not None else f"{place}: sweep"
            cosmology_from(varied(settings.cosmology, rows.names, row), at)
    return rows


def varied(
    cosmology: CosmologySettings, names: tuple[str, ...], row: NDArray[np.float64]
) -> CosmologySettings:
    """The cosmology with some parameters of a row; one amplitude takes the place of the other."""
    changes: dict[str, float | None] = dict(zip(names, map(float, row), strict=True))
    for name, other in _AMPLITUDES.items():
        if name in names:
            changes[other] = None
    return replace(cosmology, **changes)  # type: ignore[arg-type]


def _rows(sweep: SweepSettings, where: Path) -> Cosmologies:
    if sweep.file is not None:
        return _table(where.parent / sweep.file)
    if sweep.values is not None:
        given = sweep.values.given
        rows = Cosmologies(tuple(given), np.array(list(product(*given.values())), float))
    else:
        assert sweep.ranges is not None
        given = sweep.ranges.given
        low, high = np.array(list(given.values())).T
        from scipy.stats import qmc  # half a second, which other runs are spared

        cube = qmc.LatinHypercube(len(given), rng=sweep.seed).random(sweep.n)
        rows = Cosmologies(tuple(given), low + cube * (high - low))
    _check_amplitudes(rows.names, str(where), "sweep")
    return rows


def _table(path: Path) -> Cosmologies:
    columns = read(path)
    for name in columns:
        if name not in PARAMETERS:
            raise unknown(str(path), "column", name, PARAMETERS)
    if not columns:
        raise InputError(str(path), "table", "has no columns", "give a column a parameter")
    _check_amplitudes(tuple(columns), str(path), "table")
    values = [column(columns, path, name, ())[1] for name in columns]
    for name, one in zip(columns, values, strict=True):
        if one.ndim != 1 or one.size != values[0].size:
            raise InputError(str(path), name, f"has the shape {one.shape}", MEND)
        if (bad := np.nonzero(~np.isfinite(one))[0]).size:
            finite_rows = f"is {one[bad[0]]} in row {bad[0] + 1}"
            raise InputError(str(path), name, finite_rows, "take the row out, or mend it")
    if not values[0].size:
        raise InputError(str(path), "table", "has no rows", "give a row a cosmology")
    return Cosmologies(tuple(columns), np.stack(values, axis=1))


def _check_amplitudes(names: tuple[str, ...], where: str, field: str) -> None:
    if set(_AMPLITUDES) <= set(names):
        raise InputError(where, field, "has sigma8 and a_s", "give one of them")


def _check_free(settings: SpectraSettings, where: str) -> None:
    """Nothing but the parameters may know of a cosmology."""
    fixed = {
        "cosmology.background": settings.cosmology.background,
        "power.file": settings.power.file,
        **{f"tracer[{i}].kernel_file": t.kernel_file for i, t in enumerate(settings.tracer)},
    }
    for field, given in fixed.items():
        if given is not None:
            problem = "is of one cosmology, and [sweep] asks for many"
            raise InputError(where, field, problem, "leave it out, or [sweep]")
