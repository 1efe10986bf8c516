"""Sensitivity, areas and outlines of coverages."""

from __future__ import annotations

import healpy
import numpy as np
import pytest
from scipy.stats import norm

from surveys.coverage.completeness import IdealCompleteness
from surveys.coverage.exposure import expose
from surveys.coverage.products import area_table, exposures, moc, sensitivity_jy

IDEAL = IdealCompleteness()


def test_the_sensitivity_is_the_flux_of_which_the_share_is_found(pointed):
    found = expose(pointed(beam_fwhm_deg=np.inf, field_deg=3.0, drift=False), 128)
    for share in (0.5, 0.9):
        flux = sensitivity_jy(found, 4.0, share, IDEAL)
        expected = (7 + norm.ppf(share)) * 0.02 / np.sqrt(4.0)
        np.testing.assert_allclose(flux, expected, rtol=1e-3)
        again = found.exposure_s(float(flux[0]), 4.0, IDEAL) / found.total_s
        np.testing.assert_allclose(again, share, atol=2e-3)


def test_where_two_depths_were_searched_a_share_is_of_both(pointed):
    two = pointed(start_mjd=[60000.0, 60001.0], noise_jy=[0.04, 0.4], beam_fwhm_deg=np.inf,
                  field_deg=3.0, drift=False, duration_s=[3000.0, 1000.0])  # fmt: skip
    flux = sensitivity_jy(expose(two, 128), 1.0, 0.9, IDEAL)
    # All of the deep one, and 60 per cent of the other.
    np.testing.assert_allclose(flux, (7 + norm.ppf(0.6)) * 0.2, rtol=1e-3)


def test_what_was_not_searched_has_no_sensitivity(pointed):
    found = expose(pointed(max_width_s=10.0), 64)
    assert np.isnan(sensitivity_jy(found, 11.0, 0.9, IDEAL)).all()
    assert np.isfinite(sensitivity_jy(found, 10.0, 0.9, IDEAL)).all()
    assert len(sensitivity_jy(expose(pointed(searched_s=0.0), 64), 1.0, 0.9, IDEAL)) == 0


def test_areas_are_those_of_the_beam(pointed):
    found = expose(pointed(drift=False, duration_s=7200.0), 512)
    made = exposures(found, [0.2, 1e4], [1.0], IDEAL)
    table = area_table(found, made, [1.0, 3.0])
    assert table["area"].unit == "deg2"
    rows = {(r["flux"], r["above"]): r["area"] for r in table}
    # Half of two hours where half of the pulses are found: at a gain of 0.7.
    ln = 3.2**2 * np.pi / (4 * np.log(2))
    assert rows[0.2, 1.0] == pytest.approx(ln * np.log(1 / 0.7), rel=0.03)
    assert rows[1e4, 1.0] == pytest.approx(ln * np.log(10), rel=0.01)
    assert rows[1e4, 3.0] == 0
    assert table["exposure"][-1] == pytest.approx(2 * ln * np.log(10), rel=0.01)


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_an_outline_has_the_pixels_in_the_fewest_numbers(pointed, frame):
    found = expose(pointed(), 64, frame)
    inside = found.total_s > 600
    table = moc(found, inside)[1]
    assert table.header["COORDSYS"] == "C"
    assert table.header["MOCORDER"] == 6
    numbers = table.data["UNIQ"]
    order = (np.log2(numbers // 4) // 2).astype(int)
    assert order.min() < 6
    pixel = numbers - 4 * 4**order
    size = 4 ** (6 - order)
    flat = np.concatenate([np.arange(p * n, (p + 1) * n) for p, n in zip(pixel, size, strict=True)])
    assert len(np.unique(flat)) == len(flat)
    if frame == "icrs":
        np.testing.assert_array_equal(np.sort(flat), found.pixel[inside])
    else:
        assert len(flat) == pytest.approx(inside.sum(), rel=0.02)
    lon, lat = healpy.pix2ang(64, flat, nest=True, lonlat=True)
    assert lat.mean() == pytest.approx(37, abs=0.3)
    assert lon.mean() == pytest.approx(17.5, abs=0.3)
    empty = moc(found, found.total_s > 1e9)[1].data
    assert len(empty) == 0
