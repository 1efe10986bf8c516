"""Noise with top-hat pulses of known S/N, searched: what of the S/N is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np
from numpy.typing import NDArray

import cerberus
from cerberus.plan import band_delay
from pipeline.engine import WARM_UP_FRAMES


@dataclass(frozen=True)
class Pulse:
    """A top-hat; start (at the highest channel) and width in samples, DM in pc cm^-3."""

    start: float
    width: float
    dm: float
    y: int
    x: int


@dataclass(frozen=True)
class Kept:
    """What was found of pulses.

    Attributes
    ----------
    snr : (pulse,) float64
        Highest S/N of a detection at the pixel that overlaps the pulse, 0 if there is none.
    noise : (pulse,) float64
        What the noise under the pulse adds to the S/N of a boxcar that matches it.
    """

    snr: NDArray[np.float64]
    noise: NDArray[np.float64]

    @property
    def without_noise(self) -> NDArray[np.float64]:
        """S/N less the noise under each pulse, which scatters far less."""
        return self.snr - self.noise


def coverage(plan: cerberus.SearchPlan, pulse: Pulse) -> tuple[int, NDArray[np.float32]]:
    """First sample of a pulse, and how much of each (sample, channel) it covers."""
    begin = pulse.start + band_delay(plan.config, pulse.dm)
    end = begin + pulse.width
    first = int(np.floor(begin.min()))
    edges = np.arange(first, int(np.ceil(end.max())) + 1)[:, None]
    inside = np.clip(edges, begin, end)
    return first, np.diff(inside, axis=0).astype(np.float32)


def search_pulses(
    plan: cerberus.SearchPlan, pulses: Sequence[Pulse], n_samples: int, snr: float, seed: int = 1
) -> Kept:
    """Search unit noise that holds pulses, learned from 16 frames before as the pipeline does.

    Parameters
    ----------
    plan : SearchPlan
    pulses : sequence of Pulse
        Each in a pixel of its own.
    n_samples : int
        Length of the recording; the last frame may be short of it.
    snr : float
        S/N of every pulse in a filter that matches it exactly and knows the noise.
    seed : int
    """
    step, n_channels = cerberus.compile_step(plan), plan.n_channels
    shapes = [coverage(plan, p) for p in pulses]
    pixels = [p.y * plan.config.shape[1] + p.x for p in pulses]
    norms = [1 / np.sqrt(p.width * n_channels) for p in pulses]
    noise = np.zeros(len(pulses))
    data = np.full((plan.frame, n_channels, plan.n_padded), np.nan, np.float32)

    def frame(number: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        begun, rng = number * plan.frame, np.random.default_rng([seed, number])
        shape = (plan.frame, n_channels, plan.n_pixels)
        data[:, :, : plan.n_pixels] = rng.standard_normal(shape, np.float32)
        for i, (first, share) in enumerate(shapes):
            low, high = max(first, begun), min(first + len(share), begun + plan.frame)
            if low < high:
                here = data[low - begun : high - begun, :, pixels[i]]
                part = share[low - first : high - first]
                noise[i] += np.sum(part * here) * norms[i]
                here += snr * norms[i] * part
        weights = np.zeros((plan.frame, n_channels), np.float32)
        weights[: max(0, n_samples - begun)] = 1
        return data, weights

    state, found = cerberus.init(plan, aligned=True), []
    for i in range(WARM_UP_FRAMES):
        state, _ = jax.block_until_ready(step(state, *frame(i)))
    state = cerberus.restart(plan, state)
    noise[:] = 0
    for i in range(-(-n_samples // plan.frame)):
        state, peaks = jax.block_until_ready(step(state, *frame(i)))
        found.append(peaks)
    found.append(cerberus.finish(plan, state, step)[1])
    if any(d.n_dropped for d in found):
        raise RuntimeError("more detections than a frame has room for")
    parts = [d.to_numpy() for d in found]
    table = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
    kept = np.array([_best(plan, table, p) for p in pulses])
    return Kept(kept, noise)


def _best(plan: cerberus.SearchPlan, table: dict[str, NDArray], pulse: Pulse) -> float:
    """Highest S/N at the pixel of boxcars that overlap the pulse, its sweep included."""
    sweep = float(band_delay(plan.config, pulse.dm).max())
    there = (table["y"] == pulse.y) & (table["x"] == pulse.x)
    there &= table["start"] < pulse.start + pulse.width + sweep
    there &= table["start"] + table["width"] > pulse.start - sweep
    return float(table["snr"][there].max(initial=0.0))


def median_and_error(values: NDArray[np.float64]) -> tuple[float, float]:
    """Median, and its standard error for values about as scattered as normal ones."""
    return float(np.median(values)), float(1.25 * np.std(values) / len(values) ** 0.5)
