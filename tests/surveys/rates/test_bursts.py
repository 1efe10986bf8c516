"""Rates of bursts: exposure by hand, power laws by integration over their fluxes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from surveys.coverage.completeness import IdealCompleteness, MeasuredCompleteness
from surveys.rates.bursts import (
    LEAST_SHARE,
    BurstGrid,
    PowerLaw,
    area_times_time,
    rate_limit,
    upper_of,
)
from surveys.rates.poisson import upper_limit

IDEAL = IdealCompleteness()
MEASURED = MeasuredCompleteness(
    np.array([0.1, 1.0, 10.0]), np.array([7.4, 8.7]), np.array([0.17, 0.19]), 7.0
)


def test_bright_bursts_are_exposed_to_all_of_area_and_time(coverage):
    total = area_times_time(coverage)
    exposure = BurstGrid(np.array([1e3]), np.array([1.0]), IDEAL).exposure(coverage, total)
    assert exposure == pytest.approx(coverage.total_s.sum() * coverage.pixel_deg2 / 3600)
    # Nothing wider than 100 s was searched for.
    wide = BurstGrid(np.array([1e3]), np.array([101.0]), IDEAL).exposure(coverage, total)
    assert (wide == 0).all()


def test_exposures_of_a_grid_are_those_of_its_pixels(coverage):
    flux, width = np.array([0.2, 0.5]), np.array([0.05, 0.5, 20.0])
    grid = BurstGrid(flux, width, MEASURED)
    whole = grid.exposure(coverage, area_times_time(coverage))
    assert whole.shape == (3, 2)
    for i, w in enumerate(width):
        for j, f in enumerate(flux):
            hours = coverage.exposure_s(f, w, MEASURED) / 3600
            expected = hours.sum() * coverage.pixel_deg2
            assert whole[i, j] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("slope", [0.8, 1.5, 3.0])
@pytest.mark.parametrize("completeness", [IDEAL, MEASURED])
def test_a_power_law_is_the_integral_over_its_fluxes(coverage, completeness, slope):
    reference, width = 0.3, 2.0
    total = area_times_time(coverage)
    law = BurstGrid(np.array([reference]), np.array([width]), PowerLaw(completeness, slope))
    snr = coverage.columns.snr(1.0, width)
    expected = 0.0
    for weight, unit in zip(total, snr, strict=True):

        def found(log_flux, unit=unit):
            flux = np.exp(log_flux)
            share = float(completeness.found(flux * unit, width, 7.0))
            return slope * (flux / reference) ** -slope * share

        # From an S/N of 1 on, in pieces around the threshold.
        edges = np.log(np.array([1.0, 4.0, 7.0, 11.0, 30.0, 1e9]) / unit)
        pieces = pairwise(edges)
        expected += weight * sum(quad(found, a, b)[0] for a, b in pieces)
    assert law.exposure(coverage, total)[0, 0] == pytest.approx(expected, rel=1e-4)


def test_a_power_law_weighs_the_beam_by_what_is_found_there(coverage):
    # Above a flux that the whole beam finds, a power law finds fainter ones as well.
    total = area_times_time(coverage)
    bright = np.array([10.0]), np.array([2.0])
    alone = BurstGrid(*bright, IDEAL).exposure(coverage, total)
    law = BurstGrid(*bright, PowerLaw(IDEAL, 1.5)).exposure(coverage, total)
    assert (law > 20 * alone).all()
    # The rate above another flux is that of the same law.
    other = BurstGrid(np.array([1.0]), np.array([2.0]), PowerLaw(IDEAL, 1.5))
    assert other.exposure(coverage, total) == pytest.approx(law * 10**-1.5)


def test_where_nothing_is_known_there_is_no_limit(coverage):
    searched = np.array([10.0, 10.0, 0.0, 10.0])
    exposure = np.array([5.0, 0.0, 0.0, 0.9 * LEAST_SHARE * 10])
    rate = rate_limit(3.0, exposure, searched)
    assert rate[0] == 0.6
    assert np.isnan(rate[1:]).all()
    dark = replace(coverage, seconds=np.zeros_like(coverage.seconds))
    assert area_times_time(dark).sum() == 0


def test_each_count_has_its_limit():
    counts = np.array([0, 2, 0, 1])
    limits = upper_of(counts, lambda k: float(upper_limit(k, 0.95)))
    np.testing.assert_allclose(limits, [2.996, 6.296, 2.996, 4.744], atol=1e-3)
