"""Values that another package computes, where they are beside the repository."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from astropy.cosmology import FlatLambdaCDM


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
