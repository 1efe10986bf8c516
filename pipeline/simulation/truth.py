"""The truth table beside a simulated recording."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.table import Table

from pipeline.simulation.scene import Scene

if TYPE_CHECKING:
    from pipeline.simulation.visibilities import VisScene

_UNITS = {
    "mjd": u.day,
    "time_s": u.s,
    "ra": u.deg,
    "dec": u.deg,
    "x": u.pix,
    "y": u.pix,
    "dm": u.pc / u.cm**3,
    "width": u.s,
    "flux": u.Jy,
    "fluence": u.Jy * u.ms,
    "beam": u.one,
    "snr_ideal": u.one,
    "snr_image": u.one,
}
_MEANING = {
    "kind": "pulse, source, impulse (broadband RFI) or burst (narrow-band RFI)",
    "mjd": "UTC; of a pulse its centre at the highest channel centre, of RFI its centre",
    "time_s": "the same, since the centre of sample 0",
    "x": "0-based pixel",
    "width": "top-hat length, or FWHM of a Gaussian",
    "flux": "at the band centre; of a pulse fluence / width",
    "beam": "gain of the primary beam, which flux and fluence do not have in them",
    "snr_ideal": "matched filter on the dedispersed light curve of the nearest pixel",
    "snr_image": "matched filter on the whole image",
}


def truth_table(scene: Scene | VisScene) -> Table:
    """One row for everything that is in the recording; NaN where a column means nothing."""
    rows = [*_pulse_rows(scene), *_source_rows(scene), *_rfi_rows(scene)]
    table = Table()
    table["id"] = np.arange(len(rows), dtype=np.int64)
    kinds = [str(r["kind"]) for r in rows]
    table["kind"] = np.array(kinds, dtype="U8")
    for name, unit in _UNITS.items():
        values = [float(r.get(name, np.nan)) for r in rows]
        table[name] = np.array(values, dtype=np.float64)
        table[name].unit = unit
    for name, text in _MEANING.items():
        table[name].description = text
    return table


def _where(scene: Scene | VisScene, x: float, y: float) -> dict[str, Any]:
    wcs = scene.header.wcs
    assert wcs is not None
    ra, dec = wcs.wcs_pix2world([[x, y]], 0)[0]
    return {"x": x, "y": y, "ra": ra, "dec": dec}


def _when(scene: Scene | VisScene, time_s: float) -> dict[str, Any]:
    return {"time_s": time_s, "mjd": scene.config.recording.mjd0 + time_s / 86400}


def _pulse_rows(scene: Scene | VisScene) -> list[dict[str, Any]]:
    return [
        {
            "kind": "pulse",
            **_when(scene, p.pulse.time_s),
            **_where(scene, p.x, p.y),
            "dm": p.pulse.dm,
            "width": p.pulse.width_s,
            "flux": p.fluence_jy_ms / (1e3 * p.pulse.width_s),
            "fluence": p.fluence_jy_ms,
            "beam": p.beam,
            "snr_ideal": p.snr_ideal,
            "snr_image": p.snr_image,
        }
        for p in scene.pulses
    ]


def _source_rows(scene: Scene | VisScene) -> list[dict[str, Any]]:
    pairs = zip(scene.config.sources, scene.source_pixels, strict=True)
    return [{"kind": "source", **_where(scene, *xy), "flux": s.flux} for s, xy in pairs]


def _rfi_rows(scene: Scene | VisScene) -> list[dict[str, Any]]:
    return [
        {
            "kind": "burst" if r.channels else "impulse",
            **_when(scene, r.time_s + r.duration_s / 2),
            "width": r.duration_s,
            "flux": r.flux,
        }
        for r in scene.config.rfi
    ]


def write_truth(scene: Scene | VisScene, path: Path, meta: Mapping[str, Any]) -> None:
    """Write the table as ECSV, under its name only when it is whole.

    Raises
    ------
    OSError
        The file, which it names, cannot be written.
    """
    table = truth_table(scene)
    table.meta.update(meta)
    temporary = path.with_name(f".{path.name}.part")
    try:
        table.write(temporary, format="ascii.ecsv", overwrite=True)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error
