"""The halos that a sightline crosses, and the budget of its dispersion measure.

    DM = DM_MW + DM_IGM + sum of DM_halo / (1 + z) + DM_host / (1 + z_host)

Each term is drawn many times with its errors, and what the others leave of the measured DM is
that of the host. All are *observed* unless they are said to be *rest*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import jax
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.cosmology import FLRW
from astropy.table import Table

from cosmo.background import cosmology_named
from cosmo.cosmic_dm import CosmicDMDistribution
from cosmo.dispersion import dm_igm, sample_dm_igm
from cosmo.halos import Halo, mean_density, radius_kpc, within
from cosmo.profiles import dm_from_inside
from cosmo.stellar import SCATTER_DEX, log_halo_mass
from surveys.electron_models import ism_from_model
from surveys.errors import SettingProblem
from surveys.halo_catalog import Floats, HaloCatalog, left_out, unit_vectors
from surveys.halo_draws import STELLAR_DEFINITION, DrawnHalos, Shared, draw_halos, gas_of
from surveys.milky_way import RELATIVE_ERROR, MilkyWayDM, ism_from_map, ism_from_table
from surveys.sightline_settings import Frb, MilkyWaySettings, SightlineSettings
from surveys.unseen import HaloStatistics

PERCENTILES = 16.0, 50.0, 84.0
_SIGMAS = 5.0
"""Errors beyond which nothing is drawn."""

_LARGEST_RATIO = 2.5
"""Between radii of one halo in two mass definitions, at most."""

_SAME_REDSHIFT = 0.003
"""Nearer than that to its redshift, a halo may be the burst's own."""

TERMS = ("mw_ism", "mw_halo", "igm", "halos", "halos_unseen", "host")
"""Of the budget, in order from us; the last is what the others leave."""


@dataclass(frozen=True)
class Run:
    """The budget for gas to one edge.

    Attributes
    ----------
    r_max : float
    draws : dict
        By :data:`TERMS`, (n,) each, observed; and ``dm``, the measured one.
    host_halo : (n,) or None
        Observed DM of the halo of the host, in front of its middle.
    halos : (h, 3)
        Rest frame DM of each halo: 16th, 50th and 84th percentiles.
    halos_observed : (h, 3)
    crossed : (h,)
        Share of the draws in which its gas is crossed.
    """

    r_max: float
    draws: Mapping[str, Floats]
    host_halo: Floats | None
    halos: Floats
    halos_observed: Floats
    crossed: Floats


@dataclass(frozen=True)
class Sightline:
    """A burst, the halos before it, and budgets.

    Attributes
    ----------
    settings : SightlineSettings
    catalog : HaloCatalog
        The halos whose gas may be crossed.
    separation_rad : (h,)
    log_mass, impact_kpc, radius_kpc : (h,)
        Medians, in the mass definition of the gas.
    shared : Shared
    runs : tuple of Run
    notes : tuple of str
    """

    settings: SightlineSettings
    catalog: HaloCatalog
    separation_rad: Floats
    log_mass: Floats
    impact_kpc: Floats
    radius_kpc: Floats
    shared: Shared
    runs: tuple[Run, ...]
    notes: tuple[str, ...]


