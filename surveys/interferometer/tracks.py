"""Where an array samples the uv plane while a source crosses the sky.

In Thompson, Moran & Swenson's frame, X points to the meridian on the equator, Y east and Z north
along the axis of the Earth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surveys.errors import SettingProblem

LIGHT_M_S = 299_792_458.0
ARCSEC = math.radians(1 / 3600)


@dataclass(frozen=True)
class Track:
    """When a source is observed.

    Attributes
    ----------
    dec_deg : float
    hours : float
        Time on source.
    middle_hour : float
        Hour angle of the middle.
    step_s : float
        Length of the pieces that visibilities are averaged over; the last is shorter if it must.
    least_elevation_deg : float
        Samples below it are left out.
    """

    dec_deg: float
    hours: float = 1.0
    middle_hour: float = 0.0
    step_s: float = 300.0
    least_elevation_deg: float = 20.0

    def __post_init__(self) -> None:
        limits = {
            "dec_deg": (-90.0, 90.0),
            "hours": (1 / 3600, 24.0),
            "middle_hour": (-12.0, 12.0),
            "step_s": (1.0, 3600.0),
            "least_elevation_deg": (0.0, 90.0),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} is {value:g}; give {low:g} to {high:g}")

    @property
    def pieces(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Hour angle (radians) of the middle of each piece, and its length in seconds."""
        total_s = self.hours * 3600
        n = max(math.ceil(total_s / self.step_s - 1e-9), 1)
        edges = np.minimum(np.arange(n + 1) * self.step_s, total_s)
        middle_s = (edges[1:] + edges[:-1]) / 2 - total_s / 2 + self.middle_hour * 3600
        return middle_s / 86400 * 2 * math.pi, np.diff(edges)


@dataclass(frozen=True)
class Coverage:
    """Where the uv plane is sampled.

    Attributes
    ----------
    u, v : (sample,)
        In wavelengths, u to the east and v to the north.
    seconds : (sample,)
        Of integration.
    freq_ghz : float
    n_low, n_shadowed : int
        Samples left out since the source was low, or an antenna behind another.
    """

    u: NDArray[np.float64]
    v: NDArray[np.float64]
    seconds: NDArray[np.float64]
    freq_ghz: float
    n_low: int = 0
    n_shadowed: int = 0


def equatorial(enu_m: NDArray[np.floating], latitude_deg: float) -> NDArray[np.float64]:
    """East, north, up (..., 3) turned to X, Y, Z (..., 3)."""
    east, north, up = np.moveaxis(np.asarray(enu_m, np.float64), -1, 0)
    sine, cosine = math.sin(math.radians(latitude_deg)), math.cos(math.radians(latitude_deg))
    return np.stack([cosine * up - sine * north, east, cosine * north + sine * up], -1)


def uvw_m(
    xyz_m: NDArray[np.floating], hour_angle: NDArray[np.floating], dec_deg: float
) -> NDArray[np.float64]:
    """Projected vectors (hour angle, ..., 3) of vectors (..., 3), hour angles in radians."""
    x, y, z = np.moveaxis(np.asarray(xyz_m, np.float64), -1, 0)
    sine, cosine = math.sin(math.radians(dec_deg)), math.cos(math.radians(dec_deg))
    h = np.asarray(hour_angle, np.float64).reshape(-1, *(1,) * x.ndim)
    to_meridian, to_west = np.cos(h) * x - np.sin(h) * y, np.sin(h) * x + np.cos(h) * y
    return np.stack([to_west, cosine * z - sine * to_meridian, cosine * to_meridian + sine * z], -1)


def elevation_deg(
    hour_angle: NDArray[np.floating], dec_deg: float, latitude_deg: float
) -> NDArray[np.float64]:
    """Elevation of a source at hour angles in radians."""
    dec, lat = math.radians(dec_deg), math.radians(latitude_deg)
    sine = math.sin(lat) * math.sin(dec) + math.cos(lat) * math.cos(dec) * np.cos(hour_angle)
    return np.degrees(np.arcsin(np.clip(sine, -1, 1)))


def uv_coverage(
    enu_m: NDArray[np.floating],
    latitude_deg: float,
    track: Track,
    freq_ghz: float,
    dish_m: float = 0.0,
) -> Coverage:
    """Samples of all pairs of antennas, each once; its mirror image is the same measurement.

    An antenna that another one stands before, closer than ``dish_m`` as the source sees them, gives
    no samples meanwhile.

    Raises
    ------
    SettingProblem
        If nothing is left.
    """
    hour_angle, seconds = track.pieces
    high = elevation_deg(hour_angle, track.dec_deg, latitude_deg) >= track.least_elevation_deg
    first, second = np.triu_indices(len(enu_m), 1)
    xyz_m = equatorial(enu_m, latitude_deg)
    uvw = uvw_m(xyz_m[first] - xyz_m[second], hour_angle[high], track.dec_deg)
    close = np.hypot(uvw[..., 0], uvw[..., 1]) < dish_m
    behind = np.where(uvw[..., 2] > 0, second, first)
    shadowed = np.zeros((len(uvw), len(enu_m)), bool)
    when, pair = np.nonzero(close)
    shadowed[when, behind[when, pair]] = True
    seen = ~(shadowed[:, first] | shadowed[:, second])
    if not seen.any():
        best = float(90 - abs(track.dec_deg - latitude_deg))
        problem = (
            f"nothing is observed at declination {track.dec_deg:g} with an elevation of "
            f"{track.least_elevation_deg:g} degrees or more: it culminates at {best:.1f}"
        )
        raise SettingProblem("dec_deg", problem, "give another")
    per_wavelength = freq_ghz * 1e9 / LIGHT_M_S
    return Coverage(
        uvw[..., 0][seen] * per_wavelength,
        uvw[..., 1][seen] * per_wavelength,
        np.broadcast_to(seconds[high, None], seen.shape)[seen],
        freq_ghz,
        int((~high).sum()) * len(first),
        int((~seen).sum()),
    )


def baseline_lengths_m(enu_m: NDArray[np.floating]) -> NDArray[np.float64]:
    """Lengths of all baselines on the ground, rising."""
    first, second = np.triu_indices(len(enu_m), 1)
    return np.sort(np.linalg.norm(np.asarray(enu_m)[first] - np.asarray(enu_m)[second], axis=-1))


def resolution_arcsec(enu_m: NDArray[np.floating], freq_ghz: float) -> float:
    """Angular resolution, 0.574 wavelengths over the 80th percentile of the baselines."""
    length_m = float(np.percentile(baseline_lengths_m(enu_m), 80))
    return 0.574 * LIGHT_M_S / (freq_ghz * 1e9) / length_m / ARCSEC


def largest_scale_arcsec(enu_m: NDArray[np.floating], freq_ghz: float) -> float:
    """Maximum recoverable scale, 0.983 wavelengths over the 5th percentile of the baselines."""
    length_m = float(np.percentile(baseline_lengths_m(enu_m), 5))
    return 0.983 * LIGHT_M_S / (freq_ghz * 1e9) / length_m / ARCSEC
