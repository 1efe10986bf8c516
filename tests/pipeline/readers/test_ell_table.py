"""Tables over multipoles."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.readers.ell_table import read_ell_table


@pytest.mark.parametrize(
    "text", ["# ell N\n2 1e-7 5\n10 2e-7 6 # last\n", "2,1e-7,5\n10, 2e-7, 6\n\n"]
)
def test_blanks_and_commas(tmp_path, text):
    path = tmp_path / "noise.txt"
    path.write_text(text)
    ell, noise = read_ell_table(path, "noise")
    np.testing.assert_array_equal(ell, [2, 10])
    np.testing.assert_array_equal(noise, [1e-7, 2e-7])
    np.testing.assert_array_equal(read_ell_table(path, "noise", 2)[1], [5, 6])


def test_one_row_is_a_table(tmp_path):
    path = tmp_path / "noise.txt"
    path.write_text("2 3\n")
    assert [v.tolist() for v in read_ell_table(path, "noise")] == [[2], [3]]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "is empty"),
        (b"# nothing\n", "is empty"),
        (b"2\n3\n", "has 1 columns of 2 rows, and no column 1"),
        (b"2 1\n3\n", "is no table"),
        (b"ell noise\n2 1\n", "is no table"),
        (b"\x89HDF\xff\x00", "is no table"),
        (b"2 1\n3 nan\n", "row 2 has ell = 3 and nan"),
        (b"2 1\n2 1\n", "row 2 has ell = 2"),
        (b"-1 1\n2 1\n", "row 1 has ell = -1"),
    ],
)
def test_files_that_are_wrong(tmp_path, content, match):
    path = tmp_path / "noise.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=match) as caught:
        read_ell_table(path, "noise")
    assert str(caught.value).startswith(f"{path}: noise: ")
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there(tmp_path):
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read_ell_table(path, "noise")
