"""Sums of two lognormal quantities."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest
from scipy.integrate import quad

from cosmo.lognormal import SMALLEST, Lognormal, log_density_of_sum, log_terms, nodes

_density = jax.jit(log_density_of_sum)


def lognormal(x, median, width):
    if not x > 0:
        return 0.0
    z = math.log(x / median) / width
    return math.exp(-(z**2) / 2) / (x * width * math.sqrt(2 * math.pi))


def density(total, first, second):
    t = nodes(min(first.width, second.width))
    with jax.enable_x64(True):
        return np.exp(np.asarray(_density(np.asarray(total), first, second, t)))


@pytest.mark.parametrize("igm", [(150.0, 0.2), (20.0, 0.05), (900.0, 0.6)])
@pytest.mark.parametrize("host", [(100.0, 0.5), (30.0, 2.0), (300.0, 0.1)])
def test_the_density_is_the_convolution(igm, host):
    first, second = (Lognormal(np.log(median), width) for median, width in (igm, host))
    middle = igm[0] + host[0]
    totals = middle * np.array([0.3, 0.9, 1.0, 1.3, 4.0])
    for total, found in zip(totals, density(totals, first, second), strict=True):
        peaks = np.clip([igm[0], total - host[0]], 1e-3 * total, 0.999 * total)
        wanted, _ = quad(
            lambda x, r=total: lognormal(x, *igm) * lognormal(r - x, *host),
            0, total, points=np.unique(peaks), epsabs=0, epsrel=1e-10, limit=2000,
        )  # fmt: skip
        if wanted > 1e-12:
            assert found == pytest.approx(wanted, rel=1e-6)


def test_the_density_adds_up_to_one():
    first, second = Lognormal(np.log(150.0), 0.2), Lognormal(np.log(80.0), 0.7)
    r = np.geomspace(1.0, 1e5, 4001)
    assert np.trapezoid(density(r, first, second) * r, np.log(r)) == pytest.approx(1, abs=1e-7)


def test_less_than_nothing_is_possible_nowhere_and_its_slope_leads_back():
    first, second = Lognormal(np.log(150.0), 0.2), Lognormal(np.log(80.0), 0.7)
    t = nodes(0.2)
    with jax.enable_x64(True):
        slope = jax.grad(lambda r: log_density_of_sum(r, first, second, t))
        assert float(slope(-300.0)) == 1.0
        below = log_density_of_sum(-1.0, first, second, t)
        assert below < log_density_of_sum(SMALLEST, first, second, t) < -100
        for r in (60.0, 200.0, 500.0):
            step = 1e-4
            high, low = (log_density_of_sum(r + d, first, second, t) for d in (step, -step))
            assert float(slope(r)) == pytest.approx(float(high - low) / (2 * step), rel=1e-6)


def test_terms_say_how_a_sum_is_shared():
    first, second = Lognormal(np.log(150.0), 0.2), Lognormal(np.log(80.0), 0.7)
    t, total = nodes(0.2), 260.0
    with jax.enable_x64(True):
        weights = np.exp(np.asarray(log_terms(total, first, second, t)))
    x = total / (1 + np.exp(-t))
    mean = (weights * x).sum() / weights.sum()

    def integrand(x, power):
        return x**power * lognormal(x, 150.0, 0.2) * lognormal(total - x, 80.0, 0.7)

    top, below = (quad(integrand, 0, total, (p,), points=[150.0])[0] for p in (1, 0))
    assert mean == pytest.approx(top / below, rel=1e-7)


def test_a_width_of_nothing_has_no_nodes():
    with pytest.raises(ValueError, match="least_width = 0"):
        nodes(0.0)
