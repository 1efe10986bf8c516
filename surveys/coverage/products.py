"""Maps and areas of a coverage: exposure, sensitivity, and the outline as a MOC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from surveys.coverage.completeness import Completeness
from surveys.coverage.coverage import Coverage

HOUR_S = 3600.0
_STEP = 1.02
"""Between fluxes that the sensitivity is interpolated between."""
_ROWS = 20_000


@dataclass(frozen=True)
class Exposure:
    """Exposure to one kind of pulse.

    Attributes
    ----------
    flux_jy, width_s : float
    seconds : (n,)
        Of each pixel of the coverage.
    """

    flux_jy: float
    width_s: float
    seconds: NDArray[np.float64]

    @property
    def label(self) -> str:
        return f"{self.flux_jy:g}Jy_{self.width_s:g}s"


def exposures(
    coverage: Coverage,
    fluxes_jy: Sequence[float],
    widths_s: Sequence[float],
    completeness: Completeness,
) -> list[Exposure]:
    """Exposure to pulses of each flux and width, fluxes fastest."""
    return [
        Exposure(flux, width, coverage.exposure_s(flux, width, completeness))
        for width in widths_s
        for flux in fluxes_jy
    ]


def sensitivity_jy(
    coverage: Coverage, width_s: float, share: float, completeness: Completeness
) -> NDArray[np.float64]:
    """Flux of which a share is found, of the pulses during the time that they were searched for.

    Parameters
    ----------
    coverage : Coverage
    width_s : float
    share : float
    completeness : Completeness

    Returns
    -------
    (n,)
        NaN where pulses so wide were never searched for, or never so many of them are found.
    """
    out = np.full(len(coverage.pixel), np.nan)
    searched = coverage.columns.max_width_s * (1 + 1e-6) >= width_s
    per_jy = coverage.columns.snr(1.0, width_s)
    if not searched.any() or not len(out):
        return out
    # From fluxes of which nothing is found to those of which all is.
    top = coverage.columns.threshold.max()
    low, high = 0.1 / per_jy[searched].max(), 30 * top / per_jy[searched].min()
    fluxes = low * _STEP ** np.arange(np.ceil(np.log(high / low) / np.log(_STEP)) + 1)
    found = coverage.found(fluxes, width_s, completeness)[searched]
    for first in range(0, len(out), _ROWS):
        seconds = coverage.seconds[first : first + _ROWS][:, searched].astype(np.float64)
        total = seconds.sum(1)
        seen = total > 0
        shares = seconds[seen] @ found / total[seen, None]
        i = (shares < share).sum(1)
        there = (i > 0) & (i < len(fluxes))
        at, rows = i[there], np.flatnonzero(there)
        below, above = shares[rows, at - 1], shares[rows, at]
        between = (share - below) / (above - below)
        flux = fluxes[at - 1] * _STEP**between
        out[first + np.flatnonzero(seen)[there]] = flux
    return out


def area_table(coverage: Coverage, made: Sequence[Exposure], above_hours: Sequence[float]) -> Table:
    """Area with more exposure than some times, and the sum over the sky, of each kind of pulse."""
    rows = []
    for one in made:
        hours = one.seconds / HOUR_S
        total = float(hours.sum() * coverage.pixel_deg2)
        for least in above_hours:
            area = float((hours > least).sum() * coverage.pixel_deg2)
            rows.append((one.flux_jy, one.width_s, least, area, total))
    names = ("flux", "width", "above", "area", "exposure")
    table = Table([list(column) for column in zip(*rows, strict=True)], names=names)
    for name, unit in zip(names, ("Jy", "s", "h", "deg2", "deg2 h"), strict=True):
        table[name].unit = unit
    return table


def moc(coverage: Coverage, inside: NDArray[np.bool_]) -> fits.HDUList:
    """Outline of some pixels: a Multi-Order Coverage map of the IVOA, in ICRS.

    Parameters
    ----------
    coverage : Coverage
    inside : (n,) bool
    """
    order = int(np.log2(coverage.nside))
    pixel = coverage.pixel[inside]
    if coverage.frame != "icrs":
        chosen = replace(coverage, pixel=pixel, seconds=coverage.seconds[inside])
        pixel = chosen.in_frame("icrs").pixel if len(pixel) else pixel
    numbers = [np.sort(one) for one in _uniq(order, pixel)]
    column = fits.Column(
        name="UNIQ", format="K", array=np.concatenate(numbers) if numbers else np.zeros(0, int)
    )
    table = fits.BinTableHDU.from_columns([column])
    table.header.update({
        "PIXTYPE": "HEALPIX",
        "ORDERING": "NUNIQ",
        "COORDSYS": "C",
        "MOCVERS": "2.0",
        "MOCDIM": "SPACE",
        "MOCORD_S": order,
        "MOCORDER": order,
    })  # fmt: skip
    return fits.HDUList([fits.PrimaryHDU(), table])


def _uniq(order: int, pixel: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Numbers of the fewest pixels that fill the same area, from the coarsest."""
    made = []
    for here in range(order, -1, -1):
        parents, n = np.unique(pixel // 4, return_counts=True)
        whole = parents[n == 4] if here else parents[:0]
        made.append(4 * 4**here + pixel[~np.isin(pixel // 4, whole)])
        pixel = whole
    yield from reversed(made)
