"""Beams that turn: shares of observers and duty cycles."""

from __future__ import annotations

import math

import numpy as np
import pytest

from surveys.transients.beams import N_DUTIES, views

NAN = math.nan


@pytest.mark.parametrize("beam_deg", [0.02, 0.5, 1.1, 1.2, 5.0, 30.0, 80.0])
def test_a_beam_lights_its_solid_angle_at_any_one_time(beam_deg):
    """Share that sees it times their mean duty cycle: Ω / (4 π)."""
    seen = views(beam_deg, NAN, 1.0)
    lit = (1 - math.cos(math.radians(beam_deg))) / 2
    assert seen.share @ seen.duty == pytest.approx(lit, rel=3e-3)
    assert len(seen.duty) == N_DUTIES


@pytest.mark.parametrize("beam_deg", [2.0, 12.0, 40.0])
def test_beams_against_observers_drawn_at_random(beam_deg):
    rng = np.random.default_rng(4)
    n, phases = 20_000, np.linspace(0, 2 * np.pi, 721)[:-1]
    cos_chi, cos_zeta = rng.uniform(-1, 1, (2, n))
    sines = np.sqrt((1 - cos_chi**2) * (1 - cos_zeta**2))
    between = (cos_chi * cos_zeta)[:, None] + sines[:, None] * np.cos(phases)
    duty = (between > math.cos(math.radians(beam_deg))).mean(axis=1)
    seen = views(beam_deg, NAN, 1.0)
    share = (duty > 0).mean()
    # A narrow cone falls between two of the phases: half a step at either side.
    error = 4 * math.sqrt(share * (1 - share) / n) + 2e-3 * share
    assert seen.share.sum() == pytest.approx(share, abs=error)
    sorted_duty = np.array_split(np.sort(duty[duty > 0]), N_DUTIES)
    drawn = [part.mean() for part in sorted_duty]
    np.testing.assert_allclose(seen.duty, drawn, rtol=0.08)


def test_two_beams_are_seen_by_twice_as_many_and_by_no_more_than_all():
    one, two = views(10.0, NAN, 1.0), views(10.0, NAN, 2.0)
    np.testing.assert_allclose(two.share, 2 * one.share)
    np.testing.assert_array_equal(two.duty, one.duty)
    assert views(70.0, NAN, 2.0).share.sum() == pytest.approx(1.0)


def test_a_duty_cycle_that_is_given():
    seen = views(NAN, 0.03, 0.2)
    assert seen.duty.tolist() == [0.03]
    assert seen.share.tolist() == [0.2]
