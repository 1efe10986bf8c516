"""Chances to find pulses, against drawn phases and plain sums."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr

from surveys.coverage.completeness import IdealCompleteness
from surveys.rates.periodic import Trains, p_seen
from surveys.rates.trains import Stays
from surveys.transients.beams import Views
from surveys.transients.detection import (
    Search,
    chance_of_visits,
    chances,
    flux_grid,
)
from surveys.transients.galaxy import GalaxySettings, at_one_distance, sightlines


def search_of(seconds, sigma=0.05, share=1.0, cell=None, max_width=100.0, tsamp=0.1, **more):
    seconds = np.atleast_1d(np.asarray(seconds, float))
    cell = np.zeros(len(seconds), int) if cell is None else np.asarray(cell)
    columns = np.broadcast_arrays(0.0, seconds, share, sigma, tsamp, 7.0, max_width)
    columns = [c.astype(float) for c in columns]
    columns[3] = columns[3][:, None]
    return Search(Stays(cell, *columns), IdealCompleteness(), **more)


@pytest.mark.parametrize(
    ("period", "width", "seconds"),
    [(30.0, 2.0, [100.0]), (300.0, 9.0, [100.0, 200.0]), (10.0, 1.0, [4.0, 1.5, 33.0])],
)
def test_chance_of_visits_against_drawn_phases(period, width, seconds):
    """Pulses in visits of random phase, cut by their ends, each found by what is seen of it."""
    rng = np.random.default_rng(1)
    search = search_of(seconds, share=0.8)
    flux = 7.5 * 0.05 / math.sqrt(width)
    n, none = 100_000, np.ones(100_000)
    for t in seconds:
        start = rng.uniform(0, period, n) - width
        for k in range(int(t / period) + 3):
            begin = start + k * period
            part = np.clip(np.minimum(begin + width, t) - np.maximum(begin, 0.0), 0.0, None)
            none *= 1 - 0.8 * ndtr(flux * np.sqrt(part) / 0.05 - 7.0) * (part > 0)
    chance = chance_of_visits(search, period, width, np.array([flux]))
    spread = none.std() / math.sqrt(n)
    # Pulses at both ends of a visit count as one that is more likely to be found.
    assert float(chance[0, 0]) == pytest.approx(1 - none.mean(), abs=4 * spread + 4e-3)


@pytest.mark.parametrize("activity", [1.0, 0.3])
def test_chance_of_visits_against_the_likelihood_of_pulsing_sources(activity):
    """That of `slowburst survey limits`, one flux density at a time."""
    rng = np.random.default_rng(3)
    n = 30
    search = search_of(
        rng.uniform(20, 900, n), np.exp(rng.normal(-3, 0.5, n)), rng.uniform(0.5, 1, n),
        np.repeat(np.arange(10), 3),
    )  # fmt: skip
    flux = np.geomspace(0.01, 10.0, 15)
    for period, width in ((40.0, 3.0), (700.0, 12.0), (2000.0, 15.0)):
        found = chance_of_visits(search, period, width, flux, activity)
        for j, one in enumerate(flux):
            trains = Trains(one, np.array([period]), np.array([width]), activity)
            wanted = p_seen(search.stays, 10, trains, search.completeness)[:, 0, 0]
            np.testing.assert_allclose(found[:, j], wanted, atol=0.01)


def test_visits_of_searches_of_several_kinds():
    """Each by its own sampling, threshold and widest pulse, as the likelihood has it."""
    one = np.ones(4)
    stays = Stays(
        np.array([0, 0, 1, 1]), 0 * one, 500 * one, 0.9 * one, 0.05 * one[:, None],
        np.array([0.1, 5.0, 0.1, 0.1]), np.array([7.0, 7.0, 6.0, 9.0]),
        np.array([100.0, 100.0, np.inf, 2.0]),
    )  # fmt: skip
    search, flux = Search(stays, IdealCompleteness()), np.geomspace(0.05, 3.0, 9)
    found = chance_of_visits(search, 900.0, 3.0, flux)
    for j, jy in enumerate(flux):
        trains = Trains(jy, np.array([900.0]), np.array([3.0]))
        wanted = p_seen(stays, 2, trains, search.completeness)[:, 0, 0]
        np.testing.assert_allclose(found[:, j], wanted, atol=0.01)
    assert len(search.kinds) == 4


def test_a_visit_that_is_shorter_than_the_pulse_finds_nothing():
    search = search_of([5.0, 20.0])
    assert chance_of_visits(search, 100.0, 21.0, np.array([1e3]))[0, 0] == 0.0
    assert chance_of_visits(search, 100.0, 19.0, np.array([1e3]))[0, 0] > 0.01


def test_pulses_wider_than_the_widest_filter():
    lost = search_of([1000.0], max_width=10.0)
    cut = search_of([1000.0], max_width=10.0, long_pulses="cut")
    flux = np.array([7.0 * 0.05 / math.sqrt(10.0)])
    assert chance_of_visits(lost, 5000.0, 20.0, flux)[0, 0] == 0.0
    # Half are found of those whose best 10 s are within: a fifth of the time, and a little.
    found = chance_of_visits(cut, 5000.0, 20.0, flux)[0, 0]
    assert found == pytest.approx(0.5 * 1000 / 5000, rel=0.02)
    # On for most of the time: no pulse.
    assert chance_of_visits(cut, 50.0, 30.0, 100 * flux)[0, 0] == 0.0


def test_pulses_shorter_than_a_sample():
    search = search_of([1000.0], tsamp=4.0)
    assert search.snr_per_jy(1.0)[0] == pytest.approx(1.0 / math.sqrt(4.0) / 0.05)
    assert search.snr_per_jy(4.0)[0] == pytest.approx(math.sqrt(4.0) / 0.05)


def test_each_visit_meets_an_active_source_on_its_own():
    search = search_of([1000.0, 1000.0, 1000.0])
    chance = chance_of_visits(search, 10.0, 1.0, np.array([10.0]), 0.2)
    assert chance[0, 0] == pytest.approx(1 - 0.8**3)


def test_cells_have_the_product_of_their_own_visits():
    search = search_of([50.0, 70.0, 50.0], cell=[0, 1, 1])
    flux = np.array([0.3, 3.0])
    both = chance_of_visits(search, 200.0, 1.0, flux)
    alone = [chance_of_visits(search_of([t]), 200.0, 1.0, flux)[0] for t in (50.0, 70.0)]
    np.testing.assert_allclose(both[0], alone[0])
    np.testing.assert_allclose(both[1], 1 - (1 - alone[0]) * (1 - alone[1]))


def test_mean_over_distances_and_duty_cycles_by_plain_sums():
    search = search_of([300.0, 900.0, 40.0], sigma=[0.05, 0.2, 0.05], cell=[0, 0, 1])
    settings = GalaxySettings(most_pc=10_000.0)
    l, b = np.array([180.0, 30.0]), np.array([1.0, -20.0])
    lines = sightlines(settings, l, b)
    seen = Views(np.array([0.01, 0.04]), np.array([0.1, 0.3]))
    table = chances(search, lines, 100.0, seen)
    fine = sightlines(settings, l, b, 3000)
    for jy_kpc2 in (1e-3, 0.05, 1.0, 30.0, 1e4):
        flux = jy_kpc2 / (fine.distance_pc / 1e3) ** 2
        wanted = np.zeros(2)
        for duty, share in zip(seen.duty, seen.share / 0.4, strict=True):
            chance = chance_of_visits(search, 100.0, duty * 100.0, flux)
            wanted += share * (chance * fine.prior).sum(axis=1)
        np.testing.assert_allclose(table.at(jy_kpc2), wanted, atol=4e-3)
    assert (table.at(0.0) == 0).all()
    assert (table.at(1e30) == table.chance[:, -1]).all()


def test_sources_at_one_distance():
    search = search_of([1000.0])
    seen = Views(np.array([0.02]), np.array([1.0]))
    table = chances(search, at_one_distance(2000.0, 1), 500.0, seen)
    for jy_kpc2 in (0.2, 0.5, 0.8, 4.0):
        flux = np.array([jy_kpc2 / 4.0])
        wanted = chance_of_visits(search, 500.0, 10.0, flux)[0, 0]
        assert table.at(jy_kpc2)[0] == pytest.approx(wanted, abs=0.01)


def test_flux_grid_spans_all_visits():
    search = search_of([1e4, 1e4], sigma=[0.01, 1.0], cell=[0, 1])
    flux = flux_grid(search, np.array([1.0, 2.0]), 0.1)
    found = chance_of_visits(search, 10.0, 1.0, flux)
    assert found[:, 0].max() < 1e-3
    assert found[:, -1].min() > 1 - 1e-6
    np.testing.assert_allclose(np.diff(np.log(flux)), 0.1)
