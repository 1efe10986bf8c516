"""Spectra next to integrals over Bessel functions, and ways to them next to each other."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.special import erf

from cosmo.angular import accuracy, nodes, planning
from cosmo.angular.fftlog import Modes
from cosmo.angular.kernels import exact_kernels, flat_kernels
from cosmo.angular.spectra import members_spectra
from cosmo.angular.tracers import Tracer


class Sky:
    """The reference's tables."""

    def __init__(self, table):
        self.table = table
        self.log_k = np.log(table["k_h_Mpc"])
        self.log_p = CubicSpline(self.log_k, np.log(table["pk_z0_Mpc_h3"]))
        columns = ("chi_Mpc_h", "H_h_Mpc", "D", "f")
        self.chi, self.rate, self.grown, self.growing = (
            CubicSpline(table["z_grid"], table[name]) for name in columns
        )

    def power(self, k, chi):
        """k^n_s below the table and the last slope above, as the reference has it."""
        log_k = np.log(k)
        log_p = self.log_p(np.clip(log_k, self.log_k[0], self.log_k[-1]))
        log_p += 0.9665 * np.minimum(log_k - self.log_k[0], 0)
        log_p += self.log_p(self.log_k[-1], 1) * np.maximum(log_k - self.log_k[-1], 0)
        return np.broadcast_to(np.exp(log_p), (len(chi), len(k)))

    def tracer(self, z, sigma, kinds=("density",)):
        low, high = max(0.001, z - 7 * sigma), z + 7 * sigma
        share = (erf((high - z) / sigma / 2**0.5) - erf((low - z) / sigma / 2**0.5)) / 2
        at = np.linspace(low, high, 400)
        n = np.exp(-0.5 * ((at - z) / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma * share)
        density = n * self.rate(at) * self.grown(at)
        scale = {"density": 1.0, "rsd": self.growing(at), "lensing": 0.5, "potential": 1e-5}
        return Tracer(self.chi(at), {kind: density * scale[kind] for kind in kinds})

    def work(self, tracers, n=128):
        """With few powers, which are enough where both sides have them."""
        return planning.Work(tracers, self.power, Modes(n=n))


@pytest.fixture(scope="module")
def sky(shared_reference):
    with np.load(shared_reference("cl_truth.npz")) as file:
        return Sky(dict(file))


def computed(work, pairs, ells):
    """C_l of pairs, and what they and the estimated errors are measured against."""
    with jax.enable_x64(True):
        planned = accuracy.make_plan(work, pairs, ells)
        cl = accuracy.evaluate(planned, work)
    every = planned.plan.pairs
    size = planning.amplitudes(pairs, every, cl)
    rows = [every.index(pair) for pair in pairs]
    return cl[rows], size, planned.errors.total[rows]


@pytest.fixture(scope="module")
def numbers(sky):
    """All of the reference's pairs of windows at once."""
    windows = [tuple(map(tuple, pair)) for pair in sky.table["pairs_z_sigma"].tolist()]
    members = sorted({w for pair in windows for w in pair})
    pairs = [(members.index(a), members.index(b)) for a, b in windows]
    return computed(sky.work([sky.tracer(*w) for w in members], 512), pairs, sky.table["ells"])


# Autos, a pair that overlaps, and one that does not.
@pytest.mark.parametrize(("column", "within"), [(0, 1e-3), (1, 1e-3), (2, 1e-3), (3, 3e-3)])
def test_numbers_of_galaxies(sky, numbers, column, within):
    cl, size, estimate = (rows[column] for rows in numbers)
    error = np.abs(cl - sky.table["truth"][:, column]) / size
    np.testing.assert_array_less(error, within)
    np.testing.assert_array_less(error, 3 * estimate + 2e-4)


@pytest.mark.parametrize("column", [0, 1])
def test_distortions(sky, column):
    tracer = sky.tracer(*sky.table["rsd_pairs_z_sigma"][column][0], ("density", "rsd"))
    (cl,), (size,), (estimate,) = computed(sky.work([tracer], 512), [(0, 0)], sky.table["rsd_ells"])
    np.testing.assert_allclose(size, cl)
    error = np.abs(cl / sky.table["rsd_truth"][:, column] - 1)
    np.testing.assert_array_less(error, 2e-3)
    np.testing.assert_array_less(error, 3 * estimate + 2e-4)


ELLS, FEW = np.array([2, 7, 30, 150, 700]), np.array([20, 100])


def group_of(work, block, low, high, ells=ELLS, spacing=12.0):
    """A block at nodes with room to spare; the full sky below l = 10."""
    eta, weight = nodes.separations(0.0, np.log(high / low), 2e-5, 0.1)
    columns = nodes.columns(eta, weight, block.anchor)
    grid = nodes.Grid(nodes.distances(low, high, spacing, 0.1), columns)
    kinds = work.kinds(block.pairs)
    parts = ((exact_kernels, ells[ells < 10]), (flat_kernels, ells[ells >= 10]))
    kernels = tuple(make(kinds, columns, some, work.modes) for make, some in parts if some.size)
    return block.group(work, grid, kernels)


def spectra_at_nodes(work, block, low, high, *how):
    """C_l there."""
    return work.spectra(group_of(work, block, low, high, *how))


KINDS = [("density", "rsd"), ("density", "lensing", "potential")]


@pytest.fixture(scope="module")
def two(sky):
    """Two unlike tracers that overlap, the ends of both, and the pair's C_l both ways round."""
    tracers = [sky.tracer(1.0, 0.05, KINDS[0]), sky.tracer(1.1, 0.08, KINDS[1])]
    work = sky.work(tracers)
    low, high = float(tracers[1].chi[0]), float(tracers[1].chi[-1])
    with jax.enable_x64(True):
        cl = spectra_at_nodes(work, planning.Block(((0, 1), (0, 0), (1, 1))), low, high)
    return work, (low, high), cl


def test_any_distance_of_a_node_gives_the_same(two):
    work, ends, cl = two
    size = np.sqrt(cl[1] * cl[2])
    pairs = ((0, 1),)
    with jax.enable_x64(True):
        for anchor in ("nearer", "farther"):
            (got,) = spectra_at_nodes(work, planning.Block(pairs, anchor), *ends)
            np.testing.assert_allclose(got / size, cl[0] / size, atol=1e-4)
        # The first tracer is on the node, wherever the other is.
        halves = [("nearer", (True, False)), ("farther", (False, True))]
        parts = [spectra_at_nodes(work, planning.Block(pairs, *half), *ends)[0] for half in halves]
    np.testing.assert_allclose(sum(parts) / size, cl[0] / size, atol=1e-4)
    assert (np.abs(parts[0] - parts[1]) > 1e-2 * size).any()


def test_a_pair_may_be_turned_round(two):
    work, ends, cl = two
    with jax.enable_x64(True):
        (turned,) = spectra_at_nodes(work, planning.Block(((1, 0),)), *ends)
    np.testing.assert_allclose(turned, cl[0], rtol=1e-10, atol=1e-12 * np.abs(cl[0]).max())


def test_many_pairs_are_as_each_alone(two):
    work, ends, cl = two
    with jax.enable_x64(True):
        for row, pair in enumerate(((0, 1), (0, 0), (1, 1))):
            (alone,) = spectra_at_nodes(work, planning.Block((pair,)), *ends)
            np.testing.assert_allclose(alone, cl[row], rtol=1e-10)


def test_terms_add_up(sky, two):
    # C_l is linear in each term of each tracer.
    work, ends, cl = two
    total = np.zeros(ELLS.size)
    with jax.enable_x64(True):
        for first in KINDS[0]:
            for second in KINDS[1]:
                parts = [sky.tracer(1.0, 0.05, (first,)), sky.tracer(1.1, 0.08, (second,))]
                block = planning.Block(((0, 1),))
                total += spectra_at_nodes(replace(work, tracers=parts), block, *ends)[0]
    np.testing.assert_allclose(total, cl[0], rtol=1e-9, atol=1e-10 * np.abs(cl[0]).max())


def test_one_group_of_many_pairs_is_as_separate_groups(sky):
    windows = [(0.8, 0.1), (0.9, 0.1), (1.0, 0.1)]
    work = sky.work([sky.tracer(*w) for w in windows])
    pairs = [(0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2)]
    assert len(planning.blocks(work, pairs)) == 1
    together, size, _ = computed(work, pairs, FEW)
    some = [(0, 2), (0, 0), (2, 2)]
    assert len(planning.blocks(work, some)) == 3
    alone, _, _ = computed(work, some, FEW)
    for pair, row in zip(some, alone, strict=True):
        i = pairs.index(pair)
        np.testing.assert_allclose(row / size[i], together[i] / size[i], atol=1e-3)


def test_windows_of_unlike_widths(sky):
    # The narrow one is on the nodes, from both sides; with nodes for both it is the same.
    narrow, wide = sky.tracer(1.0, 0.02), sky.tracer(1.05, 0.12)
    work = sky.work([narrow, wide])
    assert len(planning.blocks(work, [(0, 1)])) == 2
    got, size, _ = computed(work, [(0, 1)], FEW)
    low, high = float(wide.chi[0]), float(wide.chi[-1])
    with jax.enable_x64(True):
        (wanted,) = spectra_at_nodes(work, planning.Block(((0, 1),)), low, high, FEW, 8.0)
    np.testing.assert_allclose(got[0] / size[0], wanted / size[0], atol=1e-3)


def test_factors_of_l_and_of_weights(sky):
    plain = sky.tracer(1.0, 0.1, ("lensing",))
    twice = Tracer(plain.chi, {"lensing": 2 * plain.terms["lensing"]})
    tracers = [plain, twice, replace(plain, factor="shear"), replace(plain, factor="potential")]
    pairs = [(0, 0), (0, 1), (2, 2), (0, 3)]
    cl, _, _ = computed(sky.work(tracers), pairs, FEW)
    l = FEW.astype(float)
    shear = (l + 2) * (l - 1) / (l * (l + 1))
    for row, factor in zip(cl, (1.0, 2.0, shear, 2 / (l * (l + 1))), strict=True):
        np.testing.assert_allclose(row, factor * cl[0], rtol=1e-9)


def test_single_precision(two):
    work, ends, cl = two
    group = jax.tree.map(jnp.asarray, group_of(work, planning.Block(((0, 1),)), *ends))
    pk = jnp.asarray(work.spectrum(np.asarray(group.chi)))
    tracers = jax.tree.map(jnp.asarray, list(work.of_numpy.tracers))
    got = members_spectra(group, work.modes, tracers, pk)
    assert got.dtype == np.float32
    size = np.sqrt(cl[1] * cl[2])
    np.testing.assert_allclose(got[0] / size, cl[0] / size, atol=1e-3)
