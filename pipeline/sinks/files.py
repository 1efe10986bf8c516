"""The three files that keep the results of a search.

``candidates.ecsv`` is the table, ``summary.json`` the numbers about the run, and
``candidates.h5`` holds everything, so that the report can be remade without the
recording.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from astropy.io.fits import Header
from astropy.io.fits.verify import VerifyError
from astropy.table import Table
from astropy.time import Time
from astropy.wcs import WCS

from pipeline.block import StreamHeader
from pipeline.candidates import Detection, DetectionTable
from pipeline.cutouts import Cutout
from pipeline.errors import InputError
from pipeline.sinks.atomic import write_atomically, write_text
from pipeline.sinks.results import Overview, SearchResults, thin_detections

FORMAT = "slowburst-candidates/1"
TABLE_NAME, ARRAYS_NAME, SUMMARY_NAME = "candidates.ecsv", "candidates.h5", "summary.json"


def write_table(path: Path, table: Table) -> None:
    """Write a candidate table as ECSV, atomically."""
    write_text(path, _table_text(table))


def write_summary(path: Path, summary: Mapping[str, Any]) -> None:
    """Write ``summary.json``, atomically; NaN and infinities become null."""
    write_text(path, json.dumps(_plain(summary), indent=2, allow_nan=False) + "\n")


def write_results(out_dir: Path | str, results: SearchResults) -> None:
    """Write ``candidates.ecsv``, ``candidates.h5`` and ``summary.json``.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    out = Path(out_dir)
    # The table first: it is small, and what a user wants most if the disk fills up.
    write_table(out / TABLE_NAME, results.candidates)
    write_summary(out / SUMMARY_NAME, results.summary)
    write_atomically(out / ARRAYS_NAME, lambda path: _write_arrays(path, results))


def read_results(out_dir: Path | str) -> SearchResults:
    """Read what :func:`write_results` wrote.

    The table and the summary come from their own files when these are there, so that
    later steps (a classifier) need to rewrite nothing else.

    Raises
    ------
    InputError
        If the folder holds no results, or files that are not ours or are damaged.
    """
    out = Path(out_dir)
    path = out / ARRAYS_NAME
    if not path.is_file():
        raise InputError(
            str(path), "file", "does not exist", "give the --out folder of `slowburst search`"
        )
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise InputError(
                    str(path),
                    "format",
                    f"is {file.attrs.get('format')!r}, not {FORMAT!r}",
                    "run the search again with this version",
                )
            results = _read_arrays(file)
    except (OSError, KeyError, VerifyError, json.JSONDecodeError) as error:
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
        return Table.read(path, format="ascii.ecsv")
    except Exception as error:  # astropy raises many kinds on a damaged table
        raise InputError(
            str(path), "table", f"is no ECSV table ({error})", "run the search again"
        ) from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            str(path), "contents", f"is no JSON ({error})", "run the search again"
        ) from error


def _table_text(table: Table) -> str:
    text = io.StringIO()
    table.write(text, format="ascii.ecsv")
    return text.getvalue()


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


def _write_arrays(path: Path, results: SearchResults) -> None:
    with h5py.File(path, "w") as file:
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
            if f.name != "efficiency":
                group[f.name] = np.asarray(getattr(results.overview, f.name))
        for name, values in results.overview.efficiency.items():
            group[f"efficiency/{name}"] = np.asarray(values)
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
    text = str(attrs["wcs"])
    return StreamHeader(
        source=str(attrs["source"]),
        freq_mhz=group["freq_mhz"][()],
        tsamp_s=float(attrs["tsamp_s"]),
        start=Time(jd1, jd2, format="jd", scale="utc"),
        n_samples=int(attrs["n_samples"]),
        shape=(int(attrs["shape"][0]), int(attrs["shape"][1])),
        wcs=WCS(Header.fromstring(text, sep="\n")) if text else None,
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
        elif f.name in group.attrs:
            values[f.name] = tuple(v.item() for v in group.attrs[f.name])
        else:
            values[f.name] = group[f.name][()]
    return Cutout(**values)


def _read_arrays(file: h5py.File) -> SearchResults:
    detections = {f.name: file["detections"][f.name][()] for f in fields(DetectionTable)}
    overview = {
        f.name: file["overview"][f.name][()] for f in fields(Overview) if f.name != "efficiency"
    }
    curves = file["overview"].get("efficiency", {})
    cutouts = file.get("cutouts", {})
    return SearchResults(
        header=_read_header(file["recording"]),
        candidates=Table.read(file["candidates"].asstr()[()], format="ascii.ecsv"),
        cutouts={int(k): _read_cutout(v) for k, v in cutouts.items()},
        detections=DetectionTable(**detections),
        overview=Overview(**overview, efficiency={k: v[()] for k, v in curves.items()}),
        summary=json.loads(file["summary"].asstr()[()]),
        config=json.loads(file["config"].asstr()[()]),
    )
