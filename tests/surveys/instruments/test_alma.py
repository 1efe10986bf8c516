"""ALMA's antennas, bands and dishes."""

from __future__ import annotations

import numpy as np
import pytest

from surveys.instruments import alma


def test_every_configuration_has_its_antennas():
    known = alma.configurations()
    assert list(known) == [f"C-{i}" for i in range(1, 11)]
    assert all(c.enu_m.shape == (43, 3) for c in known.values())
    assert all(len(set(c.pads)) == 43 for c in known.values())


def longest_m(name):
    enu_m = alma.configuration(name).enu_m
    return np.linalg.norm(enu_m[:, None] - enu_m, axis=-1).max()


@pytest.mark.parametrize(
    ("name", "metres"), [("C-4", 784), ("C-5", 1398), ("C-8", 8548), ("C-10", 16197)]
)
def test_the_longest_baselines_are_those_of_the_observatory(name, metres):
    assert longest_m(name) == pytest.approx(metres, abs=1)


def test_names_are_read_kindly_and_unknown_ones_named():
    assert alma.configuration(" c-5 ") is alma.configuration("C-5")
    with pytest.raises(
        ValueError, match=r"'C-11' is no configuration of ALMA; known are C-1, .*C-10"
    ):
        alma.configuration("C-11")
    with pytest.raises(ValueError, match="read-only"):
        alma.configuration("C-5").enu_m[0] = 0


@pytest.mark.parametrize(
    ("z", "band"), [(5.0, 7), (5.9, 7), (6.5, 6), (8.0, 6), (8.1, 5), (10.0, 5)]
)
def test_cii_is_in_bands_7_to_5(z, band):
    assert alma.band_of(alma.CII_GHZ / (1 + z)).number == band


@pytest.mark.parametrize(
    ("freq", "problem"),
    [(380.0, "nearest is band 8, 385"), (30.0, "band 3"), (2000.0, "band 10"), (np.nan, "no freq")],
)
def test_a_frequency_outside_the_bands_is_an_error(freq, problem):
    with pytest.raises(ValueError, match=problem):
        alma.band_of(freq)


def test_dishes():
    # The Technical Handbook has 0.71, 0.68 and 0.63 in bands 3, 6 and 7.
    for freq, efficiency in ((100.0, 0.71), (243.0, 0.66), (324.0, 0.64)):
        assert alma.aperture_efficiency(freq) == pytest.approx(efficiency, abs=0.02)
    # 17 arcsec at 300 GHz would be 1 wavelength / diameter.
    assert alma.primary_beam_arcsec(300.0) == pytest.approx(1.13 * 17.18, rel=1e-3)
