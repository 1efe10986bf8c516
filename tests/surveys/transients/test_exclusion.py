"""Grids of exclusion, against a survey of drawn sources."""

from __future__ import annotations

import math

import healpy
import numpy as np
import pytest

from surveys.coverage.completeness import IdealCompleteness
from surveys.errors import InputError, SettingProblem
from surveys.rates.trains import Stays
from surveys.transients.beams import views
from surveys.transients.detection import Search
from surveys.transients.empirical import PowerLawSettings
from surveys.transients.exclusion import Region, exclude
from surveys.transients.galaxy import sample_galaxy
from surveys.transients.models import model_of
from surveys.transients.settings import (
    Axis,
    ExcludeSettings,
    Fixed,
    PopulationSettings,
    SearchSettings,
)
from surveys.transients.white_dwarf import WhiteDwarfSettings

NSIDE = 8


def sky(pixel, nside, visits=((400.0, 0.02), (900.0, 0.06))):
    """Cells of the Galactic sky, with the same visits each."""
    l, b = healpy.pix2ang(nside, pixel, nest=True, lonlat=True)
    n, v = len(pixel), len(visits)
    seconds, sigma = (np.tile(a, n) for a in np.array(visits).T)
    ones = np.ones(n * v)
    stays = Stays(
        np.repeat(np.arange(n), v), 0 * ones, seconds, ones, sigma[:, None],
        0.1 * ones, 7 * ones, 200 * ones,
    )  # fmt: skip
    area = np.full(n, healpy.nside2pixarea(nside, degrees=True))
    region = Region(pixel, nside, "galactic", l, b, l, b, area, np.full(n, sum(seconds[:v])))
    return region, Search(stays, IdealCompleteness())


def file_of(model="empirical", axes=None, parameters=None, **more):
    axes = axes or (Axis("period_s", 50, 5000, 3), Axis("peak_jy_kpc2", 0.01, 100, 4))
    fixed = tuple(Fixed(k, v) for k, v in (parameters or {}).items())
    return ExcludeSettings(model, axes, SearchSettings(1400.0), fixed, **more)


def run(settings, pixel=None, nside=NSIDE):
    pixel = np.array([17, 18, 40, 300]) if pixel is None else pixel
    return exclude(settings, *sky(pixel, nside), "x.toml", lambda done, n: None)


def test_expected_detections_against_drawn_sources():
    """Sources of the discs with beams at random: those found, within 4 sigma."""
    settings = file_of(
        "power_law",
        axes=(Axis("period_s", 200, 400, 2), Axis("spectral_index", -1, 0, 2, "linear")),
        parameters={"seen_share": 0.3, "active_share": 0.5, "duty_cycle": 0.02},
        power_law=PowerLawSettings(1e31),
    )
    l, b = healpy.pix2ang(32, np.arange(12 * 32**2), nest=True, lonlat=True)
    pixel = np.flatnonzero((l > 20) & (l < 60) & (np.abs(b) < 10))
    found = run(settings, pixel, 32)
    rng, n = np.random.default_rng(5), 2_000_000
    l, b, d = sample_galaxy(settings.galaxy, n, rng)
    inside = np.isin(healpy.ang2pix(32, l, b, nest=True, lonlat=True), pixel)
    inside &= (d < settings.galaxy.most_pc) & (rng.uniform(size=n) < 0.3 * 0.5)
    flux = found.emission.jy_kpc2[0, 0] / (d[inside] / 1e3) ** 2
    detected = np.zeros(len(flux), bool)
    for seconds, sigma in ((400.0, 0.02), (900.0, 0.06)):
        phase = rng.uniform(0, 200.0, len(flux))
        for k in range(int(seconds / 200.0) + 2):
            begin = phase - 4.0 + 200.0 * k
            part = np.minimum(begin + 4.0, seconds) - np.maximum(begin, 0.0)
            snr = flux * np.sqrt(np.maximum(part, 0.0)) / sigma + rng.normal(size=len(flux))
            detected |= (part > 0) & (snr > 7)
    whole_galaxy = 4 * math.pi * 2600.0**2 * 260.0 * math.exp(8178 / 2600 + 20.8 / 260)
    wanted = found.grid.per_density[0, 0] / whole_galaxy * n
    assert wanted > 1000
    # The density at the middle of a cell of 3 square degrees is that of all of it to a per cent.
    assert detected.sum() == pytest.approx(wanted, abs=4 * math.sqrt(wanted) + 0.01 * wanted)


