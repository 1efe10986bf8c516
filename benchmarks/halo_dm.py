"""Dispersion measures of halos a second, and their errors: `python benchmarks/halo_dm.py`.

Each draw is a halo of its own mass, concentration and impact parameter, before a modified NFW
profile. FRBs/FRB makes a new object for each: 25 to 45 draws a second, measured on another
occasion on two busy cores (22 to 39 ms a draw over 500 and 2000 of them), and not run here.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from astropy.cosmology import Planck18
from jax import Array
from scipy.integrate import quad

from cosmo.background import baryon_fraction
from cosmo.halos import Halo, mean_density, radius_kpc
from cosmo.profiles import (
    ELECTRONS_PER_MASS,
    Adiabatic,
    BetaModel,
    Gas,
    ModifiedNFW,
    PowerLaw,
    Profile,
    Vikhlinin,
    dm_rest,
)

PEER = 25.0, 45.0
BLOCK = 1024
PROFILES: dict[str, Profile] = {
    "mNFW 2, 2": ModifiedNFW(),
    "NFW": ModifiedNFW(0.0, 1.0),
    "adiabatic": Adiabatic(),
    "beta": BetaModel(),
    "Vikhlinin": Vikhlinin(),
    "power law": PowerLaw(),
}
IMPACTS = 1e-5, 1e-3, 0.1, 0.5, 0.97
CONCENTRATIONS = 3.0, 7.67, 20.0


def draws(n: int) -> tuple[Array, ...]:
    """Masses, radii, concentrations and impact parameters, in blocks."""
    rng = np.random.default_rng(0)
    mass = 10 ** rng.uniform(11, 15, n)
    radius = np.asarray(radius_kpc(mass, mean_density("200c", 0.2, Planck18)))
    columns = mass, radius, rng.uniform(3, 15, n), radius * np.sqrt(rng.uniform(0, 1, n))
    return tuple(jnp.asarray(column.reshape(-1, BLOCK)) for column in columns)


def seconds(work: Callable[[], Array], repeats: int = 5) -> float:
    """The shortest of some runs after one that compiles."""
    work().block_until_ready()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work().block_until_ready()
        times.append(time.perf_counter() - begun)
    return min(times)


def adaptive(profile: Profile, concentration: float, b: float) -> float:
    """DM of a halo of 1 Msun and 1 kpc by SciPy, with all of its baryons hot."""
    compiled = jax.jit(lambda x: profile(x, concentration))

    def shape(x: float) -> float:
        return float(compiled(x))

    def column(t: float) -> float:
        return shape(b * np.cosh(t)) * b * np.cosh(t)

    far = np.arccosh(1 / b)
    volume = quad(lambda x: shape(x) * x**2, 0, 1, epsrel=1e-9)[0]
    length = sum(quad(column, far * k / 4, far * (k + 1) / 4, epsrel=1e-9)[0] for k in range(4))
    return 2000 * ELECTRONS_PER_MASS / (4 * np.pi * volume) * length


def worst_error(profile: Profile) -> float:
    """Largest relative difference from SciPy over impact parameters and concentrations."""
    gas = Gas(profile, 1.0, 1.0)
    return max(
        abs(float(dm_rest(gas, Halo(1.0, 1.0, c), b)) / adaptive(profile, c, b) - 1)
        for c in CONCENTRATIONS
        for b in IMPACTS
    )


def main() -> None:
    """Print speeds and errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int, nargs="?", default=1 << 19, help="draws")
    n = max(1, parser.parse_args().n // BLOCK) * BLOCK
    share = baryon_fraction(Planck18)

    def columns(gas: Gas, halos: tuple[Array, ...]) -> Array:
        # Slopes compute a block anew rather than keep all nodes of all blocks.
        def block(halo: tuple[Array, ...]) -> Array:
            mass, radius, concentration, impact = halo
            return dm_rest(gas, Halo(mass, radius, concentration), impact)

        return jax.lax.map(jax.checkpoint(block), halos)

    with jax.enable_x64(True):
        halos = draws(n)
        work = jax.jit(columns)
        slopes = jax.jit(jax.grad(lambda gas, halos: jnp.sum(columns(gas, halos))))
        print(f"{n} draws in blocks of {BLOCK}, float64, on {jax.devices()[0].device_kind}")
        for label, edge in (("sharp edge", None), ("soft edge", 0.1)):
            gas = jax.tree.map(jnp.asarray, Gas(ModifiedNFW(), share, edge=edge))
            rate = n / seconds(lambda gas=gas: work(gas, halos))
            print(
                f"mNFW, {label}: {rate:.3g} draws/s, {rate / PEER[1]:.2g} to "
                f"{rate / PEER[0]:.2g} times FRBs/FRB ({PEER[0]:.0f} to {PEER[1]:.0f}/s)"
            )
            rate = n / seconds(lambda gas=gas: slopes(gas, halos).profile.alpha)
            print(f"  with slopes to all parameters of the gas: {rate:.3g} draws/s")
        for name, profile in PROFILES.items():
            print(f"{name}: worst error {worst_error(profile):.1e} against SciPy")


if __name__ == "__main__":
    main()
