"""Files of corrections that are none, or not all of one."""

from __future__ import annotations

import numpy as np
import pytest

from surveys.errors import InputError
from surveys.sizes.correction import load_corrections
from surveys.sizes.correction_files import read_corrections


@pytest.fixture
def path(tmp_path):
    load_corrections().table().write(tmp_path / "own.ecsv", format="ascii.ecsv")
    return tmp_path / "own.ecsv"


def test_what_was_written_is_read(path):
    ours, expected = read_corrections(path), load_corrections()
    assert ours.about == expected.about
    for key, surface in expected.surfaces.items():
        np.testing.assert_array_equal(ours.surfaces[key].ln_correction, surface.ln_correction)
        np.testing.assert_allclose(ours.surfaces[key].ln_snr, surface.ln_snr)


def replaced(old: bytes, new: bytes):
    def edit(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    return edit


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda data: b"", "file: is no whole table in ECSV; give a table of"),
        (lambda data: data[: len(data) // 2 - 7], "file: (is no whole table|has .* of 2335 rows)"),
        (lambda data: data[: data.rindex(b"\n", 0, -1) + 1], "file: has 2334 of 2335 rows"),
        (lambda data: data[:300], "file: is no whole table in ECSV"),
        (lambda data: b"\xff\xfe" + data, "file: is no text"),
        (lambda data: b"a b\n1 2\n", "file: is no whole table in ECSV"),
        (replaced(b"corrections/1", b"corrections/9"), "format: is 'slowburst-size-corrections/9'"),
        (replaced(b"- {format: slowburst-size-corrections/1}", b"- {a: 1}"), "format: is missing"),
        (replaced(b"ln_correction", b"correction"), "no whole table|ln_correction: is missing"),
        (replaced(b" 0.5037\n", b" nan\n"), "scatter: has what is no finite number"),
        (replaced(b" 4.3734 ", b" -4.3734 "), "snr: has values that are not above 0"),
    ],
)  # fmt: skip
def test_other_files_are_refused(path, edit, words):
    path.write_bytes(edit(path.read_bytes()))
    with pytest.raises(InputError, match=words) as caught:
        read_corrections(path)
    assert caught.value.where == str(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    for wrong in (tmp_path / "no.ecsv", tmp_path):
        with pytest.raises(InputError, match=r"file: cannot be read .*--make-corrections"):
            read_corrections(wrong)