def test_rejection_of_a_population_and_its_limit():
    found = run(file_of(population=PopulationSettings(density_pc3=1e-7)))
    none = np.exp(-found.expected)
    np.testing.assert_array_equal(found.rejected, none <= 0.05)
    at_limit = found.density_limit_pc3 * found.grid.per_density
    np.testing.assert_allclose(at_limit, -math.log(0.05))
    # Brighter sources are found farther away.
    assert (np.diff(found.grid.per_density, axis=0) >= 0).all()


def test_a_bright_source_is_rejected_everywhere_and_a_faint_one_nowhere():
    axes = (Axis("period_s", 50, 100, 2), Axis("peak_jy_kpc2", 1e-9, 1e9, 2))
    found = run(file_of(axes=axes))
    assert found.grid.rejected_share.tolist() == [[0.0, 0.0], [1.0, 1.0]]
    assert found.rejected_points.tolist() == [0.5] * 4
    np.testing.assert_allclose(found.grid.chance[1], 1.0, atol=1e-9)


def test_one_distance():
    population = PopulationSettings(distance_kpc=1.0)
    axes = (Axis("period_s", 50, 60, 2), Axis("peak_jy_kpc2", 0.05, 5.0, 40))
    found = run(file_of(axes=axes, population=population))
    share = found.grid.rejected_share[:, 0]
    threshold = axes[1].values[np.argmax(share > 0)]
    # 8 pulses of 1.5 s at least: the S/N of 7 in the better visit is enough for 0.95.
    assert threshold == pytest.approx(7 * 0.02 / math.sqrt(1.5), rel=0.25)
    assert set(share) == {0.0, 1.0}


def test_every_point_of_a_grid_agrees_with_itself_alone():
    axes = (Axis("period_s", 2000, 50_000, 3), Axis("beam_deg", 6, 40, 3))
    settings = file_of("white_dwarf", axes=axes, parameters={"field_g": 1e7})
    whole = run(settings)
    for at in ((0, 0), (2, 1), (1, 2)):
        values = {a.name: float(a.values[k]) for a, k in zip(axes, at[::-1], strict=True)}
        alone = run(file_of("white_dwarf", axes=axes, parameters={"field_g": 1e7} | values))
        expected = alone.reference_per_density.sum()
        assert expected == pytest.approx(whole.grid.per_density[at], rel=1e-9)
        seen = views(values["beam_deg"], math.nan, 2.0).share.sum()
        assert whole.grid.seen_share[at] == pytest.approx(seen)


def test_active_sources_or_active_visits():
    parameters = {"active_share": 0.25, "peak_jy_kpc2": 1e8, "duty_cycle": 0.01}
    axes = (Axis("period_s", 50, 100, 2), Axis("duty_cycle", 0.01, 0.02, 2))
    source = file_of(axes=axes, parameters=parameters)
    both = SearchSettings(1400.0, activity="visits")
    visit = ExcludeSettings("empirical", axes, both, source.parameter)
    ratio = run(visit).grid.per_density / run(source).grid.per_density
    # Found at once wherever it is: 1 - 0.75² of the sources against 0.25.
    np.testing.assert_allclose(ratio, (1 - 0.75**2) / 0.25, rtol=1e-6)


def test_physics_leaves_nothing_of_short_orbits():
    axes = (Axis("period_s", 10, 70, 5), Axis("field_g", 1e5, 1e9, 5))
    orbit = run(file_of("white_dwarf", axes=axes))
    assert orbit.grid.rejected_share.max() == 1.0
    assert not orbit.emission.possible.any()
    assert (orbit.rejected_points == 0).all()
    assert orbit.rejected_points_all.max() > 0.5
    beat = file_of("white_dwarf", axes=axes, white_dwarf=WhiteDwarfSettings(period="beat"))
    assert run(beat).emission.limits["Roche lobe"].all()


def test_settings_that_mean_nothing():
    with pytest.raises(InputError, match="did you mean 'peak_jy_kpc2'"):
        model_of(file_of(parameters={"peak_jy_kpc": 1.0}), "x.toml")
    axes = (Axis("period_s", 1e-3, 70, 5), Axis("duty_cycle", 1e-3, 0.1, 5))
    with pytest.raises(SettingProblem, match=r"period_s: is 0\.001"):
        model_of(file_of(axes=axes), "x.toml")
    with pytest.raises(SettingProblem, match="two"):
        file_of(axes=axes[:1])
    with pytest.raises(SettingProblem, match="twice"):
        file_of(axes=(axes[0], axes[0]))
    with pytest.raises(SettingProblem, match="high: is 1"):
        Axis("period_s", 2, 1)
    settings = file_of("magnetar_rics", axes=(axes[0], Axis("field_g", 1e14, 1e15)))
    with pytest.raises(SettingProblem):
        model_of(settings, "x.toml")
    with pytest.raises(SettingProblem, match="power of 2"):
        SearchSettings(1400.0, nside=48)
