"""A sweep of ``slowburst cl``: parts that are written as they finish, and one file of all."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.sinks.atomic import write_bytes
from pipeline.sinks.hdf5 import write_hdf5
from pipeline.versions import versions
from surveys.spectra.cosmologies import Cosmologies, varied
from surveys.spectra.settings import SpectraSettings
from surveys.spectra.spectra import Spectra, calculate
from surveys.spectra.sweep import Chunk, n_chunks, sweep

Real = NDArray[np.float64]

FORMAT = "slowburst-sweep/1"
NAME, PARTS = "sweep.h5", "sweep.parts"
_HOW = ("scheduler", "workers")
"""What changes no number."""


class _Damaged(Exception):
    """A part that is not whole."""


@dataclass(frozen=True)
class Swept:
    """A sweep that is done.

    Attributes
    ----------
    rows : Cosmologies
    cl : (n, n_pair, n_ell) array
        NaN where a row could not be computed.
    summary : dict
    """

    rows: Cosmologies
    cl: Real
    summary: dict[str, Any]


def run_sweep(
    out: Path,
    spectra: Spectra,
    rows: Cosmologies,
    config: Path,
    check: bool,
    tell: Callable[[int, int], object],
) -> Swept:
    """Compute the rows that are not there yet, and write ``sweep.h5``.

    Parameters
    ----------
    out : Path
        Folder of the results; parts wait in ``sweep.parts`` until all are there.
    spectra : Spectra
        Of the settings' own cosmology.
    rows : Cosmologies
    config : Path
        The file of the settings.
    check : bool
        Whether two rows are computed once more, with plans of their own.
    tell : callable
        Called with the chunks that are done and those there are.

    Raises
    ------
    InputError
        The parts that are there are those of other settings.
    """
    settings = spectra.settings
    assert settings.sweep is not None
    about, folder = _identity(spectra, config, rows), out / PARTS
    size, n = settings.sweep.chunk, n_chunks(rows, settings.sweep.chunk)
    shape = (len(spectra.pairs), len(spectra.ells))
    parts = {i: part for i in range(n) if (part := _read_part(folder, i, about, shape)) is not None}
    keep = partial(_write_part, folder, about)
    sweep(settings, config, rows, keep, parts.keys(), tell)
    for i in set(range(n)) - parts.keys():
        part = _read_part(folder, i, about, shape)
        if part is None:
            where = str(folder / _name(i))
            raise InputError(where, "file", "was not written", "let workers share this folder")
        parts[i] = part
    cl = np.concatenate([parts[i].cl for i in range(n)])
    problems = [problem for i in range(n) for problem in parts[i].problems]
    summary = _summary(rows, problems, size)
    if check:
        summary["verify"] = _checked(settings, config, rows, cl)
    write_hdf5(out / NAME, partial(_fill, spectra=spectra, rows=rows, cl=cl, problems=problems))
    shutil.rmtree(folder, ignore_errors=True)
    return Swept(rows, cl, summary)


def _summary(rows: Cosmologies, problems: list[str], size: int) -> dict[str, Any]:
    bad = [i for i, problem in enumerate(problems) if problem]
    summary: dict[str, Any] = {
        "n": len(rows),
        "parameters": list(rows.names),
        "chunk": size,
        "n_failed": len(bad),
    }
    if bad:
        summary["first_failure"] = f"row {bad[0] + 1}: {problems[bad[0]]}"
    return summary


def _checked(
    settings: SpectraSettings, config: Path, rows: Cosmologies, cl: Real
) -> dict[str, Any]:
    """How far the rows of the least and the largest spectra are from plans of their own."""
    good = np.nonzero(np.isfinite(cl).all((1, 2)))[0]
    if not good.size:
        return {}
    own = [i for i, (a, b) in enumerate(settings.pairs) if a == b] or [0]
    size = np.log(np.abs(cl[good][:, own])).sum((1, 2))
    chosen = sorted({int(good[size.argmin()]), int(good[size.argmax()])})
    worst = 0.0
    for i in chosen:
        cosmology = varied(settings.cosmology, rows.names, rows.values[i])
        alone = replace(settings, cosmology=cosmology, covariance=None, maps=None)
        found = calculate(alone, config)
        worst = max(worst, float((np.abs(cl[i] - found.cl) / found.amplitude).max()))
    return {"rows": [i + 1 for i in chosen], "largest_deviation": worst}


def _identity(spectra: Spectra, config: Path, rows: Cosmologies) -> str:
    """What makes two sweeps the same: settings, rows, and the files that n(z) is from."""
    settings = asdict(spectra.settings)
    settings["sweep"] = {k: v for k, v in settings["sweep"].items() if k not in _HOW}
    for name in ("covariance", "maps"):
        del settings[name]
    digest = hashlib.sha256(rows.values.tobytes())
    for tracer in spectra.settings.tracer:
        if tracer.nz_file is not None:
            digest.update((config.parent / tracer.nz_file).read_bytes())
    known = {"settings": settings, "rows": digest.hexdigest(), "version": versions()["slowburst"]}
    return json.dumps(known, default=str, sort_keys=True)


def _name(number: int) -> str:
    return f"part_{number:06d}.npz"


def _write_part(folder: Path, about: str, number: int, chunk: Chunk) -> None:
    memory = io.BytesIO()
    problems = np.array(chunk.problems, dtype=np.str_)
    np.savez(memory, about=np.array(about), cl=chunk.cl, problems=problems)
    write_bytes(folder / _name(number), memory.getvalue())


def _read_part(folder: Path, number: int, about: str, shape: tuple[int, int]) -> Chunk | None:
    """A part that was written before, or None.

    Raises
    ------
    InputError
        It is one of another sweep.
    """
    path = folder / _name(number)
    if not path.is_file():
        return None
    try:
        part = _load(path)
    except _Damaged:
        return None
    if part["about"].item() != about or part["cl"].shape[1:] != shape:
        problem = f"has parts ({path.name}) of other settings or another table"
        remedy = "go on with those, remove the folder, or give another --out"
        raise InputError(str(folder), "sweep", problem, remedy)
    return Chunk(part["cl"], tuple(map(str, part["problems"])))


def _load(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            part = {name: file[name] for name in ("about", "cl", "problems")}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _Damaged from error
    if part["cl"].ndim != 3 or len(part["cl"]) != len(part["problems"]):
        raise _Damaged
    return part


def _fill(
    file: h5py.File, spectra: Spectra, rows: Cosmologies, cl: Real, problems: list[str]
) -> None:
    file.attrs["format"] = FORMAT
    file.attrs["settings"] = json.dumps(asdict(spectra.settings), default=str)
    file.attrs["versions"] = json.dumps(versions())
    for name, values in zip(rows.names, rows.values.T, strict=True):
        file[f"parameters/{name}"] = values
    file["ell"], file["pairs"] = spectra.ells, spectra.labels
    packed = {"compression": "gzip", "shuffle": True}
    file.create_dataset("cl", data=cl, chunks=(1, *cl.shape[1:]), **packed)
    file["error"] = spectra.error
    file["error"].attrs["of"] = "sqrt(C_aa C_bb), at the cosmology of the settings"
    file["problem"] = problems
