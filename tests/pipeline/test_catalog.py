"""Catalogs of sources that a user brings."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units
from astropy.table import Table

from pipeline.catalog import read_catalog
from pipeline.errors import InputError


def catalog(path, **columns):
    Table(columns).write(path, format="ascii.ecsv")
    return path


def test_units_are_heeded_and_spectra_are_flat_unless_told(tmp_path):
    path = catalog(
        tmp_path / "known.ecsv",
        ra=[0.5, 1.0] * units.hourangle,
        dec=[10.0, -5.0],
        flux_jy=[300.0, 1500.0] * units.mJy,
    )
    found = read_catalog(path)
    np.testing.assert_allclose(found.places.ra.deg, [7.5, 15.0])
    np.testing.assert_allclose(found.spectra(np.array([1300.0, 1500])), [[0.3] * 2, [1.5] * 2])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"ra": [1.0], "dec": [2.0]}, "flux_jy: is missing"),
        ({"ra": [], "dec": [], "flux_jy": []}, "rows: there are none"),
        ({"ra": [1.0, np.nan], "dec": [2.0, 3.0], "flux_jy": [1.0, 1.0]}, "ra: of row 2 is nan"),
        ({"ra": [1.0], "dec": [91.0], "flux_jy": [1.0]}, "dec: of row 1 is 91"),
        ({"ra": [1.0], "dec": [9.0], "flux_jy": [-1.0]}, "flux_jy: of row 1 is -1"),
        ({"ra": ["here"], "dec": [9.0], "flux_jy": [1.0]}, "ra: cannot be used"),
    ],
)
def test_errors_say_what_is_wrong(tmp_path, columns, said):
    path = catalog(tmp_path / "known.ecsv", **columns)
    with pytest.raises(InputError, match=said) as error:
        read_catalog(path)
    assert error.value.where == str(path)


def test_what_is_no_catalog(tmp_path):
    path = tmp_path / "known.ecsv"
    with pytest.raises(InputError, match="does not exist"):
        read_catalog(path)
    for content in (b"", b"ra dec\n1 2\n", b"# %ECSV 1.0\n# ---\n# datatype:\n", b"\xff\xfe\x00"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"cannot be read|is missing"):
            read_catalog(path)
