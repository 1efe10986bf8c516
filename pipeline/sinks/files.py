"""The three files that keep the results of a search.

``candidates.ecsv`` is the table, ``summary.json`` the numbers about the run, and
``candidates.h5`` holds everything, so that the report can be remade without the
recording.
"""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from astropy.table import MaskedColumn, Table
from astropy.time import Time
from astropy.utils.exceptions import AstropyWarning

from pipeline.block import StreamHeader
from pipeline.candidates import COLUMNS, Detection, DetectionTable
from pipeline.cutouts import Cutout
from pipeline.errors import InputError
from pipeline.readers.base import check_channels, check_tsamp
from pipeline.readers.wcs import parse_wcs_text
from pipeline.sinks.atomic import write_bytes, write_text
from pipeline.sinks.hdf5 import write_hdf5
from pipeline.sinks.results import FlagHistory, Overview, SearchResults, thin_detections
from pipeline.top_hat import TopHat

FORMAT = "slowburst-candidates/7"
TABLE_NAME, ARRAYS_NAME, SUMMARY_NAME = "candidates.ecsv", "candidates.h5", "summary.json"
_BY_NAME = ("efficiency", "flagged")
LOG_NAME, REPORT_NAME = "detections.partial", "report.html"


class _Foreign(Exception):
    """Not a file of this program, or of another version of it."""


def write_table(path: Path, table: Table) -> None:
    """Write a candidate table as ECSV, atomically."""
    write_text(path, _table_text(table))


def write_summary(path: Path, summary: Mapping[str, Any]) -> None:
    """Write ``summary.json``, atomically; NaN and infinities become null."""
    write_text(path, _summary_text(summary))


def write_results(out_dir: Path | str, results: SearchResults) -> None:
    """Write ``candidates.ecsv``, ``candidates.h5`` and ``summary.json``.

    A report of earlier results is removed: it would be taken for that of these.

    Raises
    ------
    InputError, OSError
        If the folder cannot be written to.
    """
    out = Path(out_dir)
    # The table first: it is small, and what a user wants most if the disk fills up.
    write_table(out / TABLE_NAME, results.candidates)
    with contextlib.suppress(OSError):
        (out / REPORT_NAME).unlink()
    write_summary(out / SUMMARY_NAME, results.summary)
    write_hdf5(out / ARRAYS_NAME, lambda file: _write_arrays(file, results))


def rewrite_candidates(out_dir: Path, table: Table, summary: Mapping[str, Any]) -> None:
    """Put another table and summary in the place of those of finished results.

    Raises
    ------
    InputError, OSError
        If the folder cannot be written to; each file is then the old or the new one.
    """
    memory = io.BytesIO((out_dir / ARRAYS_NAME).read_bytes())
    with h5py.File(memory, "r+") as file:
        for name, text in (("candidates", _table_text(table)), ("summary", _summary_text(summary))):
            del file[name]
            file[name] = text
    write_bytes(out_dir / ARRAYS_NAME, memory.getvalue())
    write_table(out_dir / TABLE_NAME, table)
    write_summary(out_dir / SUMMARY_NAME, summary)


def read_results(out_dir: Path | str) -> SearchResults:
    """Read what :func:`write_results` wrote.

    The table and the summary come from their own files when these are there, so that
    later steps (a classifier) need to rewrite nothing else.

    Raises
    ------
    InputError
        If the folder holds no results, those of a search that did not end, or files that
        are not ours or are damaged.
    """
    out = Path(out_dir)
    path = out / ARRAYS_NAME
    if (out / LOG_NAME).is_file():
        # What else is there may be of an earlier search.
        problem = f"a search into this folder was cut off or still runs ({LOG_NAME} is there)"
        remedy = f"let it end or search again; {TABLE_NAME} has what it found"
        raise InputError(str(out), "search", problem, remedy)
    if not path.is_file():
        raise InputError(
            str(path), "file", "does not exist", "give the --out folder of `slowburst search`"
        )
    try:
        with h5py.File(path, "r") as file, warnings.catch_warnings():
            # of a damaged WCS or table; what cannot be read is an error below
            warnings.simplefilter("ignore", AstropyWarning)
            if file.attrs.get("format") != FORMAT:
                raise _Foreign(f"is {file.attrs.get('format')!r}, not {FORMAT!r}")
            results = _read_arrays(file)
    except _Foreign as error:
        raise InputError(
            str(path), "format", str(error), "search again with this version"
        ) from None
    except Exception as error:  # h5py and astropy raise many kinds on a damaged file
        raise InputError(
            str(path), "contents", f"cannot be read ({error})", "run the search again"
        ) from error
    if (out / TABLE_NAME).is_file():
        results = replace(results, candidates=_read_table(out / TABLE_NAME))
    if (out / SUMMARY_NAME).is_file():
        results = replace(results, summary=_read_json(out / SUMMARY_NAME))
    return results


