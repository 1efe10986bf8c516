"""Which halos of a catalog a sightline may cross."""

from __future__ import annotations

import jax
import numpy as np
from astropy.cosmology import FLRW
from numpy.typing import NDArray

from cosmo.concentration import RELATIONS
from cosmo.halos import MASS_DEFINITIONS, mean_density
from cosmo.stellar import log_halo_mass
from surveys.catalogs.halo_catalog import Floats, HaloCatalog, left_out, unit_vectors
from surveys.sightlines.halo_draws import STELLAR_DEFINITION, masses
from surveys.sightlines.halo_values import HEAVIEST
from surveys.sightlines.settings import SightlineSettings

SIGMAS = 5.0
"""Errors beyond which hardly a draw is."""

_SAME_REDSHIFT = 0.003
"""Nearer than that to its redshift, a halo may be the burst's own."""

_N_REDSHIFTS = 257
_SLACK = 1.01
"""For what is interpolated."""


def crossing(
    catalog: HaloCatalog, settings: SightlineSettings, r_max: float, cosmology: FLRW
) -> tuple[HaloCatalog, Floats]:
    """The halos before a burst whose gas may reach its sightline, and their separations (rad).

    Errors of five standard deviations are allowed for. What is left out is counted in the notes.
    """
    frb = settings.frb
    away = unit_vectors(catalog.ra_deg, catalog.dec_deg) - unit_vectors(frb.ra, frb.dec)
    separation = 2 * np.arcsin(np.minimum(np.linalg.norm(away, axis=1) / 2, 1.0))
    low, high = _redshift_range(catalog)
    before = low < frb.z
    massive = np.isfinite(catalog.log_mass) | np.isfinite(catalog.log_mstar)
    near = np.clip(low, 1e-5, frb.z), np.clip(high, 1e-5, frb.z)
    reach = r_max * (1 + (settings.gas.edge or 0.0)) * _largest_radius(
        catalog, near, settings, cosmology
    ) + 2 * SIGMAS * np.nan_to_num(catalog.centring_kpc)
    close = separation * _least_distance(near, frb.z, cosmology) < _SLACK * reach
    notes = (
        left_out(int((~before).sum()), f"at z of {frb.z:g} or more, not before the burst"),
        left_out(int((before & ~massive).sum()), "no mass, and no relation of richness to mass"),
        left_out(
            int((before & massive & ~close).sum()),
            "too far from the sightline for their gas to be crossed",
        ),
    )
    kept = np.flatnonzero(before & massive & close)
    own = int((np.abs(catalog.z[kept] - frb.z) < _SAME_REDSHIFT).sum())
    said = [note for note in notes if not note.startswith("0 ")]
    if own:
        said.append(
            f"{own} of the halos may be the burst's own group: within {_SAME_REDSHIFT:g} of its z"
        )
    if not len(kept):
        said.append("no halo is crossed: all that is not the Milky Way and the IGM is the host's")
    return catalog.select(kept).noted(*said), separation[kept]


def _redshift_range(catalog: HaloCatalog) -> tuple[Floats, Floats]:
    low, high = (catalog.z + s * SIGMAS * catalog.z_err for s in (-1, 1))
    if catalog.pz is None or catalog.pz_z is None:
        return low, high
    some = catalog.pz > 0
    has, last = some.any(axis=1), len(catalog.pz_z) - 1
    # The density rises from the node before the first, and falls to the one after the last.
    first = np.maximum(np.argmax(some, axis=1) - 1, 0)
    end = np.minimum(last - np.argmax(some[:, ::-1], axis=1) + 1, last)
    low, high = np.where(has, catalog.pz_z[first], low), np.where(has, catalog.pz_z[end], high)
    return low, high


def _least_distance(z: tuple[Floats, Floats], last: float, cosmology: FLRW) -> Floats:
    """Angular diameter distance, kpc: it grows, and falls from 1.6 on; so at one of both ends."""
    grid = np.linspace(0, last, _N_REDSHIFTS)
    table = cosmology.angular_diameter_distance(grid).to_value("kpc")
    return np.minimum(*(np.interp(end, grid, table) for end in z))


def _largest_radius(
    catalog: HaloCatalog,
    z: tuple[Floats, Floats],
    settings: SightlineSettings,
    cosmology: FLRW,
) -> Floats:
    """Of the mass definition of the gas, kpc; 0 without a mass."""
    middle, _, error, stars = masses(catalog)
    heaviest = middle + SIGMAS * error
    if stars.any():
        heaviest[stars] = _largest_halo(heaviest[stars], settings.frb.z)
    log_mass = np.minimum(heaviest, HEAVIEST) + SIGMAS * settings.gas.mass_err_dex
    grid = np.linspace(0, settings.frb.z, _N_REDSHIFTS)
    c, wanted = settings.gas.concentration, settings.gas.radius
    relation = mean_density(
        RELATIONS[c].definition if isinstance(c, str) else wanted, grid, cosmology
    )
    gas = mean_density(wanted, grid, cosmology)
    log_radius = np.empty(len(catalog))
    for name in MASS_DEFINITIONS:
        rows = _defined(catalog, stars, name)
        if not rows.any():
            continue
        own = mean_density(name, grid, cosmology)
        # Of an NFW halo the mass grows at most with the square of the radius, so by the square
        # of the ratio of densities.
        more = np.maximum(own / relation, 1) * np.maximum(relation / gas, 1)
        table = (2 * np.log10(more) + np.log10(3 / (4 * np.pi * gas))) / 3
        log_radius[rows] = log_mass[rows] / 3 + np.interp(z[0][rows], grid, table)
    return np.nan_to_num(10**log_radius)


def _defined(catalog: HaloCatalog, stars: NDArray[np.bool_], name: str) -> NDArray[np.bool_]:
    rows = (catalog.mass_definition == name) & ~stars
    return rows | stars if name == STELLAR_DEFINITION else rows


def _largest_halo(log_mstar: Floats, last: float) -> Floats:
    """Log mass of the heaviest halo of galaxies at any redshift; chords lie above the relation."""
    grid, z = np.linspace(2, 16, 281), np.linspace(0, last, 65)[:, None]
    with jax.enable_x64(True):
        table = np.asarray(log_halo_mass(grid, z)).max(axis=0)
    return np.interp(log_mstar, grid, table)
