"""Particles, dust before them, their populations, and their images."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from scipy.stats import kstest

from surveys.errors import InputError, SettingProblem
from surveys.images.dust import DustSettings, absorbed_power, metal_column, optical_depth
from surveys.images.emission import LIGHT_UM_HZ, dust_spectrum
from surveys.images.kernel import projected
from surveys.images.opening import open_particles
from surveys.images.particle_files import ParticleSettings, write_particles
from surveys.images.particle_images import ParticleImages, ParticleImageSettings
from surveys.images.particles import Gas, Particles, Stars, edge_on, face_on, random_rotation
from surveys.images.populations import built_in, chabrier, read_grid

RNG = np.random.default_rng(11)


def disc(n, scale=1.0, height=0.2):
    radius, turn = RNG.gamma(2, scale, n), RNG.uniform(0, 2 * np.pi, n)
    return np.stack(
        [radius * np.cos(turn), radius * np.sin(turn), height * RNG.normal(size=n)], axis=1
    )


def galaxy(n_stars=300, n_gas=400, name="g", **stars):
    place = disc(n_stars)
    velocity = np.cross([0, 0, 100.0], place) + np.array([300.0, 0, 0])
    values = {
        "position_kpc": place,
        "smoothing_kpc": np.full(n_stars, 0.3),
        "initial_mass": np.full(n_stars, 1e6),
        "age_yr": 10 ** RNG.uniform(6, 8.8, n_stars),
        "metallicity": np.full(n_stars, 0.005),
        "velocity_km_s": velocity,
    } | stars
    gas = Gas(
        disc(n_gas, 0.7), 10 ** RNG.uniform(-1.2, 0.3, n_gas), np.full(n_gas, 3e6),
        RNG.uniform(0, 0.01, n_gas), np.zeros(n_gas),
    )  # fmt: skip
    return Particles(name, 6.0, Stars(**values), gas)


def test_metals_before_stars_are_those_of_a_slow_loop():
    particles = galaxy()
    stars, gas = particles.stars, particles.gas
    expected = np.zeros(len(stars))
    for i, place in enumerate(stars.position_kpc):
        b = np.hypot(*(gas.position_kpc[:, :2] - place[:2]).T) / gas.smoothing_kpc
        before = (b < 1) & (gas.position_kpc[:, 2] > place[2])
        each = gas.mass * gas.metallicity * projected(np.minimum(b, 1)) / gas.smoothing_kpc**2
        expected[i] = each[before].sum() / 1e6
    assert (expected > 0).mean() > 0.5
    np.testing.assert_allclose(metal_column(particles), expected, atol=3e-4 * expected.max())


def test_a_sheet_of_gas_has_its_column():
    """1e6 Msun of metals in 10 x 10 kpc^2 are 0.01 Msun/pc^2."""
    x = np.linspace(-4.95, 4.95, 100)
    place = np.stack([*(a.ravel() for a in np.meshgrid(x, x)), np.ones(10_000)], axis=1)
    n = len(place)
    gas = Gas(place, np.full(n, 0.5), np.full(n, 1e4), np.full(n, 0.01), np.zeros(n))
    stars = Stars(
        np.array([[0.0, 0, 0], [1.3, 0.7, 0.5], [0, 0, 2.0]]), np.ones(3), np.ones(3),
        np.array([1e9, 1e6, 1e6]), np.array([0.02, 0.02, 0.005]),
    )  # fmt: skip
    particles = Particles("sheet", 6.0, stars, gas)
    np.testing.assert_allclose(metal_column(particles), [0.01, 0.01, 0.0], rtol=2e-3)
    tau = optical_depth(particles, DustSettings(dust_to_metal=0.3, kappa=0.0795))
    screen = 0.3 * 0.0795 * 0.01
    np.testing.assert_allclose(tau, [screen, screen + 2.0, 0.5], rtol=2e-3)
    clear = DustSettings(birth_clouds=0.0)
    twice = optical_depth(particles, clear, lambda p: 0.6 * len(p.gas) / 10_000)
    np.testing.assert_allclose(twice, [2 * screen, 2 * screen, 0], rtol=2e-3)


def test_without_gas_there_are_birth_clouds_only():
    particles = Particles("bare", 6.0, galaxy().stars)
    assert not metal_column(particles).any()
    tau = optical_depth(particles, DustSettings())
    young = particles.stars.age_yr < 1e7
    np.testing.assert_allclose(tau, np.where(young, 0.5, 0.0))
    with pytest.raises(SettingProblem, match=r"dust_to_metal: is 2\.0"):
        DustSettings(dust_to_metal=2.0)


def test_constant_star_formation_has_its_luminosity():
    """1 Msun/yr for 100 Myr: 10^28.1 erg/s/Hz at 1500 A for Chabrier (Kennicutt 1998, / 0.63)."""
    ages = (np.arange(20_000) + 0.5) * 5e3
    l_nu = built_in().luminosity(ages, np.full(20_000, 0.02), np.full(20_000, 5e3), [0.15])
    assert np.log10(l_nu.sum()) == pytest.approx(28.1, abs=0.15)
    assert built_in().approximate


def test_populations_redden_and_fade():
    ages = np.array([1e6, 1e7, 1e8, 1e9])
    l_nu = built_in().luminosity(ages, np.full(4, 0.02), np.ones(4), [0.15, 0.55])
    assert np.all(np.diff(l_nu[1:], axis=0) < 0)
    assert np.all(np.diff(l_nu[:, 0] / l_nu[:, 1]) < 0)
    assert l_nu[0, 0] > 2 * l_nu[0, 1]
    assert l_nu[2, 0] < l_nu[2, 1]


def test_the_mass_function_is_chabrier():
    mass = np.geomspace(0.1, 120, 100_001)
    number = chabrier(mass)
    assert np.trapezoid(mass**2 * number, np.log(mass)) == pytest.approx(1, rel=1e-5)
    assert number[mass > 1][0] == pytest.approx(number[mass < 1][-1], rel=1e-3)
    # 1.18 stars of 8 Msun or more for 100 Msun born, as is known for Chabrier between these masses.
    massive = mass >= 8
    assert 100 * np.trapezoid((mass * number)[massive], np.log(mass[massive])) == pytest.approx(
        1.18, abs=0.08
    )


@pytest.fixture
def grid_file(tmp_path):
    path = tmp_path / "grid.h5"
    ages, metals, waves = np.array([6.0, 8.0]), np.array([0.001, 0.01, 0.1]), np.array([0.1, 1.0])
    with h5py.File(path, "w") as file:
        file["log10_age_yr"], file["metallicity"], file["wavelength_um"] = ages, metals, waves
        file["l_nu"] = (
            ages[:, None, None] + 10 * np.log10(metals)[:, None] + 100 * np.log10(waves) + 200
        )
    return path


def test_a_grid_is_linear_in_logarithms(grid_file):
    l_nu = read_grid(grid_file).luminosity(
        [1e7, 1e3, 1e12], [0.03, 0.1, 1e-6], [1.0, 2.0, 1.0], [0.1, 0.5]
    )
    log_w = np.log10([0.1, 0.5])
    np.testing.assert_allclose(l_nu[0], 7 + 10 * np.log10(0.03) + 100 * log_w + 200)
    np.testing.assert_allclose(l_nu[1], 2 * (6 - 10 + 100 * log_w + 200))
    np.testing.assert_allclose(l_nu[2], 8 - 30 + 100 * log_w + 200)
    with pytest.raises(InputError, match="go from 0.1 to 1 um, without 0.05".replace(".", r"\.")):
        read_grid(grid_file).luminosity([1e7], [0.01], [1.0], [0.05, 0.2])


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("l_nu", None, "l_nu: is missing"),
        ("l_nu", np.zeros((2, 2, 2)), r"has the shape \(2, 2, 2\), not \(2, 3, 2\)"),
        ("l_nu", np.full((2, 3, 2), np.nan), "values that are not 0 or more"),
        ("log10_age_yr", [8.0, 6.0], "is not a rising list"),
        ("metallicity", [-1.0, 0.0, 1.0], "values that cannot be"),
    ],
)
def test_wrong_grids(grid_file, key, value, says):
    with h5py.File(grid_file, "r+") as file:
        del file[key]
        if value is not None:
            file[key] = value
    with pytest.raises(InputError, match=says):
        read_grid(grid_file)


def test_grids_that_are_no_files(tmp_path):
    with pytest.raises(InputError, match="is not there"):
        read_grid(tmp_path / "absent.h5")
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(InputError, match="is no whole HDF5 file"):
        read_grid(tmp_path / "text.h5")


def test_views_follow_the_angular_momentum():
    turn = random_rotation(3, 5)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)
    particles = galaxy(2000).turned(turn)
    assert particles.stars.position_kpc[:, 2].std() > 0.3
    flat = particles.turned(face_on(particles)).stars.position_kpc
    assert flat[:, 2].std() < 0.25
    assert flat[:, 0].std() > 1
    side = particles.turned(edge_on(particles)).stars.position_kpc
    assert side[:, 1].std() < 0.25
    with pytest.raises(ValueError, match="is not an orthogonal matrix"):
        particles.turned(np.ones((3, 3)))
    with pytest.raises(ValueError, match="velocity_km_s: is not known of g"):
        face_on(galaxy(velocity_km_s=None))


def test_random_views_are_uniform():
    up = np.array([random_rotation(0, i)[2, 2] for i in range(2000)])
    assert kstest(up, "uniform", (-1, 2)).pvalue > 1e-3


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"age_yr": np.ones(3)}, r"age_yr: has the shape \(3,\) for 300"),
        ({"metallicity": np.full(300, np.nan)}, "metallicity: is not finite in 300 places"),
        ({"initial_mass": -np.ones(300)}, "initial_mass: has -1"),
        ({"position_kpc": np.ones((300, 2))}, "position_kpc: has the shape"),
    ],
)
def test_wrong_particles(wrong, says):
    with pytest.raises(ValueError, match=says):
        galaxy(**wrong)


@pytest.fixture
def particle_source(tmp_path, planck):
    path = tmp_path / "p.h5"
    write_particles(path, [galaxy(name="a"), galaxy(200, name="b"), galaxy(5, name="few")])
    return open_particles(path, ParticleSettings(), planck)


def test_particles_become_images(particle_source):
    settings = ParticleImageSettings(
        rest_um=(0.15, 0.4, 50.0, 158.0), n_pixels=128, pixel_kpc=0.25, dust_k=40.0
    )
    images = ParticleImages(particle_source, settings, built_in()).read(0, 2)
    assert (images.unit, images.synthetic, images.names) == ("erg s-1 Hz-1", False, ("a", "b"))
    stars = particle_source.read(0).stars
    light = built_in().luminosity(stars.age_yr, stars.metallicity, stars.initial_mass, [0.15, 0.4])
    tau = optical_depth(particle_source.read(0), settings.dust)
    expected = (light * np.exp(-tau[:, None] * 0.55 / np.array([0.15, 0.4]))).sum(0)
    np.testing.assert_allclose(images.flux[0, :2].sum((1, 2)), expected, rtol=1e-4)
    # What dust takes, in fine steps of wavelength, is what it gives.
    waves = np.geomspace(0.0912, 3.0, 1500)
    bare = built_in().luminosity(stars.age_yr, stars.metallicity, stars.initial_mass, waves)
    taken = absorbed_power(bare, waves, tau).sum()
    given = images.flux[0, 2:].sum((1, 2)) / dust_spectrum(np.array([50.0, 158.0]), 40.0)
    np.testing.assert_allclose(given, taken, rtol=0.02)
    assert taken < np.trapezoid(bare.sum(0) * LIGHT_UM_HZ / waves, np.log(waves))


def test_dust_is_brighter_from_where_there_is_more_of_it(particle_source):
    def light(view, **other):
        settings = ParticleImageSettings(
            rest_um=(0.15,), n_pixels=96, pixel_kpc=0.25, view=view, **other
        )
        return ParticleImages(particle_source, settings, built_in()).read(0, 1).flux[0, 0]

    bare = light("face-on", dust=None)
    assert light("edge-on").sum() < light("face-on").sum() < bare.sum()
    x = np.arange(96) - 47.5

    def width(image, axis):
        return np.sqrt((image.sum(axis) * x**2).sum() / image.sum())

    flat = light("edge-on", dust=None)
    assert width(flat, 1) < 0.4 * width(flat, 0)
    np.testing.assert_array_equal(light("random", seed=1), light("random", seed=1))
    assert not np.array_equal(light("random", seed=1), light("random", seed=2))


def test_light_of_the_file(tmp_path, planck):
    path = tmp_path / "p.h5"
    given = RNG.exponential(size=(300, 2)) * 1e26
    write_particles(path, [galaxy(luminosity=given)])
    source = open_particles(path, ParticleSettings(), planck)
    settings = ParticleImageSettings(rest_um=(0.15, 0.4), n_pixels=128, pixel_kpc=0.3, dust=None)
    flux = ParticleImages(source, settings, None).read(0, 1).flux
    np.testing.assert_allclose(flux.sum((2, 3))[0], given.sum(0), rtol=1e-4)
    three = ParticleImageSettings(rest_um=(0.15, 0.3, 0.4), n_pixels=16, dust=None)
    with pytest.raises(InputError, match=r"g.luminosity: has the shape \(300, 2\)"):
        ParticleImages(source, three, None).read(0, 1)
    with pytest.raises(SettingProblem, match="the light that dust takes is not known"):
        ParticleImages(source, ParticleImageSettings(), None)
    with pytest.raises(SettingProblem, match="dust: is none"):
        ParticleImageSettings(dust=None)


def test_a_view_needs_velocities(tmp_path, planck):
    path = tmp_path / "p.h5"
    write_particles(path, [galaxy(velocity_km_s=None)])
    source = open_particles(path, ParticleSettings(), planck)
    images = ParticleImages(source, ParticleImageSettings(view="face-on"), built_in())
    with pytest.raises(InputError, match='set view to "z" or "random"'):
        images.read(0, 1)
