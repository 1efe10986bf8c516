"""Angular power spectra, their slopes and errors, beside CCL and CAMB: `python benchmarks/cl.py`.

Of the size of the N5K challenge: ten bins of galaxies and five of sheared sources, 120 spectra at
103 multipoles, from linear power. CCL gets the same distances, growth and P(k). FKEM stands for
its integration without Limber's approximation. CAMB, which has perturbations to compute as well, is
timed on one spectrum to l = 200.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from cosmo.angular.accuracy import evaluate, make_plan
from cosmo.angular.compression import compressed
from cosmo.angular.fftlog import Modes
from cosmo.angular.full_sky import full_sky_spectra
from cosmo.angular.observables import clustering, galaxy_lensing, with_growth
from cosmo.angular.planning import Work
from cosmo.angular.redshifts import gaussian_nz
from cosmo.angular.spectra import Pair, Plan, angular_spectra
from cosmo.angular.tracers import Tracer
from cosmo.expansion import Background, background_of, growth, redshift
from cosmo.parameters import cosmology_of
from cosmo.power.eisenstein_hu import EisensteinHu, eisenstein_hu

Real = NDArray[np.float64]
# What is counted or sheared, its mean redshift and its spread.
Bin = tuple[str, float, float]

PARAMETERS = {"h": 0.6727, "omega_m": 0.3156, "omega_b": 0.0492, "n_s": 0.9645, "sigma8": 0.83}
Z_MAX, BIAS, TOLERANCE = 6.0, 1.5, 1e-3
GALAXIES: list[Bin] = [
    ("galaxies", float(z), float(sigma))
    for z, sigma in zip(np.linspace(0.25, 1.15, 10), np.linspace(0.047, 0.071, 10), strict=True)
]
SOURCES: list[Bin] = [
    ("shear", 0.30, 0.12),
    ("shear", 0.59, 0.11),
    ("shear", 0.87, 0.13),
    ("shear", 1.25, 0.18),
    ("shear", 2.00, 0.45),
]
N5K_ELLS = np.unique(np.geomspace(2, 2000, 128).astype(int))
ONE_ELLS = np.unique(np.geomspace(2, 2000, 123).astype(int))
# CCL with Limber nowhere; by default FKEM has few distances, of which it warns.
BEYOND = 100_000
FKEM: dict[str, Any] = {"l_limber": BEYOND}
FINE: dict[str, Any] = FKEM | {"fkem_Nchi": 8000}
PEERS: dict[str, dict[str, Any]] = {"Limber": {}, "FKEM": FKEM, "FKEM, 8000 distances": FINE}
GOAL_S, GOAL_SLOPES = 0.1, 4.0
# FKEM is timed on these and scaled to all: two of galaxies, one of them and shear, one of shear.
FEW: list[Pair] = [(4, 4), (2, 6), (4, 12), (11, 13)]
NARROW: list[Bin] = [
    ("galaxies", 1.0, 0.003),
    ("galaxies", 1.0, 0.01),
    ("galaxies", 1.0, 0.05),
    ("galaxies", 1.25, 0.05),
]
CHECKED: dict[str, Pair] = {
    "sigma_z 0.003": (0, 0),
    "sigma_z 0.01": (1, 1),
    "sigma_z 0.05": (2, 2),
    "z 1 x 1.25, 0.05": (2, 3),
}
CHECKED_ELLS = np.array([2, 10, 50, 200])
CAMB_L = 200


class Sky:
    """A cosmology, tracers in it, and P(k), here and for CCL."""

    def __init__(self) -> None:
        cosmology = cosmology_of(PARAMETERS)
        self.background: Background = background_of(cosmology, Z_MAX)
        self.power: EisensteinHu = eisenstein_hu(cosmology, self.background)

    def tracer(self, which: Bin) -> Tracer:
        """With growth."""
        kind, z, sigma = which
        nz = gaussian_nz(z, sigma)
        if kind == "galaxies":
            found = clustering(self.background, nz, BIAS)
        else:
            found = galaxy_lensing(self.background, nz)
        return with_growth(found, growth(self.background, redshift(self.background, found.chi)))

    def work(self, bins: Sequence[Bin]) -> Work:
        """All that is planned for."""

        def power(k: Real, chi: Real) -> Array:
            return jnp.broadcast_to(self.power.today(jnp.asarray(k)), (chi.size, k.size))

        return Work([self.tracer(which) for which in bins], power, Modes())

    def of_ccl(self) -> Any:
        """The same distances, growth and power for CCL, which counts in Mpc."""
        import pyccl

        h, b = PARAMETERS["h"], self.background
        a = 1 / (1 + np.asarray(b.z)[::-1])
        k = np.geomspace(1e-5, 1e3, 2048)
        few = a[::-8][::-1]
        pk = np.asarray(self.power(jnp.asarray(k), jnp.asarray(1 / few - 1)))
        columns = {"a": a, "chi": np.asarray(b.chi)[::-1] / h}
        columns["h_over_h0"] = np.asarray(b.hubble / b.hubble[0])[::-1]
        mode = {"a": a, "growth_factor": np.asarray(b.growth)[::-1]}
        mode["growth_rate"] = np.asarray(b.growth_rate)[::-1]
        spectra = {"a": few, "k": k * h, "delta_matter:delta_matter": pk / h**3}
        return pyccl.CosmologyCalculator(
            Omega_c=PARAMETERS["omega_m"] - PARAMETERS["omega_b"],
            Omega_b=PARAMETERS["omega_b"],
            **{name: PARAMETERS[name] for name in ("h", "n_s", "sigma8")},
            background=columns,
            growth=mode,
            pk_linear=spectra,
            pk_nonlin=spectra,
        )

    def ccl_tracer(self, ccl: Any, which: Bin) -> Any:
        """CCL's, of the same n(z)."""
        import pyccl

        kind, mean, sigma = which
        nz = gaussian_nz(mean, sigma)
        dndz = np.asarray(nz.grid), np.asarray(nz(nz.grid))
        if kind == "shear":
            return pyccl.WeakLensingTracer(ccl, dndz=dndz)
        bias = dndz[0], np.full(dndz[0].size, BIAS)
        return pyccl.NumberCountsTracer(ccl, has_rsd=False, dndz=dndz, bias=bias)


