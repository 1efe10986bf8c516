"""Map many searches: read them, leave out what a map has already, add the rest.

What is added is saved in between, so that a run that was interrupted goes on: it finds its own
sources in the map.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import dask
import numpy as np
from astropy.table import Table

from surveys.coverage.checks import above_horizon, check_overlaps
from surveys.coverage.coverage import SOURCES, Columns, Coverage, combined, no_sources
from surveys.coverage.coverage_file import FILE_NAME, read_coverage
from surveys.coverage.exposure import expose, parted
from surveys.coverage.pointings import NAMES, Pointings
from surveys.coverage.search_results import is_search, n_candidates, pointings_of, read_summary
from surveys.coverage.settings import CoverageSettings
from surveys.errors import InputError
from surveys.scheduling import Tell, compute

_AT_ONCE = 4000
"""Pointings that are added before the map is saved."""
_PART = 500
"""Pointings of one task."""
_WHO = "settings", "run.scheduler"
TABLE_NAME = "pointings.ecsv"
NSIDE = 256
"""Of a new map, unless the settings say another."""


@dataclass(frozen=True)
class Source:
    """Pointings of one search or file.

    Attributes
    ----------
    name : str
    pointings : Pointings
    n_below : int
        Pointings below the horizon, which are left out.
    n_candidates : int
        That the search found; -1 where nothing is known of it.
    """

    name: str
    pointings: Pointings
    n_below: int = 0
    n_candidates: int = -1

    @property
    def digest(self) -> str:
        """SHA-256 of all columns but the names: it knows a source that was moved or renamed."""
        sha = hashlib.sha256()
        for column in NAMES:
            if column != "name":
                sha.update(np.ascontiguousarray(getattr(self.pointings, column)).tobytes())
        return sha.hexdigest()


@dataclass(frozen=True)
class Run:
    """What a run did.

    Attributes
    ----------
    coverage : Coverage
    n_added, n_known : int
        Sources that are new, and that were counted before.
    n_below : int
        Pointings that were left out because they are below the horizon.
    """

    coverage: Coverage
    n_added: int
    n_known: int
    n_below: int


def cover(
    inputs: Sequence[Path],
    settings: CoverageSettings,
    before: Coverage | None,
    save: Callable[[Coverage], object],
    tell: Tell = lambda done, n: None,
) -> Run:
    """Add searches, tables of pointings and other maps to a map.

    Parameters
    ----------
    inputs : sequence of Path
        Folders of searches, or of folders of searches; tables of pointings; maps.
    settings : CoverageSettings
    before : Coverage, optional
        The map so far.
    save : callable
        Called with the map whenever a good deal was added, and at the end, unless it is empty.
    tell : callable
        How many pointings are done.

    Raises
    ------
    InputError
        An input cannot be used, times overlap, or maps differ in their pixels.
    """
    maps, others = _found(inputs)
    parts = [read_coverage(path) for path in maps]
    whole = _begun(before, parts, settings)
    read = [dask.delayed(_read)(path, settings) for path in others]  # type: ignore[attr-defined]
    sources = compute(read, settings.run, _WHO, lambda done, n: None)
    known = set(whole.sources["sha256"].tolist())
    new: dict[str, Source] = {}
    for source in sources:
        if source.digest not in known and len(source.pointings):
            new.setdefault(source.digest, source)
    _check(whole, list(new.values()))
    n_known = sum(source.digest in known for source in sources)
    total = sum(len(source.pointings) for source in new.values())
    done = 0
    for group in _groups(list(new.items())):
        whole = _added(whole, group, settings, partial(_tell_more, tell, done, total))
        # A map of nothing would hold the next run to its pixels.
        if len(whole.pixel):
            save(whole)
        done += sum(len(source.pointings) for _, source in group)
    if not new and len(whole.pixel):
        save(whole)
    n_below = sum(source.n_below for source in sources)
    return Run(whole, len(new) + sum(len(p.sources) for p in parts), n_known, n_below)


def _tell_more(tell: Tell, before: int, total: int, done: int, n: int) -> None:
    tell(before + done, total)


def _added(
    whole: Coverage, group: list[tuple[str, Source]], settings: CoverageSettings, tell: Tell
) -> Coverage:
    """A map with some sources more."""
    pointings = Pointings.joined([source.pointings for _, source in group])
    which = parted(pointings, max(2, -(-len(pointings) // _PART)))
    tasks = [
        dask.delayed(expose)(  # type: ignore[attr-defined]
            pointings.chosen(rows), whole.nside, whole.frame, whole.least_gain
        )
        for rows in which
    ]
    counted = np.cumsum([0, *(len(rows) for rows in which)])
    made = compute(tasks, settings.run, _WHO, lambda i, n: tell(int(counted[i]), n))
    before = whole.pointings
    return replace(
        combined([whole, *made]),
        sources=_with(whole.sources, group),
        pointings=pointings if before is None else Pointings.joined([before, pointings]),
    )


def _found(inputs: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Maps, and searches and tables."""
    maps, others = [], []
    for path in inputs:
        where = str(path)
        if not path.exists():
            raise InputError(where, "input", "does not exist", "check the path")
        if path.is_file():
            (maps if path.suffix in (".h5", ".hdf5") else others).append(path)
        elif (path / FILE_NAME).is_file():
            maps.append(path / FILE_NAME)
        elif is_search(path):
            others.append(path)
        elif (path / TABLE_NAME).is_file():
            others.append(path / TABLE_NAME)
        else:
            within = sorted(p.parent for p in path.rglob("summary.json") if is_search(p.parent))
            if not within:
                problem = "holds no search, no pointings.ecsv and no coverage.h5"
                raise InputError(where, "input", problem, "give what `slowburst search` wrote")
            others += within
    return maps, others


