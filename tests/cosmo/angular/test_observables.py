"""Tracers: integrals by quadrature, limits, CCL's kernels, Limber's spectra, slopes."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from cosmo.angular import accuracy, planning
from cosmo.angular.fftlog import Modes
from cosmo.angular.nodes import lagrange
from cosmo.angular.observables import (
    LocalNonGaussianity,
    clustering,
    cmb_lensing,
    galaxy_lensing,
    isw,
    primordial_bias,
    with_growth,
)
from cosmo.angular.redshifts import gaussian_nz, tabulated_nz
from cosmo.angular.tracers import FACTORS, Tracer
from cosmo.expansion import (
    HUBBLE_DISTANCE,
    Cosmology,
    background_from_table,
    background_of,
    comoving,
    cosmology_of,
    growth,
    growth_rate,
    hubble,
    recombination_redshift,
    redshift,
)
from cosmo.power.eisenstein_hu import eisenstein_hu

PLANCK = {"h": 0.6766, "omega_m": 0.3111, "omega_b": 0.0490, "n_s": 0.9665, "sigma8": 0.8102}
POISSON = 1.5 * PLANCK["omega_m"] / HUBBLE_DISTANCE**2


@pytest.fixture(scope="module")
def planck():
    with jax.enable_x64(True):
        return background_of(cosmology_of(PLANCK), 1200.0)


@pytest.fixture(scope="module")
def late():
    with jax.enable_x64(True):
        return background_of(cosmology_of(PLANCK), 12.0)


def at_rows(background, tracer):
    """The redshifts of a tracer's grid."""
    return np.asarray(redshift(background, tracer.chi))


def interpolated(tracer, kind, chi):
    first, weights = lagrange(np.asarray(tracer.chi), np.atleast_1d(chi))
    values = np.asarray(tracer.terms[kind])[first[..., None] + np.arange(weights.shape[-1])]
    return (values * weights).sum(-1)


def test_numbers_of_galaxies_add_up_to_one(late):
    with jax.enable_x64(True):
        for z_mean, sigma in ((0.1, 0.04), (1.0, 0.003), (1.5, 0.3)):
            tracer = clustering(late, gaussian_nz(z_mean, sigma), 2.0)
            total = np.trapezoid(tracer.terms["density"], tracer.chi)
            assert total == pytest.approx(2, rel=1e-4)


def test_six_points_give_a_window_back(late):
    with jax.enable_x64(True):
        nz = gaussian_nz(0.7, 0.02)
        tracer = clustering(late, nz, lambda z: 1 + z, rsd=True, magnification=0.9)
        z = np.linspace(0.57, 0.83, 4001)
        chi = np.asarray(comoving(late, z))
        numbers = np.asarray(nz(z) * hubble(late, z))
        wanted = {"density": (1 + z) * numbers, "rsd": np.asarray(growth_rate(late, z)) * numbers}
    for kind, weight in wanted.items():
        got = interpolated(tracer, kind, chi)
        np.testing.assert_allclose(got, weight, atol=1e-7 * weight.max())


@pytest.mark.parametrize("omega_k", [0.0, 0.08, -0.08])
def test_lensing_of_galaxies_is_the_double_integral(omega_k):
    with jax.enable_x64(True):
        c = cosmology_of(PLANCK | {"omega_k": omega_k})
        background = background_of(c, 5.0)
        nz = gaussian_nz(0.8, 0.1)
        shear = galaxy_lensing(background, nz)
        counts = clustering(background, nz, 1.0, magnification=lambda z: 0.5 + 0.3 * z)
        root = float(np.sqrt(np.abs(background.curvature)))

        def across(chi):
            shapes = {0.0: lambda x: x, 0.08: np.sinh, -0.08: np.sin}
            return shapes[omega_k](chi * root) / root if omega_k else chi

        def weight(chi, of_z):
            z0 = float(redshift(background, chi))

            def behind(z):
                there = float(comoving(background, z))
                return of_z(z) * float(nz(z)) * across(there - chi) / across(there)

            top = quad(behind, max(z0, 0.1), 1.5, epsabs=0, epsrel=1e-9, points=[0.8])[0]
            return POISSON * (1 + z0) * across(chi) * top

        for chi in (5.0, 400.0, 1500.0, 1900.0, 2200.0):
            wanted = weight(chi, lambda z: 1.0)
            assert interpolated(shear, "lensing", chi)[0] == pytest.approx(wanted, rel=2e-6)
            wanted = weight(chi, lambda z: 5 * (0.5 + 0.3 * z) - 2)
            assert interpolated(counts, "lensing", chi)[0] == pytest.approx(wanted, rel=2e-6)
    assert shear.factor == "shear"
    assert counts.factor == "none"


