"""Multi-order coverage maps (MOC) of the IVOA: FITS tables of NUNIQ numbers.

A cell of HEALPix order o and nested number i is the one number 4^(o + 1) + i (MOC 1.1,
section 2.3.2).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import healpy
import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from surveys.errors import InputError

DEEPEST = 29
"""Order of the smallest cells."""


FITS_ERRORS = (OSError, IndexError, KeyError, AttributeError, TypeError, ValueError)
"""What readers of FITS raise on files that are none, or not those that were meant."""


@contextmanager
def whole_fits(path: Path) -> Iterator[fits.HDUList]:
    """An open file, whose oddities are no matter.

    Raises
    ------
    OSError
        At the end, where it turned out to be cut off.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with fits.open(path) as file:
            yield file
    for warning in caught:
        if "truncated" in str(warning.message):
            raise OSError(str(warning.message))


def read_moc(path: Path) -> NDArray[np.int64]:
    """Cells of a MOC as ranges.

    Returns
    -------
    (range, 2)
        First nested number of order 29 and the one after the last, sorted and apart.

    Raises
    ------
    InputError
        The file cannot be read, is no MOC of the sky in ICRS, or is empty.
    """
    where, remedy = str(path), "give a FITS file of NUNIQ numbers (MOC 1.1 of the IVOA)"
    try:
        with whole_fits(path) as file:
            header, values = file[1].header, np.asarray(file[1].data.field(0))  # type: ignore[union-attr]
    except FITS_ERRORS as error:
        raise InputError(where, "file", f"cannot be read ({error})", remedy) from error
    ordering = str(header.get("ORDERING", "NUNIQ")).strip()
    if ordering != "NUNIQ" or not np.issubdtype(values.dtype, np.integer):
        raise InputError(where, "ORDERING", f"is {ordering!r} of {values.dtype}", remedy)
    frame = str(header.get("COORDSYS", "C")).strip()
    if frame != "C":
        problem = f"is {frame!r}"
        raise InputError(where, "COORDSYS", problem, "a MOC is in ICRS: give COORDSYS 'C'")
    return ranges_of(values.astype(np.int64), where)


def ranges_of(uniq: NDArray[np.int64], where: str) -> NDArray[np.int64]:
    """Ranges of order 29 of NUNIQ numbers; see :func:`read_moc`."""
    if uniq.size == 0:
        raise InputError(where, "NUNIQ", "has no cells", "give a MOC that covers some of the sky")
    if uniq.min() < 4 or uniq.max() >= 4 ** (DEEPEST + 2):
        wrong = uniq[(uniq < 4) | (uniq >= 4 ** (DEEPEST + 2))][0]
        raise InputError(where, "NUNIQ", f"has {wrong}", "no cell has that number: mend the file")
    # Of integers alone: a logarithm of 4^30 rounds.
    order = np.searchsorted(4 ** np.arange(1, DEEPEST + 2, dtype=np.int64), uniq, "right") - 1
    shift = 2 * (DEEPEST - order)
    first = (uniq - 4 ** (order + 1)) << shift
    return _united(np.stack([first, first + (np.int64(1) << shift)], axis=1))


def _united(ranges: NDArray[np.int64]) -> NDArray[np.int64]:
    ranges = ranges[np.argsort(ranges[:, 0])]
    last = np.maximum.accumulate(ranges[:, 1])
    begins = np.append(True, ranges[1:, 0] > last[:-1])
    ends = np.append(begins[1:], True)
    return np.stack([ranges[begins, 0], last[ends]], axis=1)


def covered(ranges: NDArray[np.int64], ra_deg: NDArray, dec_deg: NDArray) -> NDArray[np.bool_]:
    """Whether places (ICRS) are inside a MOC."""
    number = healpy.ang2pix(1 << DEEPEST, ra_deg, dec_deg, nest=True, lonlat=True)
    at = np.searchsorted(ranges[:, 0], number, "right") - 1
    return (at >= 0) & (number < ranges[np.maximum(at, 0), 1])
