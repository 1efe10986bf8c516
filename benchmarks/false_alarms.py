"""Candidates of Gaussian noise, counted and predicted: `python benchmarks/false_alarms.py`.

Searches simulated noise as the pipeline does (16 frames learned first, detections grouped
into candidates) and prints how many candidates pass 5, 5.5 and 6 beside what
`cerberus.false_alarms` expects, for the whole run and for a gulp of 25 samples. For the
DSA-110-like images it adds what a search by cerberus of dsa110-nsfrb reports above 6 sigma
in such a gulp, about 26.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import jax
import numpy as np
from astropy.time import Time
from numpy.typing import NDArray

import cerberus
from cerberus.false_alarms import expected_false_alarms
from pipeline.block import StreamHeader
from pipeline.candidates import DetectionTable
from pipeline.engine import WARM_UP_FRAMES
from pipeline.grouping import group_detections

THRESHOLDS = (5.0, 5.5, 6.0)
GULP = 25
PEER_PER_GULP = 26.0


@dataclass(frozen=True)
class Case:
    """A search of noise; the beam is that of the noise as well."""

    name: str
    config: cerberus.SearchConfig
    n_samples: int
    peer: bool = False


def _cases() -> list[Case]:
    dsa110 = {
        "freq_mhz": tuple(np.linspace(1492.90625, 1317.125, 16)),
        "tsamp_s": 0.1342182159423828,
        "shape": (175, 175),
        "beam_fwhm_px": 3.0,
        "n_samples": 2560,
    }
    one = dsa110 | {"freq_mhz": (1405.0,), "shape": (128, 128), "beam_fwhm_px": 1.0}
    filterbank = {
        "freq_mhz": tuple(1465.0 - 5 * np.arange(64)),
        "tsamp_s": 1.266e-3,
        "dm_max": 300.0,
        "max_width_s": 0.1,
        "n_samples": 1 << 22,
    }
    wanted = {
        "175 x 175 px, 16 channels, beam of 3 px": dsa110,
        "128 x 128 px, one channel, white on the sky": one | {"n_samples": 36864},
        "1 px, 64 channels, DM to 300": filterbank,
    }
    cases = []
    for name, given in wanted.items():
        config = cerberus.SearchConfig(
            **given, threshold=min(THRESHOLDS), max_detections=1024, pixel_weights=False
        )
        cases.append(Case(name, config, given["n_samples"], given is dsa110))
    return cases


def _smoother(n: int, fwhm_px: float) -> NDArray[np.float32]:
    """Matrix that gives n white pixels the autocorrelation of a beam, and unit variance."""
    offset = np.arange(n)[:, None] - np.arange(n)
    # A kernel half as wide in variance as its autocorrelation.
    kernel = np.exp(-8 * np.log(2) * (offset / fwhm_px) ** 2)
    return (kernel / np.sqrt((kernel**2).sum(axis=1, keepdims=True))).astype(np.float32)


class Noise:
    """Frames of noise, the same for the same number."""

    def __init__(self, plan: cerberus.SearchPlan, seed: int) -> None:
        self._plan, self._seed = plan, seed
        self._data = np.full((plan.frame, plan.n_channels, plan.n_padded), np.nan, np.float32)
        beam = plan.config.beam_fwhm_px
        self._smooth = [_smoother(n, beam) for n in plan.config.shape] if beam > 1 else None

    def frame(self, number: int) -> NDArray[np.float32]:
        plan, rng = self._plan, np.random.default_rng([self._seed, number])
        shape = (plan.frame, plan.n_channels, *plan.config.shape)
        noise = rng.standard_normal(shape, np.float32)
        if self._smooth:
            noise = self._smooth[0] @ noise @ self._smooth[1].T
        self._data[:, :, : plan.n_pixels] = noise.reshape(*shape[:2], -1)
        return self._data


def search(
    plan: cerberus.SearchPlan, n_samples: int, seed: int
) -> tuple[dict[str, NDArray], float]:
    """Detections in noise, and the seconds that the search took."""
    step, noise = cerberus.compile_step(plan), Noise(plan, seed)
    weights = np.ones((plan.frame, plan.n_channels), np.float32)
    n_frames, begun = n_samples // plan.frame, time.perf_counter()
    state, found = cerberus.init(plan, aligned=True), []
    for i in range(WARM_UP_FRAMES):
        state, _ = jax.block_until_ready(step(state, noise.frame(i), weights))
    state = cerberus.restart(plan, state)
    for i in range(n_frames):
        state, peaks = jax.block_until_ready(step(state, noise.frame(i), weights))
        found.append(peaks)
    _, peaks = cerberus.finish(plan, state, step)
    found.append(peaks)
    if any(d.n_dropped for d in found):
        raise RuntimeError("more detections than a frame has room for")
    parts = [d.to_numpy() for d in found]
    table = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
    return table, time.perf_counter() - begun


def count(plan: cerberus.SearchPlan, found: dict[str, NDArray], threshold: float) -> int:
    """Candidates among the detections above a threshold."""
    rows = found["snr"] >= threshold
    kept = {k: v[rows] for k, v in found.items()}
    table = DetectionTable(
        start=kept["start"],
        width=kept["width"],
        dm=plan.dm_pc_cm3[kept["i_dm"]],
        i_dm=kept["i_dm"],
        y=kept["y"],
        x=kept["x"],
        snr=kept["snr"],
        sigma=np.ones(len(kept["snr"]), np.float32),
    )
    header = StreamHeader(
        source="noise",
        freq_mhz=np.asarray(plan.config.freq_mhz),
        tsamp_s=plan.config.tsamp_s,
        start=Time(61000.0, format="mjd"),
        n_samples=plan.config.n_samples or 1,
        shape=plan.config.shape,
        beam_fwhm_px=plan.config.beam_fwhm_px,
    )
    return int(group_detections(table, header).max(initial=-1)) + 1


def main(seed: int = 1) -> None:
    """Print a table for each case."""
    for case in _cases():
        plan = cerberus.make_plan(case.config)
        found, seconds = search(plan, case.n_samples, seed)
        n_gulps = case.n_samples / GULP
        print(f"{case.name}: {case.n_samples} samples, {plan.n_trials} trials, {seconds:.0f} s")
        print("  S/N  peaks  candidates   +-  expected  ratio    +-  a gulp  expected  peer")
        for threshold in THRESHOLDS:
            n = count(plan, found, threshold)
            expected = expected_false_alarms(plan, case.n_samples, threshold)
            error = max(n, 1) ** 0.5
            peer = f"{PEER_PER_GULP:6.0f}" if case.peer and threshold == 6 else ""
            print(
                f"{threshold:5.1f} {np.sum(found['snr'] >= threshold):6} {n:11} {error:4.0f}"
                f" {expected:9.1f} {n / expected:6.2f} {error / expected:5.2f}"
                f" {n / n_gulps:7.2g} {expected / n_gulps:9.2g}{peer}"
            )
        sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
