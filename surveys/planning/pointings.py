"""Schedules as pointings: what the maps of coverage are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveys.coverage.pointings import Pointings
from surveys.coverage.visits import visits as stays
from surveys.instruments.radiometer import Radiometer
from surveys.planning.regions import Region
from surveys.planning.schedule import Visit
from surveys.planning.settings import NoiseSettings
from surveys.planning.telescopes import Telescope

NOISE_COLUMNS = ("noise_jy", "tsamp_s", "threshold", "max_width_s")
_ANY = NoiseSettings(tsamp_s=1.0, noise_jy=1.0)


def noise_jy(settings: NoiseSettings) -> float:
    """Noise of one sample in the middle of the beam."""
    if settings.noise_jy is not None:
        return settings.noise_jy
    assert settings.sefd_jy is not None
    return Radiometer(
        settings.sefd_jy,
        settings.n_antennas,
        settings.bandwidth_mhz,
        settings.tsamp_s,
        settings.n_polarisations,
        settings.efficiency,
    ).noise_jy


def pointings_of(
    visits: Sequence[Visit], telescope: Telescope, noise: NoiseSettings | None
) -> Pointings:
    """Visits to tiles as pointings; calibrators are left out.

    Parameters
    ----------
    visits : sequence of Visit
    telescope : Telescope
    noise : NoiseSettings, optional
        Without, :data:`NOISE_COLUMNS` are filled and mean nothing.
    """
    tiles, noise = [v for v in visits if v.kind == "tile"], noise or _ANY
    same = {
        "noise_jy": noise_jy(noise),
        "tsamp_s": noise.tsamp_s,
        "beam_fwhm_deg": telescope.beam_fwhm_deg,
        "field_deg": telescope.field_deg,
        "threshold": noise.threshold,
        "max_width_s": noise.max_width_s,
        "drift": telescope.transit,
    }
    columns: dict[str, Any] = {name: np.full(len(tiles), v) for name, v in same.items()}
    return Pointings.of(
        start_mjd=[v.start_mjd for v in tiles],
        duration_s=[v.duration_s for v in tiles],
        ra=[v.ra_deg for v in tiles],
        dec=[v.dec_deg for v in tiles],
        name=np.array([f"{i:05d} {v.name}" for i, v in enumerate(tiles, 1)], str),
        **columns,
    )


def exposure_s(
    region: Region, visits: Sequence[Visit], telescope: Telescope
) -> NDArray[np.float64]:
    """Time for which the middle of each pixel of a region is in the field, (pixel,)."""
    pointings = pointings_of(visits, replace(telescope, beam_fwhm_deg=np.inf), None)
    if not len(pointings):
        return np.zeros(len(region.pixel))
    found = stays(pointings, *region.places())
    return np.bincount(found.place, found.seconds, len(region.pixel)).astype(np.float64)
