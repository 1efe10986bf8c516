"""Bursts whose gas is known, for tests of ensembles."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from surveys.catalogs.halo_catalog import HaloCatalog
from surveys.ensembles.building import ensemble_of
from surveys.ensembles.ensemble import Ensemble
from surveys.ensembles.settings import EnsembleSettings, Sampling, SightlineFiles
from surveys.sightlines.settings import (
    Frb,
    GasSettings,
    IgmSettings,
    MilkyWaySettings,
    SightlineSettings,
)

TRUTH = {"f_igm": 0.6, "f_hot": 0.5, "host_median": 100.0, "host_width": 0.5, "mw_halo": 50.0}


def sightline(rng, number, halos=3, **halo_columns):
    """A burst and halos before it, at 0.1 to 0.9 of the radius of 1e13 Msun."""
    z = rng.uniform(0.1, 0.5)
    frb = Frb(f"FRB {number}", rng.uniform(0, 360), rng.uniform(-60, 60), z, 500.0, 0.5)
    z_halo = rng.uniform(0.2, 0.9, halos) * z
    away = rng.uniform(0.1, 0.9, halos) * 500 / (4e6 * z_halo)
    columns = {"log_mass": rng.uniform(12.0, 14.0, halos), "mass_definition": "vir"}
    catalog = HaloCatalog.of(
        name=[f"{number}-{i}" for i in range(halos)],
        ra_deg=np.full(halos, frb.ra),
        dec_deg=frb.dec + np.rad2deg(away),
        z=z_halo,
        **(columns | halo_columns),
    )
    settings = SightlineSettings(
        frb,
        MilkyWaySettings(ism=50.0, ism_err=10.0, halo=50.0, halo_err=20.0),
        GasSettings(),
        IgmSettings(scatter=0.2),
    )
    return settings, catalog


def settings_for(n, **given):
    """Settings of so many bursts."""
    files = tuple(SightlineFiles(f"{i}.toml") for i in range(n))
    return EnsembleSettings(files, **({"sampling": Sampling(300, 300, 2)} | given))


def ensemble(rng, n, halos=3, given=None, **halo_columns):
    """An ensemble whose DMs are those of nothing yet."""
    bursts = [sightline(rng, i, halos, **halo_columns) for i in range(n)]
    return ensemble_of(settings_for(n, **(given or {})), bursts)


def measured(rng, of: Ensemble, truth=None):
    """The ensemble with DMs drawn for a truth, by the books and not by the code under test."""
    truth = truth or TRUTH
    bursts, n = of.bursts, len(of.names)
    delta = np.exp(rng.normal(-(bursts.scatter**2) / 2, bursts.scatter))
    host = truth["host_median"] * np.exp(truth["host_width"] * rng.standard_normal(n))
    halos = bursts.known_halos
    for i, group in enumerate(of.halos):
        own = rng.standard_normal(group.shape)
        with jax.enable_x64(True):
            dm = group.observed(of.gas, jnp.asarray(own), jnp.zeros(()), jnp.zeros(()))
            halos = halos + np.bincount(group.burst, np.asarray(dm), n)
        assert i == 0
    dm = (
        rng.normal(bursts.ism, bursts.ism_err)
        + truth["mw_halo"]
        + truth["f_igm"] * bursts.all_baryons * delta
        + truth["f_hot"] * halos
        + host / (1 + bursts.z)
        + rng.normal(0, bursts.dm_err)
    )
    return replace(of, bursts=bursts._replace(dm=dm))


@pytest.fixture(scope="session")
def bursts() -> SimpleNamespace:
    """Makers of synthetic bursts."""
    return SimpleNamespace(
        sightline=sightline,
        settings=settings_for,
        ensemble=ensemble,
        measured=measured,
        truth=TRUTH,
    )
