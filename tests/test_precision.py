"""Products of matrices keep single precision on every device.

Some GPUs round what is multiplied to 10 bits unless a program asks for more: what is asked for
can be seen without one.
"""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cerberus import SearchConfig, init, make_plan, step
from pipeline.calibration.stefcal import _solve_some
from surveys.fitting.stamps import stamp_plan
from surveys.interferometer.setups import AlmaSetup, cii_ghz, make_alma
from surveys.interferometer.uv_fit import fit_visibilities
from surveys.observing.cameras import Stamps, nircam
from surveys.observing.observe import seen_and_brightness
from surveys.sizes.estimators import ESTIMATORS
from surveys.sizes.measure import _measured
from surveys.sizes.sersic_fit import fit_sersic

N = 32
IMAGES, MASKS = jnp.zeros((2, N, N)), jnp.zeros((2, N, N), bool)


def search():
    config = SearchConfig(
        freq_mhz=tuple(np.linspace(1490.0, 1320.0, 4)),
        tsamp_s=0.134,
        shape=(4, 4),
        beam_fwhm_px=3.0,
    )
    plan = make_plan(config)
    shape = (plan.frame, plan.n_channels, plan.n_padded)
    return step.lower(plan, init(plan), jnp.zeros(shape), jnp.ones(shape[:2]))


def gains():
    ends = jnp.asarray([(a, b) for a in range(4) for b in range(a)])
    vis = jnp.ones((1, 3, len(ends)), jnp.complex64)
    return _solve_some.lower(vis, jnp.ones(vis.shape), ends, n_antennas=4)


def visibilities():
    array = make_alma(AlmaSetup("C-5", cii_ghz(7.0)), N, 0.06)
    seen = jnp.zeros((2, len(array.samples.weight)), jnp.complex64)
    return fit_visibilities.lower(seen, array.samples)


def camera():
    return nircam("F200W", Stamps(N)).response


def profiles():
    response = camera()
    plan = stamp_plan(response.transfer, response.oversampling, N)
    return fit_sersic.lower(IMAGES, jnp.ones(2), MASKS, MASKS, plan)


def resampling():
    return seen_and_brightness.lower(IMAGES, jnp.float32(2.0), camera())


def sizes():
    return _measured.lower(IMAGES, MASKS, MASKS, estimators=tuple(ESTIMATORS), with_structure=True)


@pytest.mark.parametrize(
    "program", [search, gains, visibilities, profiles, resampling, sizes], ids=lambda f: f.__name__
)
def test_products_ask_for_all_bits(program):
    products = re.findall(r"stablehlo\.dot_general.*", program().as_text())
    single = [line for line in products if re.search(r"x(f32|complex<f32>)>", line)]
    assert single
    assert [line for line in single if "precision = [HIGHEST, HIGHEST]" not in line] == []


def test_the_default_is_what_is_tested_for():
    """A product that asks for nothing is one that the test would find."""
    square = jnp.ones((3, 3))
    assert "HIGHEST" not in jax.jit(jnp.matmul).lower(square, square).as_text()
