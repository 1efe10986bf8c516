"""The table of corrections: how it is read, and that corrected sizes are right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from surveys.mock_sizes.correcting import corrections_from, instruments, simulate
from surveys.sizes.correction import Corrections, Surface, corrections_of, load_corrections
from surveys.sizes.estimators import ESTIMATORS


@pytest.fixture(scope="module")
def made_up():
    rng = np.random.default_rng(0)
    axes = np.log([1.5, 2.0, 4.0]), np.log([0.5, 1.0, 2.0, 4.0]), np.log([3.0, 10.0, 30.0])
    shape = tuple(len(a) for a in axes)
    return Surface(*axes, rng.normal(size=shape), rng.uniform(0.1, 0.3, shape))


def test_linear_between_nodes(made_up):
    rng = np.random.default_rng(1)
    radius, snr = np.exp(rng.uniform(np.log(1.2), np.log(7), 50)), rng.uniform(3.5, 29, 50)
    fwhm = 2.5
    inside = (radius / fwhm > 0.5) & (radius / fwhm < 4)
    table = Corrections({("camera", "pixel"): made_up}, {})
    ours, scatter = table.corrected(("camera", "pixel"), radius, snr, fwhm)
    peer = RegularGridInterpolator(
        (made_up.ln_fwhm, made_up.ln_radius, made_up.ln_snr),
        np.stack([made_up.ln_correction, made_up.scatter], -1),
        bounds_error=False,
    )
    at = np.stack([np.full(50, np.log(fwhm)), np.log(radius / fwhm), np.log(snr)], -1)
    expected = peer(at)
    np.testing.assert_allclose(ours[inside], (radius * np.exp(expected[:, 0]))[inside])
    np.testing.assert_allclose(scatter[inside], expected[inside, 1])
    assert np.isnan(ours[~inside]).all()


def test_outside_there_is_nothing(made_up):
    table = Corrections({("camera", "pixel"): made_up}, {})
    key = "camera", "pixel"
    for radius, snr, fwhm in ((99.0, 9.0, 2.0), (2.0, 1.0, 2.0), (2.0, 9.0, 9.0), (np.nan, 9, 2.0)):
        assert np.isnan(table.corrected(key, radius, snr, fwhm)[0])
    assert np.isnan(table.corrected(("camera", "none"), 2.0, 9.0, 2.0)[0])
    # Pixels a little finer than those of the table are as its finest.
    assert np.isfinite(table.corrected(key, 4.0, 9.0, 5.0)[0])


def test_a_table_is_written_and_read(made_up):
    holes = made_up.ln_correction.copy()
    holes[0, 0, 0] = np.nan
    surface = Surface(made_up.ln_fwhm, made_up.ln_radius, made_up.ln_snr, holes, made_up.scatter)
    table = Corrections({("camera", "pixel"): surface}, {"seed": 3}).table()
    again = corrections_of(table)
    assert again.about["seed"] == 3
    back = again.surfaces["camera", "pixel"]
    np.testing.assert_allclose(back.ln_correction, holes, atol=1e-4)
    np.testing.assert_allclose(back.ln_radius, made_up.ln_radius, atol=1e-3)


def test_the_table_that_comes_with_it():
    table = load_corrections()
    assert set(table.surfaces) == {(f, e) for f in ("camera", "array") for e in ESTIMATORS}
    # A bright and large source needs little.
    radius, scatter = table.corrected(("camera", "kron"), 10.0, 90.0, 2.15)
    assert radius == pytest.approx(10.0, rel=0.15)
    assert scatter < 0.2


@pytest.mark.parametrize("which", [1, 4])
def test_corrected_sizes_of_other_galaxies_are_right(which):
    """Galaxies that the table was not made from: medians within a tenth from S/N 10 on."""
    family, instrument = instruments()[which]
    sample = simulate(instrument, 800, seed=77)
    bright = sample.snr >= 10
    for estimator in ESTIMATORS:
        corrected, _ = load_corrections().corrected(
            (family, estimator), sample.measured[estimator], sample.segment_snr, sample.fwhm_pixels
        )
        ratio = np.log(corrected / sample.truth(estimator))
        for part in (bright, bright & (sample.snr < 25), bright & (sample.snr >= 25)):
            values = ratio[part & np.isfinite(ratio)]
            assert len(values) > 100
            # The error of a median, from what is between the quartiles.
            error = (
                1.253 * np.subtract(*np.percentile(values, [75, 25])) / 1.35 / len(values) ** 0.5
            )
            assert abs(np.median(values)) < 0.1 + 2 * error, estimator


def test_a_table_is_fitted_to_what_was_simulated():
    """Where measured sizes are a known power of the true ones, the table turns it round."""
    from surveys.mock_sizes.correcting import Simulated

    rng = np.random.default_rng(4)
    n = 20_000
    radius = np.exp(rng.uniform(np.log(1.0), np.log(20), n))
    measured = 2 * radius**0.7 * np.exp(0.1 * rng.normal(size=n))
    snr = np.exp(rng.uniform(np.log(3), np.log(80), n))
    found = dict.fromkeys(ESTIMATORS, measured)
    sample = Simulated(radius, np.ones(n), np.ones(n), snr, found, snr, 2.0)
    table = corrections_from([("camera", sample)], {})
    at = np.array([4.0, 6.0, 9.0])
    corrected, scatter = table.corrected(("camera", "pixel"), at, np.full(3, 20.0), 2.0)
    np.testing.assert_allclose(corrected, (at / 2) ** (1 / 0.7), rtol=0.05)
    np.testing.assert_allclose(scatter, 0.1 / 0.7, rtol=0.15)
