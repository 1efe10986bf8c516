"""CAMB's spectra, for those who compare."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cosmo.power.sources import TabulatedPower, boltzmann


@pytest.fixture(scope="session")
def camb_power() -> Callable[..., TabulatedPower]:
    """A function of a cosmology and its background that runs CAMB."""
    pytest.importorskip("camb")

    def run(cosmology, background, z=(0.0, 0.5, 1.0, 2.0), **settings) -> TabulatedPower:
        return boltzmann(cosmology, background, np.asarray(z), 10.0, **settings)

    return run
