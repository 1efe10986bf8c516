"""Tables of a plan: what is written and handed on."""

from __future__ import annotations

import numpy as np
from astropy.table import Column, MaskedColumn, Table
from numpy.typing import NDArray

from surveys.planning.earth import (
    horizontal,
    separation_deg,
    sidereal_h,
    utc,
)
from surveys.planning.plan import Plan
from surveys.planning.pointings import NOISE_COLUMNS, pointings_of
from surveys.planning.regions import galactic
from surveys.planning.schedule import Schedule
from surveys.planning.windows import DAY_S, meridian_elevation


def utc_text(mjd: NDArray) -> list[str]:
    """UTC in words, to a tenth of a second."""
    time = utc(mjd)
    time.precision = 1
    return list(np.atleast_1d(time.isot))


def tiles_table(plan: Plan) -> Table:
    """Tiles of the region, and what they get; masked where they never can be observed."""
    schedule, (ra, dec) = plan.chosen, plan.tile_deg
    l, b = galactic(ra, dec)
    never = ~plan.is_up
    seen = {
        "exposure_s": plan.per_tile(schedule.exposure_s),
        "visits": plan.per_tile(schedule.exposure_s / schedule.full_s),
        "covered": plan.per_tile(schedule.is_covered),
    }
    table = Table(
        {
            "name": [f"tile {n}" for n in plan.tiles.number],
            "ra": Column(ra, unit="deg"),
            "dec": Column(dec, unit="deg"),
            "l": Column(l, unit="deg"),
            "b": Column(b, unit="deg"),
            "area_deg2": Column(plan.tiles.area_deg2, unit="deg2"),
            "observable": plan.is_up,
        }
    )
    for name, values in seen.items():
        table[name] = MaskedColumn(values, mask=never)
    table["exposure_s"].unit = "s"
    _round(table, {"ra": 6, "dec": 6, "l": 6, "b": 6, "area_deg2": 4, "exposure_s": 2})
    _round(table, {"visits": 4, "covered": 4})
    return table


def windows_table(plan: Plan) -> Table:
    """When targets, or tiles, can be observed."""
    windows, places = plan.windows, plan.places
    has_transit = np.isfinite(windows.transit_mjd)
    at = np.where(has_transit, windows.transit_mjd, windows.start_mjd)
    table = Table(
        {
            "name": np.array([places.name[i] for i in windows.place], str),
            "start": np.array(utc_text(windows.start_mjd), str),
            "end": np.array(utc_text(windows.end_mjd), str),
            "start_mjd": Column(windows.start_mjd, unit="d"),
            "end_mjd": Column(windows.end_mjd, unit="d"),
            "duration_s": Column((windows.end_mjd - windows.start_mjd) * DAY_S, unit="s"),
        }
    )
    ra, dec = places.ra_deg[windows.place], places.dec_deg[windows.place]
    altitude = horizontal(ra, dec, at, plan.telescope.site)[0] if len(at) else at
    table["transit_mjd"] = MaskedColumn(at, mask=~has_transit, unit="d")
    table["transit_altitude_deg"] = MaskedColumn(altitude, mask=~has_transit, unit="deg")
    _round(table, {"start_mjd": 8, "end_mjd": 8, "transit_mjd": 8, "duration_s": 2})
    _round(table, {"transit_altitude_deg": 4})
    return table


def schedule_table(plan: Plan, schedule: Schedule) -> Table:
    """All visits in the order of time, tiles and calibrators."""
    visits = schedule.visits

    def column(name: str) -> NDArray[np.float64]:
        return np.array([getattr(v, name) for v in visits], float)

    start, end, ra, dec = (column(n) for n in ("start_mjd", "end_mjd", "ra_deg", "dec_deg"))
    altitude, azimuth = column("altitude_deg"), column("azimuth_deg")
    l, b = galactic(ra, dec)
    sun_altitude, sun_azimuth = plan.limits.sun(start)
    table = Table(
        {
            "kind": np.array([v.kind for v in visits], str),
            "name": np.array([v.name for v in visits], str),
            "start": np.array(utc_text(start), str),
            "end": np.array(utc_text(end), str),
            "start_mjd": Column(start, unit="d"),
            "end_mjd": Column(end, unit="d"),
            "duration_s": Column((end - start) * DAY_S, unit="s"),
            "slew_s": Column(column("slew_s"), unit="s"),
            "altitude_deg": Column(altitude, unit="deg"),
            "azimuth_deg": Column(azimuth, unit="deg"),
            "ra": Column(ra, unit="deg"),
            "dec": Column(dec, unit="deg"),
            "l": Column(l, unit="deg"),
            "b": Column(b, unit="deg"),
            "lst_h": Column(sidereal_h(start, plan.telescope.site), unit="h"),
            "sun_altitude_deg": Column(sun_altitude, unit="deg"),
            "sun_deg": Column(
                separation_deg(altitude, azimuth, sun_altitude, sun_azimuth), unit="deg"
            ),
        }
    )
    if plan.telescope.transit:
        elevation = meridian_elevation(altitude, azimuth)
        table.add_column(Column(elevation, unit="deg"), name="elevation_deg", index=10)
    _round(table, dict.fromkeys(("start_mjd", "end_mjd"), 8))
    _round(table, {"duration_s": 2, "slew_s": 1, "lst_h": 5})
    angles = "altitude_deg azimuth_deg elevation_deg ra dec l b sun_altitude_deg sun_deg"
    _round(table, dict.fromkeys(angles.split(), 5))
    return table


def pointings_table(plan: Plan) -> Table:
    """Visits to tiles as pointings; without those columns that no noise was given for."""
    table = pointings_of(plan.chosen.visits, plan.telescope, plan.settings.noise).table()
    if plan.settings.noise is None:
        table.remove_columns(NOISE_COLUMNS)
    return table


def _round(table: Table, places: dict[str, int]) -> None:
    for name, digits in places.items():
        if name in table.colnames:
            table[name] = table[name].round(digits)
