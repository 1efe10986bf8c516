"""What one FITS snapshot says about itself: axes, planes, time, beam."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import InputError
from pipeline.readers.fits_cards import COPY, NOT_IMAGE, Cards, interval_centre, interval_length

_DTYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_UNITS_MHZ = {"": 1e-6, "HZ": 1e-6, "KHZ": 1e-3, "MHZ": 1.0, "GHZ": 1e3}
STOKES_I = 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One FITS image: where its planes are, when and at which frequencies.

    Attributes
    ----------
    path : Path
    shape : (ny, nx)
    dtype : str
        NumPy name of the stored numbers.
    scale, zero : float
        BSCALE and BZERO.
    blank : int or None
        BLANK, the integer that means NaN.
    offset : int
        Byte where the data begin.
    freq_mhz : tuple of float
        Frequency of every plane along the FREQ axis.
    plane_numbers : tuple of int
        For each frequency, the number of its image among the 2-D planes of the file.
    stokes : int
        FITS code of the polarisation that is read (1 is I).
    time : (float, float)
        Centre of the interval, UTC MJD: day and fraction.
    duration_s : float
        Length of the interval, NaN when not given.
    geometry : dict
        The keys of the celestial axes as (text) written.
    beam_deg : float
        Geometric mean of BMAJ and BMIN, NaN when not given.
    bunit : str
    empty : bool
        The imager says that it gridded no visibility.
    """

    path: Path
    shape: tuple[int, int]
    dtype: str
    scale: float
    zero: float
    blank: int | None
    offset: int
    freq_mhz: tuple[float, ...]
    plane_numbers: tuple[int, ...]
    stokes: int
    time: tuple[float, float]
    duration_s: float
    geometry: dict[str, float | str]
    beam_deg: float
    bunit: str
    empty: bool

    @property
    def plane_bytes(self) -> int:
        return self.shape[0] * self.shape[1] * np.dtype(self.dtype).itemsize


def scan_snapshot(path: Path) -> Snapshot:
    """Read the primary header of one file.

    Raises
    ------
    InputError
        No FITS image, unusual axes, no time, or fewer bytes than announced.
    """
    cards, where = Cards(path), str(path)
    n_axes = int(cards.number("NAXIS", 0))
    sizes = [int(cards.number(f"NAXIS{i + 1}")) for i in range(n_axes)]
    if n_axes < 2 or min(sizes) < 1:
        problem = f"the primary HDU holds no image (axes {sizes})"
        raise InputError(where, "NAXIS", problem, "unpack compressed images (funpack)")
    types = [cards.text(f"CTYPE{i + 1}").upper() for i in range(n_axes)]
    if not (types[0].startswith("RA") and types[1].startswith("DEC")):
        problem = f"the first axes are {types[:2]}, not RA and DEC"
        raise InputError(where, "CTYPE1", problem, NOT_IMAGE)
    bitpix = int(cards.number("BITPIX"))
    if bitpix not in _DTYPES:
        raise InputError(where, "BITPIX", f"is {bitpix}", "correct the FITS header")
    freq, planes, stokes = _planes(cards, where, types, sizes)
    snapshot = Snapshot(
        path=path,
        shape=(sizes[1], sizes[0]),
        dtype=_DTYPES[bitpix],
        scale=cards.number("BSCALE", 1.0),
        zero=cards.number("BZERO", 0.0),
        blank=int(cards.number("BLANK")) if "BLANK" in cards and bitpix > 0 else None,
        offset=cards.n_bytes,
        freq_mhz=freq,
        plane_numbers=planes,
        stokes=stokes,
        time=interval_centre(cards, where),
        duration_s=interval_length(cards, where),
        geometry=_geometry(cards, where),
        beam_deg=_beam(cards),
        bunit=cards.text("BUNIT"),
        empty=cards.number("WSCNVIS", 1.0) == 0 or cards.number("WSCVWSUM", 1.0) == 0,
    )
    wanted = snapshot.offset + abs(bitpix) // 8 * int(np.prod(sizes))
    if path.stat().st_size < wanted:
        problem = f"is truncated: {path.stat().st_size} of {wanted} bytes"
        raise InputError(where, "data", problem, COPY)
    return snapshot


