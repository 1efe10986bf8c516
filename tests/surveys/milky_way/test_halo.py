"""The halo of the Milky Way, from inside."""

from __future__ import annotations

import json
from dataclasses import replace

import jax
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.cosmology import Planck18
from scipy.integrate import quad

from cosmo.background import baryon_fraction
from cosmo.halos import Halo, mean_density, radius_kpc
from cosmo.profiles import Gas, ModifiedNFW, electron_density
from surveys.milky_way.halo import CONCENTRATION, INNER_KPC, SUN_KPC, halo_from_profile
from surveys.sightlines.budget import milky_way_halo
from surveys.sightlines.settings import MilkyWaySettings

LOG_MASS = 12.176091
GAS = Gas(ModifiedNFW(), baryon_fraction(Planck18), 0.75)


def towards(l_deg, b_deg):
    return SkyCoord(l_deg, b_deg, unit="deg", frame="galactic")


def test_it_is_that_of_frbs_frb(shared_reference):
    """To a percent: its steps are coarse, and its Sun is at another distance."""
    known = json.loads(shared_reference("frb_halo_reference.json").read_text())["MW_frb"]
    for place in known.values():
        found = halo_from_profile(GAS, LOG_MASS, towards(place["l"], place["b"]), Planck18)
        true = place["halo_mNFW_logM12.176_c7.7_zero10kpc"]
        assert found == pytest.approx(true, rel=0.01)


@pytest.mark.parametrize("place", [(0, 0), (180, 0), (90, 45), (0, 90)])
@pytest.mark.parametrize("r_max", [1.0, 2.0])
def test_it_is_the_integral_along_the_sightline(place, r_max):
    gas = replace(GAS, r_max=r_max)
    cosine = np.prod(np.cos(np.deg2rad(place)))
    with jax.enable_x64(True):
        radius = radius_kpc(10**LOG_MASS, mean_density("vir", 0.0, Planck18))
        halo = Halo(10**LOG_MASS, radius, CONCENTRATION)

        def n_e(s):
            r = np.sqrt(s**2 + SUN_KPC**2 - 2 * s * SUN_KPC * cosine)
            return float(electron_density(gas, halo, r)) if r >= INNER_KPC else 0.0

        first = SUN_KPC * cosine + np.sqrt(INNER_KPC**2 - SUN_KPC**2 * (1 - cosine**2))
        last = SUN_KPC * cosine + np.sqrt((r_max * radius) ** 2 - SUN_KPC**2 * (1 - cosine**2))
        true = 1e3 * quad(n_e, first, float(last), limit=200, epsrel=1e-8)[0]
    found = halo_from_profile(gas, LOG_MASS, towards(*place), Planck18)
    assert found == pytest.approx(true, rel=1e-6)


def test_the_budget_takes_it_instead_of_a_number(burst):
    settings = burst(milky_way={"halo_log_mass": 12.18, "halo_err": 10.0})
    found = milky_way_halo(settings)
    assert 35 < found.value < 45
    assert found.error == 10.0
    plain = replace(settings, milky_way=MilkyWaySettings(ism=1.0, halo=33.0))
    assert milky_way_halo(plain).value == 33.0
