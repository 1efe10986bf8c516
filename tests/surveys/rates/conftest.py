"""A small survey, for tests of its limits."""

from __future__ import annotations

import numpy as np
import pytest

from surveys.coverage.coverage import Coverage
from surveys.coverage.exposure import expose
from surveys.coverage.pointings import Pointings


@pytest.fixture(scope="session")
def pointings() -> Pointings:
    """Twelve fields near the Galactic anticentre, some twice; half of them drift."""
    n = 12
    return Pointings.of(
        start_mjd=60000 + 0.7 * np.arange(n),
        duration_s=np.linspace(600, 3000, n),
        searched_s=0.9 * np.linspace(600, 3000, n),
        ra=np.tile([85.0, 87.0, 89.0, 91.0], 3),
        dec=np.repeat([27.0, 28.5, 27.0], 4),
        drift=np.arange(n) % 2 == 0,
        noise_jy=0.05,
        tsamp_s=0.134,
        beam_fwhm_deg=2.0,
        field_deg=4.0,
        threshold=7.0,
        max_width_s=100.0,
    )


@pytest.fixture(scope="session")
def coverage(pointings) -> Coverage:
    return expose(pointings, 256, "galactic")
