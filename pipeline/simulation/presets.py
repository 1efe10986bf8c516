"""Ready-made simulations: the demonstration, and the acceptance test of the search."""

from __future__ import annotations

import numpy as np

from pipeline.simulation.config import (
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
    """Three minutes of DSA-110-like images, 64 x 64 pixels: three pulses and a steady source."""
    return SimulationConfig(
        recording=Recording(duration_s=180.0, name="demo"),
        image=Image(shape=(64, 64)),
        noise=Noise(sigma=_SIGMA),
        sources=(_steady(60.0, x=45.3, y=14.8),),
        pulses=(
            Pulse(time_s=60.3, width_s=0.27, dm=500.0, snr=18.0, x=20.2, y=40.6),
            Pulse(time_s=95.0, width_s=3.4, dm=150.0, snr=16.0, x=44.0, y=46.3),
            Pulse(time_s=140.0, width_s=20.0, dm=0.0, snr=20.0, x=17.5, y=16.0),
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
