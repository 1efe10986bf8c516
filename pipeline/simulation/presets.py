"""Ready-made simulations: the demonstration, and the acceptance test of the search."""

from __future__ import annotations

import numpy as np

from pipeline.simulation.config import (
    Array,
    Image,
    Noise,
    Pulse,
    Recording,
    SimulationConfig,
    Source,
)

_SIGMA = 0.02
_N_CHANNELS = 16


def _steady(sigmas: float, x: float, y: float) -> Source:
    """A source of so many standard deviations of the band average of one sample."""
    return Source(flux=sigmas * _SIGMA / float(np.sqrt(_N_CHANNELS)), x=x, y=y)


def demo_config() -> SimulationConfig:
    """Three minutes of 24 antennas of DSA-110, a drift scan: three pulses and a steady source."""
    return SimulationConfig(
        recording=Recording(duration_s=180.0, format="nsfrb", seed=1),
        array=Array(n_antennas=24, channels=1),
        sources=(Source(flux=3.0, x=112.0, y=71.0),),
        pulses=(
            Pulse(time_s=60.3, width_s=0.27, dm=500.0, snr=25.0, x=67.0, y=98.0),
            Pulse(time_s=95.0, width_s=3.4, dm=150.0, snr=22.0, x=103.0, y=115.0),
            Pulse(time_s=140.0, width_s=20.0, dm=0.0, snr=25.0, x=76.0, y=63.0),
        ),
    )


def ten_minutes_of_visibilities(n_antennas: int = 32) -> SimulationConfig:
    """Antennas of DSA-110 without a sub-band: 0.27, 3.4, 27 and 120 s, and a 5 Jy source."""
    return SimulationConfig(
        recording=Recording(duration_s=630.0, format="nsfrb", mjd0=60700.3),
        array=Array(n_antennas=n_antennas, channels=2, dropped_subbands=(5,)),
        sources=(Source(flux=5.0, x=124.0, y=40.0),),
        pulses=(
            Pulse(time_s=540.0, width_s=0.27, dm=500.0, snr=18.0, x=54.0, y=110.0),
            Pulse(time_s=105.0, width_s=3.4, dm=150.0, snr=16.0, x=121.0, y=126.0),
            Pulse(time_s=240.0, width_s=27.0, dm=0.0, snr=17.0, x=47.0, y=45.0),
            Pulse(time_s=400.0, width_s=120.0, dm=0.0, snr=20.0, x=88.0, y=79.0),
        ),
    )


def forty_minute_config(shape: int = 64) -> SimulationConfig:
    """Forty minutes with pulses of 0.27, 3.4, 27 and 120 s and a 100-sigma steady source.

    Parameters
    ----------
    shape : int
        Side of the image in pixels, 32 at least so that the sources are apart.
    """

    def at(fraction: float) -> float:
        return round(fraction * shape, 1)

    return SimulationConfig(
        recording=Recording(duration_s=2400.0, name="forty_minutes"),
        image=Image(shape=(shape, shape)),
        noise=Noise(sigma=_SIGMA),
        sources=(_steady(100.0, x=at(0.71), y=at(0.23)),),
        pulses=(
            Pulse(time_s=2103.1, width_s=0.27, dm=500.0, snr=18.0, x=at(0.31), y=at(0.63)),
            Pulse(time_s=401.7, width_s=3.4, dm=150.0, snr=16.0, x=at(0.69), y=at(0.72)),
            Pulse(time_s=903.0, width_s=27.0, dm=0.0, snr=17.0, x=at(0.27), y=at(0.26)),
            Pulse(time_s=1500.0, width_s=120.0, dm=0.0, snr=20.0, x=at(0.5), y=at(0.45)),
        ),
    )
