"""The radiometer equation, and what it gives for DSA-110."""

from __future__ import annotations

import pytest
from astropy import constants, units

from surveys.instruments import dsa110
from surveys.instruments.radiometer import Radiometer, sefd_jy, visibility_noise_jy


def test_the_sefd_is_that_of_a_dish():
    area = 0.7 * 3.141592653589793 * (4.65 * units.m) ** 2 / 4
    expected = (2 * constants.k_B * 25 * units.K / area).to_value(units.Jy)
    assert sefd_jy(25.0, dsa110.DISH_M, 0.7) == pytest.approx(expected, rel=1e-6)
    assert sefd_jy(25.0, dsa110.DISH_M, 0.7) == pytest.approx(dsa110.SEFD_JY, rel=0.05)


def test_an_image_has_the_noise_of_all_its_baselines():
    array = Radiometer(6000.0, 63, 187.5, 0.1342182159, efficiency=0.8)
    one = visibility_noise_jy(6000.0, 187.5, 0.1342182159)
    assert one == pytest.approx(6000 / (2 * 187.5e6 * 0.1342182159) ** 0.5)
    assert array.noise_jy == pytest.approx(one / (2 * 63 * 62 / 2) ** 0.5 / 0.8)
    flux, fluence = array.limits()
    assert flux == pytest.approx(6 * array.noise_jy)
    assert fluence == pytest.approx(flux * 134.2182159)
