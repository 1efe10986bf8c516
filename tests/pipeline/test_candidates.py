"""The candidate table: times, positions, units."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from astropy.time import Time
from astropy.wcs import WCS

from pipeline.block import StreamHeader
from pipeline.candidates import (
    COLUMNS,
    DetectionTable,
    build_candidates,
    data_units,
    summarise_groups,
)


def header(bunit="Jy/beam", wcs=None):
    return StreamHeader(
        "test", np.array([1300.0, 1500.0]), 0.1342182159,
        Time(61000, 0.123456789012345, format="mjd", scale="utc"), 100_000, (64, 64), wcs, bunit,
    )  # fmt: skip


def detections():
    return DetectionTable(
        [12345, 12344, 77], [4, 8, 1], [500.0, 510.0, 0.0], [5, 5, 0], [10, 11, 0],
        [31, 30, 63], [20.0, 12.0, 8.0], [0.5, 0.4, 2.0],
    )  # fmt: skip


def sky():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---SIN", "DEC--SIN"]
    wcs.wcs.crval, wcs.wcs.crpix = [150.0, 16.0], [32, 11]
    wcs.wcs.cdelt = [-0.005, 0.005]
    return wcs


def test_columns_units_and_numbers():
    table = build_candidates(detections(), np.array([0, 0, 1]), header(wcs=sky()))
    assert tuple(table.colnames) == COLUMNS
    assert table["id"].tolist() == [1, 2]
    assert table["n_detections"].tolist() == [2, 1]
    assert table["snr"].tolist() == [20.0, 8.0]
    assert table["width"][0] == pytest.approx(4 * 0.1342182159)
    assert table["flux"].unit == u.Jy / u.beam
    assert table["fluence"].unit == u.Jy * u.ms
    assert table["flux"][0] == pytest.approx(10.0)
    assert table["fluence"][0] == pytest.approx(10.0 * 4 * 134.2182159)
    assert np.isnan(table["p_real"]).all()
    assert not table["injected"].any()
    # Pixel (x, y) = (31, 10), 0-based, is the reference pixel (32, 11), 1-based.
    assert (table["ra"][0], table["dec"][0]) == pytest.approx((150.0, 16.0), abs=1e-9)


def test_mjd_is_that_of_the_pulse_centre_to_a_microsecond(tmp_path):
    table = build_candidates(detections(), np.array([0, 0, 1]), header())
    path = tmp_path / "candidates.ecsv"
    table.write(path, format="ascii.ecsv")
    centre = Decimal(12345) + Decimal(3) / 2
    day = Decimal(61000) + Decimal("0.123456789012345")
    day += centre * Decimal("0.1342182159") / 86400
    for found in (table, Table.read(path)):
        assert abs(Decimal(float(found["mjd"][0])) - day) < Decimal("2e-11")


def test_no_wcs_gives_nan_positions_on_the_sky():
    table = build_candidates(detections(), np.array([0, 1, 2]), header())
    assert np.isnan(table["ra"]).all()
    assert np.isnan(table["dec"]).all()


def test_refined_positions_replace_the_pixel_where_they_are_known():
    positions = np.array([[31.25, 9.75], [np.nan, np.nan]])
    table = build_candidates(detections(), np.array([0, 0, 1]), header(wcs=sky()), positions)
    assert table["x"].tolist() == [31.25, 63.0]
    assert table["y"].tolist() == [9.75, 0.0]
    assert table["ra"][0] < 150.0
    assert table["dec"][0] < 16.0


def test_no_candidates_is_a_table_with_all_columns():
    table = build_candidates(DetectionTable.empty(), np.zeros(0, int), header(wcs=sky()))
    assert len(table) == 0
    assert tuple(table.colnames) == COLUMNS


@pytest.mark.parametrize(
    ("bunit", "flux", "fluence"),
    [
        ("Jy/beam", "Jy / beam", "Jy ms"),
        ("mJy/beam", "mJy / beam", "mJy ms"),
        ("JY/BEAM", "Jy / beam", "Jy ms"),
        ("Jy", "Jy", "Jy ms"),
        ("", "", "ms"),
        ("furlongs of nonsense", "", "ms"),
    ],
)
def test_units_follow_the_recording(bunit, flux, fluence):
    assert data_units(bunit) == (u.Unit(flux), u.Unit(fluence))


def test_groups_are_ranked_by_their_best():
    groups = summarise_groups(detections(), np.array([7, 7, 3]))
    assert groups.best.tolist() == [0, 2]
    assert groups.count.tolist() == [2, 1]


def test_concat_select_and_row():
    both = DetectionTable.concat([detections(), DetectionTable.empty(), detections()])
    assert len(both) == 6
    assert len(both[both.width > 2]) == 4
    assert both[4:].start.tolist() == [12344, 77]
    row = both.row(3)
    assert (row.start, row.width, row.centre) == (12345, 4, 12346.5)
    assert len(DetectionTable.concat([])) == 0


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="different lengths"):
        DetectionTable([1], [1], [0.0], [0], [0, 1], [0], [7.0], [1.0])
