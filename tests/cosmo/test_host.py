"""Halpha light to emission and dispersion measures, against FRBs/FRB and published hosts."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units

from cosmo.host import (
    HALPHA_EXTINCTION,
    IonisedGas,
    dm_from_em,
    em_from_halpha,
    host_dm_from_halpha,
    mean_brightness,
)
from cosmo.units import EM


def test_emission_measures_are_those_of_the_reference(halo_reference):
    table = halo_reference["em_from_halpha"]
    assert float(em_from_halpha(1e-16, 0.241)) == pytest.approx(
        table["sb=1e-16 cgs/arcsec2,z=0.241"], rel=1e-6
    )
    assert float(em_from_halpha(1e-17, 0.0)) == pytest.approx(table["sb=1e-17,z=0"], rel=1e-6)


def test_dms_are_those_of_the_reference(halo_reference):
    table = halo_reference["dm_from_em"]
    assert float(dm_from_em(600.0)) == pytest.approx(table["EM=600,L=1kpc"])
    assert float(dm_from_em(600 * EM, IonisedGas(depth_kpc=0.1))) == pytest.approx(
        table["EM=600,L=0.1kpc"]
    )


def test_the_host_of_the_reference(halo_reference):
    # It takes 1e-16 erg/s/cm2 within 0.5 arcsec, 1 kpc of gas, and gives the observed DM.
    host = host_dm_from_halpha(mean_brightness(1e-16, 0.5), 0.241)
    expected = halo_reference["host"]["dm_host_from_Halpha_noAV z=0.241 F=1e-16 reff=0.5"]
    assert float(host.observed) == pytest.approx(expected, rel=1e-6)
    assert float(host.rest) == pytest.approx(1.241 * expected, rel=1e-6)


def test_one_rayleigh():
    # One Rayleigh of Halpha is 5.66e-18 erg/s/cm2/arcsec2 (Haffner et al. 2003), EM 2.75.
    assert float(em_from_halpha(5.66e-18, 0.0)) == pytest.approx(2.75, rel=2e-3)


def test_the_host_of_frb_20190520b():
    # EM = 620 T4^0.9 pc cm^-6 (Ocker et al. 2022): 393 rest, 317 observed for 1 kpc.
    rest = float(dm_from_em(620.0))
    assert rest == pytest.approx(393.4, abs=0.1)
    assert rest / 1.241 == pytest.approx(317.0, abs=0.1)


def test_scalings():
    em = float(em_from_halpha(1e-16, 0.0))
    assert float(em_from_halpha(1e-16, 1.0)) == pytest.approx(16 * em)
    assert float(em_from_halpha(1e-16, 0.0, temperature_k=2e4)) == pytest.approx(2**0.9 * em)
    assert float(em_from_halpha(1e-16, 0.0, a_v=1.0)) == pytest.approx(10 ** (0.4 * 0.818) * em)
    one = float(dm_from_em(300.0))
    assert float(dm_from_em(1200.0)) == pytest.approx(2 * one)
    assert float(dm_from_em(300.0, IonisedGas(filling=0.25))) == pytest.approx(one / 2)
    assert float(dm_from_em(300.0, IonisedGas(zeta=8.0))) == pytest.approx(one / 2)
    assert float(dm_from_em(300.0, IonisedGas(epsilon=0.0))) == pytest.approx(one * np.sqrt(2))


def test_a_uniform_slab_keeps_its_electrons():
    # No clumps: EM = n^2 L and DM = n L, so DM = sqrt(EM L), 1000 pc of it. 387 is rounded.
    gas = IonisedGas(zeta=1.0, epsilon=0.0, depth_kpc=1.0)
    assert float(dm_from_em(600.0, gas)) == pytest.approx(np.sqrt(600 * 1000.0), rel=2e-3)


def test_the_extinction_is_that_of_cardelli():
    # Cardelli et al. (1989), eqs. 3a and 3b, at the wavelength of Halpha.
    y = 1 / 0.6564613 - 1.82
    a = [1.0, 0.17699, -0.50447, -0.02427, 0.72085, 0.01979, -0.77530, 0.32999]
    b = [0.0, 1.41338, 2.28305, 1.07233, -5.38434, -0.62251, 5.30260, -2.09002]
    law = np.polyval(a[::-1], y) + np.polyval(b[::-1], y) / 3.1
    assert pytest.approx(law, abs=1e-3) == HALPHA_EXTINCTION


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: em_from_halpha(-1e-16, 0.1), "brightness = -1e-16"),
        (lambda: em_from_halpha(1e-16 * units.Jy, 0.1), "brightness is in Jy"),
        (lambda: em_from_halpha(1e-16, 0.1, a_v=-1), "a_v = -1"),
        (lambda: em_from_halpha(np.nan, 0.1), "brightness = nan"),
        (lambda: dm_from_em(-1.0), "em = -1"),
        (lambda: IonisedGas(filling=1.5), "filling = 1.5"),
        (lambda: IonisedGas(depth_kpc=0.0), "depth_kpc = 0"),
        (lambda: IonisedGas(epsilon=-1.0), "epsilon = -1"),
        (lambda: mean_brightness(1e-16, 0.0), "radius_arcsec = 0"),
    ],
)
def test_errors_name_the_argument(call, named):
    with pytest.raises(ValueError, match=named):
        call()
