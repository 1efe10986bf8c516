"""The halos that a sightline crosses, and the budget of its dispersion measure.

    DM = DM_MW + DM_IGM + sum of DM_halo / (1 + z) + DM_host / (1 + z_host)

Each term is drawn many times with its errors, and what the others leave of the measured DM is
that of the host. All are *observed* unless they are said to be *rest*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord

from cosmo.background import cosmology_named
from cosmo.cosmic_dm import CosmicDMDistribution
from cosmo.dispersion import dm_igm, sample_dm_igm
from surveys.catalogs.halo_catalog import Floats, HaloCatalog
from surveys.errors import SettingProblem
from surveys.milky_way.electron_models import ism_from_model
from surveys.milky_way.halo import halo_from_profile
from surveys.milky_way.terms import RELATIVE_ERROR, MilkyWayDM, ism_from_map, ism_from_table
from surveys.sightlines.crossing import crossing
from surveys.sightlines.halo_draws import DrawnHalos, Shared, draw_halos, host_halo
from surveys.sightlines.halo_values import gas_of
from surveys.sightlines.settings import Frb, MilkyWaySettings, SightlineSettings
from surveys.sightlines.unseen import HaloStatistics

PERCENTILES = 16.0, 50.0, 84.0
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
        The same seed gives the same draws, whatever other edges or halos there are; only those
        of halos in no catalog depend on the furthest edge.
    """
    edges = r_max or (settings.gas.r_max,)
    cosmology, frb, n = cosmology_named(settings.cosmology), settings.frb, settings.mc.n_draws
    shared = Shared.draw(np.random.default_rng([settings.mc.seed, 0]), settings.gas, n)
    # A map or table that cannot be used is found before halos are drawn.
    draws, over_mean = _smooth_terms(settings, ism)
    near, separation = crossing(catalog, settings, max(edges), cosmology)
    statistics = HaloStatistics(settings, cosmology)
    seen = _Collected(len(near), len(edges), n)
    # What is compiled for the host and the IGM is, while halos are drawn.
    with ThreadPoolExecutor(1) as aside:
        host = aside.submit(host_halo, settings, shared, edges, cosmology)
        between = [aside.submit(statistics.share_between_halos, edge) for edge in edges]
        for drawn in draw_halos(near, separation, settings, shared, edges, cosmology):
            seen.add(drawn)
            if tell is not None:
                tell(seen.n, len(near))
    unseen = statistics.draw(np.random.default_rng([settings.mc.seed, 3]), shared, edges)
    runs, said = [], []
    for i, edge in enumerate(edges):
        share, note = between[i].result()
        said.append(note)
        terms = draws | {
            "igm": float(dm_igm(frb.z, share, cosmology)) * over_mean,
            "halos": seen.total[i],
            "halos_unseen": unseen[i],
        }
        terms["host"] = terms["dm"] - sum(terms[name] for name in TERMS[:-1])
        own = host.result()
        own = None if own is None else own[i]
        runs.append(Run(edge, terms, own, seen.rest[i], seen.observed[i], seen.crossed[i]))
    medians = seen.log_mass, seen.impact_kpc, seen.radius_kpc
    return Sightline(
        settings, near, separation, *medians, shared, tuple(runs), (*near.notes, *said)
    )


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


def milky_way_halo(settings: SightlineSettings) -> MilkyWayDM:
    """The halo of the Milky Way before a burst: as given, or of the profile of all halos."""
    galaxy, frb, gas = settings.milky_way, settings.frb, settings.gas
    if galaxy.halo_log_mass is None:
        return MilkyWayDM(galaxy.halo, galaxy.halo_err)
    cosmology, position = cosmology_named(settings.cosmology), SkyCoord(frb.ra, frb.dec, unit="deg")
    own = gas_of(gas, cosmology)
    value = halo_from_profile(own, galaxy.halo_log_mass, position, cosmology, gas.radius)
    return MilkyWayDM(value, galaxy.halo_err, f"halo of 10^{galaxy.halo_log_mass:g} Msun")


def _smooth_terms(
    settings: SightlineSettings, ism: MilkyWayDM | None
) -> tuple[dict[str, Floats], Floats]:
    """Draws of the measured DM and of the Milky Way, and what of its mean the IGM has."""
    frb, n, galaxy, igm = settings.frb, settings.mc.n_draws, settings.milky_way, settings.igm
    rng = np.random.default_rng([settings.mc.seed, 2])
    draws = {
        "dm": frb.dm + frb.dm_err * rng.standard_normal(n),
        "mw_ism": (ism or milky_way_ism(galaxy, frb)).sample(rng, n),
        "mw_halo": milky_way_halo(settings).sample(rng, n),
    }
    if igm.f_parameter is not None:
        return draws, np.ravel(CosmicDMDistribution(igm.f_parameter).sample(rng, frb.z, n))
    return draws, sample_dm_igm(rng, 1.0, n, igm.scatter)


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
        self.crossed[:, rows] = drawn.crossed
        for into, values in (
            (self.log_mass, drawn.log_mass),
            (self.impact_kpc, drawn.impact_kpc),
            (self.radius_kpc, drawn.radius_kpc),
        ):
            into[rows] = np.median(values, axis=-1)