def _planes(
    cards: Cards, where: str, types: list[str], sizes: list[int]
) -> tuple[tuple[float, ...], tuple[int, ...], int]:
    """Frequencies, the plane of each, and the polarisation read."""
    n_freq, freq_stride, n_stokes, stokes_stride, stride = 1, 0, 1, 0, 1
    freq_axis = stokes_axis = 0
    for i in range(2, len(sizes)):
        if types[i].startswith("FREQ"):
            freq_axis, n_freq, freq_stride = i + 1, sizes[i], stride
        elif types[i] == "STOKES":
            stokes_axis, n_stokes, stokes_stride = i + 1, sizes[i], stride
        elif sizes[i] > 1:
            problem = f"axis {types[i]!r} has {sizes[i]} planes"
            raise InputError(where, f"CTYPE{i + 1}", problem, NOT_IMAGE)
        stride *= sizes[i]
    codes = [1] if not stokes_axis else [round(v) for v in _axis(cards, stokes_axis, n_stokes)]
    if n_stokes > 1 and STOKES_I not in codes:
        problem = f"holds the polarisations {codes} (FITS codes), not I"
        raise InputError(where, f"CRVAL{stokes_axis}", problem, "image Stokes I")
    i_stokes = codes.index(STOKES_I) if STOKES_I in codes else 0
    freq = _frequencies(cards, where, freq_axis, n_freq)
    planes = tuple(i * freq_stride + i_stokes * stokes_stride for i in range(n_freq))
    return freq, planes, codes[i_stokes]


def _axis(cards: Cards, axis: int, n: int) -> list[float]:
    value, step = cards.number(f"CRVAL{axis}"), cards.number(f"CDELT{axis}", 1.0)
    reference = cards.number(f"CRPIX{axis}", 1.0)
    return [value + (i + 1 - reference) * step for i in range(n)]


def _frequencies(cards: Cards, where: str, axis: int, n: int) -> tuple[float, ...]:
    if not axis:
        remedy = "write a FREQ axis (one plane is enough)"
        raise InputError(where, "CTYPE3", "there is no FREQ axis", remedy)
    unit = cards.text(f"CUNIT{axis}").upper()
    if unit not in _UNITS_MHZ:
        problem = f"unknown unit of frequency {unit!r}"
        raise InputError(where, f"CUNIT{axis}", problem, "use Hz")
    freq = tuple(v * _UNITS_MHZ[unit] for v in _axis(cards, axis, n))
    if not all(np.isfinite(f) and f > 0 for f in freq):
        problem = f"frequency {freq[0]} MHz"
        raise InputError(where, f"CRVAL{axis}", problem, "correct the FREQ axis")
    return freq


def _geometry(cards: Cards, where: str) -> dict[str, float | str]:
    keys = ("CRVAL", "CRPIX", "CDELT", "CROTA")
    numbers = {f"{k}{i}": cards.number(f"{k}{i}", 0.0) for i in (1, 2) for k in keys}
    matrix = {f"{m}{i}_{j}": cards.number(f"{m}{i}_{j}", float(m == "PC" and i == j))
              for m in ("PC", "CD") for i in (1, 2) for j in (1, 2)}  # fmt: skip
    for key, value in {**numbers, **matrix}.items():
        if not np.isfinite(value):
            raise InputError(where, key, f"is {value}", "correct the FITS header")
    texts = {k: cards.text(k) for k in ("CTYPE1", "CTYPE2", "RADESYS")}
    return {**numbers, **matrix, **texts}


def _beam(cards: Cards) -> float:
    major, minor = cards.number("BMAJ", np.nan), cards.number("BMIN", np.nan)
    return float(np.sqrt(major * minor)) if major > 0 and minor > 0 else float("nan")
