"""Scattering times and F~ G: published bursts, scalings, and there and back."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units
from hypothesis import given
from hypothesis import strategies as st

from cosmo.scattering import (
    ScatteringLayer,
    fluctuation_parameter,
    sample_fluctuation_parameter,
    scattering_constant_ns,
    scattering_time,
)
from cosmo.units import DM

# FRB 20190520B: tau = 10.9 +- 1.5 ms at 1.41 GHz (Ocker et al. 2022).
TAU_MS = (10.9, 1.5)
HOST = ScatteringLayer(z=0.241, freq_ghz=1.41)
HOST_OBSERVER = ScatteringLayer(z=0.241, freq_ghz=1.41, convention="observer")


def test_the_constant_is_that_of_cordes():
    # Cordes et al. (2022) round it to 48.03 ns.
    assert scattering_constant_ns() == pytest.approx(48.03, abs=0.005)


def test_frb_20190520b_is_as_ocker_has_it():
    # F~ G = 1.5 +0.8 -0.3 for the 1121 pc/cc (rest) that they leave to the host.
    value = float(fluctuation_parameter(TAU_MS[0], 1121.0, HOST))
    assert value == pytest.approx(1.36, abs=0.01)
    assert 1.5 - 0.3 < value < 1.5 + 0.8


def test_less_dm_in_the_host_takes_more_turbulence():
    # 430 and 280 pc/cc observed (Lee et al. 2023). Their abstract has 4.5 to 11: near the
    # "observer" values, while the formula with its (1 + z)^3 gives a third more.
    dm_rest = np.array([430.0, 280.0]) * 1.241
    np.testing.assert_allclose(
        fluctuation_parameter(TAU_MS[0], dm_rest, HOST), [6.02, 14.20], atol=0.01
    )
    np.testing.assert_allclose(
        fluctuation_parameter(TAU_MS[0], dm_rest, HOST_OBSERVER), [4.85, 11.44], atol=0.01
    )


@given(
    st.floats(1e-3, 1e3),
    st.floats(1.0, 1e4),
    st.builds(
        ScatteringLayer,
        z=st.floats(0.0, 3.0),
        freq_ghz=st.floats(0.1, 10.0),
        a_tau=st.floats(0.5, 1.0),
        convention=st.sampled_from(["layer", "observer"]),
    ),
)
def test_time_to_turbulence_and_back(tau, dm, layer):
    there = fluctuation_parameter(tau, dm, layer)
    assert float(scattering_time(there, dm, layer)) == pytest.approx(tau)


@given(st.floats(0.0, 3.0))
def test_the_conventions_differ_by_one_plus_z(z):
    layer, observer = ScatteringLayer(z), ScatteringLayer(z, convention="observer")
    ratio = fluctuation_parameter(1.0, 300.0, layer) / fluctuation_parameter(1.0, 300.0, observer)
    assert float(ratio) == pytest.approx(1 + z)


def test_scalings():
    def time(dm=100.0, **changes):
        return float(scattering_time(2.0, dm, ScatteringLayer(**changes)))

    assert time() == pytest.approx(2.0 * 48.03e-6 * 1e4, rel=1e-4)
    assert time(200.0) == pytest.approx(4 * time())
    assert time(freq_ghz=0.5) == pytest.approx(16 * time())
    assert time(z=1.0) == pytest.approx(time() / 8)
    assert time(z=1.0, convention="observer") == pytest.approx(time() / 4)
    assert time(a_tau=0.9) == pytest.approx(0.9 * time())


def test_units_are_heard():
    plain = fluctuation_parameter(10.9, 534.0, HOST)
    assert fluctuation_parameter(10.9e-3 * units.s, 534.0 * DM, HOST) == pytest.approx(plain)


def test_errors_of_tau_and_dm_add_up():
    rng = np.random.default_rng(3)
    dm = rng.normal(1121.0, 40.0, 200_000)
    draws = sample_fluctuation_parameter(rng, (10.9, 0.4), dm, HOST)
    # ln F goes with ln tau - 2 ln DM; the quadratic terms are of order 1e-3 here.
    expected = np.hypot(0.4 / 10.9, 2 * 40 / 1121)
    assert np.log(draws).std() == pytest.approx(expected, rel=0.02)
    assert np.median(draws) == pytest.approx(1.3643, rel=0.002)


def test_draws_without_electrons_count_as_the_highest():
    dm = np.concatenate([np.full(900, 500.0), np.full(60, -20.0), np.zeros(40)])
    draws = sample_fluctuation_parameter(np.random.default_rng(1), (10.9, 0.0), dm, HOST)
    assert np.isinf(draws).sum() == 100
    assert np.quantile(draws, 0.84) == pytest.approx(
        float(fluctuation_parameter(10.9, 500.0, HOST))
    )


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: ScatteringLayer(convention="rest"), "convention = 'rest' is not 'layer' or"),
        (lambda: ScatteringLayer(freq_ghz=0.0), "freq_ghz = 0"),
        (lambda: ScatteringLayer(a_tau=np.nan), "a_tau = nan"),
        (lambda: ScatteringLayer(z=-1.0), "z = -1"),
        (lambda: fluctuation_parameter(1 * units.Hz, 100.0, HOST), "tau_ms is in Hz"),
        (
            lambda: sample_fluctuation_parameter(np.random.default_rng(0), (0.0, 1.0), [1.0], HOST),
            "tau_ms = 0",
        ),
    ],
)
def test_errors_name_the_argument(call, named):
    with pytest.raises(ValueError, match=named):
        call()
