"""Files of angular power spectra."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from cosmo.band_powers import BandWindows
from pipeline.cli.cl_figures import figures
from pipeline.cli.cl_sweep import Swept
from pipeline.cli.cl_sweep_figure import sweep_figure
from pipeline.report.style import to_png
from pipeline.sinks.atomic import write_atomically, write_bytes
from pipeline.sinks.files import write_summary, write_table
from pipeline.sinks.sacc import SaccSpectra, SaccTracer, write_sacc
from pipeline.versions import versions
from surveys.spectra.products import Covariance, covariance_of, maps_of
from surveys.spectra.spectra import Spectra, Verified
from surveys.spectra.tracer_settings import TracerSettings
from surveys.spectra.tracers import beam_of

_DENSE = 6000
"""Points that a covariance in a SACC file may have."""

_QUANTITIES = {
    ("clustering", "kappa"): "galaxy_density",
    ("galaxy-lensing", "shear"): "galaxy_shear",
    ("galaxy-lensing", "kappa"): "galaxy_convergence",
    ("cmb-lensing", "kappa"): "cmb_convergence",
    ("isw", "kappa"): "cmb_temperature",
}


def write_results(
    out: Path,
    spectra: Spectra,
    config: Path,
    verified: Verified | None,
    swept: Swept | None = None,
) -> dict[str, Any]:
    """Write tables, SACC, maps, summary and figures; each file as a whole.

    Returns
    -------
    dict
        The contents of ``summary.json``.
    """
    settings, notes = spectra.settings, list(spectra.notes)
    covariance = covariance_of(spectra) if settings.covariance is not None else None
    maps = None
    if settings.maps is not None:
        maps, note = maps_of(spectra, config)
        notes.append(note)
    if covariance is not None and covariance.cl.size > _DENSE:
        notes.append(
            f"cl.sacc has no covariance: {covariance.cl.size} points are more than {_DENSE}; "
            "covariance.npz has it"
        )
    summary = _summary(spectra, verified, notes)
    write_table(out / "cl.ecsv", _table(spectra, covariance, summary))
    if verified is not None:
        write_table(out / "verify.ecsv", _verify_table(spectra, verified))
    if covariance is not None:
        _write_covariance(out, spectra, covariance)
    _write_sacc(out / "cl.sacc", spectra, covariance, summary)
    for tracer, one in zip(settings.tracer, maps or [], strict=False):
        _write_map(out / f"map_{tracer.name}.fits", tracer, one)
    for name, figure in figures(spectra, verified, covariance).items():
        write_bytes(out / name, to_png(figure))
    if swept is not None:
        summary["sweep"] = swept.summary
        write_bytes(out / "sweep.png", to_png(sweep_figure(spectra, swept.rows, swept.cl)))
    write_summary(out / "summary.json", summary)
    return summary


def said(summary: Mapping[str, Any]) -> Iterator[str]:
    """What the command prints."""
    yield from (f"note: {note}" for note in summary["notes"])
    first, last = summary["ell"][0], summary["ell"][-1]
    yield (
        f"{len(summary['pairs'])} spectra at {len(summary['ell'])} multipoles from {first} to "
        f"{last}; estimated error up to {summary['largest_error']:.2g} of sqrt(C_aa C_bb)"
    )
    if "verify" in summary:
        worst = summary["verify"]
        yield (
            f"full sky: {worst['largest_deviation']:.2g} of sqrt(C_aa C_bb) away at most, "
            f"{worst['pair']} at ell = {worst['ell']}"
        )
    if "sweep" in summary:
        yield from _said_of_sweep(summary["sweep"])


def _said_of_sweep(sweep: Mapping[str, Any]) -> Iterator[str]:
    names = ", ".join(sweep["parameters"])
    yield f"sweep.h5: {sweep['n'] - sweep['n_failed']} of {sweep['n']} cosmologies of {names}"
    if sweep["n_failed"]:
        yield f"note: {sweep['n_failed']} are NaN, first {sweep['first_failure']}"
    if sweep.get("verify"):
        rows = " and ".join(str(row) for row in sweep["verify"]["rows"])
        yield (
            f"sweep, row {rows} with plans of their own: "
            f"{sweep['verify']['largest_deviation']:.2g} of sqrt(C_aa C_bb) away at most"
        )


def _summary(spectra: Spectra, verified: Verified | None, notes: list[str]) -> dict[str, Any]:
    settings, cosmology = spectra.settings, spectra.universe.cosmology
    found = spectra.found
    # Of a table, what no calculation here has used would be misleading.
    used = {k: v for k, v in asdict(cosmology).items() if v is not None}
    if spectra.universe.from_file and settings.power.source == "table":
        used = dict(spectra.universe.given)
    components = {
        name: float(getattr(found.errors, name)[spectra.rows].max())
        for name in ("nodes", "flat_sky", "powers", "growth")
    }
    summary: dict[str, Any] = {
        "pairs": spectra.labels,
        "ell": spectra.ells.tolist(),
        "exact_below": found.exact_below,
        "tolerance": settings.accuracy.tolerance,
        "largest_error": float(spectra.error.max()),
        "error_components": components,
        "largest_relative_error": {
            label: float(row.max())
            for label, row in zip(spectra.labels, spectra.relative_error, strict=True)
        },
        "cosmology": {k: float(v) for k, v in used.items()},
        "notes": notes,
        "config": json.loads(json.dumps(asdict(settings), default=str)),
        "versions": versions(),
    }
    if verified is not None:
        pair, ell = np.unravel_index(
            np.argmax(np.abs(verified.deviation)), verified.deviation.shape
        )
        summary["verify"] = {
            "ell": int(verified.ells[ell]),
            "pair": spectra.labels[pair],
            "largest_deviation": float(np.abs(verified.deviation).max()),
            "largest_error_of_full_sky": float(
                (verified.error / np.abs(spectra_amplitude(spectra, verified))).max()
            ),
        }
    return summary


def spectra_amplitude(spectra: Spectra, verified: Verified) -> Any:
    """sqrt(C_aa C_bb) where the full sky was looked at."""
    return spectra.amplitude[:, np.isin(spectra.ells, verified.ells)]


def _about(summary: Mapping[str, Any]) -> dict[str, Any]:
    names = ("versions", "cosmology", "config", "notes", "tolerance", "exact_below")
    return {name: summary[name] for name in names}


def _table(spectra: Spectra, covariance: Covariance | None, summary: Mapping[str, Any]) -> Table:
    table = Table({"ell": spectra.ells})
    alone = covariance is not None and covariance.windows is None
    for i, label in enumerate(spectra.labels):
        table[label] = spectra.cl[i]
        table[f"{label}_err"] = spectra.relative_error[i]
        if covariance is not None and alone:
            table[f"{label}_sigma"] = covariance.sigma[i]
    for name in table.colnames[1:]:
        table[name].format = ".10g" if not name.endswith(("_err", "_sigma")) else ".4g"
    # What a table can hold is what JSON can.
    table.meta.update(json.loads(json.dumps(_about(summary))))
    return table


def _verify_table(spectra: Spectra, verified: Verified) -> Table:
    table = Table({"ell": verified.ells})
    for i, label in enumerate(spectra.labels):
        table[label] = verified.cl[i]
        table[f"{label}_deviation"] = verified.deviation[i]
    table.meta["deviation"] = "of cl.ecsv from the full sky, over sqrt(C_aa C_bb)"
    return table


def _write_covariance(out: Path, spectra: Spectra, covariance: Covariance) -> None:
    arrays: dict[str, Any] = {
        "ell": covariance.ell,
        "pairs": np.array(spectra.labels),
        "cl": covariance.cl,
        "covariance": covariance.covariance,
    }
    windows = covariance.windows
    if windows is not None:
        arrays |= {"window_ell": windows.ell, "windows": windows.weights}
        write_table(out / "bands.ecsv", _band_table(spectra, covariance, windows))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_bytes(out / "covariance.npz", buffer.getvalue())


def _band_table(spectra: Spectra, covariance: Covariance, windows: BandWindows) -> Table:
    assert spectra.settings.covariance is not None
    edges = spectra.settings.covariance.bands
    assert edges is not None
    table = Table({"ell_first": edges[:-1], "ell_last": np.array(edges[1:]) - 1})
    table["ell"] = windows.effective_ell
    for i, label in enumerate(spectra.labels):
        table[label] = covariance.cl[i]
        table[f"{label}_sigma"] = covariance.sigma[i]
    return table


def _sacc_tracer(spectra: Spectra, i: int) -> SaccTracer:
    tracer, windows = spectra.settings.tracer[i], spectra.windows[i]
    key = tracer.kind, tracer.of_what if tracer.kind.endswith("lensing") else "kappa"
    about = {"kind": tracer.kind}
    quantity = _QUANTITIES.get(key, "generic")
    if windows.nz is not None:
        z = windows.nz.grid
        return SaccTracer(
            tracer.name, quantity, n_of_z=(np.asarray(z), np.asarray(windows.nz(z))), metadata=about
        )
    if tracer.kind in ("cmb-lensing", "isw"):
        ell = np.arange(int(spectra.ells[-1]) + 1)
        return SaccTracer(tracer.name, quantity, beam=(ell, beam_of(tracer, ell)), metadata=about)
    return SaccTracer(tracer.name, quantity, metadata=about)


def _write_sacc(
    path: Path, spectra: Spectra, covariance: Covariance | None, summary: Mapping[str, Any]
) -> None:
    tracers = [_sacc_tracer(spectra, i) for i in range(len(spectra.settings.tracer))]
    metadata = {name: json.dumps(value) for name, value in _about(summary).items()}
    points = SaccSpectra(spectra.pairs, spectra.ells, spectra.cl)
    if covariance is not None:
        whole = covariance.whole if covariance.cl.size <= _DENSE else None
        bands = covariance.windows
        windows = None if bands is None else (bands.ell, bands.weights)
        points = SaccSpectra(spectra.pairs, covariance.ell, covariance.cl, whole, windows)
    write_sacc(path, tracers, points, metadata)


def _write_map(path: Path, tracer: TracerSettings, one: Any) -> None:
    import healpy

    names = [tracer.kind] if one.ndim == 1 else ["gamma_1", "gamma_2"]

    def write(temporary: Path) -> None:
        with warnings.catch_warnings():
            # Of names of columns, for which healpy has its own.
            warnings.simplefilter("ignore")
            healpy.write_map(str(temporary), one, overwrite=True, dtype=np.float64,
                             column_names=names)  # fmt: skip

    write_atomically(path, write)
