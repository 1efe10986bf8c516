"""Coverage of the uv plane against vectors on the sky."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveys.instruments import alma
from surveys.interferometer.setups import cii_ghz
from surveys.interferometer.tracks import (
    Track,
    baseline_lengths_m,
    elevation_deg,
    equatorial,
    largest_scale_arcsec,
    resolution_arcsec,
    uv_coverage,
    uvw_m,
)

LATITUDE = alma.LATITUDE_DEG


def test_at_the_zenith_the_ground_is_the_uv_plane():
    enu = np.random.default_rng(0).normal(size=(7, 3)) * 100
    uvw = uvw_m(equatorial(enu, LATITUDE), np.zeros(1), LATITUDE)[0]
    np.testing.assert_allclose(uvw, enu, atol=1e-9)


@given(
    st.floats(-80, 80),
    st.floats(-3, 3),
    st.floats(-89, 89),
    st.tuples(*[st.floats(-1e3, 1e3)] * 3),
)
def test_uvw_are_along_the_axes_of_the_sky(dec_deg, hour_angle, latitude_deg, enu):
    """W towards the source, u east of it and v north, from directions alone."""
    dec, lat = math.radians(dec_deg), math.radians(latitude_deg)

    def direction(h, d):
        # East, north, up of a place on the sky.
        up = math.sin(lat) * math.sin(d) + math.cos(lat) * math.cos(d) * math.cos(h)
        north = math.cos(lat) * math.sin(d) - math.sin(lat) * math.cos(d) * math.cos(h)
        return np.array([-math.cos(d) * math.sin(h), north, up])

    source = direction(hour_angle, dec)
    to_north = direction(hour_angle, dec + math.pi / 2)
    to_east = np.cross(to_north, source)
    got = uvw_m(equatorial(np.array(enu), latitude_deg), np.array([hour_angle]), dec_deg)[0]
    np.testing.assert_allclose(
        got, [np.dot(enu, a) for a in (to_east, to_north, source)], atol=1e-9
    )
    assert elevation_deg(np.array(hour_angle), dec_deg, latitude_deg) == pytest.approx(
        math.degrees(math.asin(np.clip(source[2], -1, 1))), abs=1e-6
    )


@pytest.mark.parametrize(
    ("name", "lengths_m", "scales"),
    [
        ("C-4", (55, 371), (0.403, 4.7)),
        ("C-5", (92, 626), (0.239, 2.8)),
        ("C-6", (151, 1181), (0.127, 1.7)),
        ("C-8", (430, 3544), (0.042, 0.59)),
        ("C-9", (754, 6503), (0.023, 0.34)),
        ("C-10", (1236, 8752), (0.017, 0.21)),
    ],
)
def test_resolution_and_largest_scale(name, lengths_m, scales):
    enu = alma.configuration(name).enu_m
    np.testing.assert_allclose(np.percentile(baseline_lengths_m(enu), [5, 80]), lengths_m, atol=0.6)
    freq = cii_ghz(7.0)
    assert resolution_arcsec(enu, freq) == pytest.approx(scales[0], abs=6e-4)
    assert largest_scale_arcsec(enu, freq) == pytest.approx(scales[1], rel=0.02)


def test_a_track_is_cut_into_pieces():
    hour_angle, seconds = Track(-30.0, hours=1.1, middle_hour=0.5, step_s=300).pieces
    assert len(seconds) == 14
    assert seconds.sum() == pytest.approx(1.1 * 3600)
    assert np.average(hour_angle, weights=seconds) == pytest.approx(0.5 * math.pi / 12)


def test_samples_of_a_low_source_are_left_out():
    enu = alma.configuration("C-4").enu_m
    track = Track(-30.0, hours=12.0, step_s=1800, least_elevation_deg=30)
    coverage = uv_coverage(enu, LATITUDE, track, 240.0)
    hour_angle, _ = track.pieces
    high = (elevation_deg(hour_angle, -30.0, LATITUDE) >= 30).sum()
    assert 0 < high < 24
    assert len(coverage.u) == high * 903
    assert coverage.n_low == (24 - high) * 903
    with pytest.raises(
        ValueError, match=r"nothing is observed at declination 60.* culminates at 7"
    ):
        uv_coverage(enu, LATITUDE, Track(60.0), 240.0)


def test_an_antenna_behind_another_gives_nothing():
    enu = np.array([[0.0, 0, 0], [0, 13, 0], [0, 200, 0], [150, 30, 0]])
    # 30 degrees above the southern horizon 13 m are seen as 6.5 m: the one to the north is behind.
    track = Track(-83.0, hours=0.1, middle_hour=0.0, step_s=3600)
    low = uv_coverage(enu, LATITUDE, track, 240.0, dish_m=12.0)
    high = uv_coverage(enu, LATITUDE, Track(-23.0, hours=0.1, step_s=3600), 240.0, dish_m=12.0)
    assert (len(high.u), high.n_shadowed) == (6, 0)
    assert (len(low.u), low.n_shadowed) == (3, 3)
    assert np.hypot(low.u, low.v).min() * 299.792458 / 240e3 > 50


@pytest.mark.parametrize(
    "wrong", [{"dec_deg": 91.0}, {"hours": 0.0}, {"step_s": 0.0}, {"middle_hour": np.nan}]
)
def test_an_impossible_track_is_an_error(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*; give"):
        Track(**({"dec_deg": 0.0} | wrong))