def test_galaxies_on_a_plane_are_lensed_as_a_plane_is(late):
    with jax.enable_x64(True):
        galaxies = galaxy_lensing(late, gaussian_nz(1.0, 1e-4), quantity="kappa")
        plane = cmb_lensing(late, comoving(late, 1.0))
        chi = np.linspace(5, 2200, 50)
        chi = chi[chi < 0.99 * float(plane.chi[-1])]
    got, wanted = (interpolated(t, "lensing", chi) for t in (galaxies, plane))
    np.testing.assert_allclose(got, wanted, rtol=1e-6)
    assert galaxies.factor == plane.factor == "none"


def test_the_cmb_is_lensed_by_all_in_front(planck):
    with jax.enable_x64(True):
        chi_star = comoving(planck, recombination_redshift(cosmology_of(PLANCK)))
        kappa, phi = (cmb_lensing(planck, chi_star, quantity) for quantity in ("kappa", "phi"))
        chi = np.geomspace(4, 0.9999 * float(chi_star), 300)
        z = np.asarray(redshift(planck, chi))
    wanted = POISSON * (1 + z) * chi * (1 - chi / float(chi_star))
    np.testing.assert_allclose(interpolated(kappa, "lensing", chi), wanted, rtol=1e-5)
    assert kappa.factor == "none"
    assert phi.factor == "potential"
    assert FACTORS["potential"](np.array([10.0])) == pytest.approx(2 / 110)


def test_alignments_oppose_lensing(late):
    with jax.enable_x64(True):
        nz = gaussian_nz(0.6, 0.05)
        alone = galaxy_lensing(late, nz)
        aligned = galaxy_lensing(late, nz, (0.7, 1.5, 0.62))
        z = at_rows(late, alone)
        change = (
            with_growth(aligned, growth(late, z)).terms["lensing"]
            - (with_growth(alone, growth(late, z)).terms["lensing"])
        )
        # Growth and its inverse cancel.
        numbers = np.asarray(nz(z) * hubble(late, z))
    wanted = -0.7 * 0.0134 * PLANCK["omega_m"] * ((1 + z) / 1.62) ** 1.5 * numbers
    np.testing.assert_allclose(change, wanted, atol=1e-12 * np.abs(wanted).max(), rtol=1e-9)


def test_potentials_of_matter_alone_do_not_change():
    eds = Cosmology(h=0.7, omega_m=1.0, omega_b=0.05, n_s=1.0, sigma8=0.8, t_cmb=0.0)
    with jax.enable_x64(True):
        background = background_of(eds, 12.0)
        weight = np.asarray(isw(background).terms["potential"])
        scale = 3 / HUBBLE_DISTANCE**3
    np.testing.assert_allclose(weight, 0, atol=1e-8 * scale)


def test_the_late_effect_is_the_change_of_the_potential(late):
    with jax.enable_x64(True):
        tracer = isw(late)
        got = with_growth(tracer, growth(late, at_rows(late, tracer)))
        chi = np.linspace(50, 6000, 40)
        ends = [np.asarray(redshift(late, chi + step)) for step in (-5.0, 5.0)]
        depth = [np.asarray(growth(late, z)) * (1 + z) for z in ends]
    # Twice the change along the way, of -3/2 Omega_m H0^2 (1 + z) D / k^2; time goes inwards.
    wanted = 2 * POISSON * (depth[1] - depth[0]) / 10
    np.testing.assert_allclose(interpolated(got, "potential", chi), wanted, rtol=1e-4)
    assert (wanted > 0).all()


