"""Pointings that tests share."""

from __future__ import annotations

import pytest

from surveys.coverage.pointings import Pointings

USUAL = {
    "start_mjd": 60000.3,
    "duration_s": 3600.0,
    "ra": 10.0,
    "dec": 37.0,
    "drift": True,
    "noise_jy": 0.04,
    "tsamp_s": 0.25,
    "beam_fwhm_deg": 3.2,
    "threshold": 7.0,
}


@pytest.fixture(scope="session")
def pointed():
    """Make pointings of columns that differ from the usual ones."""

    def make(**columns):
        return Pointings.of(**(USUAL | columns))

    return make
