"""The halos that a sightline crosses, and the budget of its dispersion measure.

    DM = DM_MW + DM_IGM + sum of DM_halo / (1 + z) + DM_host / (1 + z_host)

Each term is drawn many times with its errors, and what the others leave of the measured DM is
that of the host. All are *observed* unless they are said to be *rest*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.cosmology import FLRW
from astropy.table import Table
from numpy.typing import NDArray

from cosmo.background import cosmology_named
from cosmo.cosmic_dm import CosmicDMDistribution
from cosmo.dispersion import dm_igm, sample_dm_igm
from cosmo.halos import Halo, mean_density, radius_kpc, within
from cosmo.profiles import dm_from_inside, gas_mass
from cosmo.stellar import SCATTER_DEX, log_halo_mass
from surveys.baryons_on_sightline import Bookkeeping, bookkeeping
from surveys.errors import SettingProblem
from surveys.halo_catalog import Floats, HaloCatalog, left_out, unit_vectors
from surveys.halo_draws import STELLAR_DEFINITION, DrawnHalos, Shared, draw_halos, gas_of
from surveys.milky_way import MilkyWayDM, ism_from_map, ism_from_table
from surveys.sightline_settings import MilkyWaySettings, SightlineSettings
from surveys.unseen import draw_unseen

PERCENTILES = (16.0, 50.0, 84.0)
_LIKELY = 5.0
_HEAVIEST_CONCENTRATION = 7.67