def test_primordial_bias_is_dalals(late):
    with jax.enable_x64(True):
        nz = gaussian_nz(1.0, 0.1)
        bare = clustering(late, nz, 2.5, rsd=True)
        tracer = primordial_bias(bare, late, nz, 2.5, LocalNonGaussianity(3.0, 1.686, 1.6))
        z = at_rows(late, tracer)
        got = np.asarray(with_growth(tracer, growth(late, z)).terms["primordial"])
        # D / (1 + z)^-1 today of a constant and matter, by Heath's integral; radiation is 1e-3.
        m = PLANCK["omega_m"]
        today = 2.5 * m * quad(lambda a: (m / a + (1 - m) * a**2) ** -1.5, 0, 1)[0]
        numbers = np.asarray(nz(z) * hubble(late, z))
    assert set(tracer.terms) == {"density", "rsd", "primordial"}
    wanted = 2 * 3 * (2.5 - 1.6) * 1.686 * POISSON / today * numbers
    np.testing.assert_allclose(got, wanted, rtol=2e-3)


CCL = {"Omega_c": 0.2621, "Omega_b": 0.049, "h": 0.6766, "sigma8": 0.8102, "n_s": 0.9665}


@pytest.fixture(scope="module")
def ccl_cosmology():
    ccl = pytest.importorskip("pyccl")
    return ccl.Cosmology(**CCL, T_CMB=2.7255, Neff=3.044, transfer_function="eisenstein_hu")


def test_ccl_has_the_same_kernels(planck, ccl_cosmology):
    import pyccl as ccl

    z = np.linspace(0, 2.0, 2001)
    n, ones = np.exp(-0.5 * ((z - 0.7) / 0.15) ** 2), np.ones_like(z)
    with jax.enable_x64(True):
        nz = tabulated_nz(z, n)
        counts = clustering(planck, nz, 1.4, True, 0.7)
        plain, aligned = (galaxy_lensing(planck, nz, ia) for ia in (None, (1.0, 0.0, 0.6)))
        cmb = cmb_lensing(planck, comoving(planck, 1100.0))
        late = isw(planck, z_max=6.0)
        rows = at_rows(planck, counts)
        d, f, a = growth(planck, rows), growth_rate(planck, rows), 1 / (1 + rows)
        d, f = np.asarray(d), np.asarray(f)
    of_counts = ccl.NumberCountsTracer(
        ccl_cosmology, dndz=(z, n), bias=(z, ones), has_rsd=True, mag_bias=(z, 0.7 * ones)
    )
    of_shear = ccl.WeakLensingTracer(ccl_cosmology, dndz=(z, n), ia_bias=(z, ones))
    of_cmb = ccl.CMBLensingTracer(ccl_cosmology, z_source=1100.0)
    of_isw = ccl.ISWTracer(ccl_cosmology, z_max=6.0)
    chi, h = np.linspace(300, 2800, 200), CCL["h"]
    density, _, magnified = of_counts.get_kernel(chi / h) / h
    lensed, numbers = of_shear.get_kernel(chi / h) / h
    # What stands beside their kernels: -j'' is ours, and the rest of rsd and of alignments.
    rates = -of_counts.get_transfer(np.log([0.1]), a)[1, 0]
    answer = of_shear.get_transfer(np.log([0.1]), a)[1, 0]
    np.testing.assert_allclose(rates, f, rtol=2e-3)
    c1 = 5e-14 * 2.775e11
    np.testing.assert_allclose(answer, -c1 * PLANCK["omega_m"] / d, rtol=2e-3)
    changed = np.asarray(aligned.terms["lensing"]) - np.asarray(plain.terms["lensing"])
    alignment = Tracer(aligned.chi, {"lensing": changed * d})
    for got, wanted in (
        (interpolated(counts, "density", chi), 1.4 * density),
        (interpolated(counts, "lensing", chi), magnified),
        (interpolated(plain, "lensing", chi), lensed),
        (interpolated(alignment, "lensing", chi), -0.0134 * PLANCK["omega_m"] * numbers),
        (interpolated(cmb, "lensing", chi), of_cmb.get_kernel(chi / h)[0] / h),
        # Theirs is of j_l / (k chi)^2, in kelvin.
        (interpolated(late, "potential", chi), of_isw.get_kernel(chi / h)[0] / chi**2 / h / 2.7255),
    ):
        np.testing.assert_allclose(got, wanted, atol=2e-3 * np.abs(wanted).max())


