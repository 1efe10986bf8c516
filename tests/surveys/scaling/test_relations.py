"""Relations of sizes are recovered from samples that are cut, limited and measured with errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from surveys.errors import SettingProblem
from surveys.scaling.relations import (
    L_STAR,
    RelationSettings,
    fit_size_luminosity,
    fit_size_luminosity_redshift,
    fit_size_redshift,
)
from surveys.scaling.sample import SizeSample, largest_kpc

R0, BETA, M, SCATTER = 2.0, 0.3, 1.4, 0.4
"""R0 is that at z = 5."""

TRUTH = {"r0_kpc": R0 * 6**M, "beta": BETA, "m": M, "scatter": SCATTER}
N_SEEDS = 120
LEAST_BRIGHTNESS = 2e27
"""erg/s/Hz/kpc^2."""


@pytest.fixture(scope="module")
def galaxies() -> Callable[..., SizeSample]:
    """Samples of R = R0 (L/L*)^beta ((1 + z)/6)^-m with scatter and measured with errors."""

    def of(n: int, seed: int, err: float = 0.15, **more: Any) -> SizeSample:
        rng = np.random.default_rng(seed)
        luminosity = L_STAR * 10 ** rng.uniform(-1.5, 1.0, n)
        z = rng.uniform(5.0, 10.0, n)
        errors = err * rng.uniform(0.5, 1.5, n)
        true = np.log(R0) + BETA * np.log(luminosity / L_STAR) - M * np.log((1 + z) / 6)
        ln_size = true + SCATTER * rng.normal(size=n) + errors * rng.normal(size=n)
        return SizeSample(np.exp(ln_size), luminosity, z, errors, **more)

    return of


def cut(sample):
    """Galaxies that are larger than a pixel and brighter than the sky."""
    most = largest_kpc(sample.luminosity, LEAST_BRIGHTNESS)
    kept = (np.asarray(sample.size_kpc) >= 0.8) & (np.asarray(sample.size_kpc) <= most)
    return replace(sample.of(kept), least_kpc=0.8, most_kpc=most[kept])


def pulls(relations, names):
    rows = [[(r.value(n) - TRUTH[n]) / r.error(n) for n in names] for r in relations]
    return np.array(rows)


def check_pulls(found, n_seeds=N_SEEDS):
    """Mean 0, variance 1 and 68 % within 1, by what this many draws can tell (3.5 sigma)."""
    assert (abs(found.mean(0)) < 3.5 / np.sqrt(n_seeds)).all()
    assert (abs(found.var(0) - 1) < 3.5 * np.sqrt(2 / n_seeds)).all()
    within = (abs(found) < 1).mean(0)
    assert (abs(within - 0.6827) < 3.5 * np.sqrt(0.6827 * 0.3173 / n_seeds)).all()


def test_a_sample_that_is_cut_in_size_and_brightness(galaxies):
    names = ("beta", "m", "scatter")
    samples = [cut(galaxies(1500, seed)) for seed in range(N_SEEDS)]
    # A third of the galaxies or more is missing.
    assert all(400 < len(s) < 1000 for s in samples)
    ours = [fit_size_luminosity_redshift(s) for s in samples]
    naive = [
        fit_size_luminosity_redshift(replace(s, least_kpc=0.0, most_kpc=np.inf)) for s in samples
    ]
    check_pulls(pulls(ours, names))
    wrong = pulls(naive, names)
    # Each single sample would be believed to be far from the truth.
    assert (abs(np.median(wrong, axis=0)) > 5).all()


def test_r0_at_a_luminosity_and_redshift(galaxies):
    fits = [fit_size_luminosity(cut(galaxies_at_z5(galaxies, seed))) for seed in range(N_SEEDS)]
    found = [
        (np.log(f.value("r0_kpc") / R0)) / (f.error("r0_kpc") / f.value("r0_kpc")) for f in fits
    ]
    check_pulls(np.array(found)[:, None])


def galaxies_at_z5(galaxies, seed):
    sample = galaxies(600, seed)
    size = sample.size_kpc * ((1 + np.asarray(sample.z)) / 6) ** M
    return replace(sample, size_kpc=size, z=5.0)


def test_a_cut_in_luminosity_does_no_harm(galaxies):
    names = ("beta", "m", "scatter")
    fits = []
    for seed in range(N_SEEDS):
        sample = galaxies(800, seed)
        # A limit of flux: the least luminosity rises with redshift.
        least = 0.1 * L_STAR * ((1 + np.asarray(sample.z)) / 6) ** 3
        fits.append(fit_size_luminosity_redshift(sample.of(np.asarray(sample.luminosity) > least)))
    check_pulls(pulls(fits, names))


def test_limits_of_galaxies_that_are_not_resolved(galaxies):
    names = ("beta", "m", "scatter")
    ours, without, as_sizes = [], [], []
    for seed in range(N_SEEDS):
        sample = galaxies(800, seed)
        resolution = np.where(np.arange(800) % 2, 1.0, 1.4)
        small = np.asarray(sample.size_kpc) < resolution
        limited = replace(
            sample, size_kpc=np.where(small, resolution, sample.size_kpc), limit=-1 * small
        )
        assert 0.2 < small.mean() < 0.7
        ours.append(fit_size_luminosity_redshift(limited))
        without.append(fit_size_luminosity_redshift(limited.of(~small)))
        as_sizes.append(fit_size_luminosity_redshift(replace(limited, limit=0)))
    assert ours[0].n_limits > 0
    check_pulls(pulls(ours, names))
    for wrong in (without, as_sizes):
        assert (abs(np.median(pulls(wrong, names), axis=0)) > 4).all()


@pytest.mark.parametrize("slope", [None, -1.0])
def test_luminosities_with_errors(slope):
    fits, flat = [], []
    for seed in range(N_SEEDS):
        rng = np.random.default_rng(seed)
        n, err, least = 3000, 0.8, np.log(0.3)
        if slope is None:
            true = 0.8 * rng.normal(size=n)
        else:
            # Faint ones go far below the cut, so that their end is not seen.
            true = rng.exponential(-1 / slope, n) + least - 3.0
        measured = true + err * rng.normal(size=n)
        seen = measured > least
        ln_size = np.log(R0) + BETA * true + SCATTER * rng.normal(size=n)
        sample = SizeSample(
            np.exp(ln_size[seen]), L_STAR * np.exp(measured[seen]), ln_luminosity_err=err
        )
        settings = RelationSettings(luminosity_slope=slope, least_luminosity=0.3 * L_STAR)
        fits.append(fit_size_luminosity(sample, settings))
        flat.append(fit_size_luminosity(replace(sample, ln_luminosity_err=0.0)))
    # The population itself is fitted to the same galaxies, which the errors do not know of.
    found = pulls(fits, ("beta", "scatter"))
    assert (abs(found.mean(0)) < 3.5 / np.sqrt(N_SEEDS) + 0.3).all()
    assert (abs(found.var(0) - 1) < 3.5 * np.sqrt(2 / N_SEEDS) + 0.3).all()
    wrong = np.median(pulls(flat, ("beta", "scatter")), axis=0)
    # Of a power law the slope is right without, as all luminosities are too high by as much.
    assert wrong[1] > 2
    assert (wrong[0] < -5) if slope is None else (abs(wrong[0]) < 0.5)


def test_units_and_the_luminosity_of_r0(galaxies):
    sample = cut(galaxies(800, 0))
    fit = fit_size_luminosity_redshift(sample)
    bigger = replace(
        sample,
        size_kpc=3 * np.asarray(sample.size_kpc),
        least_kpc=3 * np.asarray(sample.least_kpc),
        most_kpc=3 * np.asarray(sample.most_kpc),
    )
    other = fit_size_luminosity_redshift(bigger, RelationSettings(l_star=10 * L_STAR))
    for name in ("beta", "m", "scatter"):
        assert other.value(name) == pytest.approx(fit.value(name), rel=1e-5)
        assert other.error(name) == pytest.approx(fit.error(name), rel=1e-4)
    expected = 3 * fit.value("r0_kpc") * 10 ** fit.value("beta")
    assert other.value("r0_kpc") == pytest.approx(expected, rel=1e-5)
    at = [2e29, 5e28], [6.0, 8.0]
    for ours, theirs in zip(fit.size_kpc(*at), other.size_kpc(*at), strict=True):
        np.testing.assert_allclose(3 * ours, theirs, rtol=1e-4)


def test_medians_with_errors():
    z = np.array([5.0, 6.0, 7.0, 8.0, 9.0, 10.0])
    rng = np.random.default_rng(0)
    err = np.full(6, 0.03)
    median = 12.0 * (1 + z) ** -1.3 * np.exp(0.03 * rng.normal(size=6))
    fit = fit_size_redshift(SizeSample(median, z=z, ln_size_err=err), RelationSettings(scatter=0.0))
    slope, covariance = np.polyfit(-np.log1p(z), np.log(median), 1, w=1 / err, cov="unscaled")
    assert fit.value("m") == pytest.approx(slope[0], rel=1e-6)
    assert fit.error("m") == pytest.approx(np.sqrt(covariance[0, 0]), rel=2e-3)
    assert abs(fit.value("m") - 1.3) < 3 * fit.error("m")


def test_what_it_gives(galaxies):
    fit = fit_size_luminosity_redshift(cut(galaxies(800, 1)))
    table = fit.table()
    assert list(table["parameter"]) == ["r0_kpc", "beta", "m", "scatter"] == list(fit.names)
    assert (table["low"] < table["value"]).all()
    assert (table["value"] < table["high"]).all()
    assert table.meta["n_galaxies"] == fit.n_galaxies == len(fit.fit.data.value)
    np.testing.assert_allclose(np.sqrt(np.diagonal(fit.covariance)), table["error"])
    drawn = fit.bootstrap(40, seed=0)
    assert list(drawn) == list(fit.names)
    assert all(column.shape == (40,) for column in drawn.values())
    # 40 draws tell a standard deviation to 11 %.
    for name in ("beta", "m", "scatter"):
        assert drawn[name].std() == pytest.approx(fit.error(name), rel=0.45)
    size, low, high = fit.size_kpc(L_STAR, 6.0)
    assert low < size < high
    with pytest.raises(ValueError, match="'slope' is no parameter"):
        fit.value("slope")
    with pytest.raises(ValueError, match="needs a redshift"):
        fit.size_kpc(L_STAR)


def test_robust_against_outliers(galaxies):
    sample = galaxies(600, 2)
    size = np.array(sample.size_kpc)
    size[:12] *= 20.0
    spoiled = replace(sample, size_kpc=size)
    plain = fit_size_luminosity_redshift(spoiled)
    robust = fit_size_luminosity_redshift(spoiled, RelationSettings(outlier_fraction=0.02))
    assert plain.value("scatter") - SCATTER > 5 * plain.error("scatter")
    assert abs(robust.value("scatter") - SCATTER) < 3 * robust.error("scatter")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size_kpc": []}, "size_kpc: is empty; give one size"),
        ({"size_kpc": [[1.0, 2.0]]}, "size_kpc: has 2 axes"),
        ({"size_kpc": [1.0, 0.0, -1.0]}, "size_kpc: is 0 in galaxy 2, and 1 more; give sizes"),
        ({"size_kpc": [1.0, np.nan, 1.0]}, "size_kpc: is nan in galaxy 2; give sizes above 0"),
        (
            {"size_kpc": np.ma.array([1.0, 2.0, 1.0], mask=[0, 1, 0])},
            "size_kpc: is nan in galaxy 2",
        ),
        ({"size_kpc": ["a", "b", "c"]}, "size_kpc: holds something else than numbers"),
        ({"luminosity": [1.0, 2.0]}, r"luminosity: has shape \(2,\), size_kpc \(3,\)"),
        ({"luminosity": [1.0, np.inf, 1.0]}, "luminosity: is inf in galaxy 2"),
        ({"z": [1.0, 2.0, np.nan]}, "z: is nan in galaxy 3; give redshifts"),
        ({"ln_size_err": -0.1}, "ln_size_err: is -0.1 in galaxy 1"),
        ({"least_kpc": [0.5, 1.5, 0.5]}, "size_kpc: is 1 in galaxy 2; is below the least"),
        ({"most_kpc": 0.9}, "size_kpc: is 1 in galaxy 1, and 2 more; is above the most"),
        ({"least_kpc": 1.0, "most_kpc": 1.0}, "most_kpc: is 1 in galaxy 1"),
        ({"limit": 0.5}, "limit: is 0.5 in galaxy 1"),
        ({"limit": -1, "least_kpc": 1.0}, "size_kpc: is 1 in galaxy 1"),
        ({"weight": 0.0}, "weight: is 0 in galaxy 1"),
    ],
)
def test_samples_that_cannot_be(change, words):
    with pytest.raises(SettingProblem, match=words):
        SizeSample(**({"size_kpc": [1.0, 1.0, 1.0]} | change))


def test_samples_that_do_not_tell(galaxies):
    sample = galaxies(50, 0)
    with pytest.raises(SettingProblem, match="luminosity: is missing"):
        fit_size_luminosity(replace(sample, luminosity=None))
    with pytest.raises(SettingProblem, match=r"luminosity: is 1e\+29 of all galaxies"):
        fit_size_luminosity(replace(sample, luminosity=1e29))
    with pytest.raises(SettingProblem, match="z: is 5 of all galaxies"):
        fit_size_redshift(replace(sample, z=5.0))
    with pytest.raises(SettingProblem, match="has 3 measured sizes for 3 parameters"):
        fit_size_luminosity(sample.of(np.arange(50) < 3))
    with pytest.raises(SettingProblem, match="is a limit for 50 of 50 galaxies"):
        fit_size_luminosity(replace(sample, limit=-1))
    with pytest.raises(SettingProblem, match="errors that are larger than its spread"):
        fit_size_luminosity(replace(sample, ln_luminosity_err=5.0))
    tied = replace(sample, luminosity=L_STAR * (1 + np.asarray(sample.z)) ** 2)
    with pytest.raises(SettingProblem, match="go along with each other"):
        fit_size_luminosity_redshift(tied)
    with pytest.raises(SettingProblem, match=r"outlier_fraction: is 0\.9; give 0 to 0.5"):
        RelationSettings(outlier_fraction=0.9)
    with pytest.raises(SettingProblem, match="least_brightness: is 0 in galaxy 1"):
        largest_kpc([1e29], 0.0)
