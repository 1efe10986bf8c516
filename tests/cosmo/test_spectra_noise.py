"""Noise spectra."""

from __future__ import annotations

import numpy as np
import pytest

from cosmo import spectra_noise as noise


def test_galaxies():
    """40 per square arcminute, in all of the sky's 148,510,660 square arcminutes."""
    whole_sky = 4 * np.pi * (180 * 60 / np.pi) ** 2
    assert whole_sky == pytest.approx(148_510_660, rel=1e-7)
    assert float(noise.shot_noise(40.0)) == pytest.approx(4 * np.pi / (40 * whole_sky), rel=1e-12)
    assert float(noise.shape_noise(0.28, 27.0)) == pytest.approx(
        0.28**2 * 4 * np.pi / (27 * whole_sky), rel=1e-12
    )


def test_a_map_of_white_noise():
    """The variance of pixels of one square arcminute is the square of the depth."""
    arcmin2 = np.radians(1 / 60) ** 2
    assert float(noise.white_noise(5.0)) == pytest.approx(25 * arcmin2, rel=1e-12)


def test_a_table_is_a_power_law_between_its_entries():
    ell = np.array([2.0, 7.0, 100.0, 3000.0])
    table_ell = np.array([2.0, 50.0, 3000.0])
    found = noise.tabulated_noise(ell, table_ell, 3e-7 * table_ell**1.7)
    np.testing.assert_allclose(found, 3e-7 * ell**1.7, rtol=1e-12)


@pytest.mark.parametrize(
    ("ell", "table_ell", "table", "match"),
    [
        ([3001], [2, 3000], [1, 1], r"ell = 3001 is outside the table of the noise \(2 to 3000\)"),
        ([5], [2, 2], [1, 1], "rise"),
        ([5], [0, 10], [1, 1], "table_ell = 0 has to be above 0"),
        ([5], [2, 10], [1, 0], "table = 0.0 has to be above 0"),
        ([5], [2, 10], [1, np.nan], "table = nan"),
        ([5], [2, 10, 11], [1, 1], "no two columns"),
        ([5], [], [], "no two columns"),
    ],
)
def test_tables_that_are_wrong(ell, table_ell, table, match):
    with pytest.raises(ValueError, match=match):
        noise.tabulated_noise(ell, table_ell, table)


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
def test_numbers_that_are_wrong(wrong):
    for function, name in ((noise.shot_noise, "per_arcmin2"), (noise.white_noise, "depth_arcmin")):
        with pytest.raises(ValueError, match=f"{name} = "):
            function(wrong)
    with pytest.raises(ValueError, match="sigma_e = "):
        noise.shape_noise(wrong, 10.0)
