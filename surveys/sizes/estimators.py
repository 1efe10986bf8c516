"""The estimators of sizes by name: functions of one signature."""

from __future__ import annotations

from collections.abc import Callable

from jax import Array

from surveys.sizes.radii import (
    circular_radius,
    elliptical_half_radius,
    kron_half_radius,
    moments_radius,
    petrosian_half_radius,
    pixel_radius,
)
from surveys.sizes.source import Source

Estimator = Callable[[Source], Array]
"""A source to a radius in pixels."""

ESTIMATORS: dict[str, Estimator] = {
    "pixel": pixel_radius,
    "circular": circular_radius,
    "elliptical": elliptical_half_radius,
    "petrosian": petrosian_half_radius,
    "kron": kron_half_radius,
    "moments": moments_radius,
}