def _begun(before: Coverage | None, parts: list[Coverage], settings: CoverageSettings) -> Coverage:
    """The map that is added to: what there was, and other maps."""
    like = next((m for m in (before, *parts) if m is not None), None)
    nothing = Coverage(
        settings.nside or (NSIDE if like is None else like.nside),
        settings.frame or ("icrs" if like is None else like.frame),
        np.zeros(0, np.int64),
        np.zeros((0, 0), np.float32),
        Columns.none(),
        least_gain=settings.least_gain,
        where="the settings",
    )
    known = set() if before is None else set(before.sources["sha256"].tolist())
    # A map whose sources are all there was added before.
    parts = [p for p in parts if not (known and known >= set(p.sources["sha256"].tolist()))]
    return combined([nothing, *([] if before is None else [before]), *parts])


def _check(whole: Coverage, new: list[Source]) -> None:
    all_of_them = [s.pointings for s in new]
    if whole.pointings is not None:
        all_of_them.append(whole.pointings)
    if all_of_them:
        check_overlaps(Pointings.joined(all_of_them, "inputs"))


def _read(path: Path, settings: CoverageSettings) -> Source:
    found = -1
    if path.is_dir():
        summary = read_summary(path)
        pointings, found = pointings_of(path, summary, settings), n_candidates(summary)
    else:
        pointings = Pointings.read(path)
        named = np.array([f"{path.stem}:{name}" for name in pointings.name])
        pointings = replace(pointings, name=named)
    n, site = len(pointings), settings.site
    if site.lon_deg is not None and site.lat_deg is not None:
        place = site.lon_deg, site.lat_deg
        pointings = above_horizon(pointings, place, site.least_altitude_deg, site.leave_out)
    return Source(str(path), pointings, n - len(pointings), found)


def _groups(new: list[tuple[str, Source]]) -> Iterator[list[tuple[str, Source]]]:
    """Sources of some thousand pointings together."""
    group: list[tuple[str, Source]] = []
    n = 0
    for item in new:
        group.append(item)
        n += len(item[1].pointings)
        if n >= _AT_ONCE:
            yield group
            group, n = [], 0
    if group:
        yield group


def _with(sources: Table, group: list[tuple[str, Source]]) -> Table:
    rows: list[tuple[Any, ...]] = [
        (s.name, digest, len(s.pointings), float(s.pointings.searched_s.sum()), s.n_candidates)
        for digest, s in group
    ]
    rows = [tuple(row[name] for name in SOURCES) for row in sources] + rows
    if not rows:
        return no_sources()
    return Table([list(column) for column in zip(*rows, strict=True)], names=SOURCES)
