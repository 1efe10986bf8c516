"""Weights of another code: checks, the way to zero distance, the challenge N5K."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from cosmo.angular.observables import clustering, galaxy_lensing
from cosmo.angular.redshifts import tabulated_nz
from cosmo.angular.tabulated import from_kernel, kernel_notes
from cosmo.expansion import HUBBLE_DISTANCE, background_from_table

CHI = np.linspace(30.0, 3000.0, 100)
KERNEL = np.exp(-0.5 * ((CHI - 1500) / 200) ** 2)


def test_a_kernel_is_kept():
    with jax.enable_x64(True):
        tracer = from_kernel(CHI, KERNEL, "rsd", "shear")
    assert tracer.factor == "shear"
    np.testing.assert_array_equal(tracer.chi, CHI)
    np.testing.assert_array_equal(tracer.terms["rsd"], KERNEL)
    assert kernel_notes(CHI, KERNEL) == []


def test_a_lensing_kernel_goes_on_towards_zero():
    def weight(chi):
        return chi * (3100 - chi)

    with jax.enable_x64(True):
        tracer = from_kernel(CHI, weight(CHI), "lensing")
    chi = np.asarray(tracer.chi)
    assert chi[0] == pytest.approx(0.3)
    assert (np.diff(chi) > 0).all()
    # The slope changes by a hundredth from the first row to zero.
    np.testing.assert_allclose(tracer.terms["lensing"], weight(chi), rtol=0.011)


def test_a_row_at_zero_distance_is_left_out():
    chi = np.linspace(0, 100, 11)
    with jax.enable_x64(True):
        assert from_kernel(chi, chi, "density").chi[0] == 10
        assert from_kernel(chi, chi, "lensing").chi[0] == pytest.approx(0.1)


def test_abrupt_ends_are_told():
    flat = np.ones_like(CHI)
    assert kernel_notes(CHI, flat) == [
        "the kernel begins abruptly at 30 Mpc/h, with 1e+02 % of its maximum",
        "the kernel ends abruptly at 3000 Mpc/h, with 1e+02 % of its maximum",
    ]
    assert len(kernel_notes(CHI, CHI, "lensing")) == 1
    (note, _) = kernel_notes(CHI, flat, "lensing")
    assert "not proportional to distance" in note


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chi": CHI[:5], "kernel": KERNEL[:5]}, "8 or more rows"),
        ({"chi": CHI[::-1]}, "chi does not ascend after row 0"),
        ({"chi": CHI - 40}, "chi begins at -10"),
        ({"chi": np.r_[CHI[:-1], np.nan]}, "chi is not finite in row 99"),
        ({"kernel": KERNEL[1:]}, "kernel has the shape"),
        ({"kernel": np.r_[np.inf, KERNEL[1:]]}, "kernel is not finite in row 0"),
        ({"kernel": 0 * KERNEL}, "kernel is 0 everywhere"),
        ({"kind": "shear"}, "kind = 'shear' is none of density"),
        ({"factor": "kappa"}, "factor = 'kappa' is none of none, shear"),
    ],
)
def test_kernels_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        from_kernel(**({"chi": CHI, "kernel": KERNEL} | changes))


def test_the_challenges_kernels_are_those_of_its_redshifts(shared_reference):
    """N5K: shear as convergence, with all of the factor of l beside it."""
    archives = []
    for name in ("kernels_fullwidth", "dNdzs_fullwidth", "background"):
        with np.load(shared_reference("n5k") / f"{name}.npz") as archive:
            archives.append(dict(archive))
    kernels, numbers, table = archives
    distance = CubicSpline(table["z"], table["chi"])
    h = 2997.92458 / float(distance(0, 1))
    # E^2 rises with matter's part, and a little radiation's.
    parts = (
        np.stack([(1 + table["z"]) ** n - 1 for n in (3, 4)], axis=1) / table["Ez"][:, None] ** 2
    )
    omega_m = np.linalg.lstsq(parts, 1 - table["Ez"] ** -2.0, rcond=None)[0][0]
    with jax.enable_x64(True):
        columns = table["chi"] * h, table["Ez"] / HUBBLE_DISTANCE, 1 / (1 + table["z"])
        background = replace(background_from_table(table["z"], *columns), omega_m=omega_m)
        i = 4
        theirs = from_kernel(
            kernels["chi_sh"] * h, kernels["kernels_sh"][i] / h, "lensing", "shear"
        )
        nz = tabulated_nz(numbers["z_sh"], numbers["dNdz_sh"][:, i])
        ours = jax.jit(lambda chi: galaxy_lensing(background, nz, chi=chi))(theirs.chi)
        assert ours.factor == theirs.factor
        got, wanted = (np.asarray(t.terms["lensing"]) for t in (ours, theirs))
        np.testing.assert_allclose(got, wanted, atol=2e-3 * wanted.max())
        # Where theirs is led on to zero distance.
        np.testing.assert_allclose(got[:64], wanted[:64], rtol=0.03)
        theirs = from_kernel(kernels["chi_cl"] * h, kernels["kernels_cl"][i] / h)
        nz = tabulated_nz(numbers["z_cl"], numbers["dNdz_cl"][:, i])
        ours = jax.jit(lambda chi: clustering(background, nz, 1.0, chi=chi))(theirs.chi)
        got, wanted = (np.asarray(t.terms["density"]) for t in (ours, theirs))
        # Their galaxies have a bias of one number a bin.
        bias = wanted.sum() / got.sum()
        np.testing.assert_allclose(bias * got, wanted, atol=1e-3 * wanted.max())
