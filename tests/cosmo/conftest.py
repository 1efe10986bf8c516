"""Values that another package computes, where they are beside the repository."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from astropy import units
from astropy.cosmology import FlatLambdaCDM, w0waCDM

from cosmo.parameters import Cosmology


@pytest.fixture(scope="session")
def halo_reference(shared_reference) -> dict:
    """What FRBs/FRB gives for halos and the cosmic DM."""
    return json.loads(shared_reference("frb_halo_reference.json").read_text())


@pytest.fixture
def colossus_cosmology() -> Iterator[Any]:
    """Astropy's Planck18 as the cosmology of colossus, with nothing kept on the disk."""
    from colossus.cosmology import cosmology

    before = cosmology.current_cosmo
    # Its own of that name has the mass of neutrinos in Omega_m.
    own = {"flat": True, "H0": 67.66, "Om0": 0.30966, "Ob0": 0.04897}
    own |= {"sigma8": 0.8102, "ns": 0.9665, "persistence": ""}
    yield cosmology.setCosmology("planck18 of astropy", **own)
    cosmology.setCurrent(before)


@pytest.fixture(scope="session")
def massless() -> FlatLambdaCDM:
    """The same cosmology with neutrinos without mass, which colossus takes them for."""
    return FlatLambdaCDM(67.66, 0.30966, Tcmb0=2.7255, Neff=3.046, m_nu=0.0, Ob0=0.04897)


@pytest.fixture(scope="session")
def astropy_twin() -> Callable[[Cosmology], w0waCDM]:
    """The same cosmology in astropy, whose matter has no neutrinos in it."""

    def twin(c: Cosmology) -> w0waCDM:
        own = {"H0": 100 * c.h, "Tcmb0": c.t_cmb, "Neff": c.n_eff}
        own["m_nu"] = [c.m_nu / 3] * 3 * units.eV
        trial = w0waCDM(Om0=c.omega_m, Ode0=0.7, **own)
        matter = c.omega_m - (trial.Onu0 if c.m_nu else 0.0)
        rest = 1 - c.omega_k - trial.Ogamma0 - trial.Onu0
        return w0waCDM(Om0=matter, Ode0=rest - matter, w0=c.w0, wa=c.wa, **own)

    return twin