def of_camb(which: Bin) -> Callable[[], object]:
    """One bin of galaxies by CAMB, without Limber's approximation, from their density alone."""
    import camb
    from camb.sources import GaussianSourceWindow

    _, z, sigma = which
    h = PARAMETERS["h"]
    dark = PARAMETERS["omega_m"] - PARAMETERS["omega_b"]
    parameters = camb.set_params(
        H0=100 * h, ombh2=PARAMETERS["omega_b"] * h**2, omch2=dark * h**2, mnu=0.0,
        ns=PARAMETERS["n_s"], As=2.1e-9,
    )  # fmt: skip
    window = GaussianSourceWindow(redshift=z, source_type="counts", bias=BIAS, sigma=sigma)
    parameters.SourceWindows = [window]
    parameters.set_for_lmax(CAMB_L)
    parameters.Want_CMB = parameters.Want_CMB_lensing = False
    terms = parameters.SourceTerms
    terms.limber_windows = False
    others = ("redshift", "velocity", "timedelay", "ISW", "potential")
    for name in others:
        setattr(terms, f"counts_{name}", False)
    return lambda: camb.get_results(parameters).get_source_cls_dict(raw_cl=True)


def seconds(work: Callable[[], Any], repeats: int = 9) -> float:
    """The median of some runs after one that compiles."""
    jax.block_until_ready(work())
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        jax.block_until_ready(work())
        times.append(time.perf_counter() - begun)
    return float(np.median(times))


