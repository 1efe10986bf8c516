"""From raw detections to the candidate table that a user reads.

The engine hands over a :class:`DetectionTable`: every peak above the threshold, many
of them for each pulse. Grouping (:mod:`pipeline.grouping`) labels those of one pulse
alike; :func:`build_candidates` then keeps the best detection of each label and turns
it into times, sky positions, flux densities and fluences.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from astropy import units as u
from astropy.table import Column, Table
from astropy.time import TimeDelta
from numpy.typing import ArrayLike, NDArray

from pipeline.block import StreamHeader

_DTYPES = {
    "start": np.int64,
    "width": np.int64,
    "dm": np.float64,
    "i_dm": np.int64,
    "y": np.int64,
    "x": np.int64,
    "snr": np.float32,
    "sigma": np.float32,
}

COLUMNS = (
    "id",
    "mjd",
    "ra",
    "dec",
    "x",
    "y",
    "dm",
    "width",
    "snr",
    "snr_fit",
    "flux",
    "fluence",
    "fluence_error",
    "n_detections",
    "psf_match",
    "psf_chi2",
    "everywhere",
    "band_filled",
    "sidelobe",
    "verdict",
    "p_real",
    "injected",
    "known",
    "known_sep",
)
"""Columns of ``candidates.ecsv``, in order."""

_VETTED = (
    ("psf_match", "share of its image that the PSF explains"),
    ("psf_chi2", "mean square of what the PSF leaves, over the noise"),
    ("everywhere", "level of the image beside it, standard deviations"),
    ("band_filled", "share of the band that it fills"),
    ("sidelobe", "what sidelobes of brighter ones have there, over its S/N"),
)
"""What :func:`pipeline.vetting.vet` measures."""


@dataclass(frozen=True)
class Detection:
    """One boxcar above the threshold; the fields are those of `DetectionTable`."""

    start: int
    width: int
    dm: float
    i_dm: int
    y: int
    x: int
    snr: float
    sigma: float

    @property
    def centre(self) -> float:
        """Sample number of the pulse centre at the highest channel centre."""
        return self.start + (self.width - 1) / 2


@dataclass(frozen=True)
class DetectionTable:
    """Detections as equally long columns, in no particular order.

    Attributes
    ----------
    start : (n,) int64
        First sample of the boxcar, at the highest channel centre.
    width : (n,) int64
        Boxcar width in samples.
    dm : (n,) float64
        Trial DM, pc cm^-3.
    i_dm : (n,) int64
        Number of the DM trial.
    y, x : (n,) int64
        0-based pixel.
    snr : (n,) float32
        Signal-to-noise ratio.
    sigma : (n,) float32
        Standard deviation of the mean in the boxcar, data units: the flux density of
        the pulse is ``snr * sigma``.

    Raises
    ------
    ValueError
        If the columns are not one-dimensional and equally long.
    """

    start: NDArray[np.int64]
    width: NDArray[np.int64]
    dm: NDArray[np.float64]
    i_dm: NDArray[np.int64]
    y: NDArray[np.int64]
    x: NDArray[np.int64]
    snr: NDArray[np.float32]
    sigma: NDArray[np.float32]

    def __post_init__(self) -> None:
        lengths = set()
        for name, dtype in _DTYPES.items():
            column = np.asarray(getattr(self, name), dtype=dtype)
            if column.ndim != 1:
                raise ValueError(f"{name} has shape {column.shape}, not (n,)")
            object.__setattr__(self, name, column)
            lengths.add(len(column))
        if len(lengths) > 1:
            raise ValueError(f"columns have different lengths: {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, rows: ArrayLike | slice) -> Self:
        """The table of some rows (slice, boolean mask or indices)."""
        index = rows if isinstance(rows, slice) else np.asarray(rows)
        return type(self)(**{name: getattr(self, name)[index] for name in _DTYPES})

    def row(self, i: int) -> Detection:
        """Row `i` as plain numbers."""
        return Detection(**{f.name: getattr(self, f.name)[i].item() for f in fields(self)})

    @property
    def centre(self) -> NDArray[np.float64]:
        """(n,) sample number of each pulse centre at the highest channel centre."""
        return self.start + (self.width - 1) / 2

    @classmethod
    def empty(cls) -> Self:
        """A table without rows."""
        columns: dict[str, Any] = {name: np.zeros(0, dtype) for name, dtype in _DTYPES.items()}
        return cls(**columns)

    @classmethod
    def concat(cls, tables: Sequence[DetectionTable]) -> Self:
        """All rows of several tables, in order."""
        if not tables:
            return cls.empty()
        return cls(**{name: np.concatenate([getattr(t, name) for t in tables]) for name in _DTYPES})


Marks = Callable[[DetectionTable], NDArray[np.bool_]]
"""Says something of each detection."""


@dataclass(frozen=True)
class Groups:
    """The best detection of each group, highest S/N first.

    Attributes
    ----------
    best : (group,) int64
        Row of the best detection.
    count : (group,) int64
        Number of detections in the group.
    """

    best: NDArray[np.int64]
    count: NDArray[np.int64]


def summarise_groups(table: DetectionTable, labels: NDArray[np.int64]) -> Groups:
    """Find the highest S/N and the number of detections of every label.

    Parameters
    ----------
    table : DetectionTable
        n detections.
    labels : (n,) int64
        Group of each detection.
    """
    order = np.lexsort((table.start, -table.snr.astype(np.float64)))
    _, first, count = np.unique(labels[order], return_index=True, return_counts=True)
    by_rank = np.argsort(first, kind="stable")
    return Groups(best=order[first[by_rank]], count=count[by_rank])


def data_units(bunit: str) -> tuple[u.UnitBase, u.UnitBase]:
    """Units of flux and fluence for samples in `bunit` (none if it is no unit)."""
    # FITS files in the wild write JY/BEAM.
    name = re.sub("beam", "beam", re.sub("jy", "Jy", bunit, flags=re.I), flags=re.I)
    try:
        unit = u.Unit(name) if name else u.dimensionless_unscaled
    except ValueError:
        unit = u.dimensionless_unscaled
    # A fluence is that of a point source: "per beam" goes with the image, not with it.
    per_source = unit * u.beam if u.beam in unit.bases else unit
    return unit, per_source * u.ms


def sky_positions(
    header: StreamHeader, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Right ascension and declination (deg, ICRS) of pixels; NaN without a WCS."""
    if header.wcs is None or len(x) == 0:
        nothing = np.full(len(x), np.nan)
        return nothing, nothing.copy()
    ra, dec = header.wcs.celestial.all_pix2world(x, y, 0)
    return np.asarray(ra, float) % 360.0, np.asarray(dec, float)


