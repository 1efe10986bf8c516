"""HEALPix maps of a part of the sky."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import healpy
import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

_COORDINATES = {"icrs": "C", "galactic": "G"}

Columns = Mapping[str, tuple[NDArray[Any], str]]
"""(pixel,) numbers and their unit, by name."""


def sky_map(
    grid: tuple[int, str],
    pixel: NDArray[np.integer],
    columns: Columns,
    cards: Sequence[tuple[str, Any, str]] = (),
) -> bytes:
    """A FITS file of maps of the same pixels, which ``healpy.read_map`` reads.

    Parameters
    ----------
    grid : (int, str)
        NSIDE, and frame: ``"icrs"`` or ``"galactic"``.
    pixel : (pixel,)
        Numbers in NESTED order. Those without a value in the first column are left out.
    columns : Columns
        Missing values of other columns are UNSEEN.
    cards : sequence of (keyword, value, comment)
        More of the header.
    """
    nside, frame = grid
    there = np.isfinite(next(iter(columns.values()))[0])
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column(name="PIXEL", format="K", array=pixel[there]),
            *(
                fits.Column(name=name, format="E", unit=unit or None, array=_filled(values[there]))
                for name, (values, unit) in columns.items()
            ),
        ],
        name="MAP",
    )
    table.header.update({
        "PIXTYPE": "HEALPIX",
        "ORDERING": "NESTED",
        "NSIDE": nside,
        "COORDSYS": _COORDINATES[frame],
        "INDXSCHM": "EXPLICIT",
        "OBJECT": "PARTIAL",
        "OBS_NPIX": int(there.sum()),
        "GRAIN": 1,
    })  # fmt: skip
    table.header.extend(cards)
    return fits_bytes(fits.HDUList([fits.PrimaryHDU(), table]))


def fits_bytes(units: fits.HDUList) -> bytes:
    """What a FITS file of them holds."""
    memory = io.BytesIO()
    units.writeto(memory)
    return memory.getvalue()


def _filled(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.where(np.isfinite(values), values, healpy.UNSEEN).astype(np.float32)
