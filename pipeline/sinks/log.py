"""Keep every detection on disk while a search runs.

:class:`CandidateLog` appends detections to ``detections.partial`` as they come and
rewrites ``candidates.ecsv`` every few seconds. Whatever ends the search, what it had
found is there; the last record of a log that was cut off is left out on reading.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pipeline.block import StreamHeader
from pipeline.candidates import DetectionTable, build_candidates
from pipeline.errors import InputError
from pipeline.grouping import GroupingRules, group_detections
from pipeline.sinks.atomic import cannot_write
from pipeline.sinks.files import LOG_NAME, TABLE_NAME, write_table

Build = Callable[[DetectionTable, NDArray[np.int64]], Table]
"""Candidates of detections and their groups."""

_FORMAT = "slowburst-detections/1"
_RECORD = np.dtype(
    [
        ("start", "<i8"),
        ("width", "<i8"),
        ("dm", "<f8"),
        ("i_dm", "<i8"),
        ("y", "<i8"),
        ("x", "<i8"),
        ("snr", "<f4"),
        ("sigma", "<f4"),
    ]
)


class CandidateLog:
    """Append-only record of a running search.

    Parameters
    ----------
    out_dir : Path or str
        Folder of the results; made if needed.
    header : StreamHeader
        The recording.
    rules : GroupingRules, optional
        How detections are grouped in the table.
    interval_s : float
        Least time between two rewrites of the table; grouping never takes more than
        about a twentieth of the run.
    clock : callable
        Seconds, monotonic.
    build : callable, optional
        Makes the table of detections and their groups;
        :func:`pipeline.candidates.build_candidates` without.

    Raises
    ------
    InputError, OSError
        If the folder cannot be written to, now or later (disk full).
    """

    def __init__(
        self,
        out_dir: Path | str,
        header: StreamHeader,
        rules: GroupingRules | None = None,
        interval_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        build: Build | None = None,
    ) -> None:
        self.out_dir, self.header, self.rules = Path(out_dir), header, rules
        self.path = self.out_dir / LOG_NAME
        self._build = build or partial(build_candidates, header=header)
        self._tables: list[DetectionTable] = []
        self._interval, self._clock = interval_s, clock
        self._due = clock() + interval_s
        self._dirty = True
        self.n_candidates = 0
        head = {"format": _FORMAT, "source": header.source, "columns": _RECORD.names}
        try:
            self.out_dir.mkdir(parents=True, exist_ok=True)
            # Unbuffered: what was appended is with the operating system at once.
            self._file = open(self.path, "wb", buffering=0)
            self._file.write((json.dumps(head) + "\n").encode())
        except OSError as error:
            # Nothing was searched: earlier results are as they were.
            with contextlib.suppress(OSError, AttributeError):
                self._file.close()
                self.path.unlink()
            raise cannot_write(self.path, error) from error

    @property
    def n_detections(self) -> int:
        return sum(len(t) for t in self._tables)

    def detections(self) -> DetectionTable:
        """Everything appended so far."""
        return DetectionTable.concat(self._tables)

    def append(self, table: DetectionTable) -> None:
        """Add detections; every few seconds the table on disk is brought up to date."""
        if len(table):
            # In memory first: a full disk must not lose what is still to be reported.
            self._tables.append(table)
            self._dirty = True
            try:
                self._file.write(_records(table).tobytes())
            except OSError as error:
                raise cannot_write(self.path, error) from error
        if self._dirty and self._clock() >= self._due:
            self.write_candidates()

    def labels(self) -> NDArray[np.int64]:
        """Group of each of :meth:`detections`."""
        return group_detections(self.detections(), self.header, self.rules)

    def write_candidates(self) -> None:
        """Group what there is and rewrite ``candidates.ecsv``."""
        begin = self._clock()
        candidates = self._build(self.detections(), self.labels())
        write_table(self.out_dir / TABLE_NAME, candidates)
        self.n_candidates = len(candidates)
        now = self._clock()
        self._due = now + max(self._interval, 20 * (now - begin))
        self._dirty = False

    def close(self) -> None:
        """Bring the table up to date and close; the log stays beside it."""
        if self._file.closed:
            return
        try:
            if self._dirty:
                self.write_candidates()
        finally:
            self._file.close()

    def discard(self) -> None:
        """Close and remove the log: the final results have been written."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _records(table: DetectionTable) -> NDArray[np.void]:
    records = np.empty(len(table), _RECORD)
    for name in _RECORD.names or ():
        records[name] = getattr(table, name)
    return records


def read_log(path: Path | str) -> DetectionTable:
    """Detections from the log of an interrupted search.

    Raises
    ------
    InputError
        If the file is not such a log.
    """
    raw = Path(path).read_bytes()
    head, _, body = raw.partition(b"\n")
    try:
        known = json.loads(head).get("format") == _FORMAT
    except (ValueError, AttributeError):
        known = False
    if not known:
        raise InputError(
            str(path), "format", f"is not {_FORMAT!r}", f"give a {LOG_NAME} of `slowburst search`"
        )
    whole = len(body) // _RECORD.itemsize * _RECORD.itemsize
    records = np.frombuffer(body[:whole], _RECORD)
    return DetectionTable(**{name: records[name] for name in _RECORD.names or ()})
