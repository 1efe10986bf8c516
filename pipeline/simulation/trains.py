"""Pulsars as the pulses that they are made of."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.config import ConfigProblem
from pipeline.simulation.config import Pulsar, Pulse, SimulationConfig
from pipeline.simulation.pulses import sample_range

_MOST_PULSES = 100_000


def all_pulses(
    config: SimulationConfig, seed: int, freq_mhz: NDArray[np.float64]
) -> list[tuple[str, Pulse]]:
    """Pulses of a simulation, those of its pulsars after them, each with its name in messages.

    Parameters
    ----------
    config : SimulationConfig
    seed : int
        Fluences of a pulsar are drawn with it and with the pulsar's number.
    freq_mhz : (channel,)
        Centres of the channels.

    Raises
    ------
    ConfigProblem
        A pulsar makes too many pulses.
    """
    named = [(f"pulses[{i}]", pulse) for i, pulse in enumerate(config.pulses)]
    for i, pulsar in enumerate(config.pulsars):
        name, rng = f"pulsars[{i}]", np.random.default_rng([seed, i, 2])
        named += [(name, pulse) for pulse in _train(name, pulsar, config, rng, freq_mhz)]
    return named


def _train(
    name: str,
    pulsar: Pulsar,
    config: SimulationConfig,
    rng: np.random.Generator,
    freq_mhz: NDArray[np.float64],
) -> list[Pulse]:
    """The pulses of which some sample is in the recording, in order of time."""
    tsamp_s, n_samples = config.recording.tsamp_s, config.recording.n_samples
    one = pulsar.pulse(0, pulsar.fluence_jy_ms)
    first, last = sample_range(one, freq_mhz, tsamp_s)
    # By at most a cycle too many; those that are not there are left out below.
    begin = math.floor(-last * tsamp_s / pulsar.period_s)
    end = math.ceil((n_samples - first) * tsamp_s / pulsar.period_s)
    if end - begin > _MOST_PULSES:
        remedy = f"give a longer period, or {_MOST_PULSES} pulses at most"
        raise ConfigProblem(f"{name}.period_s", f"makes {end - begin} pulses", remedy)
    spread = math.sqrt(math.log1p(pulsar.modulation**2))
    factor = np.exp(spread * rng.standard_normal(end + 1 - begin) - spread**2 / 2)
    pulses = [
        pulsar.pulse(begin + k, pulsar.fluence_jy_ms * float(f)) for k, f in enumerate(factor)
    ]
    spans = [sample_range(pulse, freq_mhz, tsamp_s) for pulse in pulses]
    return [p for p, span in zip(pulses, spans, strict=True) if span[0] < n_samples and span[1] > 0]
