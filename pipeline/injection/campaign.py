"""Campaigns: the same recording searched again and again, with other pulses in it each time."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from cerberus.plan import SearchPlan
from pipeline import device
from pipeline.block import Reader
from pipeline.candidates import DetectionTable, summarise_groups
from pipeline.engine import Progress, search_recording
from pipeline.errors import InputError
from pipeline.grouping import group_detections
from pipeline.injection.completeness import CLASSIFIED
from pipeline.injection.ideal import measured_noise
from pipeline.injection.matching import match
from pipeline.injection.pulses import Gain, Injection, Limits, draw_pass, snr_as_recorded
from pipeline.injection.recording import Recording
from pipeline.injection.recovered import add_found, describe, put_in
from pipeline.injection.settings import InjectionSettings
from pipeline.matched import as_searched, header_as_searched
from pipeline.search import (
    SearchSettings,
    candidates_of,
    classified_by,
    cutouts_of,
    flagged_images,
    plan_for,
)
from pipeline.sinks.atomic import write_text
from pipeline.sinks.files import write_table
from pipeline.versions import versions

_FOLDER, _BLANK = "passes", "blank.ecsv"


@dataclass(frozen=True)
class Searched:
    """What came out of a search."""

    table: DetectionTable
    labels: NDArray[np.int64]
    n_dropped: int


class _Kept:
    """A sink in memory."""

    def __init__(self) -> None:
        self.tables: list[DetectionTable] = []

    def append(self, table: DetectionTable) -> None:
        self.tables.append(table)


def search_in_memory(
    reader: Reader, plan: SearchPlan, tell: Callable[[Progress], None] | None = None
) -> Searched:
    """Search a recording, and write nothing."""
    kept = _Kept()
    progress = search_recording(reader, plan, kept, tell)
    table = DetectionTable.concat(kept.tables)
    return Searched(table, group_detections(table, reader.header), progress.n_dropped)


@dataclass(frozen=True)
class CampaignSettings:
    """What a configuration file holds.

    Attributes
    ----------
    injection : InjectionSettings
        Pulses that are put in.
    search : SearchSettings
        The search that is to find them.
    """

    injection: InjectionSettings = field(default_factory=InjectionSettings)
    search: SearchSettings = field(default_factory=SearchSettings)


class Campaign:
    """Searches of one recording with pulses in it.

    Parameters
    ----------
    recording : Recording
    out : Path
        Folder that keeps every pass that was made.
    settings : CampaignSettings
    tell : callable, optional
        Called with the samples searched, those of all passes, and what is being done.

    Raises
    ------
    InputError
        The folder has passes of another campaign.
    """

    def __init__(
        self,
        recording: Recording,
        out: Path,
        settings: CampaignSettings,
        tell: Callable[[int, int, str], None] | None = None,
    ) -> None:
        self._recording, self._out = recording, out / _FOLDER
        self._all, self._settings = settings, settings.injection
        self._tell = tell or (lambda *_: None)
        device.prepare()
        with recording.opened() as reader:
            self.header = reader.header
            self.plan = plan_for(reader.header, settings.search)
            self._noise = measured_noise(as_searched(reader, self.plan.config.template))
            self._passes = self._planned(recording.beam(reader))
        self._n_false = 0
        self._claim()

    @property
    def summary(self) -> dict[str, Any]:
        """What is known of the campaign beside what it found."""
        return {
            "source": self.header.source,
            "notes": list(self.header.notes),
            "data_seconds": self.header.n_samples * self.header.tsamp_s,
            "n_passes": len(self._passes),
            "n_candidates_without_pulses": self._n_false,
            "threshold": self._all.search.threshold,
            "config": json.loads(json.dumps(asdict(self._all), default=str)),
            "versions": versions(),
        }

    def run(self) -> Table:
        """Make the passes that are not there yet; the table of all injections.

        An interrupt loses the pass that was under way alone.
        """
        blank = self._blank()
        tables = []
        for number, injections in enumerate(self._passes):
            path = self._out / f"pass_{number:04d}.ecsv"
            if not path.exists():
                table = self._pass(number, injections, blank)
                write_table(path, table)
            tables.append(_read(path))
        return vstack(tables, metadata_conflicts="silent")

    def _planned(self, gain: Gain) -> list[list[Injection]]:
        passes, total, limits = [], 0, Limits.of(self.plan)
        while total < self._settings.n:
            number = len(passes)
            of_search = self._noise, limits
            drawn = draw_pass(self._settings, number, self.header, *of_search, gain)
            passes.append(drawn)
            total += len(drawn)
        return passes

    def _claim(self) -> None:
        """See that the folder holds passes of this campaign alone."""
        own = {
            "source": self.header.source,
            "n_samples": self.header.n_samples,
            **asdict(self._all),
        }
        text = json.dumps(own, default=str, indent=2, sort_keys=True) + "\n"
        path = self._out / "campaign.json"
        if path.exists():
            if path.read_text(encoding="utf-8") != text:
                problem = "has passes of another recording or of other settings"
                raise InputError(str(self._out), "--out", problem, "give another --out")
            return
        write_text(path, text)

    def _telling(self, number: int) -> Callable[[Progress], None]:
        n, passes = self.header.n_samples, len(self._passes) + 1
        said = f"pass {number} of {len(self._passes)}" if number else "without pulses"

        def tell(progress: Progress) -> None:
            self._tell(number * n + progress.n_samples, passes * n, said)

        return tell

    def _blank(self) -> DetectionTable:
        """Detections without any pulse put in."""
        path = self._out / _BLANK
        if not path.exists():
            with self._recording.opened() as reader:
                reader = flagged_images(reader, self._all.search.flags)
                found = search_in_memory(reader, self.plan, self._telling(0))
            columns = {f: getattr(found.table, f) for f in found.table.__dataclass_fields__}
            table = Table(columns)
            table.meta["n_candidates"] = len(np.unique(found.labels))
            write_table(path, table)
        table = _read(path)
        self._n_false = int(table.meta["n_candidates"])
        return DetectionTable(**{name: np.asarray(table[name]) for name in table.colnames})

    def _pass(self, number: int, injections: Sequence[Injection], blank: DetectionTable) -> Table:
        with self._recording.opened(injections, self.header) as injected:
            reader = flagged_images(injected, self._all.search.flags)
            found = search_in_memory(reader, self.plan, self._telling(number + 1))
            groups = summarise_groups(found.table, found.labels)
            detected = match(injections, found.table, self.header)
            best = match(injections, found.table[groups.best], self.header)
            chosen = self._chosen(number, best)
            rows = {int(r) + 1: int(groups.best[r]) for r in chosen}
            cutouts = cutouts_of(reader, self.plan, found.table, rows)
            seen = header_as_searched(self.header, self.plan.config.template)
            candidates, looks = candidates_of(reader, found.table, found.labels, cutouts, seen)
            classified_by(self._all.search, candidates, cutouts, looks, seen)
            snr = [
                snr_as_recorded(one, self.header, self._noise, injected.weights)
                for one in injections
            ]
        table = put_in(number, injections, self.header, np.array(snr))
        table["detected"], table["grouped"] = detected >= 0, best >= 0
        table["confused"] = match(injections, blank, self.header) >= 0
        snr_detected = np.where(detected >= 0, np.append(found.table.snr, np.nan)[detected], np.nan)
        add_found(table, snr_detected, candidates, best, cutouts)
        table[CLASSIFIED] = np.asarray(table["p_real"]) >= self._settings.least_p_real
        describe(table)
        table.meta["n_dropped"] = found.n_dropped
        table.meta["versions"] = versions()
        return table

    def _chosen(self, number: int, best: NDArray[np.int64]) -> NDArray[np.int64]:
        """Candidates of a pass that are fitted: some of those of injections."""
        rng = np.random.default_rng([self._settings.seed, number, 1])
        return rng.permutation(best[best >= 0])[: self._settings.n_refined]


def _read(path: Path) -> Table:
    try:
        return Table.read(path, format="ascii.ecsv")
    except (OSError, ValueError) as error:
        remedy = "remove it, and it is made again"
        raise InputError(str(path), "file", f"cannot be read ({error})", remedy) from error
