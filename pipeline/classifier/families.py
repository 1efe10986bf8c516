"""The distributions that scenes are drawn from: those to train on, and those to judge by."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from surveys.instruments import dsa110

Range = tuple[float, float]

SIDE, N_SAMPLES = 64, 700
_DSA = dsa110.freq_mhz(1)


@dataclass(frozen=True)
class Family:
    """What the scenes of a kind have in common; ranges are uniform, or log-uniform where said.

    Attributes
    ----------
    name : str
    first_mhz, last_mhz : float
    n_channels : int
    tsamp_s : float
    dm_max : float
        Of the search, pc cm^-3.
    max_width_s : float
        Of the search and of pulses.
    antennas : (int, int)
    layouts : tuple of str
        See :data:`pipeline.classifier.arrays.LAYOUTS`.
    fwhm_px : (float, float)
        Of the beam.
    interference : tuple of (str, str)
        See :mod:`pipeline.classifier.interference`.
    n_events : int
        Of interference, in the mean.
    """

    name: str
    first_mhz: float = float(_DSA[0, 0])
    last_mhz: float = float(_DSA[-1, 0])
    n_channels: int = dsa110.N_SUBBANDS
    tsamp_s: float = dsa110.TSAMP_S
    dm_max: float = 1500.0
    max_width_s: float = 15.0
    antennas: tuple[int, int] = (12, 48)
    layouts: tuple[str, ...] = ("disc", "core", "ring")
    fwhm_px: Range = (2.5, 4.0)
    interference: tuple[tuple[str, str], ...] = tuple(
        product(("level", "far", "fringe", "pixel", "sidelobes"), ("burst", "narrow"))
    )
    n_events: int = 8


@dataclass(frozen=True)
class Seen(Family):
    """Scenes of visibilities of DSA-110, imaged.

    Attributes
    ----------
    stations : (int, int)
        Of the core, from which the antennas are drawn: those whose number leaves the second
        when it is divided by the first, or not if that is negative.
    gain_error, phase_error_deg : (float, float)
        rms of the antennas.
    distance_m : (float, float)
        Of transmitters, log-uniform.
    footprints : tuple of str
        Of transmitters: ``"burst"``, ``"narrow"``, ``"comb"``, ``"swept"``, ``"radar"``.
    transmitter_jy : (float, float)
        Flux of one that fills the band for a sample, log-uniform; fainter as the root of what it
        fills beyond that.
    source_jy : (float, float)
        Of steady sources, log-uniform.
    n_sources : int
        At most.
    """

    stations: tuple[int, int] = (2, 1)
    antennas: tuple[int, int] = (24, 32)
    gain_error: Range = (0.0, 0.15)
    phase_error_deg: Range = (0.0, 12.0)
    distance_m: Range = (150.0, 3000.0)
    footprints: tuple[str, ...] = ("burst", "narrow")
    transmitter_jy: Range = (6.0, 80.0)
    source_jy: Range = (1.0, 20.0)
    n_sources: int = 4
    n_events: int = 15


TRAINING: tuple[Family, ...] = (
    Seen("training visibilities", transmitter_jy=(12.0, 160.0), n_events=25),
    Family("training images"),
    Family(
        "training images, S band",
        first_mhz=2100.0,
        last_mhz=3700.0,
        n_channels=32,
        tsamp_s=0.5,
        dm_max=4000.0,
        max_width_s=40.0,
    ),
)
HELD_OUT: tuple[Family, ...] = (
    Seen(
        "held-out visibilities",
        stations=(2, 0),
        antennas=(34, 40),
        distance_m=(5e3, 5e4),
        transmitter_jy=(12.0, 160.0),
        n_events=20,
        footprints=("comb", "swept", "radar"),
    ),
    Family(
        "held-out images, 850 MHz",
        first_mhz=1000.0,
        last_mhz=700.0,
        n_channels=24,
        tsamp_s=0.05,
        dm_max=120.0,
        max_width_s=4.0,
        layouts=("arms",),
        antennas=(18, 30),
        fwhm_px=(4.2, 5.2),
        interference=(
            *product(("blob", "streak", "stripes"), ("burst", "narrow")),
            *product(("level", "far", "fringe"), ("comb", "swept", "radar")),
        ),
    ),
)
