"""The cards of a FITS primary header, cut by hand, and the time they give.

A recording of an hour may be hundreds of thousands of small files, so only the
handful of values that are needed is parsed.
"""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import BinaryIO

import numpy as np
from astropy.time import Time

from pipeline.errors import InputError
from pipeline.readers.base import check_mjd, check_tsamp

NOT_IMAGE = "give images with axes RA, DEC and optionally STOKES and FREQ"
COPY = "copy the file again, or delete it: a missing snapshot is a gap of weight 0"
_BLOCK, _CARD = 2880, 80
_SCALES = ("utc", "tai", "tt")
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d(?:\.\d*)?)")
_MJD_ORDINAL = datetime.date(1858, 11, 17).toordinal()


class Cards:
    """The raw cards of a primary header, parsed on demand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._raw: dict[str, str] = {}
        self.n_bytes = 0
        try:
            with path.open("rb") as file:
                self._scan(file)
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
            raise InputError(str(path), "file", problem, "check the path") from error

    def _scan(self, file: BinaryIO) -> None:
        while True:
            block = file.read(_BLOCK)
            if len(block) < _BLOCK:
                raise InputError(str(self.path), "header", "ends before END", COPY)
            if self.n_bytes == 0 and not block.startswith(b"SIMPLE  ="):
                raise InputError(str(self.path), "SIMPLE", "is missing: no FITS file", NOT_IMAGE)
            self.n_bytes += _BLOCK
            for i in range(0, _BLOCK, _CARD):
                card = block[i : i + _CARD].decode("latin-1")
                key = card[:8].rstrip()
                if key == "END":
                    return
                if card[8:10] == "= ":
                    self._raw.setdefault(key, card[10:])

    def text(self, key: str, default: str = "") -> str:
        raw = self._raw.get(key)
        if raw is None:
            return default
        quoted = re.match(r"\s*'((?:[^']|'')*)'", raw)
        return (quoted[1].replace("''", "'") if quoted else raw.split("/")[0]).strip()

    def number(self, key: str, default: float | None = None) -> float:
        text = self.text(key)
        if text == "" and default is not None:
            return default
        try:
            return float(text.replace("D", "E").replace("d", "e"))
        except ValueError as error:
            problem = f"is {text!r}, not a number" if key in self._raw else "is missing"
            raise InputError(str(self.path), key, problem, "correct the FITS header") from error

    def __contains__(self, key: str) -> bool:
        return key in self._raw


def interval_centre(cards: Cards, where: str) -> tuple[float, float]:
    """Centre of the interval as (day, fraction), UTC MJD.

    In this order: DATE-AVG or MJD-AVG; the mean of DATE-BEG and DATE-END (or
    MJD-BEG, MJD-END); DATE-OBS or MJD-OBS (or the beginning alone) plus half the
    duration (TELAPSE, EXPTIME, XPOSURE); and where no duration is given, DATE-OBS
    itself, since WSClean writes there the centre of the interval's first integration.
    """
    average = _time(cards, where, "AVG")
    if average is not None:
        return average
    begin, end = _time(cards, where, "BEG"), _time(cards, where, "END")
    if begin is not None and end is not None:
        return begin[0], begin[1] + ((end[0] - begin[0]) + (end[1] - begin[1])) / 2
    start = _time(cards, where, "OBS") or begin
    if start is None:
        remedy = "write DATE-OBS, the UTC start of the snapshot"
        raise InputError(where, "DATE-OBS", "the time is missing", remedy)
    duration_s = interval_length(cards, where)
    if np.isfinite(duration_s):
        start = start[0], start[1] + duration_s / 2 / 86400
    return start


def _time(cards: Cards, where: str, which: str) -> tuple[float, float] | None:
    """DATE-xxx if it has a time of day, else MJD-xxx, else DATE-xxx."""
    date, mjd = cards.text(f"DATE-{which}"), f"MJD-{which}"
    scale = cards.text("TIMESYS", "UTC").lower()
    if scale not in _SCALES:
        raise InputError(where, "TIMESYS", f"is {scale!r}", f"use one of {', '.join(_SCALES)}")
    if mjd in cards and "T" not in date:
        value = cards.number(mjd)
        check_mjd(value, where, mjd, "the snapshot")
        return _day_and_fraction(Time(value, format="mjd", scale=scale))
    if not date:
        return None
    plain = _ISO.fullmatch(date)
    try:
        if plain and scale == "utc":
            return _from_iso(plain)
        return _day_and_fraction(Time(date, scale=scale))
    except ValueError as error:
        remedy = "write YYYY-MM-DDThh:mm:ss.sss"
        raise InputError(where, f"DATE-{which}", f"is {date!r}, no date", remedy) from error


def _from_iso(found: re.Match[str]) -> tuple[float, float]:
    """Quick way for the usual form: astropy's takes longer than the rest of the scan."""
    year, month, day, hour, minute = (int(g) for g in found.groups()[:5])
    if hour > 23 or minute > 59 or float(found[6]) >= 61:
        raise ValueError("no time of day")
    day = datetime.date(year, month, day).toordinal() - _MJD_ORDINAL
    return float(day), (hour * 60 + minute + float(found[6]) / 60) / 1440


def _day_and_fraction(time: Time) -> tuple[float, float]:
    time = time.utc
    day = np.floor(time.mjd)
    return float(day), float((time.jd1 - 2400000.5 - day) + time.jd2)


def interval_length(cards: Cards, where: str) -> float:
    """TELAPSE, EXPTIME or XPOSURE in seconds; NaN when none is given."""
    for key in ("TELAPSE", "EXPTIME", "XPOSURE"):
        value = cards.number(key, np.nan)
        if np.isfinite(value) and value > 0:
            check_tsamp(value, where, key)
            return value
    return np.nan
