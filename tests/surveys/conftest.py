"""A burst and halos before it, for tests of its budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from surveys.catalogs.halo_catalog import HaloCatalog
from surveys.sightlines.gas_settings import GasSettings
from surveys.sightlines.settings import (
    Frb,
    IgmSettings,
    MilkyWaySettings,
    MonteCarlo,
    SightlineSettings,
    UnseenSettings,
)

RA, DEC = 150.0, 20.0


@pytest.fixture(scope="session")
def burst() -> Callable[..., SightlineSettings]:
    """Settings of a burst at z = 0.3 behind exactly known gas, but for what is given."""

    def of(
        n_draws: int = 1000,
        seed: int = 0,
        gas: dict[str, Any] | None = None,
        milky_way: dict[str, Any] | None = None,
        igm: dict[str, Any] | None = None,
        unseen: dict[str, Any] | None = None,
        **frb: Any,
    ) -> SightlineSettings:
        about = {"name": "FRB", "ra": RA, "dec": DEC, "z": 0.3, "dm": 900.0} | frb
        galaxy = {"ism": 60.0, "ism_err": 0.0, "halo": 40.0, "halo_err": 0.0} | (milky_way or {})
        return SightlineSettings(
            Frb(**about),
            MilkyWaySettings(**galaxy),
            GasSettings(**(gas or {})),
            IgmSettings(**({"f_igm": 0.5, "scatter": 0.0} | (igm or {}))),
            UnseenSettings(**(unseen or {})),
            MonteCarlo(n_draws, seed),
        )

    return of


@pytest.fixture(scope="session")
def halos_at() -> Callable[..., HaloCatalog]:
    """Halos at angles (arcmin) due north of the burst, of 10^13 but for what is given."""

    def of(arcmin: Any, z: Any = 0.2, **columns: Any) -> HaloCatalog:
        north = np.atleast_1d(np.asarray(arcmin, float)) / 60
        z = np.broadcast_to(np.asarray(z, float), north.shape)
        if not {"log_mass", "log_mstar", "richness"} & set(columns):
            columns["log_mass"] = 13.0
        if "log_mass" in columns:
            columns = {"mass_definition": "vir"} | columns
        return HaloCatalog.of(ra_deg=np.full(north.shape, RA), dec_deg=DEC + north, z=z, **columns)

    return of
