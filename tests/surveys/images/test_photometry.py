"""Units of light."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy import constants, units
from hypothesis import given
from hypothesis import strategies as st

from surveys.errors import InputError
from surveys.images.photometry import (
    PixelSize,
    distance_factor,
    flux_njy,
    kpc_per_arcsec,
    local_luminosity,
    luminosity,
    pixel_factor,
)

WAVES = np.array([0.15, 0.4, 158.0])


def factor(unit, arcsec=0.1, kpc=0.5, z=5.0):
    return pixel_factor(unit, WAVES * (1 + z), WAVES, PixelSize(arcsec, kpc), "f")


def test_an_l_star_galaxy_has_the_magnitude_of_the_distance_modulus(planck):
    # M_AB = -2.5 log10(L_nu / 4 pi (10 pc)^2) - 48.6, and m = M + DM - 2.5 log10(1 + z).
    l_nu, z = 10**29.03, 6.0
    absolute = -2.5 * np.log10(l_nu / (4 * np.pi * (10 * 3.0856775814913673e18) ** 2)) - 48.6
    apparent = absolute + planck.distmod(z).value - 2.5 * np.log10(1 + z)
    seen = -2.5 * np.log10(flux_njy(l_nu, z, planck) * 1e-32) - 48.6
    assert seen == pytest.approx(apparent, abs=1e-6)
    assert seen == pytest.approx(25.75, abs=0.1)


@given(st.floats(0.01, 15.0), st.floats(20.0, 32.0))
def test_luminosity_undoes_flux(z, log_l):
    from cosmo.background import cosmology_named

    planck = cosmology_named("Planck18")
    assert luminosity(flux_njy(10**log_l, z, planck), z, planck) == pytest.approx(10**log_l)


def test_there_is_no_distance_at_redshift_0(planck):
    with pytest.raises(ValueError, match="redshift: is 0; give a number above 0"):
        distance_factor([0.0, 5.0], planck)


def test_an_arcsecond_at_z_5_is_6_kpc(planck):
    assert kpc_per_arcsec(5.0, planck) == pytest.approx(6.42, abs=0.05)


def test_flux_at_10_mpc():
    area = 4 * np.pi * (10 * 3.0856775814913673e24) ** 2
    assert local_luminosity(10.0) == pytest.approx(area * 1e-32, rel=1e-9)


def test_units_by_hand():
    c, seen_m = constants.c.value, 6 * WAVES * 1e-6
    sr = (0.1 / 206264.80624709636) ** 2
    np.testing.assert_allclose(factor("nJy")[0], 1.0)
    np.testing.assert_allclose(factor("MJy/sr")[0], 1e15 * sr, rtol=1e-9)
    # W/m2/micron/arcsec2: F_nu = F_lambda lambda^2 / c, and 1 nJy is 1e-35 W/m2/Hz.
    np.testing.assert_allclose(
        factor("W/m2/micron/arcsec2")[0], 0.01 * 1e6 * seen_m**2 / c / 1e-35, rtol=1e-9
    )
    np.testing.assert_allclose(factor("W/m2/arcsec2")[0], 0.01 * seen_m / c / 1e-35, rtol=1e-9)
    assert {factor(u)[1] for u in ("nJy", "MJy/sr", "W/m2/micron/arcsec2")} == {"nJy"}
    assert factor("W/Hz")[1] == "erg s-1 Hz-1"
    np.testing.assert_allclose(factor("W/Hz")[0], 1e7)
    np.testing.assert_allclose(factor("erg s-1 Hz-1 kpc-2")[0], 0.25)
    rest_cm = WAVES * 1e-4
    per_angstrom = 1e8 * rest_cm**2 / (c * 100)
    np.testing.assert_allclose(factor("erg/s/Angstrom")[0], per_angstrom, rtol=1e-9)
    assert factor("arbitrary") == (pytest.approx(np.ones(3)), "")


def test_every_way_to_write_one_brightness_gives_one_flux():
    value = 3.7 * units.MJy / units.sr
    for text in ("Jy/sr", "MJy/arcsec2", "W/m2/Hz/sr", "erg/s/cm2/Angstrom/sr", "W/m3/sr"):
        with warnings.catch_warnings(action="ignore"):
            unit = units.Unit(text)
        seen = value.to_value(unit, units.spectral_density(WAVES * 6 * units.um))
        np.testing.assert_allclose(seen * factor(text)[0], 3.7 * factor("MJy/sr")[0], rtol=1e-9)


@pytest.mark.parametrize(
    ("unit", "says"),
    [
        ("", "is missing"),
        ("ADU", "no known unit"),
        ("K", "neither a flux nor a luminosity"),
        ("Jy/beam", "neither a flux nor a luminosity"),
    ],
)
def test_what_is_no_light(unit, says):
    with pytest.raises(InputError, match=says):
        factor(unit)


def test_brightness_needs_the_size_of_pixels():
    with pytest.raises(InputError, match="the size of a pixel in arcsec is not known"):
        factor("MJy/sr", arcsec=None)
