"""Values that another package computes, where they are beside the repository."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="session")
def halo_reference(shared_reference) -> dict:
    """What FRBs/FRB gives for halos and the cosmic DM."""
    return json.loads(shared_reference("frb_halo_reference.json").read_text())
