"""Schedules keep to slews, limits, Sun and calibrators, and do what they say."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveys.planning.calibrators import chosen_transits, read_calibrators
from surveys.planning.courses import Sky
from surveys.planning.earth import horizontal, separation_deg
from surveys.planning.meridian import meridian_of, meridian_schedule
from surveys.planning.regions import read_region
from surveys.planning.schedule import METHODS, worth
from surveys.planning.settings import CalibratorSettings, RegionSettings, ScheduleSettings
from surveys.planning.steerable import steerable_schedules
from surveys.planning.strips import strips_of
from surveys.planning.tiles import needed, rows_of
from surveys.planning.windows import DAY_S, meridian_elevation

HERE = Path()
PLACES = {
    "3C48": (24.422, 33.160),
    "3C147": (85.651, 49.852),
    "3C138": (80.291, 16.639),
    "3C286": (202.785, 30.509),
}


def quiet(*_):
    return None


def box(l, b, nside=128):
    return read_region(RegionSettings("galactic", l_deg=l, b_deg=b, nside=nside), HERE, "plan")


@pytest.fixture(scope="module")
def on_the_meridian(dsa):
    limits = dsa(end="2026-12-05T00:00:00", night_only=True, sun_deg=10.0)
    region = box((141.0, 225.0), (-3.5, 5.7))
    calibration = CalibratorSettings(4.0)
    settings = ScheduleSettings(step_s=120.0)
    strips, _, _ = strips_of(region, limits, 0.05, 0.02, settings.step_s)
    calibrators = read_calibrators(calibration, HERE, "plan")
    meridian = meridian_of(strips, limits, calibrators, calibration, settings)
    made = {m: meridian_schedule(meridian, region, m, quiet) for m in METHODS}
    return limits, region, meridian, made


@pytest.fixture(scope="module")
def all_over_the_sky(dish):
    limits = dish({"azimuth_deg": (-90.0, 450.0), "settle_s": 20.0}, sun_deg=40.0)
    region = box((60.0, 225.0), (-3.0, 3.0))
    tiles = needed(rows_of(3.0, 0.05), *region.places(), region.pixel_deg2, 0.02)
    calibration = CalibratorSettings(3.0, duration_s=240.0)
    calibrators = read_calibrators(calibration, HERE, "plan")
    settings = ScheduleSettings(exposure_s=600.0, step_s=60.0, tries=12)
    sky = Sky(limits, tiles, calibrators, calibration, settings)
    made, _ = steerable_schedules(sky, region, quiet)
    return limits, region, sky, made


@pytest.fixture(params=["meridian", "sky"])
def planned(request, on_the_meridian, all_over_the_sky):
    return on_the_meridian if request.param == "meridian" else all_over_the_sky


@pytest.mark.parametrize("method", METHODS)
def test_visits_follow_each_other_with_time_for_the_slew(planned, method):
    limits, _, _, made = planned
    visits, telescope = made[method].visits, limits.telescope
    assert len(visits) > 20
    assert visits[0].start_mjd >= limits.time.mjd[0]
    assert visits[-1].end_mjd <= limits.time.mjd[1]
    for one, other in pairwise(visits):
        gap = (other.start_mjd - one.end_mjd) * DAY_S
        assert gap >= other.slew_s - 1e-3
        # The slew is what the drives need from where the one before ends.
        up, around, _ = horizontal(one.ra_deg, one.dec_deg, one.end_mjd, telescope.site)
        if telescope.transit:
            ends = (meridian_elevation(np.array(v.altitude_deg), np.array(v.azimuth_deg))
                    for v in (one, other))  # fmt: skip
            expected = float(telescope.meridian_slew_s(*ends))
            assert other.slew_s == pytest.approx(expected, abs=1e-6)
            continue
        turn = (float(around) - one.azimuth_deg + 180) % 360 - 180
        mount = one.azimuth_deg + turn
        axes = abs(other.altitude_deg - float(up)) / 0.25, abs(other.azimuth_deg - mount) / 0.5
        # A step of the grid may pass while tracking.
        assert other.slew_s == pytest.approx(max(axes) + 20.0, abs=1.5)
        assert -90 <= other.azimuth_deg <= 450


@pytest.mark.parametrize("method", METHODS)
def test_limits_the_sun_and_the_night_are_heeded(planned, method):
    limits, _, _, made = planned
    telescope, time = limits.telescope, limits.time

    def column(name):
        return np.array([getattr(v, name) for v in made[method].visits])[:, None]

    mjd = column("start_mjd") + np.linspace(0, 1, 5) * column("duration_s") / DAY_S
    if telescope.transit:
        up, around = column("altitude_deg"), column("azimuth_deg")
        elevation = meridian_elevation(up, around)
    else:
        up, around, _ = horizontal(column("ra_deg"), column("dec_deg"), mjd, telescope.site)
        elevation = up
    low, high = telescope.elevation_deg
    # By so much the sky and the Sun turn between two steps.
    turn = 0.3
    assert elevation.min() >= low - turn
    assert elevation.max() <= high + turn
    sun_up, sun_around = limits.sun(mjd)
    assert separation_deg(up, around, sun_up, sun_around).min() >= time.sun_deg - turn
    if time.night_only:
        assert sun_up.max() <= time.sun_altitude_deg + turn


def test_directions_of_visits(planned):
    limits, _, _, made = planned
    for visit in made["optimised"].visits[::5]:
        up, around, _ = horizontal(
            visit.ra_deg, visit.dec_deg, visit.start_mjd, limits.telescope.site
        )
        found = separation_deg(up, around, visit.altitude_deg, visit.azimuth_deg)
        # The state of a steerable one comes from the grid, in single precision.
        assert float(found) < (1e-6 if limits.telescope.transit else 2 / 3600)


@pytest.mark.parametrize("method", METHODS)
def test_calibrators_are_visited_as_often_as_asked(planned, method):
    limits, _, _, made = planned
    visits = [v for v in made[method].visits if v.kind == "calibrator"]
    assert {v.name for v in visits} <= {"3C48", "3C138", "3C147", "3C286"}
    assert len(visits) >= 3
    if limits.telescope.transit:
        for visit in visits:
            # The transit is in the middle, to half a step or so.
            middle = (visit.start_mjd + visit.end_mjd) / 2
            ra, dec = PLACES[visit.name]
            hour = horizontal(ra, dec, middle, limits.telescope.site)[2]
            assert abs(float(hour)) * 240 <= 121
    else:
        assert made[method].wait_h <= 3.0 + (600 + 600) / 3600


@pytest.mark.parametrize("method", METHODS)
def test_area_and_time_are_conserved(planned, method):
    """Seconds of pixels are those that fields of the tiles are open for."""
    limits, region, _, made = planned
    schedule, side = made[method], limits.telescope.field_deg
    total = schedule.exposure_s.sum() * region.pixel_deg2
    observed = sum(v.duration_s for v in schedule.visits if v.kind == "tile") * side**2
    assert 0 < total < observed * 1.001
    numbers = schedule.numbers(region.pixel_deg2)
    assert numbers["area_time_deg2_h"] == pytest.approx(total / 3600)
    assert numbers["covered_deg2"] <= numbers["touched_deg2"] <= region.area_deg2
    assert numbers["observing_h"] * 3600 * side**2 == pytest.approx(observed)


def test_the_optimised_schedule_is_no_worse(planned):
    limits, region, _, made = planned
    greedy, optimised = (made[m].worth_deg2(region.pixel_deg2, 0.2) for m in METHODS)
    assert optimised >= greedy * (1 if limits.telescope.transit else 0.995)


def test_repeats_that_count_fully_make_area_times_time(dsa):
    """Without a discount the optimised schedule has more area times time, with one more area."""
    limits, region = dsa(end="2026-12-04T00:00:00"), box((141.0, 225.0), (-3.5, 5.7))
    numbers = {}
    for repeat in (0.0, 1.0):
        settings = ScheduleSettings(step_s=240.0, repeat=repeat)
        strips, _, _ = strips_of(region, limits, 0.05, 0.02, settings.step_s)
        none = read_calibrators(CalibratorSettings(), HERE, "plan")
        meridian = meridian_of(strips, limits, none, CalibratorSettings(), settings)
        made = meridian_schedule(meridian, region, "optimised", quiet)
        numbers[repeat] = made.numbers(region.pixel_deg2)
    assert numbers[1.0]["area_time_deg2_h"] > numbers[0.0]["area_time_deg2_h"]
    assert numbers[0.0]["covered_deg2"] > 1.2 * numbers[1.0]["covered_deg2"]


def test_passages_counted_on_strips_are_those_of_pixels(on_the_meridian):
    """The fast count of the search for schedules, against the geometry of every pixel."""
    _, region, meridian, made = on_the_meridian
    strips, schedule = meridian.strips, made["optimised"]
    rests = np.full(meridian.n_steps, -1)
    for visit in schedule.visits:
        if visit.kind == "tile":
            begin, end = (
                round((t - strips.first_mjd) * DAY_S / strips.step_s)
                for t in (visit.start_mjd, visit.end_mjd)
            )
            dec = float(visit.name.split()[1])
            rests[begin:end] = int(np.argmin(np.abs(strips.dec_deg - dec)))
    visits = strips.visits_of(rests, 0)
    counted = (strips.area_deg2 * visits).sum()
    exact = (schedule.exposure_s / schedule.full_s).sum() * region.pixel_deg2
    # Strips have no overlaps of their fields with the next ones: 5 % of the side.
    assert counted == pytest.approx(exact, rel=0.08)
    assert counted < exact


def test_the_same_seed_makes_the_same_schedule(all_over_the_sky):
    _, region, sky, made = all_over_the_sky
    again, _ = steerable_schedules(sky, region, quiet)
    assert again["optimised"].visits == made["optimised"].visits


def test_a_calibrator_that_cannot_be_reached_is_given_up(dsa):
    """Two at opposite ends of the meridian with less time between them than the drive needs."""
    limits = dsa({"elevation_deg_per_s": 0.05}, sun_deg=0.0)
    region, calibration = box((141.0, 160.0), (-3.0, 3.0)), CalibratorSettings(0.1, 600.0)
    settings = ScheduleSettings(step_s=120.0)
    strips, _, _ = strips_of(region, limits, 0.05, 0.02, settings.step_s)
    calibrators = read_calibrators(calibration, HERE, "plan")
    # 3C147 is moved to 12 minutes after 3C138, 80 degrees north of it.
    calibrators.ra_deg[2], calibrators.dec_deg[2] = calibrators.ra_deg[1] + 4.0, 80.0
    meridian = meridian_of(strips, limits, calibrators, calibration, settings)
    made = {m: meridian_schedule(meridian, region, m, quiet) for m in METHODS}
    for schedule in made.values():
        names = [v.name for v in schedule.visits if v.kind == "calibrator"]
        assert "3C138" in names
        assert names.count("3C147") < 2
        for one, other in pairwise(schedule.visits):
            assert (other.start_mjd - one.end_mjd) * DAY_S >= other.slew_s - 1e-3


def test_the_fewest_transits_without_a_longer_wait():
    settings = CalibratorSettings(6.0, 600.0)
    mjd = np.array([1.0, 4, 5, 11, 13, 20]) / 24
    chosen = chosen_transits(mjd, settings, [(0.0, 1.0)])
    # 5 h is the last within 6 h; 11 h the last within 6 h of it; then 20 h is the first, late.
    assert (mjd[chosen] * 24).tolist() == [5, 11, 13, 20]
    assert len(chosen_transits(mjd, settings, [(0.25, 0.3)])) == 0


@given(st.floats(0, 1), st.floats(0, 30))
def test_worth_of_visits(repeat, visits):
    whole = int(visits)
    rest = (visits - whole) * repeat**whole
    expected = sum(repeat**i for i in range(whole)) + rest
    assert worth(np.array(visits), repeat) == pytest.approx(expected, rel=1e-9)
