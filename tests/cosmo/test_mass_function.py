"""The mass function against colossus called directly, and matter in halos against SciPy."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from astropy.cosmology import WMAP9, FlatLambdaCDM, LambdaCDM, Planck18
from colossus.cosmology import cosmology
from colossus.lss import mass_function
from scipy.integrate import quad

from cosmo.mass_function import MassFunction

LOG_MASS = np.linspace(10, 15.5, 8)


@pytest.mark.parametrize("z", [0.0, 0.3, 1.5])
def test_the_density_is_that_of_colossus(z, colossus_cosmology):
    found = MassFunction().density(LOG_MASS, z)
    h = 0.6766
    per_ln = mass_function.massFunction(
        10**LOG_MASS * h, z, mdef="200m", model="tinker08", q_in="M", q_out="dndlnM"
    )
    np.testing.assert_allclose(found, per_ln * h**3 * np.log(10), rtol=1e-9)


def test_the_density_of_another_cosmology(colossus_cosmology):
    own = cosmology.setCosmology(
        "other", flat=True, H0=70.0, Om0=0.28, Ob0=0.045, sigma8=0.82, ns=0.96, persistence=""
    )
    cosmology.setCurrent(own)
    per_ln = mass_function.massFunction(
        10**LOG_MASS * 0.7, 0.2, mdef="200m", model="tinker08", q_out="dndlnM"
    )
    ours = MassFunction(FlatLambdaCDM(70, 0.28, Ob0=0.045), 0.82, 0.96)
    expected = per_ln * 0.7**3 * np.log(10)
    np.testing.assert_allclose(ours.density(LOG_MASS, 0.2), expected, rtol=1e-10)


def test_the_cosmology_of_colossus_stays_what_it_was(colossus_cosmology):
    MassFunction(WMAP9, 0.82, 0.97).density(12.0, 0.0)
    assert cosmology.getCurrent() is colossus_cosmology


def test_matter_in_halos_is_the_integral():
    function = MassFunction()
    matter = Planck18.Om0 * Planck18.critical_density0.to_value("Msun / Mpc3")

    def weight(log_mass):
        return float(function.density(log_mass, 0.2)) * 10**log_mass / matter

    for low, high in [(10.0, 13.0), (12.7, 15.0)]:
        expected = quad(weight, low, high, epsrel=1e-5, limit=50)[0]
        assert function.collapsed(low, high, 0.2) == pytest.approx(expected, rel=1e-3)


def test_matter_in_halos_adds_up():
    function = MassFunction()
    parts = function.collapsed(10, 12, 0.5) + function.collapsed(12, 16, 0.5)
    assert parts == pytest.approx(function.collapsed(10, 16, 0.5), rel=1e-6)
    assert 0.2 < function.collapsed(10, 16, 0.0) < 0.6
    assert function.collapsed(10, 16, 1.0) < function.collapsed(10, 16, 0.0)


def test_a_number_gives_a_number():
    function = MassFunction()
    alone = function.density(13.0, 0.1)
    assert alone.shape == ()
    assert function.density([[12.0, 13.0]], 0.1)[0, 1] == pytest.approx(float(alone), rel=1e-10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MassFunction().density(12.0, -0.1), "z = -0.1 is no redshift"),
        (lambda: MassFunction().collapsed(13.0, 12.0, 0.1), "log_mass_min = 13.0 is not below"),
        (lambda: MassFunction(LambdaCDM(70, 0.3, 0.6)), "cosmology: is a LambdaCDM"),
    ],
)
def test_what_makes_no_sense_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_nothing_is_kept_in_the_home_directory(tmp_path, repository):
    script = "from cosmo.mass_function import MassFunction; MassFunction().collapsed(12, 13, 0.1)"
    environment = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(repository)}
    subprocess.run([sys.executable, "-c", script], env=environment, cwd=tmp_path, check=True)
    assert list(tmp_path.iterdir()) == []