def once(work: Callable[[], object]) -> float:
    """Seconds of one run."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def planned(label: str, work: Work, pairs: list[Pair], ells: NDArray[np.int64]) -> Callable:
    """Plan, tell how long it took, and give C_l as a function of amplitudes and P(k)."""
    begun, used = time.perf_counter(), time.process_time()
    plan = compressed(make_plan(work, pairs, ells, TOLERANCE).plan, work)
    taken, used = time.perf_counter() - begun, time.process_time() - used
    print(f"{label}, planning: {taken:.1f} s, {used:.1f} s of CPUs")
    print("  nodes in eta and chi: " + ", ".join(str(g.measure.shape) for g in plan.groups))
    pk = [work.spectrum(np.asarray(group.chi)) for group in plan.groups]

    @jax.jit
    def spectra(amplitudes: Array, pk: list[Array], plan: Plan) -> Array:
        tracers = [
            Tracer(t.chi, {kind: a * w for kind, w in t.terms.items()}, t.factor)
            for t, a in zip(work.tracers, amplitudes, strict=True)
        ]
        return angular_spectra(plan, tracers, pk)[: len(pairs)]

    slopes = jax.jit(
        jax.grad(lambda a, pk, plan: jnp.sum(spectra(a, pk, plan) ** 2) * 1e12, (0, 1))
    )
    amplitudes = jnp.ones(len(work.tracers))
    return lambda slope=False: (slopes if slope else spectra)(amplitudes, pk, plan)


def n5k(sky: Sky) -> None:
    """Many spectra, and one."""
    import pyccl

    bins = GALAXIES + SOURCES
    pairs = [(i, j) for i in range(len(bins)) for j in range(i, len(bins))]
    size = f"{len(pairs)} spectra x {N5K_ELLS.size} l"
    ours = planned(size, sky.work(bins), pairs, N5K_ELLS)
    run, slope = seconds(ours), seconds(lambda: ours(True))
    print(f"{size}, run: {1e3 * run:.0f} ms (goal: {1e3 * GOAL_S:.0f})")
    print(f"{size}, slopes too: {1e3 * slope:.0f} ms, {slope / run:.1f} runs (goal: {GOAL_SLOPES})")

    ccl = sky.of_ccl()
    theirs = [sky.ccl_tracer(ccl, which) for which in bins]

    def peer(some: list[Pair], **settings: Any) -> Callable[[], object]:
        return lambda: [
            pyccl.angular_cl(ccl, theirs[a], theirs[b], N5K_ELLS, **settings) for a, b in some
        ]

    limber = seconds(peer(pairs), 1)
    print(f"CCL, Limber: {1e3 * limber:.0f} ms, {limber / run:.1f} times ours")
    for label, settings in (("FKEM", FKEM), ("FKEM and Limber", {"l_limber": "auto"})):
        taken = seconds(peer(FEW, **settings), 1) * len(pairs) / len(FEW)
        print(f"CCL, {label}, {len(FEW)} scaled: {taken:.1f} s, {taken / run:.0f} times ours")

    one = planned("one pair", sky.work([GALAXIES[4]]), [(0, 0)], ONE_ELLS)
    run = seconds(one)
    taken = seconds(peer(FEW[:1], **FKEM), 1)
    print(f"one pair x {ONE_ELLS.size} l, run: {1e3 * run:.1f} ms")
    print(f"CCL, FKEM, one pair: {1e3 * taken:.0f} ms, {taken / run:.0f} times ours")
    taken = once(of_camb(GALAXIES[4]))
    print(f"CAMB, one pair to l = {CAMB_L}: {taken:.1f} s, {taken / run:.0f} times ours")


def errors(sky: Sky) -> None:
    """Of narrow and disjoint windows, against the full sky."""
    import pyccl

    work, pairs = sky.work(NARROW), list(CHECKED.values())
    every = [*pairs, (3, 3)]
    print(f"errors at l = {', '.join(map(str, CHECKED_ELLS))}, of sqrt(C_aa C_bb), in %:")
    begun = time.perf_counter()
    truth, _ = full_sky_spectra(work.tracers, every, CHECKED_ELLS.tolist(), sky.power.today)
    print(f"  full sky by its definition: {time.perf_counter() - begun:.0f} s")
    plan = make_plan(work, every, CHECKED_ELLS, TOLERANCE)
    ours = evaluate(plan, work)[: len(every)]
    ccl = sky.of_ccl()
    theirs = [sky.ccl_tracer(ccl, which) for which in NARROW]
    found = {"ours": ours} | {
        label: np.array(
            [pyccl.angular_cl(ccl, theirs[a], theirs[b], CHECKED_ELLS, **given) for a, b in every]
        )
        for label, given in PEERS.items()
    }
    own = {a: cl for (a, b), cl in zip(every, truth, strict=True) if a == b}
    for i, (label, (a, b)) in enumerate(CHECKED.items()):
        size = np.sqrt(own[a] * own[b])
        worst = {who: 100 * np.max(np.abs(cl[i] - truth[i]) / size) for who, cl in found.items()}
        told = 100 * plan.errors.total[i].max()
        others = ", ".join(f"{who} {worst[who]:.2g}" for who in PEERS)
        print(f"  {label}: ours {worst['ours']:.2g} (told: {told:.2g}), {others}")


def cold() -> None:
    """Four tracers, from nothing."""
    work = Sky().work([GALAXIES[3], GALAXIES[6], SOURCES[2], SOURCES[3]])
    pairs = [(i, j) for i in range(4) for j in range(i, 4)]
    evaluate(make_plan(work, pairs, N5K_ELLS, TOLERANCE), work)


def main() -> None:
    """Print the times and errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cold", action="store_true", help="four tracers once, and nothing else")
    with jax.enable_x64(True), warnings.catch_warnings():
        # Of what FKEM chooses.
        warnings.simplefilter("ignore")
        if parser.parse_args().cold:
            cold()
            return
        begun = time.perf_counter()
        command = [sys.executable, __file__, "--cold"]
        taken = once(lambda: subprocess.run(command, check=True))
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"10 spectra of 4 tracers, new process, imports and planning: {taken:.1f} s, "
            f"{used.ru_utime + used.ru_stime:.1f} s of CPUs"
        )
        sky = Sky()
        n5k(sky)
        errors(sky)
        print(f"all of this: {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
