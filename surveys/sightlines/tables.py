"""Tables of the budget of a burst."""

from __future__ import annotations

import numpy as np
from astropy.table import Table

from surveys.catalogs.halo_catalog import HaloCatalog
from surveys.sightlines.budget import PERCENTILES, TERMS, Sightline


def halo_names(catalog: HaloCatalog) -> list[str]:
    """Names of halos; what has none is called by its place, RA and Dec in degrees."""
    rows = zip(catalog.name.tolist(), catalog.ra_deg, catalog.dec_deg, strict=True)
    return [name or f"{ra:.4f}{dec:+.4f}" for name, ra, dec in rows]


def halo_table(sightline: Sightline) -> Table:
    """A row for each halo and edge, as ``halos.ecsv`` has it."""
    catalog, tables = sightline.catalog, []
    n = len(catalog)
    for run in sightline.runs:
        columns = {
            "name": halo_names(catalog),
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
