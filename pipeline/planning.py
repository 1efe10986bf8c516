"""What a plan means to its user: losses, memory and speed in plain numbers."""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from astropy.time import Time

import cerberus
from cerberus.efficiency import efficiency_table
from cerberus.plan import SearchPlan
from pipeline import device
from pipeline.block import StreamHeader
from pipeline.errors import InputError
from pipeline.readers.base import check_channels, check_tsamp

_MEASURED_FRAMES = 8
_MOST_MEASURED_BYTES = 2e9
_MOST_CHANNELS = 1 << 20


def header_for(freq: str, tsamp_s: float, size: int, beam_fwhm_px: float) -> StreamHeader:
    """Header of a recording that is only thought of.

    Parameters
    ----------
    freq : str
        ``FIRST:LAST:N``, channel centres in MHz.

    Raises
    ------
    InputError
    """
    try:
        first, last, n = freq.split(":")
        if not 0 < int(n) <= _MOST_CHANNELS:
            raise ValueError(n)
        with np.errstate(invalid="ignore"):
            channels = np.linspace(float(first), float(last), int(n))
    except ValueError as error:
        raise InputError(
            "command line", "--freq", f"is {freq!r}", "give FIRST:LAST:N, such as 1493:1317:16"
        ) from error
    where = "command line"
    check_channels(channels, where, "--freq")
    check_tsamp(tsamp_s, where, "--tsamp")
    if not 0 < beam_fwhm_px <= size * 100:
        raise InputError(where, "--beam", f"is {beam_fwhm_px}", "give the FWHM in pixels, above 0")
    return StreamHeader(
        source=where,
        freq_mhz=channels,
        tsamp_s=tsamp_s,
        start=Time(60000.0, format="mjd", scale="utc"),
        n_samples=1 << 30,
        shape=(size, size),
        beam_fwhm_px=beam_fwhm_px,
    )


def describe_plan(plan: SearchPlan, *, measure: bool = False) -> dict[str, Any]:
    """Trial grids, efficiency, memory and, if asked, measured speed."""
    tsamp = plan.config.tsamp_s
    widths = np.geomspace(1, max(plan.widths), 60)
    top = plan.dm_pc_cm3[-1]
    dms = np.linspace(0, top, 9) * 0.99 if top > 0 else np.zeros(1)
    table = efficiency_table(plan, widths, dms)
    resolved = table[widths >= 2] if np.any(widths >= 2) else table
    facts: dict[str, Any] = {
        "n_dm": len(plan.dm_pc_cm3),
        "dm_max": float(top),
        "dm_step": float(plan.dm_pc_cm3[1]) if len(plan.dm_pc_cm3) > 1 else 0.0,
        "max_delay_samples": plan.max_delay,
        "widths_s": [w * tsamp for w in plan.widths],
        "n_trials": plan.n_trials,
        "levels": [
            {
                "level": k,
                "decimation": level.decimation,
                "n_dm": len(level.dm_rows),
                "widths_s": [w * tsamp for w in level.widths],
                "latency_s": latency * tsamp,
            }
            for k, (level, latency) in enumerate(
                zip(plan.levels, plan.latency_samples, strict=True)
            )
        ],
        "efficiency_mean": float(table.mean()),
        "efficiency_worst": float(table.min()),
        "efficiency_mean_resolved": float(resolved.mean()),
        "efficiency_worst_resolved": float(resolved.min()),
        "frame": plan.frame,
        "state_mb": plan.state_bytes / 2**20,
        "block_mb": 4 * plan.frame * plan.n_channels * plan.n_padded / 2**20,
    }
    if measure and 4 * facts["block_mb"] * 2**20 + plan.state_bytes < _MOST_MEASURED_BYTES:
        facts["realtime_factor"] = measured_speed(plan)
        facts["device"] = device.describe()
    return facts


def measured_speed(plan: SearchPlan, n_frames: int = _MEASURED_FRAMES) -> float:
    """Times real time that the search itself runs at here, after compilation."""
    shape = (plan.frame, plan.n_channels, plan.n_padded)
    data = jax.random.normal(jax.random.key(0), shape, jnp.float32)
    weights = jnp.ones(shape[:2], jnp.float32)
    search_frame = cerberus.compile_step(plan)
    state, _ = search_frame(cerberus.init(plan, aligned=True), data, weights)
    jax.block_until_ready(state.frame)
    begun = time.perf_counter()
    for _ in range(n_frames):
        state, found = search_frame(state, data, weights)
        jax.block_until_ready(found)
    seconds = time.perf_counter() - begun
    return n_frames * plan.frame * plan.config.tsamp_s / seconds
