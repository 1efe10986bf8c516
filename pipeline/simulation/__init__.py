"""Simulated recordings: what a telescope would have written, with the truth beside it."""

from __future__ import annotations

from pipeline.simulation.config import SimulationConfig
from pipeline.simulation.presets import (
    demo_config,
    forty_minute_config,
    ten_minutes_of_visibilities,
)
from pipeline.simulation.run import simulate

__all__ = [
    "SimulationConfig",
    "demo_config",
    "forty_minute_config",
    "simulate",
    "ten_minutes_of_visibilities",
]
