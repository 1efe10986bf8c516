"""Positions between the pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.candidates import Detection
from pipeline.positions import refine_position


@given(x=st.floats(4.5, 5.5), y=st.floats(6.5, 7.5), fwhm=st.floats(2.5, 6.0))
def test_refined_position_of_a_noiseless_beam(x, y, fwhm):
    yy, xx = np.indices((14, 12))
    image = np.exp(-4 * np.log(2) * ((xx - x) ** 2 + (yy - y) ** 2) / fwhm**2)
    at = Detection(0, 1, 0.0, 0, round(y) + 100, round(x) + 50, 9.0, 1.0)
    found = refine_position(image.astype(np.float32), (50, 100), at)
    assert found == pytest.approx((x + 50, y + 100), abs=0.12)


def test_no_refined_position_without_a_peak_or_at_the_edge():
    flat = np.zeros((5, 5), np.float32)
    assert refine_position(flat, (0, 0), Detection(0, 1, 0.0, 0, 2, 2, 9.0, 1.0)) == (2, 2)
    assert refine_position(flat, (0, 0), Detection(0, 1, 0.0, 0, 0, 4, 9.0, 1.0)) == (4, 0)
    flat[1, 1] = np.nan
    assert refine_position(flat, (0, 0), Detection(0, 1, 0.0, 0, 2, 2, 9.0, 1.0)) == (2, 2)