def limber(background, first, second, power, ell):
    """C_l of two tracers with growth, by Limber."""
    low = max(float(first.chi[0]), float(second.chi[0]))
    high = min(float(first.chi[-1]), float(second.chi[-1]))
    chi = np.linspace(low, high, 6000)
    k = (ell + 0.5) / chi
    p = np.asarray(power(k, jnp.zeros(1)))[0]
    sums = []
    for tracer in (first, second):
        total = np.zeros_like(chi)
        for kind in tracer.terms:
            weight = interpolated(tracer, kind, chi)
            total += weight / k**2 if kind == "potential" else weight
        sums.append(total)
    return np.trapezoid(sums[0] * sums[1] / chi**2 * p, chi)


def test_spectra_are_limbers_on_small_scales():
    modes = Modes(n=256)
    with jax.enable_x64(True):
        c = cosmology_of(PLANCK)
        background = background_of(c, 1200.0)
        power = eisenstein_hu(c, background, wiggles=False)
        nz = gaussian_nz(0.8, 0.15)
        tracers = [
            clustering(background, nz, 1.5, magnification=0.9),
            clustering(background, gaussian_nz(0.3, 0.04), 1.0),
            galaxy_lensing(background, nz, quantity="kappa"),
            cmb_lensing(background, comoving(background, recombination_redshift(c))),
            isw(background),
        ]
        tracers = [with_growth(t, growth(background, at_rows(background, t))) for t in tracers]
        pairs = [(0, 0), (0, 1), (2, 3), (1, 4)]

        def everywhere(k, chi):
            return jnp.broadcast_to(power(k, jnp.zeros(1)), (len(chi), len(k)))

        work = planning.Work(tracers, everywhere, modes)
        ells = np.array([990, 1000])
        got = accuracy.evaluate(accuracy.make_plan(work, pairs, ells), work)[: len(pairs), 1]
        wanted = [limber(background, tracers[a], tracers[b], power, 1000) for a, b in pairs]
    np.testing.assert_allclose(got, wanted, rtol=5e-3)


NZ = gaussian_nz(0.8, 0.1)
LOCAL = LocalNonGaussianity(1.0)


def all_tracers(background, grids):
    """One of each kind."""
    bare = clustering(background, NZ, lambda z: 1 + z, True, 0.9, grids[0])
    return [
        primordial_bias(bare, background, NZ, 2.0, LOCAL),
        galaxy_lensing(background, NZ, (1.0, 0.5, 0.6), chi=grids[1]),
        cmb_lensing(background, comoving(background, 9.0), chi=grids[2]),
        isw(background, chi=grids[3]),
    ]


def test_slopes_with_cosmology_are_those_of_differences(late):
    with jax.enable_x64(True):
        chosen = [t.chi for t in all_tracers(late, [None] * 4)]
        # Within what all cosmologies see.
        grids = [chi[(chi > 30) & (chi < 0.98 * chi[-1])] for chi in chosen]

        def terms(omega_m):
            background = background_of(Cosmology(**(PLANCK | {"omega_m": omega_m})), 12.0)
            return [t.terms for t in all_tracers(background, grids)]

        with_slope = jax.jit(lambda omega_m: jax.jvp(terms, (omega_m,), (1.0,)))
        slope = with_slope(0.31)[1]
        up, down = with_slope(0.31 + 1e-4)[0], with_slope(0.31 - 1e-4)[0]
    for of_tracer, more, less in zip(slope, up, down, strict=True):
        for kind, got in of_tracer.items():
            wanted = (np.asarray(more[kind]) - np.asarray(less[kind])) / 2e-4
            np.testing.assert_allclose(got, wanted, atol=1e-4 * np.abs(wanted).max())


