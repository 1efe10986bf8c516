"""ALMA in C-5 looking at [CII] at z = 7, on a small grid."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from surveys.interferometer.setups import AlmaSetup, Interferometer, cii_ghz, make_alma
from surveys.interferometer.weighting import Weighting

N, PIXEL_ARCSEC = 64, 0.06


@pytest.fixture(scope="session")
def alma_with() -> Callable[..., Interferometer]:
    """C-5, with weights."""

    def of(**weighting: object) -> Interferometer:
        setup = AlmaSetup("C-5", cii_ghz(7.0), weighting=Weighting(**weighting))
        return make_alma(setup, N, PIXEL_ARCSEC)

    return of


@pytest.fixture(scope="session")
def array(alma_with: Callable[..., Interferometer]) -> Interferometer:
    """The same with natural weights."""
    return alma_with()


@pytest.fixture(scope="session")
def disc() -> Callable[..., Array]:
    """A Gaussian source of a flux, a half-light radius and a place, (N, N) in Jy/pixel."""

    def of(flux_jy: float, r_arcsec: float, x_arcsec: float = 0.0, y_arcsec: float = 0.0) -> Array:
        at = (np.arange(N) - (N - 1) / 2) * PIXEL_ARCSEC
        square = (at[:, None] - y_arcsec) ** 2 + (at - x_arcsec) ** 2
        sky = np.exp(-np.log(2) * square / r_arcsec**2)
        return jnp.asarray(flux_jy * sky / sky.sum(), jnp.float32)

    return of