def build_candidates(
    table: DetectionTable,
    labels: NDArray[np.int64],
    header: StreamHeader,
    positions: NDArray[np.float64] | None = None,
    injected: Marks | None = None,
) -> Table:
    """Make the candidate table, one row a group, highest S/N first.

    Parameters
    ----------
    table : DetectionTable
        n detections.
    labels : (n,) int64
        Group of each detection, from :func:`pipeline.grouping.group_detections`.
    header : StreamHeader
        Times, WCS and unit of the recording.
    positions : (group, 2) float, optional
        Refined (x, y) of each group in the order of the table; the pixel of the best
        detection where NaN or not given.
    injected : callable, optional
        Says which of some detections may be of pulses that the program put in.

    Returns
    -------
    astropy.table.Table
        The columns of :data:`COLUMNS`. ``mjd`` is the UTC of the pulse centre at the
        highest channel centre; ``flux`` is the mean over the best boxcar, so that
        ``fluence`` = flux x width. ``snr_fit`` is NaN without a cut-out, ``p_real`` until a
        classifier has run, what candidates look like until :func:`pipeline.vetting.vet` has,
        and ``known`` is empty until :func:`pipeline.known_places.mark_known` has.
    """
    groups = summarise_groups(table, labels)
    best = table[groups.best]
    n = len(best)
    x, y = best.x.astype(float), best.y.astype(float)
    if positions is not None and n:
        x = np.where(np.isfinite(positions[:, 0]), positions[:, 0], x)
        y = np.where(np.isfinite(positions[:, 1]), positions[:, 1], y)
    ra, dec = sky_positions(header, x, y)
    width_s = best.width * header.tsamp_s
    flux = best.snr.astype(np.float64) * best.sigma
    marked = np.zeros(n, bool) if injected is None else injected(best)
    flux_unit, fluence_unit = data_units(header.bunit)
    columns = [
        Column(np.arange(1, n + 1), "id", description="rank by S/N, from 1"),
        _column(_mjd(header, best.centre), "mjd", u.day, ".11f", "UTC of the pulse centre"),
        _column(ra, "ra", u.deg, ".7f", "right ascension, ICRS"),
        _column(dec, "dec", u.deg, ".7f", "declination, ICRS"),
        _column(x, "x", u.pix, ".3f", "0-based pixel"),
        _column(y, "y", u.pix, ".3f", "0-based pixel"),
        _column(best.dm, "dm", u.pc / u.cm**3, ".3f", "dispersion measure of the trial"),
        _column(width_s, "width", u.s, ".9g", "width of the best boxcar"),
        _column(best.snr.astype(float), "snr", None, ".2f", "S/N of the best detection"),
        _column(np.full(n, np.nan), "snr_fit", None, ".2f", "S/N of what fits the pulse"),
        _column(flux, "flux", flux_unit, ".5g", "flux density of the pulse"),
        _column(flux * width_s * 1e3, "fluence", fluence_unit, ".5g", "of the pulse"),
        _column(best.sigma * width_s * 1e3, "fluence_error", fluence_unit, ".3g", "1 sigma"),
        Column(groups.count, "n_detections", description="detections in the group"),
        *(_column(np.full(n, np.nan), name, None, ".3g", text) for name, text in _VETTED),
        Column(np.full(n, "none", "U24"), "verdict", description="what it looks like"),
        _column(np.full(n, np.nan), "p_real", None, ".3f", "probability of being real"),
        Column(marked, "injected", description="put in by the program"),
        Column(np.full(n, "", "U1"), "known", description="known source there"),
        _column(np.full(n, np.nan), "known_sep", u.arcsec, ".2f", "from the known source"),
    ]
    return Table(columns)


def _column(values: ArrayLike, name: str, unit: u.UnitBase | None, form: str, text: str) -> Column:
    return Column(np.asarray(values, float), name, unit=unit, format=form, description=text)


def _mjd(header: StreamHeader, centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """UTC MJD of fractional samples, rounded once: the sum is made in two parts."""
    if len(centre) == 0:
        return np.zeros(0)
    since_start = TimeDelta(centre * header.tsamp_s, format="sec")
    return np.asarray((header.start.utc + since_start).mjd, float)
