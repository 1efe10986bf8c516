"""A series of FITS images, one per interval and channel, as one recording.

The files are what WSClean (``NAME-t0001-0003-image.fits``) and CASA
(``exportfits``: RA, DEC, STOKES, FREQ in either order, any number of channels a
file) write. Order, times and frequencies come from the headers.

Which files are read:

* images over all channels (``-MFS-`` in the name) are left out whenever there
  are channel images beside them;
* of WSClean's products only the best kind present is read, in the order
  ``image-pb``, ``image``, ``dirty``, ``residual``; ``psf``, ``model``, ``beam``
  and mask images never are;
* of several polarisations only Stokes I is read.

The time of a snapshot is the centre of its interval (see
:func:`pipeline.readers.fits_cards.interval_centre`). Snapshots that are missing, that hold no
finite pixel, or that are zero everywhere (what imagers write where all data were
flagged) have weight 0.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.time import Time
from astropy.utils.exceptions import AstropyWarning
from astropy.wcs import WCS
from numpy.typing import NDArray

from pipeline.block import StreamHeader
from pipeline.errors import InputError
from pipeline.readers.base import BaseReader, check_channels, check_tsamp, flag_unusable
from pipeline.readers.fits_cards import COPY
from pipeline.readers.fits_grid import TimeGrid, time_grid
from pipeline.readers.fits_header import STOKES_I, Snapshot, scan_snapshot
from pipeline.readers.wcs import celestial_wcs, pixel_scale_deg

_PRODUCT = re.compile(r"-(image-pb|image|dirty|residual|model-pb|model|psf|beam(-\d+)?|mask)$")
_PREFERRED = ("image-pb", "image", "dirty", "residual")
_MAX_SHIFT_PX = 0.05


class FitsSeriesReader(BaseReader):
    """Reads a series of FITS snapshots.

    Parameters
    ----------
    paths : sequence of path
        The files, in any order.

    Raises
    ------
    InputError
        An unusable header, differing shapes or WCS, two files for one interval
        and channel, or times on no regular grid.
    """

    def __init__(self, paths: Sequence[str | Path]) -> None:
        snapshots = _one_polarisation(_scan(select_images(paths)))
        first = snapshots[0]
        freq = _channels(snapshots)
        grid = time_grid(snapshots)
        self._planes = _index(snapshots, freq, grid)
        where = str(first.path)
        check_channels(freq, where, "FREQ")
        check_tsamp(grid.tsamp_s, where, "DATE-OBS")
        wcs, beam_deg = _sky(first, snapshots)
        beam_px = beam_deg / pixel_scale_deg(wcs)
        self.header = StreamHeader(
            source=where,
            freq_mhz=freq,
            tsamp_s=grid.tsamp_s,
            start=Time(*grid.start, format="mjd", scale="utc"),
            n_samples=grid.n_samples,
            shape=first.shape,
            wcs=wcs,
            bunit=first.bunit,
            beam_fwhm_px=max(1.0, beam_px) if np.isfinite(beam_px) else 1.0,
        )

    def _read(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        header = self.header
        data = np.full((stop - start, header.n_channels, *header.shape), np.nan, np.float32)
        for t in range(start, stop):
            for c in range(header.n_channels):
                found = self._planes.get((t, c))
                if found is not None and not found[0].empty:
                    data[t - start, c] = read_plane(*found)
        return data, flag_unusable(data)

    def close(self) -> None:
        """Nothing is held open between reads."""


def select_images(paths: Sequence[str | Path]) -> list[Path]:
    """The files that make up the series, by their names (see the module).

    Raises
    ------
    InputError
        None of the files is an image.
    """
    files = sorted(Path(p) for p in paths)
    kinds: dict[str | None, list[Path]] = {}
    for path in files:
        match = _PRODUCT.search(path.stem)
        kinds.setdefault(match[1] if match else None, []).append(path)
    chosen = next((kinds[k] for k in (*_PREFERRED, None) if k in kinds), [])
    if not chosen:
        where = str(files[0].parent) if files else "input"
        problem = "none of the FITS files is an image (psf, model and beam are not read)"
        raise InputError(where, "files", problem, "give the -image.fits files")
    single = [p for p in chosen if "-MFS-" not in p.name]
    return single or chosen


def read_plane(snapshot: Snapshot, plane: int) -> NDArray[np.float32]:
    """One image (y, x) float32 of a file; NaN everywhere if it is zero everywhere."""
    count = snapshot.shape[0] * snapshot.shape[1]
    offset = snapshot.offset + plane * snapshot.plane_bytes
    try:
        stored = np.fromfile(snapshot.path, snapshot.dtype, count, offset=offset)
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise InputError(str(snapshot.path), "data", problem, COPY) from error
    if stored.size < count:
        raise InputError(str(snapshot.path), "data", "is truncated", COPY)
    with np.errstate(over="ignore", invalid="ignore"):
        image = stored.astype(np.float32)
        if (snapshot.scale, snapshot.zero) != (1.0, 0.0):
            image = (stored * snapshot.scale + snapshot.zero).astype(np.float32)
    if snapshot.blank is not None:
        image[stored == snapshot.blank] = np.nan
    if not image.any():
        image[:] = np.nan
    return image.reshape(snapshot.shape)


def _scan(paths: list[Path]) -> list[Snapshot]:
    """Scan all headers; they must show the same pixels of the sky."""
    snapshots = [scan_snapshot(paths[0])]
    first = snapshots[0]
    for path in paths[1:]:
        snapshot = scan_snapshot(path)
        _check_same(first, snapshot)
        # one copy of what is the same: there may be hundreds of thousands
        snapshots.append(replace(snapshot, geometry=first.geometry, shape=first.shape))
    return snapshots


def _one_polarisation(snapshots: list[Snapshot]) -> list[Snapshot]:
    codes = sorted({s.stokes for s in snapshots})
    if len(codes) == 1:
        return snapshots
    if STOKES_I not in codes:
        problem = f"the files hold the polarisations {codes} (FITS codes), none is I"
        raise InputError(str(snapshots[0].path), "STOKES", problem, "give one polarisation")
    return [s for s in snapshots if s.stokes == STOKES_I]


def _check_same(first: Snapshot, other: Snapshot) -> None:
    """Raise InputError unless two snapshots show the same pixels of the sky."""
    where, name = str(other.path), first.path.name
    if other.shape != first.shape:
        problem = f"image of {other.shape} pixels, {name} has {first.shape}"
        raise InputError(where, "NAXIS", problem, "make all images the same size")
    if other.bunit != first.bunit:
        problem = f"is {other.bunit!r}, {name} has {first.bunit!r}"
        raise InputError(where, "BUNIT", problem, "bring all images to one unit")
    if other.geometry == first.geometry:
        return
    for key, value in first.geometry.items():
        found = other.geometry[key]
        if not _same_geometry(key, value, found, first):
            problem = f"is {found}, {name} has {value}"
            raise InputError(where, key, problem, "image all intervals on one grid of the sky")


def _same_geometry(key: str, a: float | str, b: float | str, first: Snapshot) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    if key.startswith("CRVAL"):
        step = float(first.geometry["CDELT" + key[-1]]) or 1e-4
        return abs(a - b) <= _MAX_SHIFT_PX * abs(step)
    if key.startswith("CRPIX"):
        return abs(a - b) <= _MAX_SHIFT_PX
    return abs(a - b) <= 1e-6 * max(abs(a), abs(b))


def _channels(snapshots: list[Snapshot]) -> NDArray[np.float64]:
    """Ascending channel centres; values equal to a part in a million are one channel."""
    values = np.unique(np.concatenate([s.freq_mhz for s in snapshots]))
    new = np.r_[True, np.diff(values) > 1e-6 * values[:-1]]
    return values[new]


def _index(
    snapshots: list[Snapshot], freq: NDArray[np.float64], grid: TimeGrid
) -> dict[tuple[int, int], tuple[Snapshot, int]]:
    """Where each (sample, channel) is: the file and the number of the plane in it."""
    index: dict[tuple[int, int], tuple[Snapshot, int]] = {}
    for snapshot, t in zip(snapshots, grid.samples, strict=True):
        for f, plane in zip(snapshot.freq_mhz, snapshot.plane_numbers, strict=True):
            key = (int(t), int(np.abs(freq - f).argmin()))
            if key in index:
                problem = f"shows the same interval and channel as {index[key][0].path.name}"
                raise InputError(str(snapshot.path), "DATE-OBS", problem, "give one image for each")
            index[key] = (snapshot, plane)
    return index


def _sky(first: Snapshot, snapshots: list[Snapshot]) -> tuple[WCS, float]:
    """WCS of the images, and their beam in degrees."""
    where = str(first.path)
    try:
        with warnings.catch_warnings():
            # what astropy repaired is no news; what it could not is an error
            warnings.simplefilter("ignore", AstropyWarning)
            with fits.open(first.path, memmap=True) as hdus:
                wcs = celestial_wcs(hdus[0].header, where, "WCS")  # type: ignore[union-attr]
                return wcs, _beam_deg(snapshots, hdus)
    except (OSError, KeyError, IndexError, TypeError, ValueError, fits.VerifyError) as error:
        raise InputError(where, "header", f"cannot be read ({error})", COPY) from error


def _beam_deg(snapshots: list[Snapshot], hdus: fits.HDUList) -> float:
    """Median beam; CASA writes a table ``BEAMS`` when every channel has its own."""
    beams = np.array([s.beam_deg for s in snapshots])
    if np.isfinite(beams).any():
        return float(np.nanmedian(beams))
    if "BEAMS" not in hdus:
        return float("nan")
    table = hdus["BEAMS"]
    unit = str(table.columns["BMAJ"].unit or "arcsec").strip().lower()  # type: ignore[union-attr]
    beam = np.sqrt(np.asarray(table.data["BMAJ"]) * np.asarray(table.data["BMIN"]))  # type: ignore
    return float(np.median(beam)) * (1.0 if unit.startswith("deg") else 1 / 3600)