def test_a_grid_that_is_chosen_does_not_move_in_slopes(late):
    with jax.enable_x64(True):

        def tracer(stretch, chi):
            own = replace(late, hubble=late.hubble * stretch, chi=late.chi / stretch)
            return clustering(own, NZ, 1.5, rsd=True, chi=chi)

        chosen = jax.jacfwd(lambda stretch: tracer(stretch, None))(1.0)
        given = jax.jacfwd(lambda stretch: tracer(stretch, tracer(1.0, None).chi))(1.0)
    np.testing.assert_array_equal(chosen.chi, 0)
    for kind, slope in given.terms.items():
        assert np.abs(slope).max() > 0
        np.testing.assert_allclose(chosen.terms[kind], slope, rtol=1e-12)


def test_slopes_with_sources_are_those_of_differences(late):
    with jax.enable_x64(True):
        chi = clustering(late, NZ, 1.0, magnification=0.9).chi

        def weights(p):
            nz = gaussian_nz(0.8 + p, 0.1 + p / 2)
            tracer = clustering(late, nz, 1.5 + p, magnification=0.9 - p, chi=chi)
            return jnp.stack([tracer.terms["density"], 100 * tracer.terms["lensing"]])

        slope = np.asarray(jax.jacfwd(weights)(0.0))
        wanted = np.asarray(weights(1e-5) - weights(-1e-5)) / 2e-5
    np.testing.assert_allclose(slope, wanted, atol=1e-6 * np.abs(wanted).max())


def test_it_runs_in_single_precision():
    background = background_of(Cosmology(**PLANCK), 12.0)
    nz = gaussian_nz(0.8, 0.1)
    tracer = jax.jit(lambda b, n: clustering(b, n, 1.0, True, 0.9))(background, nz)
    with jax.enable_x64(True):
        fine = clustering(background_of(Cosmology(**PLANCK), 12.0), nz, 1.0, True, 0.9)
    for kind, weight in tracer.terms.items():
        assert weight.dtype == jnp.float32
        wanted = np.asarray(fine.terms[kind])
        np.testing.assert_allclose(weight, wanted, atol=1e-3 * np.abs(wanted).max())


def test_a_background_that_does_not_do_is_refused(late):
    z = np.linspace(0, 2, 200)
    with jax.enable_x64(True):
        columns = [np.asarray(f(late, z)) for f in (comoving, hubble, growth)]
        table = background_from_table(z, *columns)
        clustering(table, gaussian_nz(0.5, 0.1), 1.0, rsd=True)
        for make in (
            lambda b: clustering(b, NZ, 1.0, magnification=1.0),
            lambda b: galaxy_lensing(b, NZ),
            lambda b: cmb_lensing(b, 1000.0),
            isw,
        ):
            with pytest.raises(ValueError, match="no omega_m"):
                make(table)
        matter = replace(table, omega_m=0.31)
        bare = clustering(matter, NZ, 2.0)
        with pytest.raises(ValueError, match="no growth_today"):
            primordial_bias(bare, matter, NZ, 2.0, LOCAL)
        with pytest.raises(ValueError, match=r"background ends at z = 2 and n\(z\) at 3.1"):
            clustering(table, gaussian_nz(1.0, 0.3), 1.0)
        with pytest.raises(ValueError, match="and 9000 is needed"):
            cmb_lensing(matter, 9000.0)
        # The effect begins where the background ends.
        assert float(isw(matter).chi[-1]) == pytest.approx(float(table.chi[-1]))


def test_names_and_numbers_that_make_no_sense_are_refused(late):
    with pytest.raises(ValueError, match="quantity = 'phi' is neither"):
        galaxy_lensing(late, NZ, quantity="phi")
    with pytest.raises(ValueError, match="quantity = 'shear' is neither"):
        cmb_lensing(late, 1000.0, "shear")
    with pytest.raises(ValueError, match="chi_star = -1"):
        cmb_lensing(late, -1.0)
    with jax.enable_x64(True), pytest.raises(ValueError, match=r"is not \(A, eta, z0\)"):
        galaxy_lensing(late, NZ, (1.0, 2.0))
    with pytest.raises(ValueError, match="z_max = 0"):
        isw(late, 0.0)
    with jax.enable_x64(True), pytest.raises(ValueError, match="magnification = nan"):
        clustering(late, NZ, 1.0, magnification=np.nan)
