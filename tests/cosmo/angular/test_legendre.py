"""Kernels of the full sky next to mpmath, in their limits, and where two ways to them meet."""

from __future__ import annotations

from functools import lru_cache

import mpmath
import numpy as np
import pytest

from cosmo.angular import bessel, legendre
from cosmo.angular.fftlog import Modes
from cosmo.angular.legendre import FullSky

ELLS = np.array([2, 5, 24])
ETA = np.array([1e-5, 4e-3, 0.1, 0.6, 3.0])
NU = Modes().nu[[0, 1, 20, 100, 256]]


def by_mpmath(nu, l, eta):
    """E of k^nu, as 2F1 in exp(-2 eta)."""
    s = (nu + 3) / 2
    mu = s - 1
    amplitude = mpmath.mpf(2) ** nu * mpmath.gamma(s) / mpmath.gamma(-nu / 2) / mpmath.pi**1.5
    second_kind = (
        mpmath.sqrt(mpmath.pi) * mpmath.gamma(l + mu + 1) / mpmath.gamma(l + mpmath.mpf(1.5))
        * (2 * mpmath.sinh(eta)) ** mu * mpmath.exp(-(l + mu + 1) * eta)
        * mpmath.hyp2f1(mu + 0.5, l + mu + 1, l + mpmath.mpf(1.5), mpmath.exp(-2 * eta))
    )  # fmt: skip
    integral = 2 * mpmath.sinh(eta) ** -mu * second_kind / mpmath.gamma(s)
    return 2 * mpmath.pi * amplitude * mpmath.mpf(2) ** -s * integral


@lru_cache
def kernel(distorted, potentials):
    return FullSky(ELLS, NU, ETA).kernel(distorted, potentials)


@pytest.mark.parametrize("potentials", [0, 1, 2])
@pytest.mark.parametrize("i", range(ETA.size))
def test_densities_and_potentials(i, potentials):
    got = kernel((False, False), potentials)
    with mpmath.workdps(60):
        for row, l in enumerate(ELLS):
            for j, nu in enumerate(NU):
                power = mpmath.mpc(nu) - 2 * potentials
                wanted = complex(by_mpmath(power, int(l), mpmath.mpf(ETA[i])))
                assert abs(got[row, i, j] - wanted) <= 1e-8 * abs(wanted), (l, ETA[i], j)


ONE, OTHER, BOTH = (False, True), (True, False), (True, True)


@pytest.mark.parametrize(
    ("distorted", "potentials", "i", "row", "j"),
    [(ONE, 0, 1, 0, 1), (ONE, 0, 2, 2, 3), (ONE, 0, 3, 1, 2), (ONE, 1, 2, 1, 1),
     (OTHER, 0, 1, 0, 1), (OTHER, 0, 2, 2, 3), (OTHER, 0, 3, 1, 2), (OTHER, 1, 2, 1, 1),
     (BOTH, 0, 1, 0, 1), (BOTH, 0, 3, 1, 1)],
)  # fmt: skip
def test_distortions_are_second_derivatives(distorted, potentials, i, row, j):
    # -j_l''(k chi) is -k^-2 d^2/dchi^2 of j_l; all of it at chi_g = 1.
    got = kernel(distorted, potentials)[row, i, j]
    with mpmath.workdps(40):
        power = mpmath.mpc(NU[j]) - 2 * (sum(distorted) + potentials)
        eta, l = mpmath.mpf(ETA[i]), int(ELLS[row])

        def correlation(near, far):
            a, b = mpmath.log(near), mpmath.log(far)
            return mpmath.exp(-(power + 3) * (a + b) / 2) * by_mpmath(power, l, b - a)

        orders = tuple(2 * int(d) for d in distorted)
        at = mpmath.exp(-eta / 2), mpmath.exp(eta / 2)
        wanted = (-1) ** sum(distorted) * complex(mpmath.diff(correlation, at, orders))
    assert abs(got - wanted) <= 1e-8 * abs(wanted)


def test_one_sky_gives_the_same_in_any_order():
    # What it has computed for one kernel it takes for the next.
    every = [((a, b), p) for a in (False, True) for b in (False, True) for p in range(3 - a - b)]
    sky = FullSky(ELLS, NU[:2], ETA)
    for distorted, potentials in reversed(every):
        alone = FullSky(ELLS, NU[:2], ETA).kernel(distorted, potentials)
        np.testing.assert_array_equal(sky.kernel(distorted, potentials), alone)


