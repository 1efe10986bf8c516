"""Words for what is measured beside what was published, and the published numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from surveys.errors import SettingProblem
from surveys.scaling import published
from surveys.scaling.relations import L_STAR, fit_size_redshift
from surveys.scaling.sample import SizeSample
from surveys.scaling.verdicts import Interval, verdict


@pytest.mark.parametrize(
    ("measured", "word", "n_sigma"),
    [
        (Interval(0.5, 0.7, 0.1, 0.1), "holds", 0.0),
        (Interval(0.4, 0.8), "holds", 0.0),
        (Interval(0.5, 0.85, 0.01, 0.05), "holds within errors", 1.0),
        (Interval(0.3, 0.7, 0.06, 0.01), "holds within errors", 1.0 / 0.6),
        (Interval(0.3, 0.7, 0.04, 0.01), "does not hold", 2.5),
        (Interval(0.1, 2.0, 0.1, 0.1), "does not hold", 12.0),
        (Interval.of(0.9), "does not hold", math.inf),
        (Interval.of(0.9, 0.1), "holds within errors", 1.0),
    ],
)
def test_verdicts(measured, word, n_sigma):
    found = verdict(measured, Interval(0.4, 0.8))
    assert found.word == word
    assert found.n_sigma == pytest.approx(n_sigma)
    assert found.text.startswith(f"{word}: measured ")


def test_errors_of_both_sides_and_open_ends():
    one, other = Interval.of(1.0, 0.3), Interval.of(1.7, 0.4)
    assert verdict(one, other).n_sigma == verdict(other, one).n_sigma == pytest.approx(1.4)
    assert verdict(one, other, most_sigma=1.0).word == "does not hold"
    at_least = Interval(1.0, math.inf)
    assert verdict(Interval.of(40.0), at_least).word == "holds"
    assert str(at_least) == "from 1"
    text = verdict(Interval.of(0.9, 0.02), at_least).text
    assert text == (
        "does not hold: measured 0.9 ± 0.02, published from 1 (outside by 0.1, 5.0 standard errors)"
    )
    for low, high, err in ((2.0, 1.0, 0.0), (math.nan, 1.0, 0.0), (0.0, 1.0, math.nan)):
        with pytest.raises(SettingProblem, match="interval"):
            Interval(low, high, err)


def test_statements_of_the_abstract():
    keys = [s.key for s in published.FLARES_XVI]
    assert len(keys) == len(set(keys)) == 7
    whole = published.statement("all_snr")
    parts = [published.statement(key) for key in whole.sums_up]
    # The range is what its parts give, in sizes, SNR and redshift.
    assert whole.published.low == min(p.published.low for p in parts)
    assert whole.published.high == max(p.published.high for p in parts)
    assert whole.snr == (min(p.snr[0] for p in parts), max(p.snr[1] for p in parts))
    assert len([s for s in published.FLARES_XVI if not s.sums_up]) == 6
    with pytest.raises(ValueError, match="'snr7' is no statement; there are optical"):
        published.statement("snr7")


def test_tables_of_flares_iv_say_what_its_figures_do():
    near = {fit.z: fit for fit in published.FLARES_IV_UV}
    assert near[5.0].r0_kpc == published.FLARES_IV_BANDS[0].r0_kpc
    assert sorted(near) == [5.0, 6.0, 7.0, 8.0, 9.0]
    # R0 falls with redshift about as the luminosity samples do.
    z = np.array(sorted(near))
    sample = SizeSample([near[k].r0_kpc for k in z], z=z, ln_size_err=0.01)
    m = fit_size_redshift(sample).value("m")
    slopes = [e.m for e in published.FLARES_IV_EVOLUTION if e.z == (5.0, 12.0)]
    assert min(slopes) - 0.1 < m < max(slopes) + 0.1
    # What was published and the draft differ, and by less than 0.1.
    assert published.FLARES_IV_M.low - min(slopes) == pytest.approx(0.01)
    assert published.FLARES_IV_M.high - max(slopes) == pytest.approx(0.09)
    # L* is that of M_UV = -21, to its last digit.
    luminosity = 4 * np.pi * (3.0857e19) ** 2 * 10 ** (-0.4 * (-21 + 48.6))
    assert np.log10(luminosity / L_STAR) == pytest.approx(0.0, abs=0.01)