def _read_table(path: Path) -> Table:
    try:
        table = Table.read(path, format="ascii.ecsv")
        return _checked(table)
    except Exception as error:  # astropy raises many kinds on a damaged table
        raise InputError(
            str(path), "table", f"is no ECSV table ({error})", "run the search again"
        ) from error


def _checked(table: Table) -> Table:
    """The table, or a ValueError if it lacks a column."""
    missing = [name for name in COLUMNS if name not in table.colnames]
    if missing:
        raise ValueError(f"without the column {missing[0]!r}")
    # ECSV takes empty text for none.
    table["known"] = MaskedColumn(table["known"]).filled("")
    return table


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return _mapping(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            str(path), "contents", f"is no JSON ({error})", "run the search again"
        ) from error


def _mapping(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"{text[:20]!r} is no table of keys")
    return value


def _table_text(table: Table) -> str:
    text = io.StringIO()
    table.write(text, format="ascii.ecsv")
    return text.getvalue()


def _summary_text(summary: Mapping[str, Any]) -> str:
    return json.dumps(_plain(summary), indent=2, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """JSON-like copy: arrays to lists, paths to text, what is not finite to None."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def _write_arrays(file: h5py.File, results: SearchResults) -> None:
    file.attrs["format"] = FORMAT
    for name, value in (("summary", results.summary), ("config", results.config)):
        file[name] = json.dumps(_plain(value))
    file["candidates"] = _table_text(results.candidates)
    _write_header(file.create_group("recording"), results.header)
    kept = thin_detections(results.detections)
    group = file.create_group("detections")
    group.attrs["n_found"] = len(results.detections)
    for f in fields(kept):
        group[f.name] = getattr(kept, f.name)
    group = file.create_group("overview")
    for f in fields(results.overview):
        if f.name not in _BY_NAME:
            group[f.name] = np.asarray(getattr(results.overview, f.name))
    curves = group.create_group("efficiency", track_order=True)
    for name, values in results.overview.efficiency.items():
        curves[name] = np.asarray(values)
    for name, history in results.overview.flagged.items():
        _write_flags(group.create_group(f"flagged/{name}"), history)
    for number, cutout in results.cutouts.items():
        _write_cutout(file.create_group(f"cutouts/{number}"), cutout)


def _write_header(group: h5py.Group, header: StreamHeader) -> None:
    group["freq_mhz"] = header.freq_mhz
    if header.psf is not None:
        group["psf"] = header.psf
    wcs = "" if header.wcs is None else header.wcs.to_header(relax=True).tostring(sep="\n")
    start = header.start.utc
    group.attrs.update(
        source=header.source,
        tsamp_s=header.tsamp_s,
        start_jd=[start.jd1, start.jd2],
        n_samples=header.n_samples,
        shape=header.shape,
        wcs=wcs,
        bunit=header.bunit,
        beam_fwhm_px=header.beam_fwhm_px,
    )


def _read_header(group: h5py.Group) -> StreamHeader:
    attrs = group.attrs
    jd1, jd2 = attrs["start_jd"]
    check_channels(group["freq_mhz"][()], "recording", "freq_mhz")
    check_tsamp(float(attrs["tsamp_s"]), "recording", "tsamp_s")
    return StreamHeader(
        source=str(attrs["source"]),
        freq_mhz=group["freq_mhz"][()],
        tsamp_s=float(attrs["tsamp_s"]),
        start=Time(jd1, jd2, format="jd", scale="utc"),
        n_samples=int(attrs["n_samples"]),
        shape=(int(attrs["shape"][0]), int(attrs["shape"][1])),
        wcs=parse_wcs_text(str(attrs["wcs"]), "recording", "wcs"),
        bunit=str(attrs["bunit"]),
        psf=group["psf"][()] if "psf" in group else None,
        beam_fwhm_px=float(attrs["beam_fwhm_px"]),
    )


def _write_cutout(group: h5py.Group, cutout: Cutout) -> None:
    for f in fields(cutout):
        value = getattr(cutout, f.name)
        if isinstance(value, Detection):
            group.attrs.update({d.name: getattr(value, d.name) for d in fields(value)})
        elif isinstance(value, np.ndarray):
            group[f.name] = value
        else:
            group.attrs[f.name] = value


def _read_cutout(group: h5py.Group) -> Cutout:
    values: dict[str, Any] = {}
    for f in fields(Cutout):
        if f.name == "detection":
            values[f.name] = Detection(
                **{d.name: group.attrs[d.name].item() for d in fields(Detection)}
            )
        elif f.name == "top_hat":
            values[f.name] = TopHat(*group.attrs[f.name].tolist())
        elif f.name in group.attrs:
            values[f.name] = tuple(v.item() for v in group.attrs[f.name])
        else:
            values[f.name] = group[f.name][()]
    return Cutout(**values)


def _write_flags(group: h5py.Group, history: FlagHistory) -> None:
    for name in ("time_s", "freq_mhz", "share_of_channel"):
        group[name] = np.asarray(getattr(history, name))
    shares = group.create_group("shares", track_order=True)
    for name, values in history.shares.items():
        shares[name] = np.asarray(values)


def _read_flags(group: h5py.Group) -> FlagHistory:
    shares = {k: v[()] for k, v in group["shares"].items()}
    return FlagHistory(
        group["time_s"][()], shares, group["freq_mhz"][()], group["share_of_channel"][()]
    )


def _fitting(overview: Overview) -> Overview:
    """The overview, or a ValueError if its arrays do not belong together."""
    curves = dict(overview.efficiency)
    pairs = [(overview.noise_time_s, overview.noise, 0)]
    pairs += [(overview.quality_time_s, a, 0) for a in (overview.quality, overview.live)]
    pairs += [(overview.snr_edges, overview.snr_counts, 1 if len(overview.snr_edges) else 0)]
    if curves:
        width_s = curves.pop("width_s")
        pairs += [(width_s, values, 0) for values in curves.values()]
    for flags in overview.flagged.values():
        pairs += [(flags.time_s, values, 0) for values in flags.shares.values()]
        pairs += [(flags.freq_mhz, flags.share_of_channel, 0)]
    if overview.noise_map.ndim != 2 or any(a.shape != (len(b) + n,) for a, b, n in pairs):
        raise ValueError("arrays of the overview have different lengths")
    return overview


def _read_arrays(file: h5py.File) -> SearchResults:
    detections = {f.name: file["detections"][f.name][()] for f in fields(DetectionTable)}
    overview = {
        f.name: file["overview"][f.name][()] for f in fields(Overview) if f.name not in _BY_NAME
    }
    flagged = file["overview"].get("flagged", {})
    curves = {k: v[()] for k, v in file["overview"].get("efficiency", {}).items()}
    cutouts = file.get("cutouts", {})
    return SearchResults(
        header=_read_header(file["recording"]),
        candidates=_checked(Table.read(file["candidates"].asstr()[()], format="ascii.ecsv")),
        cutouts={int(k): _read_cutout(v) for k, v in cutouts.items()},
        detections=DetectionTable(**detections),
        overview=_fitting(
            Overview(
                **overview,
                efficiency=curves,
                flagged={k: _read_flags(v) for k, v in flagged.items()},
            )
        ),
        summary=_mapping(file["summary"].asstr()[()]),
        config=_mapping(file["config"].asstr()[()]),
    )
