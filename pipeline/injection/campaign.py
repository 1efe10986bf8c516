"""Campaigns: the same recording searched again and again, with other pulses in it each time."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Column, Table, vstack
from astropy.time import TimeDelta
from numpy.typing import NDArray

from cerberus.plan import SearchPlan
from pipeline import device
from pipeline.block import Reader, StreamHeader
from pipeline.candidates import DetectionTable, sky_positions, summarise_groups
from pipeline.engine import Progress, search_recording
from pipeline.errors import InputError
from pipeline.grouping import group_detections
from pipeline.injection.ideal import measured_noise
from pipeline.injection.matching import match
from pipeline.injection.pulses import Injection, Limits, draw_pass, snr_as_recorded
from pipeline.injection.reader import InjectedReader
from pipeline.injection.settings import InjectionSettings
from pipeline.matched import MatchedReader
from pipeline.search import SearchSettings, candidates_of, cutouts_of, plan_for, versions
from pipeline.sinks.atomic import write_text
from pipeline.sinks.files import write_table

_FOLDER, _BLANK = "passes", "blank.ecsv"
_UNITS = {
    "time_s": u.s,
    "mjd": u.day,
    "ra": u.deg,
    "dec": u.deg,
    "x": u.pix,
    "y": u.pix,
    "dm": u.pc / u.cm**3,
    "width": u.s,
    "dm_found": u.pc / u.cm**3,
    "width_found": u.s,
    "time_error": u.s,
    "x_error": u.pix,
    "y_error": u.pix,
}
_FLUENCE = ("fluence_found", "fluence_error")
_FOUND = (
    "snr_found",
    "snr_refined",
    "dm_found",
    "width_found",
    "time_error",
    "x_error",
    "y_error",
    *_FLUENCE,
)
_MEANING = {
    "pass": "number of the pass over the recording",
    "time_s": "centre at the highest channel centre, since the centre of sample 0",
    "fluence": "unit of the data times ms, at the band centre, before the primary beam",
    "gain": "of the primary beam",
    "snr": "best that any estimate could have",
    "detected": "a detection has its place, time, DM and width",
    "grouped": "the best detection of a candidate has",
    "confused": "something is there without the pulse",
    "snr_found": "of the candidate, or of the best detection",
    "snr_refined": "fluence over its error, of the top-hat that is fitted",
    "time_error": "found less true",
}


@dataclass(frozen=True)
class _Searched:
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


def _search(reader: Reader, plan: SearchPlan, tell: Callable[[Progress], None] | None) -> _Searched:
    kept = _Kept()
    progress = search_recording(reader, plan, kept, tell)
    table = DetectionTable.concat(kept.tables)
    return _Searched(table, group_detections(table, reader.header), progress.n_dropped)


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
    open_reader : callable
        Opens the recording anew.
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
        open_reader: Callable[[], Reader],
        out: Path,
        settings: CampaignSettings,
        tell: Callable[[int, int, str], None] | None = None,
    ) -> None:
        self._open, self._out = open_reader, out / _FOLDER
        self._all, self._settings = settings, settings.injection
        self._tell = tell or (lambda *_: None)
        device.prepare()
        with open_reader() as reader:
            self.header = reader.header
            self.plan = plan_for(reader.header, settings.search)
            template = self.plan.config.template
            searched = reader if template is None else MatchedReader(reader, template)
            self._noise = measured_noise(searched)
            self._passes = self._planned(reader)
        self._n_false = 0
        self._claim()

    @property
    def limits(self) -> Limits:
        """What the search looks for."""
        tsamp_s = self.header.tsamp_s
        widest = max(self.plan.widths) * tsamp_s
        return Limits((tsamp_s, max(widest, tsamp_s)), (0.0, float(self.plan.dm_pc_cm3[-1])))

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

    def _planned(self, reader: Reader) -> list[list[Injection]]:
        passes, total = [], 0
        while total < self._settings.n:
            drawn = draw_pass(self._settings, len(passes), reader, self._noise, self.limits)
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
            with self._open() as reader:
                found = _search(reader, self.plan, self._telling(0))
            columns = {f: getattr(found.table, f) for f in found.table.__dataclass_fields__}
            table = Table(columns)
            table.meta["n_candidates"] = len(np.unique(found.labels))
            write_table(path, table)
        table = _read(path)
        self._n_false = int(table.meta["n_candidates"])
        return DetectionTable(**{name: np.asarray(table[name]) for name in table.colnames})

    def _pass(self, number: int, injections: Sequence[Injection], blank: DetectionTable) -> Table:
        with InjectedReader(self._open(), injections) as reader:
            found = _search(reader, self.plan, self._telling(number + 1))
            groups = summarise_groups(found.table, found.labels)
            detected = match(injections, found.table, self.header)
            best = match(injections, found.table[groups.best], self.header)
            chosen = self._chosen(number, best)
            rows = {int(r) + 1: int(groups.best[r]) for r in chosen}
            cutouts = cutouts_of(reader, self.plan, found.table, rows)
            beam = self.plan.config.beam_fwhm_px
            candidates = candidates_of(reader, found.table, found.labels, cutouts, beam)
            snr = [
                snr_as_recorded(one, self.header, self._noise, reader.weights) for one in injections
            ]
        table = _table(number, injections, self.header, np.array(snr))
        table["detected"], table["grouped"] = detected >= 0, best >= 0
        table["confused"] = match(injections, blank, self.header) >= 0
        snr_detected = np.where(detected >= 0, np.append(found.table.snr, np.nan)[detected], np.nan)
        _add_found(table, snr_detected, candidates, best, cutouts)
        for name, unit in _UNITS.items():
            table[name].unit = unit
        for name, text in _MEANING.items():
            table[name].description = text
        table.meta["n_dropped"] = found.n_dropped
        table.meta["versions"] = versions()
        return table

    def _chosen(self, number: int, best: NDArray[np.int64]) -> NDArray[np.int64]:
        """Candidates of a pass that are fitted: some of those of injections."""
        rng = np.random.default_rng([self._settings.seed, number, 1])
        return rng.permutation(best[best >= 0])[: self._settings.n_refined]


def _table(
    number: int, injections: Sequence[Injection], header: StreamHeader, snr: NDArray[np.float64]
) -> Table:
    """What was put in."""
    x, y = (np.array([getattr(one, a) for one in injections]) for a in "xy")
    ra, dec = sky_positions(header, x, y)
    time_s = np.array([one.pulse.time_s for one in injections])
    mjd = (header.start.utc + TimeDelta(time_s, format="sec")).mjd if len(time_s) else time_s
    columns = {
        "pass": np.full(len(injections), number),
        "time_s": time_s,
        "mjd": np.asarray(mjd, float),
        "ra": ra,
        "dec": dec,
        "x": x,
        "y": y,
        "dm": np.array([one.pulse.dm for one in injections]),
        "width": np.array([one.pulse.width_s for one in injections]),
        "spectral_index": np.array([one.pulse.spectral_index for one in injections]),
        "fluence": np.array([one.fluence for one in injections]),
        "gain": np.array([one.gain for one in injections]),
        "snr": snr,
    }
    return Table([Column(values, name) for name, values in columns.items()])


def _add_found(
    table: Table,
    snr_detected: NDArray[np.float64],
    candidates: Table,
    best: NDArray[np.int64],
    fitted: Container[int],
) -> None:
    """What was found of the injections; NaN of those that were not.

    Parameters
    ----------
    snr_detected : (injection,)
        Of the best detection of each.
    best : (injection,)
        Rows of the table of candidates, or -1.
    fitted : container of int
        Which ``id`` of the candidates have positions and fluences that were fitted.
    """
    out = {name: np.full(len(table), np.nan) for name in _FOUND}
    out["snr_found"] = snr_detected
    for i in np.flatnonzero(best >= 0):
        row, true = candidates[int(best[i])], table[int(i)]
        found = {"snr_found": row["snr"], "dm_found": row["dm"], "width_found": row["width"]}
        found["time_error"] = (row["mjd"] - true["mjd"]) * 86400
        if int(row["id"]) in fitted:
            found |= {"x_error": row["x"] - true["x"], "y_error": row["y"] - true["y"]}
            found |= {name: row[name.removesuffix("_found")] for name in _FLUENCE}
            found["snr_refined"] = row["fluence"] / row["fluence_error"]
        for name, value in found.items():
            out[name][i] = value
    for name, values in out.items():
        table[name] = values


def _read(path: Path) -> Table:
    try:
        return Table.read(path, format="ascii.ecsv")
    except (OSError, ValueError) as error:
        remedy = "remove it, and it is made again"
        raise InputError(str(path), "file", f"cannot be read ({error})", remedy) from error
