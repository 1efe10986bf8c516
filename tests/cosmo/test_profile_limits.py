"""Halo gas where something vanishes; slopes; shapes of arrays; single precision."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from astropy.cosmology import Planck18

from cosmo.halos import Halo, mean_density, radius_kpc
from cosmo.profiles import (
    Adiabatic,
    BetaModel,
    Gas,
    ModifiedNFW,
    PowerLaw,
    Tabulated,
    Vikhlinin,
    dm_from_inside,
    dm_rest,
    electron_density,
    gas_mass,
)

RADIUS = 300.0
X = np.geomspace(1e-3, 1.2, 40)
PROFILES = [
    ModifiedNFW(),
    ModifiedNFW(0.0, 1.0),
    Adiabatic(),
    BetaModel(),
    Vikhlinin(),
    PowerLaw(),
    Tabulated(X, (1 + (X / 0.1) ** 2) ** -1.0),
]
KIND = [type(profile).__name__ for profile in PROFILES]
HALO = Halo(3e12, RADIUS, 8.0)
DENSITY = mean_density("200c", 0.2, Planck18)


@pytest.mark.parametrize("edge", [None, 0.1])
@pytest.mark.parametrize("profile", PROFILES, ids=KIND)
def test_the_middle_is_finite_and_beyond_the_edge_is_nothing(profile, edge):
    gas = Gas(profile, 0.16, edge=edge)
    end = RADIUS * (1 + (edge or 0))
    impact = np.array([0.0, 1e-9 * RADIUS, 1.001 * end, 50 * end])
    middle, near, *outside = np.asarray(dm_rest(gas, HALO, impact))
    inside = np.asarray(dm_from_inside(gas, HALO, impact, 0.0))
    density = np.asarray(electron_density(gas, HALO, impact))
    assert np.isfinite(middle)
    assert middle > 0
    assert middle == near
    assert outside == [0, 0]
    assert inside == pytest.approx([middle / 2, near / 2, 0, 0], rel=1e-6)
    assert np.isfinite(density[:2]).all()
    assert (density[2:] == 0).all()
    assert float(gas_mass(gas, HALO, 0.0)) == 0


@pytest.mark.parametrize("x64", [False, True])
def test_a_sightline_that_touches_the_edge_crosses_nothing(x64):
    with jax.enable_x64(x64):
        assert float(dm_rest(Gas(ModifiedNFW(), 0.16), HALO, RADIUS)) == 0
        assert float(dm_rest(Gas(ModifiedNFW(), 0.16), HALO, 0.0)) > 0


def test_a_cored_middle_is_the_limit_of_what_is_near():
    with jax.enable_x64(True):
        for profile in (ModifiedNFW(), BetaModel(), PowerLaw()):
            dm = np.asarray(dm_rest(Gas(profile, 0.16), HALO, jnp.asarray([0.0, 1e-4 * RADIUS])))
            assert dm[0] == pytest.approx(dm[1], rel=1e-4)


def test_a_soft_edge_becomes_a_sharp_one():
    impact = jnp.asarray([0.05, 0.5, 0.9]) * RADIUS
    for renormalise in (False, True):
        with jax.enable_x64(True):
            sharp = dm_rest(Gas(ModifiedNFW(), 0.16, renormalise=renormalise), HALO, impact)
            errors = [
                np.abs(
                    np.asarray(
                        dm_rest(
                            Gas(ModifiedNFW(), 0.16, edge=edge, renormalise=renormalise),
                            HALO,
                            impact,
                        )
                        / sharp
                    )
                    - 1
                ).max()
                for edge in (0.1, 0.01, 0.001)
            ]
        # To the second order: as much is lost before the edge as is gained beyond it.
        assert errors[1] < errors[0] / 30
        assert errors[2] < 1e-5


VALUES = {
    "f_hot": 0.7,
    "alpha": 1.8,
    "y0": 2.2,
    "r_max": 1.1,
    "edge": 0.2,
    "log_mass": 13.2,
    "concentration": 6.5,
}


@partial(jax.jit, static_argnums=1)
def model(values, renormalise):
    """The gas of a halo whose radius follows from its mass."""
    gas = Gas(
        ModifiedNFW(values["alpha"], values["y0"]),
        0.158,
        values["f_hot"],
        values["r_max"],
        values["edge"],
        renormalise,
    )
    mass = 10 ** values["log_mass"]
    halo = Halo(mass, radius_kpc(mass, DENSITY), values["concentration"])
    return dm_rest(gas, halo, values["impact"])


slopes_of = jax.jit(jax.grad(model), static_argnums=1)


@pytest.mark.parametrize("renormalise", [False, True])
@pytest.mark.parametrize("impact", [0.0, 3.0, 40.0, 250.0, 560.0, 5000.0])
def test_slopes_are_those_of_differences(impact, renormalise):
    values = VALUES | {"impact": impact}
    with jax.enable_x64(True):
        slopes = slopes_of(values, renormalise)
        for name, at in values.items():
            step = 1e-5 * max(at, 1.0)
            # At the centre nothing changes to the first order.
            low = max(at - step, 0.0)
            rise = model(values | {name: at + step}, renormalise)
            rise -= model(values | {name: low}, renormalise)
            expected = float(rise) / (at + step - low)
            assert np.isfinite(slopes[name]), name
            if name == "impact" and impact == 0:
                assert abs(float(slopes[name])) < 1e-6
                continue
            assert float(slopes[name]) == pytest.approx(expected, rel=2e-5, abs=1e-6), name
    if impact == 5000:
        assert all(float(slope) == 0 for slope in slopes.values())


@pytest.mark.parametrize(
    ("profile", "edge"), [(PROFILES[0], None), *((profile, 0.2) for profile in PROFILES)]
)
def test_slopes_are_finite_everywhere(profile, edge):
    impact = jnp.asarray([0.0, 1e-6, 1.0, 100.0, RADIUS, 1.2 * RADIUS, 400.0, 1e4])

    def total(gas, halo, impact):
        return jnp.sum(dm_rest(gas, halo, impact))

    gas = jax.tree.map(jnp.asarray, Gas(profile, 0.16, edge=edge))
    slopes = jax.jit(jax.grad(total, argnums=(0, 1, 2)))(
        gas, jax.tree.map(jnp.asarray, HALO), impact
    )
    for leaf in jax.tree.leaves(slopes):
        assert np.isfinite(leaf).all()


def test_halos_and_draws_are_broadcast():
    rng = np.random.default_rng(0)
    mass, c = 10 ** rng.uniform(11, 14, (5, 1)), rng.uniform(3, 12, (5, 7))
    impact, alpha, f_hot = rng.uniform(0, 300, (5, 1)), rng.uniform(0.5, 3, 7), rng.uniform(0, 1, 7)
    r_max = rng.uniform(0.8, 2, (2, 1, 1))
    with jax.enable_x64(True):
        radius = radius_kpc(mass, DENSITY)
        gas = Gas(ModifiedNFW(alpha, 2.0), 0.16, f_hot, r_max, 0.1)
        together = dm_rest(gas, Halo(mass, radius, c), impact)
        inside = dm_from_inside(gas, Halo(mass, radius, c), impact, 20.0)
        masses = gas_mass(gas, Halo(mass, radius, c), 90.0)
        assert together.shape == inside.shape == masses.shape == (2, 5, 7)
        for k, i, j in [(0, 0, 0), (1, 4, 6), (0, 2, 3), (1, 3, 1)]:
            one = Gas(ModifiedNFW(alpha[j], 2.0), 0.16, f_hot[j], r_max[k, 0, 0], 0.1)
            halo = Halo(mass[i, 0], radius[i, 0], c[i, j])
            alone = dm_rest(one, halo, impact[i, 0])
            assert alone.shape == ()
            assert float(together[k, i, j]) == pytest.approx(float(alone), rel=1e-12)
            alone = dm_from_inside(one, halo, impact[i, 0], 20.0)
            assert float(inside[k, i, j]) == pytest.approx(float(alone), rel=1e-12)
            alone = gas_mass(one, halo, 90.0)
            assert float(masses[k, i, j]) == pytest.approx(float(alone), rel=1e-12)


def test_parameters_of_draws_may_meet_one_halo():
    core = np.array([[0.05], [0.1]])
    with jax.enable_x64(True):
        together = dm_rest(Gas(BetaModel(core), 0.16), HALO, np.array([1.0, 50.0, 200.0]))
        alone = dm_rest(Gas(BetaModel(0.1), 0.16), HALO, 50.0)
    assert together.shape == (2, 3)
    assert float(together[1, 1]) == pytest.approx(float(alone), rel=1e-12)


@pytest.mark.parametrize("edge", [None, 0.1])
def test_single_precision_is_enough(edge):
    rng = np.random.default_rng(1)
    mass, c = 10 ** rng.uniform(11, 15, 400), rng.uniform(2, 25, 400)
    x = 10 ** rng.uniform(-4, -0.05, 400)

    def column():
        radius = radius_kpc(mass, DENSITY)
        gas = Gas(ModifiedNFW(), 0.16, edge=edge)
        return np.asarray(dm_rest(gas, Halo(mass, radius, c), jnp.asarray(x) * radius))

    single = column()
    with jax.enable_x64(True):
        double = column()
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=1e-4)


def test_a_table_is_the_profile_that_it_was_made_of():
    x = np.geomspace(1e-4, 1.0, 200)
    table = Gas(Tabulated(x, 7.0 * np.asarray((1 + (x / 0.1) ** 2) ** -1.0)), 0.16)
    impact = jnp.asarray([0.001, 0.05, 0.4, 0.95]) * RADIUS
    with jax.enable_x64(True):
        found = dm_rest(table, HALO, impact)
        beyond = dm_rest(Gas(table.profile, 0.16, r_max=2.0), HALO, impact)
        expected = dm_rest(Gas(BetaModel(0.1, 2 / 3), 0.16), HALO, impact)
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    # Nothing is known, and so nothing is, beyond the table.
    np.testing.assert_allclose(beyond, found, rtol=1e-12)
