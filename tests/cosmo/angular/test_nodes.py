"""Nodes: what they integrate, and interpolation between them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import erf

from cosmo.angular import nodes


def test_separations_integrate_even_functions():
    # Analytic in eta and even; over half the axis.
    eta, weight = nodes.separations(0.0, 3.0, 1e-3, 0.08)
    assert eta[0] > 0
    assert (np.diff(eta) > 0).all()
    for width in (2e-3, 0.02, 0.3):
        got = weight @ np.exp(-0.5 * (eta / width) ** 2)
        assert got == pytest.approx(np.sqrt(np.pi / 2) * width, rel=1e-6)


@pytest.mark.parametrize("scale", [1e-5, 1e-4])
def test_kernels_sharp_at_zero_are_integrated(scale):
    # exp(-eta) has a kink at zero, where eta is fine.
    eta, weight = nodes.separations(0.0, 30.0, scale, 0.08)
    assert weight @ np.exp(-eta) == pytest.approx(1, rel=1e-9)
    sharp = (1 + (eta / (30 * scale)) ** 2) ** -1.5
    assert weight @ sharp == pytest.approx(30 * scale, rel=1e-6)


def test_their_error_falls_as_that_of_few_steps():
    # Twice as many nodes square what is wrong.
    def error(step):
        eta, weight = nodes.separations(0.0, 40.0, 0.1, step)
        return abs(weight @ np.exp(-(eta**2)) - np.sqrt(np.pi) / 2)

    coarse, fine = error(0.8), error(0.4)
    assert 1e-4 < coarse < 0.1
    assert fine < coarse**2


def test_separations_of_windows_apart():
    eta, weight = nodes.separations(0.02, 3.0, 1e-3, 0.05)
    assert eta[0] <= 0.02 * np.exp(1e-12)
    assert eta[0] > 0.02 * np.exp(-0.05 - 1e-12)
    assert eta[-1] == pytest.approx(3.0)

    # Smooth in ln eta, and nothing at both ends.
    def bump(eta):
        return np.exp(-0.5 * ((np.log(eta) - np.log(0.25)) / 0.4) ** 2) / eta

    assert weight @ bump(eta) == pytest.approx(np.sqrt(2 * np.pi) * 0.4, rel=1e-7)


@given(
    nearest=st.one_of(st.just(0.0), st.floats(1e-4, 0.5)),
    reach=st.floats(1.01, 100),
    scale=st.floats(1e-6, 0.1),
    step=st.floats(0.01, 0.5),
)
def test_separations_reach_both_ends(nearest, reach, scale, step):
    farthest = reach * max(nearest, scale)
    for rounded in (int, lambda n: 8 * int(np.ceil(n / 8))):
        eta, weight = nodes.separations(nearest, farthest, scale, step, rounded)
        assert eta.size == weight.size == rounded(eta.size)
        assert (np.diff(eta) > 0).all()
        assert (weight > 0).all()
        assert eta[-1] >= farthest * (1 - 1e-9)
        assert eta[0] <= max(nearest, 0.01 * scale) * (1 + 1e-9)


@given(
    low=st.floats(0.5, 3000),
    ratio=st.floats(1.02, 300),
    spacing=st.floats(5, 200),
    share=st.floats(0.02, 0.3),
)
def test_distances_are_as_dense_as_was_asked(low, ratio, spacing, share):
    found = nodes.distances(low, low * ratio, spacing, share)
    assert found.chi[0] == pytest.approx(low)
    assert found.chi[-1] == pytest.approx(low * ratio)
    steps = np.diff(found.chi)
    assert (steps > 0).all()
    # d(chi) of each is the step between them, and that is no more than allowed.
    own = found.weight * found.chi
    middle = (own[1:] + own[:-1]) / 2
    np.testing.assert_allclose(steps, middle, rtol=0.05)
    np.testing.assert_array_less(own, 1.0001 * np.minimum(spacing, share * found.chi))


def test_distances_integrate_windows():
    found = nodes.distances(1000.0, 3000.0, 25.0, 0.05)
    for middle, width in ((2000.0, 60.0), (1700.0, 100.0)):
        window = np.exp(-0.5 * ((found.chi - middle) / width) ** 2)
        got = (found.weight * found.chi) @ window
        assert got == pytest.approx(np.sqrt(2 * np.pi) * width, rel=1e-9)
    # A window across more than a decade, with d(ln chi).
    found = nodes.distances(1.0, 9000.0, 300.0, 0.1)
    got = found.weight @ np.exp(-0.5 * (np.log(found.chi / 300) / 0.6) ** 2)
    assert got == pytest.approx(np.sqrt(2 * np.pi) * 0.6, rel=1e-7)


def test_sums_over_every_few_nodes():
    eta, weight = nodes.separations(0.0, 2.0, 0.01, 0.05)
    grid = nodes.Grid(nodes.distances(100.0, 900.0, 5.0, 0.1), nodes.columns(eta, weight, "chi_e"))
    measure = grid.distances.weight * weight[:, None]
    values = np.exp(-((eta[:, None] / 0.3) ** 2) - ((grid.distances.chi - 500) / 90) ** 2)
    whole = (values * measure).sum()
    for axis, kept in (("chi", 0), ("eta", 1)):
        for every in (1, 2, 3):
            factor = grid.coarser(every, axis)
            assert factor.shape == measure.shape
            assert (values * measure * factor).sum() == pytest.approx(whole, rel=1e-4)
            nonzero = (factor != 0).any(kept)
            assert nonzero.sum() == np.ceil(nonzero.size / every)


@st.composite
def grids(draw):
    steps = draw(st.lists(st.floats(0.3, 2.0), min_size=8, max_size=30))
    return np.cumsum(steps) + draw(st.floats(-5, 5))


@given(grids(), st.integers(2, 8), st.integers(0, 2**31))
def test_polynomials_are_interpolated_exactly(grid, points, seed):
    rng = np.random.default_rng(seed)
    of = np.polynomial.Chebyshev(rng.normal(size=points), domain=grid[[0, -1]])
    x = rng.uniform(grid[0], grid[-1], (4, 7))
    first, weights = nodes.lagrange(grid, x, points)
    assert first.shape == x.shape
    assert weights.shape == (*x.shape, points)
    got = (of(grid)[first[..., None] + np.arange(points)] * weights).sum(-1)
    size = np.abs(of(grid)).max() * np.abs(weights).sum(-1)
    assert (np.abs(got - of(x)) <= 1e-10 * size + 1e-12).all()


@given(grids(), st.integers(0, 2**31))
def test_a_matrix_does_the_same(grid, seed):
    rng = np.random.default_rng(seed)
    of = np.polynomial.Chebyshev(rng.normal(size=8), domain=grid[[0, -1]])
    x = np.r_[rng.uniform(grid[0], grid[-1], 20), grid]
    matrix = nodes.interpolation(grid, x)
    assert matrix.shape == (x.size, grid.size)
    size = np.abs(matrix).sum(1) * np.abs(of(grid)).max()
    assert (np.abs(matrix @ of(grid) - of(x)) <= 1e-10 * size + 1e-12).all()
    # At the grid's own places, values themselves.
    np.testing.assert_allclose(matrix[20:], np.eye(grid.size), atol=1e-12)


@given(grids())
def test_there_is_nothing_outside(grid):
    x = np.array([grid[0] - 1e-6, grid[-1] + 1e-6, grid[0] - 100, grid[-1] + 100])
    _, weights = nodes.lagrange(grid, x)
    assert (weights == 0).all()
    assert nodes.lagrange(grid, grid[[0, -1]])[1].sum(-1) == pytest.approx([1, 1])


def test_short_grids_have_fewer_points():
    first, weights = nodes.lagrange(np.array([1.0, 2.0, 4.0]), np.array([1.5, 3.0]))
    assert weights.shape == (2, 3)
    assert (first == 0).all()
    np.testing.assert_allclose(weights @ np.array([1.0, 4.0, 16.0]), [2.25, 9.0])


@pytest.mark.parametrize("anchor", ["chi_e", "nearer", "farther"])
def test_columns(anchor):
    eta, weight = nodes.separations(0.0, 4.0, 1e-4, 0.1)
    found = nodes.columns(eta, weight, anchor)
    near, far = found.lower, found.upper
    np.testing.assert_allclose(np.log(far / near), eta, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(found.geometric, np.sqrt(near * far), rtol=1e-14)
    # chi_e^2 = (chi_2^2 - chi_1^2) / (2 eta), where that can be told.
    apart = eta > 1e-3
    effective = np.sqrt((far**2 - near**2) / (2 * eta))
    np.testing.assert_allclose(found.effective[apart], effective[apart], rtol=1e-12)
    one = {"chi_e": found.effective, "nearer": near, "farther": far}[anchor]
    np.testing.assert_allclose(one, 1, rtol=1e-14)
    first = found.first(5)
    for name in ("eta", "weight", "lower", "upper", "geometric", "effective"):
        np.testing.assert_array_equal(getattr(first, name), getattr(found, name)[:5])


@given(st.floats(0.02, 0.3), st.floats(500, 3000), st.sampled_from([40, 400]))
def test_ends_of_windows(sigma, middle, n):
    chi = np.linspace(middle * (1 - 7 * min(sigma, 0.14)), middle * (1 + 7 * sigma), n)
    width = sigma * middle
    weight = np.exp(-0.5 * ((chi - middle) / width) ** 2)
    low, high = nodes.Window(chi, weight).ends
    assert chi[0] <= low < middle < high <= chi[-1]

    def below(x):
        return erf((x - middle) / width / 2**0.5)

    inside = below(high) - below(low)
    assert inside == pytest.approx(below(chi[-1]) - below(chi[0]), rel=3e-6)
    # Where there is nothing it does not go, if the grid tells.
    if n == 400:
        assert high < middle + 5.6 * width


def test_powers_at_fewer_distances():
    chi = nodes.distances(500.0, 2600.0, 5.0, 0.1).chi
    sparse, spread = nodes.sparser(chi)
    assert spread is not None
    assert spread.shape == (sparse.size, chi.size)
    assert sparse.size < chi.size / 4
    # As baryons oscillate in P(l / chi).
    for turn in (2 * np.pi / 0.4, 2 * np.pi / 0.25):
        got = (1 + 0.05 * np.cos(turn * np.log(sparse))) @ spread
        wanted = 1 + 0.05 * np.cos(turn * np.log(chi))
        # Neighbours are on one side at the ends, where windows are next to nothing.
        inside = (chi > sparse[3]) & (chi < sparse[-4])
        np.testing.assert_allclose(got[inside], wanted[inside], atol=1e-3)
        np.testing.assert_allclose(got, wanted, atol=7e-3)
    # Very near, sparser still; a handful of nodes stays as it is.
    near = nodes.distances(0.5, 9000.0, 20.0, 0.02).chi
    sparse, spread = nodes.sparser(near)
    assert spread is not None
    np.testing.assert_allclose(sparse**0.3 @ spread, near**0.3, rtol=1e-4)
    same, spread = nodes.sparser(chi[:30])
    assert spread is None
    np.testing.assert_array_equal(same, chi[:30])
