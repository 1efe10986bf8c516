"""The DM budget of a burst behind a hundred halos, and of one in front of a million galaxies.

python benchmarks/dm_host.py
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.table import Table

from cosmo.background import cosmology_named
from surveys.catalogs.halo_catalog import HaloCatalog
from surveys.sightlines.crossing import crossing
from surveys.sightlines.gas_settings import GasSettings
from surveys.sightlines.halo_draws import Shared, draw_halos
from surveys.sightlines.settings import Frb, MilkyWaySettings, MonteCarlo, SightlineSettings

N_HALOS, N_DRAWS, N_GALAXIES = 100, 100_000, 1_000_000
PEER_DRAWS_PER_S = 25, 45
"""Of FRBs/FRB, a halo at a time."""

FRB = f"""
[frb]
name = "FRB"
ra = 150.0
dec = 20.0
z = 0.3
dm = 3000.0
dm_err = 4.0
log_mstar = 9.5
[milky_way]
ism = 60.0
[gas]
f_hot_err = 0.1
concentration_scatter_dex = 0.11
[mc]
n_draws = {N_DRAWS}
"""
COMMAND = "from pipeline.cli import main; main()"


def settings() -> SightlineSettings:
    """Of the same burst."""
    return SightlineSettings(
        Frb("FRB", 150.0, 20.0, 0.3, 3000.0, 4.0),
        MilkyWaySettings(60.0),
        GasSettings(f_hot_err=0.1, concentration_scatter_dex=0.11),
        mc=MonteCarlo(N_DRAWS),
    )


def halos(rng: np.random.Generator) -> Table:
    """Within a tenth of a degree of it, in the mass definition of surveys."""
    columns = {
        "ra": rng.normal(150, 0.05, N_HALOS),
        "dec": rng.normal(20, 0.05, N_HALOS),
        "z": rng.uniform(0.05, 0.29, N_HALOS),
        "log_mass": rng.uniform(11.5, 13.5, N_HALOS),
        "log_mass_err_lo": np.full(N_HALOS, 0.2),
        "log_mass_err_hi": np.full(N_HALOS, 0.3),
        "centring_kpc": np.full(N_HALOS, 30.0),
    }
    return Table(columns, meta={"mass_definition": "200c"})


def whole_command(table: Table) -> tuple[float, float]:
    """Seconds of ``slowburst dm-host`` with all that it imports and compiles; and of its CPUs."""
    with tempfile.TemporaryDirectory() as folder:
        frb, catalog = Path(folder) / "frb.toml", Path(folder) / "halos.ecsv"
        frb.write_text(FRB)
        table.write(catalog)
        args = ["--frb", frb, "--catalog", catalog, "--out", Path(folder) / "out"]
        begun = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", COMMAND, "dm-host", *map(str, args)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.perf_counter() - begun, used.ru_utime + used.ru_stime


def draws_per_second(table: Table, definition: str) -> float:
    """Halos times draws, with all that is random in them, once compiled."""
    columns = {name: np.asarray(table[name]) for name in table.colnames[2:]}
    catalog = HaloCatalog.of(
        ra_deg=table["ra"], dec_deg=table["dec"], mass_definition=definition, **columns
    )
    own, cosmology = settings(), cosmology_named("Planck18")
    shared = Shared.draw(np.random.default_rng(0), own.gas, N_DRAWS)
    separation = np.full(N_HALOS, 1e-4)

    def draw(n: int) -> float:
        few = catalog.select(slice(0, n))
        begun = time.perf_counter()
        for _ in draw_halos(few, separation[:n], own, shared, (1.0,), cosmology):
            pass
        return time.perf_counter() - begun

    draw(1)
    return N_HALOS * N_DRAWS / draw(N_HALOS)


def crossing_seconds(rng: np.random.Generator) -> tuple[float, int]:
    """A survey of galaxies with stellar masses, matched with the sightline."""
    n = N_GALAXIES
    galaxies = HaloCatalog.of(
        name=np.arange(n).astype(str),
        ra_deg=rng.uniform(130, 170, n),
        dec_deg=rng.uniform(0, 40, n),
        z=rng.uniform(0.01, 0.5, n),
        z_err=1e-4,
        log_mstar=rng.uniform(8, 11.3, n),
        log_mstar_err_lo=0.1,
        log_mstar_err_hi=0.1,
    )
    begun = time.perf_counter()
    near, _ = crossing(galaxies, settings(), 2.0, cosmology_named("Planck18"))
    return time.perf_counter() - begun, len(near)


def main() -> None:
    """Print the times."""
    rng = np.random.default_rng(1)
    table = halos(rng)
    seconds, of_cpus = whole_command(table)
    print(
        f"slowburst dm-host, {N_HALOS} halos and {N_DRAWS} draws: {seconds:.1f} s (goal: 15), "
        f"{of_cpus:.1f} s of CPUs"
    )
    for definition in ("vir", "200c"):
        rate = draws_per_second(table, definition)
        ratios = " to ".join(f"{rate / peer:,.0f}" for peer in PEER_DRAWS_PER_S[::-1])
        print(f"masses {definition}: {rate:.3g} halo-draws/s (goal: 1e6), {ratios} times FRBs/FRB")
    seconds, kept = crossing_seconds(rng)
    print(
        f"{N_GALAXIES} galaxies and a sightline: {seconds:.2f} s (goal: 2), {kept} may be crossed"
    )


if __name__ == "__main__":
    main()
