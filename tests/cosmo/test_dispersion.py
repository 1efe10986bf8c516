"""The mean cosmic DM against FRBs/FRB, against SciPy's quadrature, and in its limits."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import constants, units
from astropy.cosmology import FlatLambdaCDM, Planck18
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from cosmo.baryons import BaryonBudget, diffuse_fraction
from cosmo.dispersion import dm_igm, mean_dm_cosmic, redshift_of_mean_dm, sample_dm_igm
from cosmo.units import DM


def test_the_mean_is_that_of_the_reference(halo_reference):
    table = halo_reference["average_DM_Planck18_pccc"]
    z = np.array([float(key) for key in table])
    # Macquart et al. (2020), and with them the reference, have a helium fraction of 0.25.
    np.testing.assert_allclose(mean_dm_cosmic(z, helium=0.25), list(table.values()), rtol=3e-4)
    np.testing.assert_allclose(mean_dm_cosmic(z), list(table.values()), rtol=3e-3)


def test_the_inverse_is_that_of_the_reference():
    # FRBs/FRB: <DM> = 500 at z = 0.5543, in steps of its table.
    assert float(redshift_of_mean_dm(500 * DM, helium=0.25)) == pytest.approx(0.5543, abs=3e-4)


@pytest.mark.parametrize("f_d", [None, 0.9, lambda z: 0.8 + 0.05 * z / (1 + z)])
@pytest.mark.parametrize("z", [0.003, 0.1, 0.2417, 0.7, 1.0, 2.345, 6.0])
def test_the_mean_is_the_integral(z, f_d):
    n_b = Planck18.Ob0 * Planck18.critical_density0 / constants.m_p
    scale = (constants.c * n_b / Planck18.H0).to_value(DM) * (1 - 0.2454 / 2)

    def diffuse(x):
        if f_d is None:
            return float(diffuse_fraction(x))
        return f_d(x) if callable(f_d) else f_d

    def integrand(x):
        return diffuse(x) * (1 + x) / Planck18.efunc(x)

    points = [1.0] if z > 1 else None
    expected = scale * quad(integrand, 0, z, epsrel=1e-10, limit=200, points=points)[0]
    assert float(mean_dm_cosmic(z, f_d=f_d)) == pytest.approx(expected, rel=1e-6)


def test_a_short_path_goes_through_todays_electrons():
    n_e = (Planck18.Ob0 * Planck18.critical_density0 / constants.m_p * (1 - 0.2454 / 2) * 0.8).to(
        "cm-3"
    )
    z = 1e-6
    expected = (n_e * constants.c * z / Planck18.H0).to_value(DM)
    assert float(mean_dm_cosmic(z, f_d=0.8)) == pytest.approx(expected, rel=1e-5)


def test_without_dark_energy_the_integral_is_known():
    # E = (1 + z)^3/2, so the integral of (1 + z) / E is 2 (sqrt(1 + z) - 1).
    cosmology = FlatLambdaCDM(70, 1.0, Tcmb0=0, Ob0=0.05)
    one = mean_dm_cosmic(1.0, cosmology, f_d=1.0)
    z = np.array([0.0, 0.05, 0.1, 3.0])
    expected = one * (np.sqrt(1 + z) - 1) / (np.sqrt(2) - 1)
    np.testing.assert_allclose(mean_dm_cosmic(z, cosmology, f_d=1.0), expected, rtol=1e-10)


def test_shapes_are_kept_and_values_do_not_depend_on_the_others():
    z = np.array([[0.5, 0.0], [2.0, 0.1]])
    together = mean_dm_cosmic(z)
    assert together.shape == z.shape
    assert together[0, 1] == 0
    for index in np.ndindex(z.shape):
        assert together[index] == pytest.approx(float(mean_dm_cosmic(z[index])), rel=1e-13)
    assert mean_dm_cosmic([]).shape == (0,)


def test_helium_holds_electrons_back():
    ratio = mean_dm_cosmic(0.5, helium=0.0) / mean_dm_cosmic(0.5, helium=0.25)
    assert ratio == pytest.approx(1 / 0.875)


@given(st.floats(1e-5, 9.5))
def test_redshift_to_dm_and_back(z):
    assert float(redshift_of_mean_dm(mean_dm_cosmic(z))) == pytest.approx(z, rel=1e-9)


@given(st.floats(0.0, 5000.0), st.floats(0.1, 1.0))
def test_dm_to_redshift_and_back(dm, f_d):
    if dm > mean_dm_cosmic(10.0, f_d=f_d):
        with pytest.raises(ValueError, match="is not between 0 and"):
            redshift_of_mean_dm(dm, f_d=f_d)
    else:
        there = redshift_of_mean_dm(dm, f_d=f_d)
        assert float(mean_dm_cosmic(there, f_d=f_d)) == pytest.approx(dm, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: redshift_of_mean_dm(-1.0), "dm = -1"),
        (lambda: redshift_of_mean_dm(np.nan), "dm = nan"),
        (lambda: redshift_of_mean_dm(3 * units.kpc), "dm is in kpc"),
        (lambda: mean_dm_cosmic(-0.1), "z = -0.1"),
        (lambda: mean_dm_cosmic(0.1, f_d=1.2), "f_d = 1.2"),
        (lambda: mean_dm_cosmic(0.1, helium=-1), "helium = -1"),
        (lambda: mean_dm_cosmic(0.1, FlatLambdaCDM(70, 0.3, Ob0=0.0)), "Ob0"),
        (lambda: dm_igm(0.1, 0.9), "f_igm = 0.9 at z = .* is more than"),
        (lambda: sample_dm_igm(np.random.default_rng(0), 100.0, 3, -0.1), "scatter = -0.1"),
        (lambda: sample_dm_igm(np.random.default_rng(0), -100.0, 3), "mean = -100"),
    ],
)
def test_errors_name_the_argument(call, named):
    with pytest.raises(ValueError, match=named):
        call()


def test_the_igm_has_its_share_of_the_mean():
    # Research by Khrykin et al. (2024): f_igm = 0.59.
    share = dm_igm(0.241, 0.59, f_d=0.845) / mean_dm_cosmic(0.241, f_d=0.845)
    assert share == pytest.approx(0.59 / 0.845)
    budget = BaryonBudget(f_gas=0.55, f_collapsed=lambda z: 0.4 / (1 + z))
    halos = mean_dm_cosmic(0.5, f_d=budget.halos)
    assert dm_igm(0.5, budget.igm) + halos == pytest.approx(float(mean_dm_cosmic(0.5)))


def test_the_igm_scatters_about_its_mean():
    draws = sample_dm_igm(np.random.default_rng(5), [100.0, 400.0], (200_000, 2), scatter=0.3)
    spread = np.sqrt(np.expm1(0.3**2))
    error = spread / np.sqrt(len(draws))
    np.testing.assert_allclose(draws.mean(axis=0) / [100, 400], 1.0, atol=5 * error)
    # The error of a standard deviation is sigma / sqrt(2 n).
    log = np.log(draws).std(axis=0)
    np.testing.assert_allclose(log, 0.3, atol=5 * 0.3 / np.sqrt(2 * len(draws)))
