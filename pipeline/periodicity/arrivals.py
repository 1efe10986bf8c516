"""Times of arrival of the candidates of a search, source by source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table
from astropy.time import Time
from numpy.typing import NDArray

from cerberus.config import DISPERSION_CONSTANT
from pipeline.block import StreamHeader
from pipeline.errors import InputError
from pipeline.sinks.files import ARRAYS_NAME, TABLE_NAME, read_results

_NEEDED = ("id", "mjd", "ra", "dec", "x", "y", "dm", "width", "snr")
_BEAM_PX = 3.0
_DAY_S = 86400.0


@dataclass(frozen=True)
class Candidates:
    """Candidates of a search.

    Attributes
    ----------
    table : Table
        Of ``candidates.ecsv``.
    source : str
        The file, to name in messages.
    header : StreamHeader or None
        Of the recording, where the search is there.
    pulses : dict of (float, float, float)
        MJD, width (s) and DM of the top-hats that were fitted, by ``id``.
    """

    table: Table
    source: str
    header: StreamHeader | None
    pulses: dict[int, tuple[float, float, float]]


@dataclass(frozen=True)
class Source:
    """Pulses from one place.

    Attributes
    ----------
    rows : (n,) int64
        Of the table of candidates, the best first.
    mjd : (n,) float64
        UTC at the highest channel centre.
    error_s : (n,) float64
    """

    rows: NDArray[np.int64]
    mjd: NDArray[np.float64]
    error_s: NDArray[np.float64]


def read_candidates(path: Path) -> Candidates:
    """Candidates of a table, or of the folder of a search.

    Raises
    ------
    InputError
        If there are none, or columns are missing.
    """
    if path.is_dir() and (path / ARRAYS_NAME).is_file():
        results = read_results(path)
        pulses = {}
        for number, cutout in results.cutouts.items():
            fit = cutout.top_hat
            centre = results.header.time_of(fit.start + fit.width / 2 - 0.5).utc.mjd
            pulses[number] = (float(centre), fit.width * results.header.tsamp_s, fit.dm)
        source = str(path / TABLE_NAME)
        return Candidates(_good(results.candidates, source), source, results.header, pulses)
    path = path / TABLE_NAME if path.is_dir() else path
    remedy = f"give the {TABLE_NAME}, or the folder, of `slowburst search`"
    try:
        table = Table.read(path, format="ascii.ecsv")
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise InputError(str(path), "file", problem, remedy) from error
    except Exception as error:  # astropy raises many kinds on a damaged table
        raise InputError(str(path), "table", f"is no ECSV table ({error})", remedy) from error
    return Candidates(_good(table, str(path)), str(path), None, {})


def _good(table: Table, source: str) -> Table:
    for name in _NEEDED:
        if name not in table.colnames:
            remedy = f"give the {TABLE_NAME} of `slowburst search`"
            raise InputError(source, name, "is missing from the table", remedy)
    numbers = [np.asarray(table[n], float) for n in ("mjd", "x", "y", "dm", "width", "snr")]
    bad = np.flatnonzero(~np.isfinite(numbers).all(axis=0)) if len(table) else []
    if len(bad):
        field, problem = f"row {bad[0] + 1}", "has a number that is not finite"
        raise InputError(source, field, problem, "take the row out, or search again")
    if np.any(numbers[4] <= 0) or np.any(numbers[5] <= 0):
        problem = "is not above 0 in every row"
        raise InputError(source, "width or snr", problem, "take such rows out, or search again")
    return table


def sources(candidates: Candidates) -> list[Source]:
    """Candidates within a beam of each other, the best first; each belongs to one source."""
    table, header = candidates.table, candidates.header
    beam = header.beam_fwhm_px if header is not None else _BEAM_PX
    x, y = np.asarray(table["x"], float), np.asarray(table["y"], float)
    left = np.argsort(-np.asarray(table["snr"], float), kind="stable")
    out = []
    while len(left):
        near = np.hypot(x[left] - x[left[0]], y[left] - y[left[0]]) <= max(beam, 1.0)
        out.append(_source(candidates, left[near]))
        left = left[~near]
    return out


def _source(candidates: Candidates, rows: NDArray[np.int64]) -> Source:
    """Times of arrival of pulses that share a DM.

    Each was measured at the DM that suits its noise. What is known best is the time in the
    middle of the band: the time at the top follows with the DM that all have in common.
    """
    table, header = candidates.table[rows], candidates.header
    fits = [candidates.pulses.get(int(i)) for i in table["id"]]
    mjd, width, dm = (
        np.array(
            [
                row[k] if fit is None or not np.isfinite(fit).all() else fit[j]
                for row, fit in zip(table, fits, strict=True)
            ],
            float,
        )
        for j, k in enumerate(("mjd", "width", "dm"))
    )
    snr = np.asarray(table["snr"], float)
    if header is not None and header.n_channels > 1:
        middle = float(np.mean(header.freq_mhz**-2.0) - header.freq_mhz.max() ** -2.0)
        common = np.average(dm, weights=snr**2)
        mjd = mjd + DISPERSION_CONSTANT * (dm - common) * middle / _DAY_S
    sample = header.tsamp_s if header is not None else 0.0
    # Edges of a top-hat, and of samples.
    error = np.sqrt((width / snr) ** 2 + sample**2 / 12)
    return Source(rows, mjd, error)


def as_time(mjd: float) -> Time:
    """A UTC MJD as a time."""
    return Time(mjd, format="mjd", scale="utc")
