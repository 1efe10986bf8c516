"""Files of particles: each is written in the units of its code, and read in kpc, Msun and yr."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from astropy import units as u

from surveys.errors import InputError, SettingProblem
from surveys.images.opening import open_particles
from surveys.images.particle_files import ParticleSettings, write_particles
from surveys.images.particles import Gas, Particles, Stars
from surveys.images.snapshots import densest

RNG = np.random.default_rng(2)
Z, H = 5.0, 0.6777
N, N_GAS = 150, 60
KPC, MPC = 3.0856775814913673e21, 3.0856775814913673e24
MSUN, SFR = 1.988409870698051e33, 1.988409870698051e33 / 3.15576e7


def one(seed=0):
    """A galaxy around its densest part, whose oldest stars were born at z = 8."""
    rng = np.random.default_rng(seed)
    stars = Stars(
        rng.normal(size=(N, 3)), rng.uniform(0.1, 0.5, N), rng.uniform(1e6, 2e6, N),
        rng.uniform(1e6, 5e8, N), rng.uniform(0, 0.02, N), rng.normal(size=(N, 3)) * 100,
    )  # fmt: skip
    gas = Gas(
        rng.normal(size=(N_GAS, 3)), rng.uniform(0.1, 0.5, N_GAS), rng.uniform(1e6, 2e6, N_GAS),
        rng.uniform(0, 0.02, N_GAS), rng.uniform(0, 1, N_GAS),
    )  # fmt: skip
    return Particles(f"g{seed}", Z, stars, gas)


def same(read, written, shift=True):
    """Particles are equal, but for where the middle is."""
    for kind in ("stars", "gas"):
        a, b = getattr(read, kind), getattr(written, kind)
        for name in vars(b):
            if getattr(b, name) is None or name == "position_kpc":
                continue
            np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=2e-4, atol=1e-3)
    move = written.stars.position_kpc[0] - read.stars.position_kpc[0]
    assert np.linalg.norm(move) < (1.5 if shift else 1e-6)
    for kind in ("stars", "gas"):
        a, b = getattr(read, kind).position_kpc, getattr(written, kind).position_kpc
        np.testing.assert_allclose(a + move, b, atol=1e-3)


def test_our_own_layout(tmp_path, planck):
    path = tmp_path / "p.h5"
    galaxies = [one(0), one(1)]
    write_particles(path, galaxies)
    source = open_particles(path, ParticleSettings(), planck)
    assert (source.names, len(source)) == (("g0", "g1"), 2)
    np.testing.assert_array_equal(source.redshift, [Z, Z])
    for i, galaxy in enumerate(galaxies):
        same(source.read(i), galaxy, shift=False)
    assert list(tmp_path.iterdir()) == [path]
    near = open_particles(path, ParticleSettings(aperture_kpc=1.0), planck).read(0)
    inside = (galaxies[0].stars.position_kpc ** 2).sum(1) < 1
    assert len(near.stars) == inside.sum()
    assert near.stars.velocity_km_s.shape == (inside.sum(), 3)
    bare = Particles("bare", Z, galaxies[0].stars)
    write_particles(path, [bare])
    assert len(open_particles(path, ParticleSettings(), planck).read(0).gas) == 0


@pytest.fixture
def flares_file(tmp_path):
    """Two galaxies of a region, after one of few stars."""
    path = tmp_path / "flares.hdf5"
    galaxies = [one(0), one(1)]
    centre = np.array([[1500.0, 1600.0, 1700.0], [1501.0, 1602.0, 1703.0]])
    with h5py.File(path, "w") as file:
        at = file.create_group("00/010_z005p000")
        group, part = at.create_group("Galaxy"), at.create_group("Particle")
        few = 4
        group["S_Length"], group["G_Length"] = [few, N, N], [1, N_GAS, N_GAS]
        group["COP"] = np.concatenate([[[1.0, 1, 1]], centre]).T
        stars, gas = ([getattr(g, k) for g in galaxies] for k in ("stars", "gas"))

        def put(key, values, first, scale):
            parts = [np.full((first, *np.shape(values[0])[1:]), 7.0), *values]
            stacked = np.concatenate(parts) * scale
            part[key] = stacked.T if stacked.ndim == 2 else stacked

        def comoving(parts):
            return [p.position_kpc * (1 + Z) / 1e3 + c for p, c in zip(parts, centre, strict=True)]

        put("S_Coordinates", comoving(stars), few, 1.0)
        put("S_sml", [s.smoothing_kpc for s in stars], few, 1e-3)
        put("S_MassInitial", [s.initial_mass for s in stars], few, 1e-10)
        put("S_Age", [s.age_yr for s in stars], few, 1e-9)
        put("S_Z_smooth", [s.metallicity for s in stars], few, 1.0)
        put("S_Vel", [s.velocity_km_s for s in stars], few, 1.0)
        put("G_Coordinates", comoving(gas), 1, 1.0)
        put("G_sml", [g.smoothing_kpc for g in gas], 1, 1e-3)
        put("G_Mass", [g.mass for g in gas], 1, 1e-10)
        put("G_Z_smooth", [g.metallicity for g in gas], 1, 1.0)
        put("G_SFR", [g.star_formation_rate for g in gas], 1, 1.0)
    return path, galaxies


def test_a_master_file_of_flares(flares_file, planck):
    path, galaxies = flares_file
    source = open_particles(path, ParticleSettings(), planck)
    assert source.names == ("00-1", "00-2")
    np.testing.assert_array_equal(source.redshift, [Z, Z])
    for i, galaxy in enumerate(galaxies):
        same(source.read(i), galaxy, shift=False)


def test_snapshots_of_flares_have_to_be_chosen(flares_file, planck):
    path, _ = flares_file
    with h5py.File(path, "r+") as file:
        file.copy("00/010_z005p000", "00/008_z007p500")
    with pytest.raises(
        InputError, match="is one of 008_z007p500, 010_z005p000; say which with tag"
    ):
        open_particles(path, ParticleSettings(), planck)
    source = open_particles(path, ParticleSettings(tag="008_z007p500"), planck)
    assert source.redshift[0] == 7.5
    with pytest.raises(InputError, match="tag: 'z5' is not in the file"):
        open_particles(path, ParticleSettings(tag="z5"), planck)
    with h5py.File(path, "r+") as file:
        del file["00/010_z005p000/Particle/S_Age"]
    source = open_particles(path, ParticleSettings(tag="010_z005p000"), planck)
    with pytest.raises(InputError, match="Particle/S_Age: is missing"):
        source.read(0)


def born(galaxy, cosmology):
    """Scale factors at which stars were born."""
    a = np.linspace(0.08, 1 / (1 + Z), 600)
    age = cosmology.age(1 / a - 1).to_value(u.yr)
    return np.interp(age[-1] - galaxy.stars.age_yr, age, a)


def put(group, key, values, cgs, a_exponent, h_exponent, keys):
    """Store values that are in proper CGS."""
    a = 1 / (1 + Z)
    group[key] = values / (cgs * a**a_exponent * H**h_exponent)
    group[key].attrs.update(dict(zip(keys, (cgs, a_exponent, h_exponent), strict=False)))


@pytest.fixture
def eagle_file(tmp_path, planck):
    """Two galaxies; the first lies across the edge of the box. Lengths are in Mpc a / h."""
    path = tmp_path / "snap.hdf5"
    galaxies = [one(0), one(1)]
    a, box = 1 / (1 + Z), 25.0
    centre = np.array([[0.001, 12.0, 24.999], [5.0, 6.0, 7.0]])  # cMpc / h
    keys = ("CGSConversionFactor", "aexp-scale-exponent", "h-scale-exponent")
    with h5py.File(path, "w") as file:
        head = file.create_group("Header").attrs
        head.update({"Redshift": Z, "ExpansionFactor": a, "HubbleParam": H, "BoxSize": box})
        for kind, name in ((4, "stars"), (0, "gas")):
            parts = [getattr(g, name) for g in galaxies]
            group = file.create_group(f"PartType{kind}")
            place = [
                (p.position_kpc / 1e3 / a * H + c) % box for p, c in zip(parts, centre, strict=True)
            ]
            group["Coordinates"] = np.concatenate(place)
            group["Coordinates"].attrs.update(dict(zip(keys, (MPC, 1.0, -1.0), strict=True)))

            def all_of(key, parts=parts):
                return np.concatenate([getattr(p, key) for p in parts])

            put(group, "SmoothingLength", all_of("smoothing_kpc") * KPC, MPC, 1.0, -1.0, keys)
            put(group, "SmoothedMetallicity", all_of("metallicity"), 1.0, 0.0, 0.0, keys)
            n = len(parts[0].position_kpc)
            group["GroupNumber"] = np.repeat([3, -3], [2 * n, 0])
            group["SubGroupNumber"] = np.repeat([0, 1], n)
            mass = "initial_mass" if kind == 4 else "mass"
            key = "InitialMass" if kind == 4 else "Mass"
            put(group, key, all_of(mass) * MSUN, 1.989e43, 0.0, -1.0, keys)
            if kind == 4:
                group["StellarFormationTime"] = np.concatenate([born(g, planck) for g in galaxies])
                put(group, "Velocity", all_of("velocity_km_s") * 1e5, 1e5, 0.5, 0.0, keys)
            else:
                put(
                    group,
                    "StarFormationRate",
                    all_of("star_formation_rate") * SFR,
                    6.3e25,
                    0.0,
                    0.0,
                    keys,
                )
    return path, galaxies


def test_a_snapshot_of_eagle(eagle_file, planck):
    path, galaxies = eagle_file
    source = open_particles(path, ParticleSettings(), planck)
    assert source.names == ("3-0", "3-1")
    for i, galaxy in enumerate(galaxies):
        same(source.read(i), galaxy)
    few = ParticleSettings(least_stars=N + 1)
    with pytest.raises(InputError, match="has no galaxy of 151 stars or more"):
        open_particles(path, few, planck)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda f: f["Header"].attrs.pop("HubbleParam"), "Header.HubbleParam: is missing"),
        (
            lambda f: f["PartType4/InitialMass"].attrs.pop("h-scale-exponent"),
            "h-scale-exponent: is",
        ),
        (lambda f: f.pop("PartType0/SmoothingLength"), "PartType0/SmoothingLength: is missing"),
        (
            lambda f: f["PartType4/StellarFormationTime"].write_direct(np.ones(2 * N)),
            "has 1 to 1 in",
        ),
    ],
)
def test_snapshots_that_lack_something(eagle_file, planck, edit, says):
    path, _ = eagle_file
    with h5py.File(path, "r+") as file:
        edit(file)
    with pytest.raises(InputError, match=says) as error:
        open_particles(path, ParticleSettings(), planck).read(0)
    assert "\n" not in str(error.value)


def test_a_snapshot_of_swift(tmp_path, planck):
    """Lengths are in Mpc a; smoothing lengths are 2 sigma, and the kernel ends at 1.936 of them."""
    path, galaxy, a = tmp_path / "swift.hdf5", one(3), 1 / (1 + Z)
    keys = (
        "Conversion factor to CGS (not including cosmological corrections)",
        "a-scale exponent",
        "h-scale exponent",
    )
    with h5py.File(path, "w") as file:
        head = file.create_group("Header").attrs
        head.update({"Redshift": [Z], "Code": np.bytes_("SWIFT"), "BoxSize": [50.0] * 3})
        file.create_group("HydroScheme").attrs["Kernel gamma"] = [1.936492]
        for kind, part in ((4, galaxy.stars), (0, galaxy.gas)):
            group = file.create_group(f"PartType{kind}")

            def store(key, values, cgs, exponent, group=group):
                group[key] = values / (cgs * a**exponent)
                group[key].attrs.update({keys[0]: [cgs], keys[1]: [exponent], keys[2]: [0.0]})

            store("Coordinates", (part.position_kpc / 1e3 / a + 20) * a * MPC, MPC, 1.0)
            store("SmoothingLengths", part.smoothing_kpc * KPC / 1.936492, MPC, 1.0)
            store("MetalMassFractions", part.metallicity, 1.0, 0.0)
            group["FOFGroupIDs"] = np.full(len(part.position_kpc), 8)
            if kind == 4:
                store("InitialMasses", part.initial_mass * MSUN, 1.98841e43, 0.0)
                store("Velocities", part.velocity_km_s * 1e5, 1e5, 0.0)
                group["BirthScaleFactors"] = born(galaxy, planck)
            else:
                store("Masses", part.mass * MSUN, 1.98841e43, 0.0)
                rate = part.star_formation_rate.copy()
                rate[:5] = -0.1
                store("StarFormationRates", rate * SFR, 6.44e23, 0.0)
    read = open_particles(path, ParticleSettings(), planck).read(0)
    assert read.name == "8"
    assert not read.gas.star_formation_rate[:5].any()
    galaxy.gas.star_formation_rate[:5] = 0
    same(read, galaxy)


def test_the_densest_part_is_the_middle():
    clump, rest = RNG.normal(size=(500, 3)) * 0.1, RNG.normal(size=(2000, 3)) * 3 + 4
    middle = densest(np.concatenate([clump, rest]))
    assert np.linalg.norm(middle) < 0.1
    np.testing.assert_array_equal(densest(np.zeros((3, 3))), np.zeros(3))
    np.testing.assert_array_equal(densest(np.ones((100, 3))), np.ones(3))


def test_files_of_no_particles(tmp_path, planck):
    def says(path, text):
        with pytest.raises(InputError, match=text):
            open_particles(path, ParticleSettings(), planck)

    says(tmp_path / "absent.h5", "is not there")
    (tmp_path / "text.h5").write_text("particles")
    says(tmp_path / "text.h5", "is no whole HDF5 file")
    with h5py.File(tmp_path / "empty.h5", "w"):
        pass
    says(tmp_path / "empty.h5", "layout: is not known; give particles of FLARES, EAGLE, SWIFT")
    write_particles(tmp_path / "p.h5", [one()])
    with h5py.File(tmp_path / "p.h5", "r+") as file:
        del file["g0"].attrs["redshift"]
    says(tmp_path / "p.h5", r"g0\.redshift: is missing")
    write_particles(tmp_path / "p.h5", [one()])
    with h5py.File(tmp_path / "p.h5", "r+") as file:
        file["g0/stars/metallicity"][3] = np.nan
    source = open_particles(tmp_path / "p.h5", ParticleSettings(), planck)
    with pytest.raises(InputError, match="galaxy g0: metallicity: is not finite in 1 places"):
        source.read(0)
    with pytest.raises(SettingProblem, match="least_stars: is 0"):
        ParticleSettings(least_stars=0)
