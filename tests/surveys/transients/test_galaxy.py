"""Discs of the Galaxy: analytic limits and drawn stars."""

from __future__ import annotations

import itertools
import math

import healpy
import numpy as np
import pytest
from scipy.special import gammaincinv

from surveys.errors import SettingProblem
from surveys.transients.galaxy import (
    GalaxySettings,
    at_one_distance,
    density,
    sample_galaxy,
    sightlines,
)

BOTH = GalaxySettings(thick_share=0.12)


def test_density_is_one_at_the_sun():
    for settings in (GalaxySettings(), BOTH):
        assert density(settings, np.array(33.0), np.array(-7.0), np.array(0.0)) == pytest.approx(1)


def test_density_against_plain_coordinates():
    rng = np.random.default_rng(0)
    l, b, d = rng.uniform(0, 360, 40), rng.uniform(-90, 90, 40), rng.uniform(0, 2e4, 40)
    for li, bi, di in zip(l, b, d, strict=True):
        x = 8178.0 - di * math.cos(math.radians(bi)) * math.cos(math.radians(li))
        y = di * math.cos(math.radians(bi)) * math.sin(math.radians(li))
        z = 20.8 + di * math.sin(math.radians(bi))
        out = math.hypot(x, y) - 8178.0
        thin = 0.88 * math.exp(-out / 2600) * math.exp(-(abs(z) - 20.8) / 260)
        thick = 0.12 * math.exp(-out / 3600) * math.exp(-(abs(z) - 20.8) / 693)
        found = density(BOTH, np.array(li), np.array(bi), np.array(di))
        assert float(found) == pytest.approx(thin + thick, rel=1e-10)


def test_to_the_pole_of_an_exponential_disc():
    """∫ exp(-d / H) d² dd = 2 H³."""
    settings = GalaxySettings(sun_height_pc=0.0, least_pc=0.1)
    found = sightlines(settings, np.array([10.0]), np.array([90.0])).volume_pc3.sum()
    assert found == pytest.approx(2 * 260.0**3, rel=1e-6)


def test_a_uniform_sphere():
    """Discs far larger than the sphere: Ω d³ / 3; the trapezium rule ends at a corner."""
    wide = {"length_pc": 1e9, "height_pc": 1e9, "most_pc": 1000.0}
    found = sightlines(GalaxySettings(**wide), np.zeros(3), np.array([0.0, 45.0, -90.0]), 400)
    np.testing.assert_allclose(found.volume_pc3.sum(axis=1), (1e9 - 1e3) / 3, rtol=2e-4)


def test_to_the_centre_in_the_plane():
    """n = exp(d / L) up to the centre and exp((2 R0 - d) / L) behind it."""
    settings = GalaxySettings(sun_height_pc=0.0, most_pc=8178.0)
    long, r = 2600.0, 8178.0
    whole = long * math.exp(r / long) * (r**2 - 2 * long * r + 2 * long**2) - 2 * long**3
    found = sightlines(settings, np.zeros(1), np.zeros(1), 2000).volume_pc3.sum()
    assert found == pytest.approx(whole, rel=1e-4)


def test_the_sky_adds_up_to_the_discs():
    """Σ share 2 π L² 2 H exp(R0 / L + z0 / H) over all directions."""
    l, b = healpy.pix2ang(64, np.arange(healpy.nside2npix(64)), lonlat=True)
    settings = GalaxySettings(thick_share=0.12, most_pc=80_000.0)
    lines = sightlines(settings, l, b, 100)
    found = lines.volume_pc3.sum() * healpy.nside2pixarea(64)
    whole = sum(
        share * 4 * math.pi * long**2 * high * math.exp(8178 / long + 20.8 / high)
        for share, long, high in settings.discs
    )
    assert found == pytest.approx(whole, rel=5e-3)


def test_sources_drawn_along_a_direction():
    """Counts of drawn sources in a patch, by distance, within 4 sigma of the integral."""
    rng, n = np.random.default_rng(2), 4_000_000
    l, b, d = sample_galaxy(BOTH, n, rng)
    inside = (np.abs(l - 180.0) < 30) & (np.abs(b) < 5)
    whole = sum(
        share * 4 * math.pi * long**2 * high * math.exp(8178 / long + 20.8 / high)
        for share, long, high in BOTH.discs
    )
    ls, sines = np.linspace(151, 209, 30), np.linspace(-1, 1, 41)[:-1] + 1 / 40
    bs = np.degrees(np.arcsin(sines * math.sin(math.radians(5))))
    grid_l, grid_b = np.meshgrid(ls, bs)
    lines = sightlines(BOTH, grid_l.ravel(), grid_b.ravel(), 2000)
    patch = math.radians(60) * 2 * math.sin(math.radians(5))
    edges = np.array([10.0, 300.0, 1000.0, 3000.0, 10000.0])
    wanted = np.array([
        lines.volume_pc3[:, (lines.distance_pc > a) & (lines.distance_pc <= z)].sum(1).mean()
        for a, z in itertools.pairwise(edges)
    ]) * patch / whole * n  # fmt: skip
    counts, _ = np.histogram(d[inside], edges)
    assert wanted[1:].min() > 100
    assert (np.abs(counts - wanted) < 4 * np.sqrt(wanted) + 0.01 * wanted).all()


def test_prior_adds_up_and_one_distance():
    lines = sightlines(GalaxySettings(), np.array([0.0, 180.0]), np.array([0.0, 40.0]))
    np.testing.assert_allclose(lines.prior.sum(axis=1), 1.0)
    # Half of 2 H³ of a gamma distribution of shape 3.
    pole = GalaxySettings(sun_height_pc=0.0, least_pc=0.1)
    half = sightlines(pole, np.zeros(1), np.array([90.0]), 1000).median_pc
    assert half[0] == pytest.approx(260.0 * gammaincinv(3, 0.5), rel=1e-3)
    one = at_one_distance(750.0, 3)
    assert one.prior.tolist() == [[1.0, 0.0]] * 3


def test_impossible_discs():
    with pytest.raises(SettingProblem, match="height_pc: is 0"):
        GalaxySettings(height_pc=0.0)
    with pytest.raises(SettingProblem, match="height_pc: is 1e-300; give 10 to 1e"):
        GalaxySettings(height_pc=1e-300)
    with pytest.raises(SettingProblem, match="most_pc"):
        GalaxySettings(least_pc=100.0, most_pc=100.0)
