"""Complex powers of k: what they sum to."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmo.angular.fftlog import Modes
from cosmo.expansion import background_of
from cosmo.parameters import Cosmology
from cosmo.power.eisenstein_hu import eisenstein_hu, transfer

PLANCK = Cosmology(h=0.6766, omega_m=0.3111, omega_b=0.0490, n_s=0.9665, sigma8=0.8102)


def summed(modes, pk, k):
    """Re sum c_m k^nu_m, by the definition."""
    with jax.enable_x64(True):
        c = np.asarray(modes.coefficients(jnp.asarray(pk)))
    return (c @ np.exp(modes.nu[:, None] * np.log(k))).real


@given(
    bias=st.floats(-2.7, 0.9),
    n=st.sampled_from([16, 64, 200]),
    low=st.floats(-6, -2),
    decades=st.floats(2, 9),
    seed=st.integers(0, 2**31),
)
def test_powers_pass_through_all_samples(bias, n, low, decades, seed):
    modes = Modes(10**low, 10 ** (low + decades), n, bias)
    values = np.random.default_rng(seed).lognormal(size=(3, n)) * modes.k**bias
    got = summed(modes, values, modes.k) / modes.k**bias
    np.testing.assert_allclose(got, values / modes.k**bias, atol=1e-10)


@pytest.mark.parametrize("m", [0, 1, 7, 31])
def test_a_power_of_the_grid_is_one_term(m):
    modes = Modes(n=64)
    log_k = np.log(modes.k)
    turn = modes.nu[m].imag
    amplitude = 3.0 - 2.0j if m else 3.0
    with jax.enable_x64(True):
        pk = jnp.asarray(modes.k**modes.bias * (amplitude * np.exp(1j * turn * log_k)).real)
        c = np.asarray(modes.coefficients(pk))
    wanted = np.zeros(33, complex)
    wanted[m] = amplitude
    np.testing.assert_allclose(c, wanted, atol=1e-12)
    # And so it is right between samples, and beyond the ends.
    k = np.geomspace(1e-6, 1e4, 301)
    exact = (amplitude * k ** modes.nu[m]).real
    assert (np.abs(summed(modes, pk, k) - exact) <= 1e-10 * k**modes.bias).all()


# k^n_s, which is left of P over two transfer functions, is not small at the ends.
@pytest.mark.parametrize(("times", "within"), [(0, 1e-4), (1, 1e-4), (2, 1e-3)])
def test_they_are_a_real_spectrum_between_samples(times, within):
    modes = Modes().over_transfer(times)
    # Midway between samples, where a sum of waves is worst.
    k = modes.k * np.exp(modes.step / 2)
    with jax.enable_x64(True):
        power = eisenstein_hu(PLANCK, background_of(PLANCK, 2.0))
        pk, wanted = (
            np.asarray(power.today(k) / transfer(PLANCK, k) ** times) for k in (modes.k, k)
        )
    error = np.abs(summed(modes, pk, k) / wanted - 1)
    assert error[(k > 1e-3) & (k < 5)].max() < within


def test_over_transfer_tilts_and_keeps_the_grid():
    modes = Modes(1e-4, 1e2, 128)
    for times in range(3):
        tilted = modes.over_transfer(times)
        np.testing.assert_array_equal(tilted.k, modes.k)
        np.testing.assert_array_equal(tilted.nu.imag, modes.nu.imag)
        assert tilted.bias - modes.bias == pytest.approx(0.92 * times)
        # Gamma functions have poles at whole powers.
        assert abs(tilted.bias - round(tilted.bias)) > 0.01


def test_spectra_are_taken_in_batches_and_in_single_precision():
    modes = Modes(n=32)
    rows = np.random.default_rng(1).lognormal(size=(2, 3, 32)) * modes.k**modes.bias
    with jax.enable_x64(True):
        together = np.asarray(modes.coefficients(jnp.asarray(rows)))
        alone = np.asarray(modes.coefficients(jnp.asarray(rows[1, 2])))
    np.testing.assert_allclose(together[1, 2], alone, rtol=1e-13)
    single = modes.coefficients(jnp.asarray(rows, jnp.float32))
    assert single.dtype == jnp.complex64
    np.testing.assert_allclose(single, together, atol=1e-5 * np.abs(together).max())
