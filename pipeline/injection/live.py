"""Pulses that are put into a recording while it is searched in earnest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.table import Table
from astropy.time import Time
from numpy.typing import NDArray

from pipeline.block import StreamHeader
from pipeline.candidates import DetectionTable
from pipeline.injection.ideal import measured_noise
from pipeline.injection.matching import from_injections, match
from pipeline.injection.pulses import Limits, draw_pass, snr_as_recorded
from pipeline.injection.recording import Recording
from pipeline.injection.recovered import add_found, describe, put_in
from pipeline.injection.settings import InjectionSettings
from pipeline.matched import as_searched
from pipeline.search import plan_for
from pipeline.sinks.files import write_table
from pipeline.versions import versions

TABLE_NAME = "injections.ecsv"


class LiveInjection:
    """A recording with pulses in it, and the book that is kept of them.

    Parameters
    ----------
    recording : Recording
    settings : InjectionSettings
        Of which one pass is put in.

    Attributes
    ----------
    reader : InjectedReader
        What is to be searched.
    injections : list of Injection
    """

    def __init__(self, recording: Recording, settings: InjectionSettings) -> None:
        with recording.opened() as reader:
            header, plan = reader.header, plan_for(reader.header, recording.search)
            self._noise = measured_noise(as_searched(reader, plan.config.template))
            of_search = self._noise, Limits.of(plan), recording.beam(reader)
            self.injections = draw_pass(settings, 0, header, *of_search)
        self.reader, self._header = recording.opened(self.injections, header), header

    def mark(self, table: DetectionTable) -> NDArray[np.bool_]:
        """Which detections may be of pulses that were put in."""
        return from_injections(self.injections, table, self._header)

    def write(self, out: Path, candidates: Table) -> Table:
        """Write ``injections.ecsv``: what was put in, and which candidates are of it."""
        header = self._header
        snr = [
            snr_as_recorded(one, header, self._noise, self.reader.weights)
            for one in self.injections
        ]
        table = put_in(0, self.injections, header, np.array(snr))
        best = match(self.injections, as_detections(candidates, header), header)
        table["grouped"] = best >= 0
        fitted = candidates["id"][np.isfinite(candidates["fluence_error"])].tolist()
        add_found(table, np.full(len(table), np.nan), candidates, best, fitted)
        describe(table)
        table.meta["versions"] = versions()
        write_table(out / TABLE_NAME, table)
        return table


def as_detections(candidates: Table, header: StreamHeader) -> DetectionTable:
    """The best detection of each candidate, as far as its row tells."""
    width = np.maximum(np.rint(np.asarray(candidates["width"]) / header.tsamp_s), 1)
    times = Time(np.asarray(candidates["mjd"], float), format="mjd", scale="utc")
    centre = (times - header.start).to_value("s") / header.tsamp_s
    zeros = np.zeros(len(candidates))
    return DetectionTable(
        start=np.rint(centre - (width - 1) / 2).astype(np.int64),
        width=width.astype(np.int64),
        dm=np.asarray(candidates["dm"]),
        i_dm=zeros.astype(np.int64),
        y=np.rint(candidates["y"]).astype(np.int64),
        x=np.rint(candidates["x"]).astype(np.int64),
        snr=np.asarray(candidates["snr"], np.float32),
        sigma=zeros.astype(np.float32),
    )
