"""Tables of limits."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, Table
from numpy.typing import NDArray

from surveys.rates.run import CellLimits, Limits, PeriodicLimits

RATE = u.Unit("h-1 deg-2")
EXPOSURE = u.Unit("deg2 h")


def limits_table(limits: Limits) -> Table:
    """A row a width and a flux: exposure, rate and limits of the whole survey."""
    bursts, counts = limits.settings.bursts, limits.counts
    width, flux = (a.ravel() for a in np.meshgrid(bursts.width_s, bursts.flux_jy, indexing="ij"))
    # Where there is a limit there is the rest.
    scale = limits.rate / counts.upper
    out = Table()
    out["width"] = width * u.s
    out["flux"] = flux * u.Jy
    out["fluence"] = (flux * width * 1e3) * (u.Jy * u.ms)
    out["exposure"] = limits.exposure.ravel() * EXPOSURE
    out["detections"] = np.full(len(out), counts.k)
    out["limit"] = _masked(limits.rate, RATE)
    out["rate"] = _masked(scale * _above_background(limits), RATE)
    out["low"] = _masked(scale * counts.low, RATE)
    out["high"] = _masked(scale * counts.high, RATE)
    if limits.power_law_exposure is not None and limits.power_law_rate is not None:
        out["exposure_power_law"] = limits.power_law_exposure.ravel() * EXPOSURE
        out["limit_power_law"] = _masked(limits.power_law_rate, RATE)
    return out


def cells_table(limits: Limits) -> Table:
    """A row a cell, for bursts of the flux and width of maps."""
    found: CellLimits = limits.cells
    frame = limits.settings.cells.frame
    cells = found.cells
    names = ("l", "b") if frame == "galactic" else ("ra", "dec")
    out = Table()
    out["cell"] = cells.number
    out[names[0]] = cells.lon * u.deg
    out[names[1]] = cells.lat * u.deg
    if frame == "galactic":
        at = SkyCoord(cells.lon, cells.lat, unit="deg", frame="galactic").icrs
        out["ra"], out["dec"] = at.ra.deg * u.deg, at.dec.deg * u.deg
    out["area"] = found.area_deg2 * u.deg**2
    out["time"] = found.hours * u.h
    out["exposure"] = found.exposure * EXPOSURE
    out["detections"] = found.k
    out["limit"] = _masked(found.limit, RATE)
    out["limit_cell"] = _masked(found.limit * found.area_deg2, u.Unit("h-1"))
    return out


def periodic_table(periodic: PeriodicLimits, confidence: float) -> Table:
    """A row a flux, a period and a width that is shorter: area and the limit on the number."""
    grid = np.meshgrid(periodic.flux_jy, periodic.period_s, periodic.width_s, indexing="ij")
    flux, period, width = (a.ravel() for a in grid)
    pulse = width < period
    area = periodic.effective_deg2.ravel()
    total = len(periodic.pixel) * periodic.pixel_deg2
    out = Table()
    out["flux"] = flux * u.Jy
    out["period"] = period * u.s
    out["width"] = width * u.s
    out["area"] = area * u.deg**2
    out["p_seen"] = area / total
    out["limit"] = _masked(periodic.density, u.Unit("deg-2"))
    out["rejected"] = periodic.rejected(confidence).ravel()
    return out[pulse]


def _above_background(limits: Limits) -> float:
    return max(limits.counts.k - limits.settings.counts.background, 0.0)


def _masked(values: NDArray[np.float64], unit: u.UnitBase) -> MaskedColumn:
    """A column that is masked where there is no limit."""
    flat = values.ravel()
    known = np.isfinite(flat)
    return MaskedColumn(np.where(known, flat, 0.0), mask=~known, unit=unit)