# Two potentials are so smooth in angle that I_160 is 1e-8 of I_0, whose rounding goes upwards.
@pytest.mark.parametrize(("taken", "within"), [(-4, 1e-8), (0, 1e-8), (4, 1e-5)])
@pytest.mark.parametrize("highest", [24, 160])
def test_up_and_down_meet(highest, taken, within):
    ells = np.array([2, highest // 3, highest])
    eta = legendre._UPWARDS / highest * np.array([0.9, 1.0, 1.1])
    power = Modes().nu[::16] - taken
    s = (power + 3) / 2
    up, down = (f(ells, s, eta) for f in (legendre._up, legendre._down))
    # Against what is there at eta = 0, next to which kernels are faint by now.
    size = np.abs(legendre._up(ells, s, np.array([1e-3 / highest])))
    assert (np.abs(up - down) <= within * np.maximum(size, np.abs(down))).all()


@pytest.mark.parametrize("highest", [30, 160])
def test_fast_powers_where_multipoles_are_many(highest):
    # Downwards begins at l eta beyond the order, far above the multipoles that are asked for.
    ells, eta = np.array([2, highest]), np.array([1.0, 1.05, 4.0]) * legendre._UPWARDS / highest
    nu = Modes().nu[[0, 130, 256]]
    got = FullSky(ells, nu, eta).kernel((False, False), 0)
    with mpmath.workdps(60):
        for row, l in enumerate(ells):
            for i in (1, 2):
                for j in range(3):
                    wanted = complex(by_mpmath(mpmath.mpc(nu[j]), int(l), mpmath.mpf(eta[i])))
                    assert abs(got[row, i, j] - wanted) <= 1e-8 * abs(wanted), (l, i, j)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_integral_over_angles(order):
    # With P_2 and P_3, and s that is not a power of the grid.
    s, eta = np.array([0.7 + 1.3j, -0.4 + 9.0j]) + order, np.array([0.05, 0.8])
    got = legendre.legendre_integrals(np.array([2, 3]), s, eta)
    for row, l in enumerate((2, 3)):
        for i in range(2):
            for j in range(2):
                near = float(np.cosh(eta[i]) - 1)
                wanted = complex(
                    mpmath.quad(
                        lambda t, l=l, i=i, j=j: (
                            mpmath.legendre(l, t) * (mpmath.cosh(eta[i]) - t) ** -mpmath.mpc(s[j])
                        ),
                        [-1, 0, 1 - 10 * min(near, 0.05), 1 - min(near, 0.05), 1],
                    )
                )
                assert abs(got[row, i, j] - wanted) <= 1e-9 * abs(wanted)


@pytest.mark.parametrize(
    ("distorted", "potentials"),
    [((False, False), 0), ((False, False), 1), ((False, False), 2),
     ((False, True), 0), ((True, True), 0)],
)  # fmt: skip
def test_the_flat_sky_is_its_limit(distorted, potentials):
    # With chi_g = 1, F(u / chi_e, u eta) / chi_e, wrong by 1 / l^2 where powers are slow.
    nu, eta = Modes().nu[:8], np.array([3e-4, 0.003, 0.02, 0.1])
    ells = np.array([50, 200])
    got = FullSky(ells, nu, eta).kernel(distorted, potentials)
    if sum(distorted) == 1:
        # To be nearer or farther is the same in the flat sky, and is not by 1 / l.
        got = (got + FullSky(ells, nu, eta).kernel(distorted[::-1], potentials)) / 2
    u = ells[:, None] + 0.5
    found = bessel.kernels(nu, (u * eta).ravel())
    flat = {
        (0, 0): found.zero,
        (0, 1): found.two,
        (0, 2): found.four,
        (1, 0): found.zero - found.two,
        (2, 0): found.zero - 2 * found.two + found.four,
    }[sum(distorted), potentials]
    effective = np.sqrt(np.sinh(eta) / eta)
    flat = flat.reshape(2, eta.size, nu.size) / effective[:, None]
    got = got / (u / effective)[..., None] ** (nu + 1 - 2 * potentials)
    near, far = np.abs(got - flat).max((1, 2)) / np.abs(flat).max((1, 2))
    assert far < 1e-4
    assert far < near / 8
