"""Telescopes and times that tests of plans share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from surveys.planning.settings import TelescopeSettings, TimeSettings
from surveys.planning.telescopes import telescope_of
from surveys.planning.windows import Limits


@pytest.fixture(scope="session")
def dsa() -> Callable[..., Limits]:
    """DSA-110 in December 2026, all day, but for what is given."""

    def of(telescope: dict | None = None, **time) -> Limits:
        about = {"start": "2026-12-01T00:00:00", "end": "2026-12-03T00:00:00"} | time
        settings = TelescopeSettings(
            "transit", "dsa110", **({"field_deg": 3.0} | (telescope or {}))
        )
        return Limits(telescope_of(settings), TimeSettings(**about))

    return of


@pytest.fixture(scope="session")
def dish() -> Callable[..., Limits]:
    """A dish that can turn everywhere, but for what is given."""

    def of(telescope: dict | None = None, **time) -> Limits:
        about = {"start": "2026-12-01T00:00:00", "end": "2026-12-02T00:00:00"} | time
        facts = {
            "lon_deg": -118.28,
            "lat_deg": 37.23,
            "height_m": 1200.0,
            "elevation_deg_per_s": 0.25,
            "azimuth_deg_per_s": 0.5,
            "field_deg": 3.0,
        }
        settings = TelescopeSettings("steerable", **(facts | (telescope or {})))
        return Limits(telescope_of(settings), TimeSettings(**about))

    return of
