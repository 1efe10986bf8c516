"""Galaxies whose sizes are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import gamma, gammaincinv


@pytest.fixture(scope="session")
def sersic() -> Callable[..., np.ndarray]:
    """Image of unit flux of a Sérsic profile, averaged over fine points of each pixel."""

    def of(
        side: int,
        radius: float,
        index: float = 1.0,
        axis_ratio: float = 1.0,
        angle: float = 0.0,
        centre: tuple[float, float] = (0.0, 0.0),
        points: int = 9,
    ) -> np.ndarray:
        b = gammaincinv(2 * index, 0.5)
        y, x = (np.mgrid[: side * points, : side * points] - (side * points - 1) / 2) / points
        y, x = y - centre[0], x - centre[1]
        along = x * np.cos(angle) + y * np.sin(angle)
        across = (y * np.cos(angle) - x * np.sin(angle)) / axis_ratio
        image = np.exp(-b * (np.hypot(along, across) / radius) ** (1 / index))
        whole = 2 * np.pi * radius**2 * axis_ratio * index * b ** (-2 * index) * gamma(2 * index)
        return image.reshape(side, points, side, points).mean((1, 3)) / whole

    return of
