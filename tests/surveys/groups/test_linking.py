"""Friends-of-friends against a loop over all pairs, and linking lengths against formulas."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.cosmology import LambdaCDM, Planck18
from hypothesis import example, given
from hypothesis import strategies as st

from surveys.groups.linking import Distances, Linking, friends_of_friends
from surveys.groups.selection import Schechter


def all_pairs(ra, dec, distance, across, along) -> list[int]:
    """Union-find over every pair; angles by the haversine."""
    root = list(range(len(ra)))

    def find(i: int) -> int:
        while root[i] != i:
            i = root[i]
        return i

    ra, dec = np.deg2rad(ra), np.deg2rad(dec)
    for i in range(len(ra)):
        for j in range(i):
            square = np.sin((dec[i] - dec[j]) / 2) ** 2
            square += np.cos(dec[i]) * np.cos(dec[j]) * np.sin((ra[i] - ra[j]) / 2) ** 2
            angle = 2 * np.arcsin(min(1.0, np.sqrt(square)))
            near = angle <= 0.5 * (across[i] / distance[i] + across[j] / distance[j])
            if near and abs(distance[i] - distance[j]) <= 0.5 * (along[i] + along[j]):
                root[find(i)] = find(j)
    return [find(i) for i in range(len(ra))]


def same_partition(a, b) -> bool:
    pairs = set(zip(map(int, a), map(int, b), strict=True))
    return len(pairs) == len({p for p, _ in pairs}) == len({q for _, q in pairs})


@example(seed=46, n=46, where="sky", across=6.0, along=3.0, grows=-1.0)  # longer than the sky
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 60),
    where=st.sampled_from(["wrap", "north", "south", "field", "sky"]),
    across=st.floats(0.05, 50.0),
    along=st.floats(0.1, 300.0),
    grows=st.floats(-1.0, 2.0),
)
def test_every_pair_is_looked_at(seed, n, where, across, along, grows):
    """Across the wrap of RA, over the poles, all around, for lengths that change with z."""
    rng = np.random.default_rng(seed)
    ra = rng.uniform(-2, 2, n) % 360
    dec = rng.uniform(-2, 2, n)
    if where in ("north", "south"):
        ra = rng.uniform(0, 360, n)
        dec = rng.uniform(87, 90, n) * (1 if where == "north" else -1)
    elif where == "field":
        ra += 120
    elif where == "sky":
        ra, dec = rng.uniform(0, 360, n), np.rad2deg(np.arcsin(rng.uniform(-1, 1, n)))
    distance = rng.uniform(20, 900, n)
    scale = (distance / 300) ** grows
    ours = friends_of_friends(ra, dec, distance, across * scale, along * scale)
    assert same_partition(ours, all_pairs(ra, dec, distance, across * scale, along * scale))


@pytest.mark.parametrize(
    ("across", "along", "linked"),
    [(0.999, 0.9, True), (1.001, 0.9, False), (0.9, 0.999, True), (0.9, 1.001, False)],
)
def test_a_pair_at_the_edge_of_either_length(across, along, linked):
    """Lengths are the means of the two: of angles across, of Mpc along the line of sight."""
    distance = np.array([400.0, 400.0 + along * 5.5])
    angle = across * 0.5 * (0.5 / distance[0] + 0.6 / distance[1])
    ra = [0.0, np.rad2deg(angle)]
    label = friends_of_friends(ra, [0.0, 0.0], distance, [0.5, 0.6], [5.0, 6.0])
    assert (label[0] == label[1]) == linked


def test_too_long_a_length_is_refused_before_it_fills_the_memory():
    n = 20_000
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(0, 1, n), rng.uniform(0, 1, n)
    with pytest.raises(ValueError, match=r"transverse linking length .* deg joins more than"):
        friends_of_friends(ra, dec, np.full(n, 500.0), np.full(n, 100.0), np.full(n, 5.0))


def test_lengths_in_mpc_km_s_and_separations():
    z = np.array([0.05, 0.1, 0.4])
    distances = Distances(Planck18, 0.4)
    across, along = Linking(0.5, 300.0, line_of_sight_unit="km/s").lengths_mpc(z, distances)
    np.testing.assert_allclose(across, 0.5)
    # dz = v (1 + z) / c, and d(distance) = c dz / H
    np.testing.assert_allclose(along, 300 * (1 + z) / Planck18.H(z).value, rtol=1e-6)

    density = Schechter(19.5, -21.0, -1.0, 0.005, Planck18)
    linking = Linking(0.13, 1.43, "separation", "separation", density)
    across, along = linking.lengths_mpc(z, distances)
    np.testing.assert_allclose(across, 0.13 * density(z) ** (-1 / 3))
    np.testing.assert_allclose(along / across, 11.0)

    linking = Linking(0.13, 1.43, "separation", "separation", density, longest_mpc=0.8)
    across, along = linking.lengths_mpc(z, distances)
    np.testing.assert_allclose(across[-1], 0.8 * 1.4)
    np.testing.assert_allclose(along / across, 11.0)

    linking = Linking(0.5, 300.0, "Mpc", "km/s", density, reference_z=0.1)
    across, _ = linking.lengths_mpc(z, distances)
    assert across[1] == pytest.approx(0.5)
    np.testing.assert_allclose(across, 0.5 * (density(z) / density(np.array([0.1]))) ** (-1 / 3))
    assert across[0] < across[1] < across[2]


def test_distances_are_those_of_astropy():
    distances = Distances(Planck18, 1.0)
    z = np.array([0.003, 0.1, 0.5, 1.0])
    np.testing.assert_allclose(distances(z), Planck18.comoving_distance(z).value, rtol=1e-9)
    with pytest.raises(ValueError, match="Ok0"):
        Distances(LambdaCDM(70, 0.3, 0.5), 1.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"transverse": 0.0}, "transverse is 0.0"),
        ({"line_of_sight": float("nan")}, "line_of_sight is nan"),
        ({"transverse_unit": "kpc"}, "transverse_unit is 'kpc'"),
        ({"line_of_sight_unit": "m/s"}, "line_of_sight_unit is 'm/s'"),
        ({"transverse_unit": "separation"}, "density is None"),
        ({"reference_z": 0.1}, "density is None"),
        ({"longest_mpc": -1.0}, "longest_mpc is -1.0"),
    ],
)
def test_linking_lengths_that_cannot_be(arguments, words):
    with pytest.raises(ValueError, match=words):
        Linking(**({"transverse": 0.5, "line_of_sight": 5.0} | arguments))


def test_separations_on_the_sky_are_those_of_astropy():
    """Linked at 1.001 times the separation that SkyCoord says, and not at 0.999."""
    rng = np.random.default_rng(8)
    for _ in range(50):
        ra, dec = rng.uniform(0, 360, 2), np.rad2deg(np.arcsin(rng.uniform(-1, 1, 2)))
        a, b = SkyCoord(ra, dec, unit="deg")
        angle = a.separation(b).rad
        for factor, n_labels in ((1.001, 1), (0.999, 2)):
            across = np.full(2, 300.0 * angle * factor)
            label = friends_of_friends(ra, dec, np.full(2, 300.0), across, np.ones(2))
            assert len(set(label)) == (n_labels if angle * factor < np.pi else 1)