def budget(
    settings: SightlineSettings,
    catalog: HaloCatalog,
    r_max: tuple[float, ...] | None = None,
    ism: MilkyWayDM | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> Sightline:
    """Draw the budget of a burst.

    Parameters
    ----------
    settings : SightlineSettings
    catalog : HaloCatalog
        Halos and galaxies; those behind the burst or too far from the sightline are left out.
    r_max : tuple of float, optional
        Edges of the gas, a budget for each; that of the settings without it.
    ism : MilkyWayDM, optional
        Instead of :func:`milky_way_ism`.
    tell : callable, optional
        Called with the halos drawn, and their number.

    Returns
    -------
    Sightline
        The same seed gives the same draws, whatever other edges or halos there are.
    """
    edges = r_max or (settings.gas.r_max,)
    cosmology, frb, n = cosmology_named(settings.cosmology), settings.frb, settings.mc.n_draws
    seed = settings.mc.seed
    shared = Shared.draw(np.random.default_rng([seed, 0]), settings.gas, n)
    near, separation = crossing(catalog, settings, max(edges), cosmology)
    statistics = HaloStatistics(settings, cosmology)
    rng = np.random.default_rng([seed, 2])
    draws = {
        "dm": frb.dm + frb.dm_err * rng.standard_normal(n),
        "mw_ism": (ism or milky_way_ism(settings.milky_way, frb)).sample(rng, n),
        "mw_halo": MilkyWayDM(settings.milky_way.halo, settings.milky_way.halo_err).sample(rng, n),
    }
    between = _igm_over_mean(settings, rng)
    unseen = statistics.draw(np.random.default_rng([seed, 3]), shared, edges)
    host_halo = _host_halo(settings, shared, edges, cosmology)
    seen = _Collected(len(near), len(edges), n)
    for drawn in draw_halos(near, separation, settings, shared, edges, cosmology):
        seen.add(drawn)
        if tell is not None:
            tell(seen.n, len(near))
    runs, said = [], []
    for i, edge in enumerate(edges):
        share, note = statistics.share_between_halos(edge)
        said.append(note)
        terms = draws | {
            "igm": float(dm_igm(frb.z, share, cosmology)) * between,
            "halos": seen.total[i],
            "halos_unseen": unseen[i],
        }
        terms["host"] = terms["dm"] - sum(terms[name] for name in TERMS[:-1])
        own = None if host_halo is None else host_halo[i]
        runs.append(Run(edge, terms, own, seen.rest[i], seen.observed[i], seen.crossed[i]))
    medians = seen.log_mass, seen.impact_kpc, seen.radius_kpc
    return Sightline(
        settings, near, separation, *medians, shared, tuple(runs), (*near.notes, *said)
    )


def crossing(
    catalog: HaloCatalog, settings: SightlineSettings, r_max: float, cosmology: FLRW
) -> tuple[HaloCatalog, Floats]:
    """The halos before a burst whose gas may reach its sightline, and their separations (rad).

    Errors of five standard deviations are allowed for. What is left out is counted in the notes.
    """
    frb = settings.frb
    here = unit_vectors(frb.ra, frb.dec)
    away = unit_vectors(catalog.ra_deg, catalog.dec_deg) - here
    separation = 2 * np.arcsin(np.minimum(np.linalg.norm(away, axis=1) / 2, 1.0))
    nearest = catalog.z - _SIGMAS * catalog.z_err
    if catalog.pz is not None and catalog.pz_z is not None:
        has = catalog.pz.any(axis=1)
        nearest = np.where(has, catalog.pz_z[np.argmax(catalog.pz > 0, axis=1)], nearest)
    before = nearest < frb.z
    massive = catalog.has_mass & ~_richness_alone(catalog)
    rows = np.flatnonzero(before & massive)
    some = catalog.select(rows)
    z = np.clip(nearest[rows], 1e-5, None)
    # Distance first grows with redshift, and falls from 1.6 on: the closest of both ends.
    far = np.minimum(some.z + _SIGMAS * some.z_err, frb.z)
    grid = np.linspace(0, max(frb.z, 1e-4), 257)
    table = cosmology.angular_diameter_distance(grid).to_value("kpc")
    distance = np.minimum(np.interp(z, grid, table), np.interp(far, grid, table))
    heaviest = _log_mass_at_most(some, far) + _SIGMAS * settings.gas.mass_err_dex
    radius = _radius(heaviest, z, settings, cosmology)
    reach = r_max * (1 + (settings.gas.edge or 0.0)) * _LARGEST_RATIO * radius
    reach += 2 * _SIGMAS * np.nan_to_num(some.centring_kpc)
    close = separation[rows] * distance < reach
    notes = [
        left_out(int((~before).sum()), f"at z of {frb.z:g} or more, not before the burst"),
        left_out(int((before & ~massive).sum()), "a richness alone, without a relation to mass"),
        left_out(int((~close).sum()), "too far from the sightline for their gas to be crossed"),
    ]
    notes = [note for note in notes if not note.startswith("0 ")]
    own = int((np.abs(some.z[close] - frb.z) < _SAME_REDSHIFT).sum())
    if own:
        notes.append(f"{own} of the halos may be the burst's own group: within 0.003 of its z")
    return some.select(close).noted(*notes), separation[rows][close]


def _richness_alone(catalog: HaloCatalog) -> np.ndarray:
    return ~np.isfinite(catalog.log_mass) & ~np.isfinite(catalog.log_mstar)


def _log_mass_at_most(catalog: HaloCatalog, z: Floats) -> Floats:
    heavy = catalog.log_mass + _SIGMAS * catalog.log_mass_err_hi
    stars = ~np.isfinite(catalog.log_mass)
    if stars.any():
        spread = np.hypot(catalog.log_mstar_err_hi[stars], SCATTER_DEX)
        with jax.enable_x64(True):
            most = log_halo_mass(catalog.log_mstar[stars] + _SIGMAS * spread, z[stars])
            heavy[stars] = np.asarray(most)
    return np.minimum(heavy, 16.5)


def _radius(log_mass: Floats, z: Floats, settings: SightlineSettings, cosmology: FLRW) -> Floats:
    grid = np.linspace(0, settings.frb.z, 257)
    density = np.interp(z, grid, mean_density(settings.gas.radius, grid, cosmology))
    return np.cbrt(3 * 10**log_mass / (4 * np.pi * density))


def milky_way_ism(settings: MilkyWaySettings, frb: Frb) -> MilkyWayDM:
    """The disc of the Milky Way before a burst.

    Raises
    ------
    InputError
        The map, table or model cannot be used.
    """
    position = SkyCoord(frb.ra, frb.dec, unit="deg")
    if settings.ism is not None:
        error = RELATIVE_ERROR * settings.ism if settings.ism_err is None else settings.ism_err
        return MilkyWayDM(settings.ism, error)
    if settings.ism_map is not None:
        found = ism_from_map(settings.ism_map, position)
    elif settings.ism_table is not None:
        found = ism_from_table(settings.ism_table, position)
    elif settings.ism_model is not None:
        found = ism_from_model(settings.ism_model, position)
    else:
        raise SettingProblem("ism", "is missing", "give one of ism, ism_map, ism_table, ism_model")
    if settings.ism_err is None:
        return found
    return MilkyWayDM(found.value, settings.ism_err, found.source)


def _igm_over_mean(settings: SightlineSettings, rng: np.random.Generator) -> Floats:
    """What of its mean the IGM has before each draw."""
    n, igm = settings.mc.n_draws, settings.igm
    if igm.f_parameter is not None:
        return np.ravel(CosmicDMDistribution(igm.f_parameter).sample(rng, settings.frb.z, n))
    return sample_dm_igm(rng, 1.0, n, igm.scatter)


def _host_halo(
    settings: SightlineSettings, shared: Shared, edges: tuple[float, ...], cosmology: FLRW
) -> Floats | None:
    """Observed DM of the halo of the host from its middle to us, (r_max, n)."""
    frb, gas = settings.frb, settings.gas
    if frb.log_mstar is None:
        return None
    n = len(shared.f_hot)
    rng = np.random.default_rng([settings.mc.seed, 4])
    stars = frb.log_mstar + np.hypot(frb.log_mstar_err, SCATTER_DEX) * rng.standard_normal(n)
    concentration = gas.concentration if not isinstance(gas.concentration, str) else 7.67
    with jax.enable_x64(True):
        mass = 10 ** (log_halo_mass(stars, frb.z) + shared.mass_dex)
        density = mean_density(STELLAR_DEFINITION, frb.z, cosmology)
        halo = Halo(mass, radius_kpc(mass, density), np.full(n, concentration))
        halo = within(halo, density, mean_density(gas.radius, frb.z, cosmology))
        own = gas_of(gas, cosmology)
        found = []
        for edge in edges:
            filled = replace(own, f_hot=shared.f_hot, r_max=edge)
            found.append(np.asarray(dm_from_inside(filled, halo, 0.0, 0.0)) / (1 + frb.z))
    return np.stack(found)


class _Collected:
    """What is kept of the draws of halos: sums over halos, percentiles over draws."""

    def __init__(self, n_halos: int, n_edges: int, n: int) -> None:
        self.total = np.zeros((n_edges, n))
        self.rest = np.zeros((n_edges, n_halos, 3))
        self.observed = np.zeros((n_edges, n_halos, 3))
        self.crossed = np.zeros((n_edges, n_halos))
        self.log_mass, self.impact_kpc, self.radius_kpc = np.zeros((3, n_halos))
        self.n = 0

    def add(self, drawn: DrawnHalos) -> None:
        """Take in some halos."""
        self.n += len(drawn.rows)
        rows, observed = drawn.rows, drawn.dm_rest / (1 + drawn.z)
        self.total += observed.sum(axis=1)
        for into, dm in ((self.rest, drawn.dm_rest), (self.observed, observed)):
            into[:, rows] = np.moveaxis(np.percentile(dm, PERCENTILES, axis=-1), 0, -1)
        self.crossed[:, rows] = (drawn.dm_rest > 0).mean(axis=-1)
        for into, values in (
            (self.log_mass, drawn.log_mass),
            (self.impact_kpc, drawn.impact_kpc),
            (self.radius_kpc, drawn.radius_kpc),
        ):
            into[rows] = np.median(values, axis=-1)


def halo_table(sightline: Sightline) -> Table:
    """A row for each halo and edge, as ``halos.ecsv`` has it."""
    catalog, tables = sightline.catalog, []
    n = len(catalog)
    for run in sightline.runs:
        columns = {
            "name": [name or f"row {i + 1}" for i, name in enumerate(catalog.name.tolist())],
            "r_max": np.full(n, run.r_max),
            "z": catalog.z,
            "log_mass": sightline.log_mass,
            "impact_kpc": sightline.impact_kpc,
            "r_over_rvir": sightline.impact_kpc / sightline.radius_kpc,
        }
        for kind, found in (("rest", run.halos), ("obs", run.halos_observed)):
            for p, values in zip(PERCENTILES, found.T, strict=True):
                columns[f"dm_{kind}_p{p:.0f}"] = values
        columns["p_intersect"] = run.crossed
        tables.append(Table(columns))
    joined = {k: np.concatenate([np.asarray(t[k]) for t in tables]) for k in tables[0].colnames}
    return Table(joined)


def budget_table(sightline: Sightline) -> Table:
    """A row for each term and edge, observed, as ``budget.ecsv`` has it."""
    rows = []
    for run in sightline.runs:
        terms = {"measured": run.draws["dm"], **{name: run.draws[name] for name in TERMS}}
        if run.host_halo is not None:
            terms["host_halo"] = run.host_halo
            terms["host_rest_of_it"] = run.draws["host"] - run.host_halo
        for name, draws in terms.items():
            low, middle, high = np.percentile(draws, PERCENTILES)
            rows.append((name, run.r_max, "observed", low, middle, high, float(draws.mean())))
    return Table(rows=rows, names=["component", "r_max", "frame", "p16", "p50", "p84", "mean"])
