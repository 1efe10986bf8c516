"""Telescopes: where they stand, what they see at once, and how long they move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import EarthLocation
from astropy.coordinates.errors import UnknownSiteException
from astropy.utils.data import conf
from numpy.typing import ArrayLike, NDArray

from surveys.errors import SettingProblem
from surveys.instruments import dsa110
from surveys.planning.settings import TelescopeSettings

_LIMITS = {"transit": (20.0, 160.0), "steerable": (20.0, 85.0)}


@dataclass(frozen=True)
class Telescope:
    """What a schedule needs to know.

    Attributes
    ----------
    site : EarthLocation
    transit : bool
        Whether it moves along the meridian alone.
    elevation_deg : (float, float)
        Limits; of a transit instrument from the south point through the zenith.
    rates : (float, float)
        Of elevation and azimuth in deg/s; the second is not used on the meridian.
    azimuth_deg : (float, float)
        Limits of the mount.
    settle_s : float
    field_deg : float
        Side of the square field.
    beam_fwhm_deg : float
        Infinite for no beam.
    """

    site: EarthLocation
    transit: bool
    elevation_deg: tuple[float, float]
    rates: tuple[float, float]
    azimuth_deg: tuple[float, float]
    settle_s: float
    field_deg: float
    beam_fwhm_deg: float

    def meridian_slew_s(self, one_deg: ArrayLike, other_deg: ArrayLike) -> NDArray[np.float64]:
        """Seconds from one elevation on the meridian to another, settling included."""
        angle = np.abs(np.asarray(other_deg, float) - np.asarray(one_deg, float))
        return np.where(angle > 0, angle / self.rates[0] + self.settle_s, 0.0)

    def slew_s(
        self, one: tuple[float, float], altitude_deg: NDArray, mount_deg: NDArray
    ) -> NDArray[np.float64]:
        """Seconds from (altitude, mount azimuth) to others, both axes at a time; NaN of NaN."""
        axes = (
            np.abs(altitude_deg - one[0]) / self.rates[0],
            (np.abs(mount_deg - one[1]) / self.rates[1]),
        )
        longest = np.maximum(*axes)
        return np.where(longest == 0, 0.0, longest + self.settle_s)

    def mount_azimuth(
        self, azimuth_deg: NDArray, end_deg: NDArray, from_deg: float
    ) -> NDArray[np.float64]:
        """Where the mount turns for tracks that begin and end at azimuths.

        Of all turns within the limits, the nearest to where the mount is. NaN where none is.

        Parameters
        ----------
        azimuth_deg : (n,)
            At the start of the tracks.
        end_deg : (n,)
            At their ends, less than half a turn away.
        from_deg : float
        """
        low, high = self.azimuth_deg
        onward = (end_deg - azimuth_deg + 180) % 360 - 180
        turns = 360.0 * np.arange(-3, 4)[:, None]
        start = azimuth_deg % 360 + turns
        inside = (np.minimum(start, start + onward) >= low) & (
            np.maximum(start, start + onward) <= high
        )
        way = np.where(inside, np.abs(start - from_deg), np.inf)
        best = np.argmin(way, axis=0)
        chosen = np.take_along_axis(start, best[None], 0)[0]
        return np.where(np.isfinite(way.min(axis=0)), chosen, np.nan)


def telescope_of(settings: TelescopeSettings) -> Telescope:
    """The telescope of settings.

    Raises
    ------
    SettingProblem
        astropy does not know the site, at least not without the network.
    """
    preset = settings.instrument is not None
    rate = settings.elevation_deg_per_s or dsa110.ELEVATION_DEG_PER_S
    fwhm = settings.beam_fwhm_deg or (dsa110.BEAM_FWHM_DEG if preset else None)
    side = settings.field_deg or fwhm
    assert side is not None
    return Telescope(
        _site(settings),
        settings.kind == "transit",
        settings.elevation_deg or _LIMITS[settings.kind],
        (rate, settings.azimuth_deg_per_s or np.inf),
        settings.azimuth_deg,
        settings.settle_s,
        side,
        fwhm or np.inf,
    )


def _site(settings: TelescopeSettings) -> EarthLocation:
    if settings.instrument is not None:
        return dsa110.site()
    if settings.site is None:
        lon, lat = settings.lon_deg, settings.lat_deg
        return EarthLocation.from_geodetic(lon * u.deg, lat * u.deg, settings.height_m * u.m)
    remedy = "give lon_deg, lat_deg and height_m"
    with conf.set_temp("allow_internet", False):
        try:
            return EarthLocation.of_site(settings.site)
        except UnknownSiteException as error:
            problem = f"{settings.site!r} is not known to astropy"
            raise SettingProblem("telescope.site", problem, remedy) from error
        except OSError as error:
            # urllib's errors are of this kind
            problem = f"{settings.site!r} is not known without the network"
            raise SettingProblem("telescope.site", problem, remedy) from error
