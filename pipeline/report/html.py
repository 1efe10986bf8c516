"""Make ``report.html`` from the files of a search."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from jinja2 import Environment, StrictUndefined

from pipeline.report.figures import candidate_figure
from pipeline.report.overview import overview_figures
from pipeline.report.style import format_duration, to_png
from pipeline.sinks.atomic import cannot_write, write_bytes, write_text
from pipeline.sinks.files import REPORT_NAME, read_results
from pipeline.sinks.results import SearchResults

FIGURES_FOLDER = "figures"

_HEADINGS = {
    "id": ("#", ""),
    "mjd": ("time", "MJD, UTC"),
    "ra": ("RA", "deg"),
    "dec": ("Dec", "deg"),
    "x": ("x", "pixel"),
    "y": ("y", "pixel"),
    "dm": ("DM", "pc cm⁻³"),
    "width": ("width", "s"),
    "snr": ("S/N", ""),
    "snr_fit": ("S/N of fit", ""),
    "flux": ("flux", None),
    "fluence": ("fluence", None),
    "fluence_error": ("± 1 σ", None),
    "n_detections": ("detections", ""),
    "psf_match": ("PSF match", ""),
    "psf_chi2": ("PSF χ²", ""),
    "everywhere": ("everywhere", "σ"),
    "band_filled": ("band filled", ""),
    "sidelobe": ("sidelobe", ""),
    "verdict": ("looks like", ""),
    "p_real": ("p(real)", ""),
    "injected": ("injected", ""),
    "known": ("known source", ""),
    "known_sep": ("from it", "arcsec"),
}
_FORMATS = {
    "mjd": ".8f",
    "ra": ".5f",
    "dec": ".5f",
    "x": ".2f",
    "y": ".2f",
    "dm": ".2f",
    "width": ".4g",
    "snr": ".2f",
    "snr_fit": ".2f",
    "flux": ".4g",
    "fluence": ".4g",
    "fluence_error": ".2g",
    "psf_match": ".2f",
    "psf_chi2": ".3g",
    "everywhere": ".1f",
    "band_filled": ".2f",
    "sidelobe": ".2f",
    "p_real": ".3f",
    "known_sep": ".1f",
}


@dataclass(frozen=True)
class Picture:
    """A figure of the page: `name` of the PNG file, `title`, and its base64 text."""

    name: str
    title: str
    data: str


def make_report(out_dir: Path | str, most_figures: int = 100) -> Path:
    """Write ``report.html`` and the PNG files of its figures.

    Parameters
    ----------
    out_dir : Path or str
        Folder with ``candidates.h5`` (and ``candidates.ecsv``, ``summary.json``).
    most_figures : int
        Candidates with the highest S/N that get a figure; the table has all.

    Returns
    -------
    Path
        The page. It needs no other file and no network.

    Raises
    ------
    InputError, OSError
        If there are no results in the folder or it cannot be written to.
    """
    out = Path(out_dir)
    results = read_results(out)
    folder = out / FIGURES_FOLDER
    _empty(folder)
    overview = [
        _save(folder, f"overview_{name}", title, to_png(figure))
        for name, (title, figure) in overview_figures(results).items()
    ]
    pictures = {}
    for row in _brightest(results.candidates, most_figures):
        number = int(row["id"])
        if number in results.cutouts:
            figure = candidate_figure(row, results.cutouts[number], results.header)
            name = f"candidate_{number:04d}"
            pictures[number] = _save(folder, name, f"Candidate {number}", to_png(figure))
    page = render_page(results, overview, pictures)
    write_text(out / REPORT_NAME, page)
    return out / REPORT_NAME


def render_page(
    results: SearchResults, overview: list[Picture], pictures: Mapping[int, Picture]
) -> str:
    """The page as text; `pictures` by candidate id."""
    template = resources.files("pipeline.report").joinpath("page.html.j2").read_text("utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template).render(
        name=Path(results.header.source).name or "recording",
        source=results.header.source,
        facts=_facts(results),
        warnings=_warnings(results.summary),
        notes=[str(text) for text in results.summary.get("notes") or []],
        headings=_headings(results.candidates),
        rows=[_cells(row) for row in results.candidates],
        overview=overview,
        pictures=pictures,
        n_candidates=len(results.candidates),
        recording=_recording(results),
        summary=_flat(results.summary),
        config=_flat(results.config),
    )


def _brightest(table: Table, most: int) -> Table:
    order = np.argsort(-np.asarray(table["snr"], float), kind="stable")[:most]
    return table[np.sort(order)]


def _empty(folder: Path) -> None:
    """Remove the figures of an earlier report: they may be of other candidates."""
    try:
        if folder.is_dir():
            for old in [*folder.glob("overview_*.png"), *folder.glob("candidate_*.png")]:
                old.unlink()
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


def _save(folder: Path, name: str, title: str, png: bytes) -> Picture:
    write_bytes(folder / f"{name}.png", png)
    return Picture(name, title, base64.b64encode(png).decode("ascii"))


def _headings(table: Table) -> list[tuple[str, str]]:
    headings = []
    for name in table.colnames:
        title, unit = _HEADINGS.get(name, (name, None))
        if unit is None:
            own = table[name].unit
            unit = "" if own is None else own.to_string()
        headings.append((title, unit))
    return headings


def _cells(row: Any) -> list[tuple[str, str]]:
    """(text, sort key) of each cell; an empty key sorts last."""
    cells = []
    for name in row.colnames:
        value = row[name]
        if isinstance(value, bool | np.bool_):
            cells.append(("yes" if value else "", str(int(value))))
        elif isinstance(value, float | np.floating):
            known = np.isfinite(value)
            text = format(float(value), _FORMATS.get(name, ".4g")) if known else "–"
            cells.append((text, repr(float(value)) if known else ""))
        else:
            cells.append((str(value), str(value)))
    return cells


def _facts(results: SearchResults) -> list[tuple[str, str, str]]:
    """(name, value, note) of the tiles at the top; what is not known is left out."""
    summary = results.summary
    facts = [("candidates", str(len(results.candidates)), _threshold_note(summary))]
    expected = summary.get("false_alarms_expected")
    if expected is not None:
        facts.append(("false alarms expected", f"{expected:.2g}", "in Gaussian noise"))
    seconds = summary.get("data_seconds")
    if seconds is not None:
        facts.append(("data searched", format_duration(float(seconds)), _n(summary, "n_samples")))
    factor = summary.get("realtime_factor")
    if factor is not None:
        wall = summary.get("wall_seconds")
        note = f"took {format_duration(float(wall))}" if wall is not None else ""
        facts.append(("speed", f"{factor:.3g}×", f"real time; {note}" if note else "real time"))
    if "n_dm" in summary and "n_width" in summary:
        facts.append(("trials", f"{summary['n_dm']} × {summary['n_width']}", "DMs × widths"))
    return facts


def _threshold_note(summary: Mapping[str, Any]) -> str:
    threshold = summary.get("threshold")
    return "" if threshold is None else f"above S/N {threshold:g}"


def _n(summary: Mapping[str, Any], key: str) -> str:
    value = summary.get(key)
    return "" if value is None else f"{value:,} samples".replace(",", "\u2009")


def _warnings(summary: Mapping[str, Any]) -> list[str]:
    """What a reader must know before trusting the list."""
    found = []
    detections = summary.get("dropped_detections") or 0
    if detections:
        found.append(
            f"{detections} detections were dropped because a frame held more than the search "
            "keeps: times with strong interference are incomplete."
        )
    samples = summary.get("dropped_samples") or 0
    if samples:
        found.append(f"{samples} samples were dropped and not searched.")
    found.extend(str(text) for text in summary.get("warnings") or [])
    if summary.get("interrupted"):
        found.append("The search was stopped before the end of the recording.")
    return found


def _recording(results: SearchResults) -> list[tuple[str, str]]:
    header = results.header
    freq = header.freq_mhz
    ny, nx = header.shape
    return [
        ("file", header.source),
        ("start (UTC)", header.start.utc.isot),
        ("samples", f"{header.n_samples} of {format_duration(header.tsamp_s)}"),
        ("band", f"{freq.min():.2f} to {freq.max():.2f} MHz, {len(freq)} channels"),
        ("image", f"{nx} × {ny} pixels, beam {header.beam_fwhm_px:.2f} pixels"),
        ("unit", header.bunit or "not calibrated"),
    ]


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as lines `a.b` = value."""
    lines = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines.extend(_flat(value, f"{prefix}{key}."))
        else:
            text = str(value)
            lines.append((f"{prefix}{key}", text if len(text) < 300 else text[:297] + "…"))
    return lines
