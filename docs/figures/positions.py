"""Positions of sources in images of drift scans of an hour: ``images/positions.png``.

Run it from anywhere: ``python docs/figures/positions.py``. It writes recordings as DSA-110 does,
13 gulps spread over an hour, of one source each. Where the source is, and where data are phased
to, is astropy's; what reads and images them is the program. A minute on two cores.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from astropy import units
from astropy.coordinates import TETE, AltAz, EarthLocation, HADec, SkyCoord
from astropy.time import Time
from astropy.utils import iers
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline
from scipy.optimize import minimize

from pipeline.imaging.imager import ImagedReader
from pipeline.imaging.settings import ImagingSettings
from pipeline.visibilities.nsfrb import NsfrbReader
from surveys.instruments import dsa110

ROOT = Path(__file__).resolve().parents[2]

DECS = (-30.0, 0.0, 37.0, 75.0)
PLACES = {"0.7′ from the centre": (130.0, 0.7), "20′ from it, in a corner": (45.0, 20.0)}
"""Position angle in degrees and distance in minutes of arc."""
START_MJD = 60700.3
N_ANTENNAS = 32
N_GULPS, GULP = 13, 25
GULP_STEP = 2235
"""Samples from one gulp to the next: five minutes."""
MEASURED = (0, 12, 24)
"""Samples of a gulp: at both ends it is phased to a place off the meridian."""
SUBBANDS = (0, 5, 10, 15)
SIZE, PIXEL_ARCSEC = 175, 10.665
REQUIRED = 0.1
LIGHT_M_S = 299792458.0
SIDEREAL_RAD_S = 2 * np.pi / 86164.0905


@dataclass(frozen=True)
class Track:
    """Where a source was found in the images of an hour.

    Attributes
    ----------
    minutes : (gulp,)
        From the middle of the hour.
    off : (gulp, sample)
        Pixels between where it was found and where it is.
    """

    minutes: NDArray[np.float64]
    off: NDArray[np.float64]


def stations() -> tuple[list[int], NDArray[np.float64]]:
    """Numbers of stations spread over the core, and where they are in ITRS, metres."""
    spread = np.linspace(dsa110.CORE[0], dsa110.CORE[-1], N_ANTENNAS)
    numbers = [int(n) for n in np.rint(spread)]
    rows = {int(r["station"]): r for r in dsa110.stations()}
    at = [
        EarthLocation.from_geodetic(*(rows[n][c] for c in ("lon_deg", "lat_deg", "height_m")))
        for n in numbers
    ]
    return numbers, np.array([[v.to_value("m") for v in a.geocentric] for a in at])


def direction(sky: SkyCoord, times: Time) -> NDArray[np.float64]:
    """Direction in ITRS at each time, (time, 3), by way of altitude and azimuth."""
    site = dsa110.site()
    there = sky.transform_to(AltAz(obstime=times, location=site))
    alt, az = there.alt.rad, there.az.rad
    lon, lat = site.lon.rad, site.lat.rad
    east = np.array([-np.sin(lon), np.cos(lon), 0])
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    parts = np.stack([np.cos(alt) * np.sin(az), np.cos(alt) * np.cos(az), np.sin(alt)], axis=-1)
    return parts @ np.stack([east, np.cross(up, east), up])


def phased_to(times: Time, dec_deg: float) -> NDArray[np.float64]:
    """Directions that the samples of a gulp are phased to, (time, 3), ITRS.

    It is one place on the sky, on the meridian in the middle of the gulp.
    """
    site = dsa110.site()
    hour_angle = (np.arange(GULP) - (GULP - 1) / 2) * dsa110.TSAMP_S * SIDEREAL_RAD_S
    ra = times.sidereal_time("apparent", site.lon) - hour_angle * units.rad
    frame = TETE(obstime=times, location=site)
    return direction(SkyCoord(ra=ra, dec=np.full(GULP, dec_deg) * units.deg, frame=frame), times)


def write_recording(folder: Path, sky: SkyCoord, dec_deg: float) -> list[Path]:
    """Gulps of a source of 1 Jy, at the centres of channels, without noise or primary beam."""
    numbers, antennas = stations()
    settings = f'antenna_order = {numbers}\nchannels = 1\nfringe_samples = {GULP}\nunit = "Jy"\n'
    (folder / "observation.toml").write_text(settings)
    i, j = np.tril_indices(len(numbers))
    per_m = dsa110.freq_mhz(1)[list(SUBBANDS), 0] * 1e6 / LIGHT_M_S
    paths = []
    for gulp in range(N_GULPS):
        begin = START_MJD + gulp * GULP_STEP * dsa110.TSAMP_S / 86400
        times = Time(begin, format="mjd") + (np.arange(GULP) + 0.5) * dsa110.TSAMP_S * units.s
        path = (direction(sky, times) - phased_to(times, dec_deg)) @ antennas.T
        cycles = (path[:, i] - path[:, j])[..., None] * per_m
        vis = np.exp(-2j * np.pi * cycles).astype("<c8")
        for n, subband in enumerate(SUBBANDS):
            head = np.array((begin, subband, dec_deg), "<f8,<u4,<f4")
            both_hands = np.repeat(vis[..., n, None], 2, axis=-1)
            paths.append(folder / f"nsfrb_sb{subband:02d}_{gulp:05d}.out")
            paths[-1].write_bytes(head.tobytes() + both_hands.tobytes())
    return paths


def peak(image: NDArray[np.floating]) -> NDArray[np.float64]:
    """Column and row of the highest place of a spline through the pixels."""
    row, column = (int(at) for at in np.unravel_index(image.argmax(), image.shape))
    y, x = (np.arange(max(0, at - 6), min(SIZE, at + 7)) for at in (row, column))
    spline = RectBivariateSpline(y, x, image[np.ix_(y, x)].astype(float), kx=5, ky=5)

    def depth(at: NDArray[np.float64]) -> float:
        return -float(spline(at[1], at[0])[0, 0])

    found = minimize(depth, (column, row), method="Nelder-Mead", options={"xatol": 1e-5})
    return np.asarray(found.x)


def track(dec_deg: float, angle_deg: float, arcmin: float) -> Track:
    """Follow a source, so far from the centre of a field, through the images of an hour."""
    half_s = ((N_GULPS - 1) * GULP_STEP + GULP) / 2 * dsa110.TSAMP_S
    middle = Time(START_MJD, format="mjd") + half_s * units.s
    meridian = HADec(obstime=middle, location=dsa110.site())
    centre = SkyCoord(ha=0 * units.deg, dec=dec_deg * units.deg, frame=meridian).icrs
    sky = centre.directional_offset_by(angle_deg * units.deg, arcmin * units.arcmin).icrs
    settings = ImagingSettings(SIZE, PIXEL_ARCSEC, channels=1, max_smearing=0.0)
    begins = np.arange(N_GULPS) * GULP_STEP
    with TemporaryDirectory() as name:
        paths = write_recording(Path(name), sky, dec_deg)
        with ImagedReader(NsfrbReader(paths), settings) as reader:
            wcs = reader.header.wcs
            assert wcs is not None
            place = np.array(wcs.world_to_pixel(sky))
            samples = begins[:, None] + np.array(MEASURED)
            images = [reader.read(n, n + 1).data[0, 0] for n in samples.ravel().tolist()]
    off = [np.hypot(*(peak(image) - place)) for image in images]
    minutes = ((begins + GULP / 2) * dsa110.TSAMP_S - half_s) / 60
    return Track(minutes, np.reshape(off, samples.shape))


def _draw_place(axes: Axes, tracks: list[Track]) -> None:
    """The largest offset of each gulp as a line, all that were measured as points."""
    shades = colormaps["viridis"](np.linspace(0.0, 0.85, len(DECS)))
    for dec, shade, one in zip(DECS, shades, tracks, strict=True):
        axes.plot(one.minutes, one.off, ".", ms=3, color=shade, alpha=0.5)
        label = f"{dec:+.0f}°".replace("-", "−") if dec else "0°"
        axes.plot(one.minutes, one.off.max(axis=1), color=shade, lw=1.4, label=label)
    axes.axhline(REQUIRED, color="0.5", lw=0.9, ls="--")


def draw(tracks: dict[str, list[Track]]) -> Figure:
    """A panel for each place, over the same range of offsets."""
    figure = Figure(figsize=(7.2, 4.4), dpi=150, layout="constrained")
    panels = figure.subplots(1, len(tracks), sharey=True)
    for axes, (place, of_place) in zip(panels, tracks.items(), strict=True):
        _draw_place(axes, of_place)
        axes.set_title(f"source {place}", size=10, loc="left")
        axes.set(yscale="log", ylim=(1e-5, 0.25), xlabel="minutes from the meridian")
        axes.set_xticks([-30, -15, 0, 15, 30])
        axes.grid(color="0.92", lw=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    required = f"required: a tenth of a pixel, {REQUIRED * PIXEL_ARCSEC:.2f}″"
    panels[0].text(-30, REQUIRED * 1.12, required, size=8, color="0.4")
    panels[0].set_ylabel(f"distance from where it is (pixels of {PIXEL_ARCSEC}″)")
    panels[0].legend(
        title="declination", title_fontsize=9, frameon=False, fontsize=9, loc="center", ncols=2
    )
    return figure


def main() -> None:
    """Write the figure beside the documents."""
    # The program looks nothing up over the network either.
    with iers.conf.set_temp("auto_download", False):
        tracks = {name: [track(dec, *at) for dec in DECS] for name, at in PLACES.items()}
    draw(tracks).savefig(ROOT / "docs" / "images" / "positions.png")


if __name__ == "__main__":
    main()
