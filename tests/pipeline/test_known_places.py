"""Candidates near known sources."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.time import Time
from astropy.wcs import WCS

from pipeline.block import StreamHeader
from pipeline.candidates import DetectionTable, build_candidates
from pipeline.known_places import KnownPlaces, beam_arcsec, mark_known

BEAM_PX, PIXEL_ARCSEC = 3.0, 10.0


def header(dec=40.0, wcs=True):
    sky = WCS(naxis=2)
    sky.wcs.ctype = ["RA---SIN", "DEC--SIN"]
    sky.wcs.crval, sky.wcs.crpix = [359.99, dec], [33, 33]
    sky.wcs.cdelt = [-PIXEL_ARCSEC / 3600, PIXEL_ARCSEC / 3600]
    return StreamHeader(
        "test", np.array([1300.0, 1500.0]), 0.1, Time(61000.0, format="mjd"), 1000, (64, 64),
        sky if wcs else None, "Jy/beam", None, BEAM_PX,
    )  # fmt: skip


def candidates(head, x, y):
    n = len(x)
    i = np.arange(n)
    table = DetectionTable(50 * i, i + 1, 0.0 * i, 0 * i, y, x, 20.0 - i, 0.1 + 0.0 * i)
    return build_candidates(table, i, head)


def places(sky, names=None, error=np.nan):
    n = len(sky)
    names = np.array(names or [f"s{i}" for i in range(n)])
    return KnownPlaces(names, sky.ra.deg, sky.dec.deg, np.broadcast_to(error, n))


@pytest.mark.parametrize("dec", [0.0, 40.0, 88.0])
def test_candidates_within_the_beam_of_a_source_are_marked(dec):
    """On both sides of RA 0 and near the pole, by angles that were laid out on the sky."""
    head = header(dec)
    assert beam_arcsec(head) == pytest.approx(30.0)
    table = candidates(head, [5, 33, 60], [8, 32, 50])
    at = SkyCoord(table["ra"], table["dec"])
    for away, found in ((29.9, True), (30.1, False)):
        moved = at.directional_offset_by(np.array([30.0, 140.0, 250.0]) * u.deg, away * u.arcsec)
        mark_known(table, places(moved), head)
        if found:
            assert table["known"].tolist() == ["s0", "s1", "s2"]
            assert np.allclose(table["known_sep"], away, atol=0.01)
            assert table["known_sep"].unit == u.arcsec
            table = candidates(head, [5, 33, 60], [8, 32, 50])
        else:
            assert table["known"].tolist() == ["", "", ""]
            assert np.isnan(table["known_sep"]).all()


def test_errors_of_positions_and_an_option_widen_the_search():
    head = header()
    at = candidates(head, [33], [32])
    sky = SkyCoord(at["ra"], at["dec"]).directional_offset_by(0 * u.deg, 49.9 * u.arcsec)
    for error, more, found in (
        *((0.0, 0.0, False), (13.4, 0.0, True), (13.2, 0.0, False)),
        *((0.0, 20.0, True), (np.nan, 19.0, False)),
    ):
        table = candidates(head, [33], [32])
        mark_known(table, places(sky, error=error), head, more)
        # 30 and three times 13.33, in squares, are 50.
        assert bool(table["known"][0]) == found, (error, more)


def test_the_nearest_of_several_counts_also_beyond_the_reach_of_another():
    head = header()
    table = candidates(head, [33], [32])
    sky = SkyCoord(table["ra"], table["dec"])
    near = sky.directional_offset_by(0 * u.deg, 40 * u.arcsec)
    far = sky.directional_offset_by(90 * u.deg, 60 * u.arcsec)
    both = SkyCoord([*near, *far])
    mark_known(table, places(both, ["precise and near", "coarse and far"], [0.0, 60.0]), head)
    assert table["known"][0] == "coarse and far"
    assert table["known_sep"][0] == pytest.approx(60, abs=0.01)


def test_nothing_known_no_sky_and_no_candidates():
    for head, known, n in (
        (header(wcs=False), places(SkyCoord([10] * u.deg, [20] * u.deg)), 2),
        (header(), places(SkyCoord([] * u.deg, [] * u.deg)), 2),
        (header(), None, 2),
        (header(), places(SkyCoord([10] * u.deg, [20] * u.deg)), 0),
    ):
        table = candidates(head, list(range(n)), list(range(n)))
        mark_known(table, known, head)
        assert table["known"].tolist() == [""] * n
        assert np.isnan(table["known_sep"]).all()


def test_long_names_and_none_are_read_as_they_were_written(tmp_path):
    head = header()
    table = candidates(head, [33, 5], [32, 5])
    name = "a source with a name as long as a title, J000000.00+400000.0" * 2
    mark_known(table, places(SkyCoord(table["ra"], table["dec"])[:1], [name]), head)
    table.write(tmp_path / "candidates.ecsv", format="ascii.ecsv")
    read = Table.read(tmp_path / "candidates.ecsv", format="ascii.ecsv")
    assert read["known"][0] == name
    assert read["known"].mask.tolist() == [False, True]
    assert read["known_sep"][0] == 0
