"""Pointings of a search, from the folder that ``slowburst search`` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from surveys.coverage.motion import angles_deg, drifted, unit_vectors
from surveys.coverage.pointings import Pointings
from surveys.coverage.settings import CoverageSettings
from surveys.errors import InputError

SUMMARY, ARRAYS, UNFINISHED = "summary.json", "candidates.h5", "detections.partial"
_AGAIN = "search again with this version"
_LIGHT_M_S = 299792458.0


def is_search(folder: Path) -> bool:
    """Whether a folder is that of a search."""
    return (folder / SUMMARY).is_file() and (folder / ARRAYS).is_file()


def read_summary(folder: Path) -> dict[str, Any]:
    """The summary of a search.

    Raises
    ------
    InputError
        The search did not end, or its summary cannot be read.
    """
    if (folder / UNFINISHED).exists():
        raise InputError(str(folder), UNFINISHED, "is there: the search did not end", "let it end")
    path = folder / SUMMARY
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(str(path), "file", f"cannot be read ({error})", _AGAIN) from error
    if not isinstance(summary, dict):
        raise InputError(str(path), "file", "is no summary of a search", _AGAIN)
    return summary


def n_candidates(summary: dict[str, Any]) -> int:
    """How many candidates a search found that were not put in; -1 where it does not say."""
    value = summary.get("n_candidates")
    return value if isinstance(value, int) and value >= 0 else -1


def read_search(folder: Path, settings: CoverageSettings) -> Pointings:
    """As :func:`pointings_of`, of a folder alone."""
    return pointings_of(folder, read_summary(folder), settings)


def pointings_of(folder: Path, summary: dict[str, Any], settings: CoverageSettings) -> Pointings:
    """What a search covered: a pointing for each stretch of about the same noise.

    The image stays on the sky. The time that counts is that of samples with any data, and the noise
    that of their channels that were not flagged; frames without any noise are left out.

    Raises
    ------
    InputError
        The search is of another version, of no known place, or not in Jy.
    """
    where = str(folder)
    sky = _section(summary, "sky", where)
    scale = _jy(sky, settings, where)
    threshold, n_samples, mjd, widest = (
        _number(summary, name, where)
        for name in ("threshold", "n_samples", "start_mjd", "max_width_s")
    )
    tsamp, freq = (_number(sky, name, where) for name in ("tsamp_s", "freq_mhz"))
    place, field = _place(sky, where)
    middle, fwhm, drift = _beam(sky, place, settings, freq)
    frames = _frames(folder / ARRAYS, int(n_samples))
    begin, n, noise, share = _stretches(*frames, settings.noise_change)
    if not len(n):
        raise InputError(where, "noise", "is known nowhere", "leave this search out")
    # Sample 0 begins half a sample before its centre.
    after_s = (begin - 0.5) * tsamp
    looks = np.broadcast_to(unit_vectors(*middle), (len(n), 3))
    if drift:
        looks = drifted(looks, mjd, after_s)
    ra, dec = angles_deg(looks)
    return Pointings.of(
        where,
        start_mjd=mjd + after_s / 86400,
        duration_s=n * tsamp,
        searched_s=n * tsamp * share,
        ra=ra,
        dec=dec,
        drift=drift,
        noise_jy=noise * scale,
        tsamp_s=tsamp,
        beam_fwhm_deg=fwhm,
        field_deg=field,
        field_ra=place[0],
        field_dec=place[1],
        threshold=threshold,
        max_width_s=widest,
        name=[f"{folder.name}:{i + 1}" for i in range(len(n))],
    )


def _section(summary: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    section = summary.get(name)
    if not isinstance(section, dict):
        problem = "is missing: it is of an older version"
        raise InputError(where, f"{SUMMARY}, {name}", problem, _AGAIN)
    return section


def _number(section: dict[str, Any], name: str, where: str) -> float:
    value = section.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise InputError(where, f"{SUMMARY}, {name}", f"is {value!r}", _AGAIN)
    return float(value)


def _jy(sky: dict[str, Any], settings: CoverageSettings, where: str) -> float:
    """Jy in a unit of the data."""
    if settings.jy_per_unit is not None:
        return settings.jy_per_unit
    unit = str(sky.get("unit") or "")
    scales = {"Jy": 1.0, "mJy": 1e-3, "uJy": 1e-6}
    if unit.partition("/")[0] not in scales:
        problem = f"is {unit!r}, not Jy"
        raise InputError(where, f"{SUMMARY}, unit", problem, "calibrate, or give jy_per_unit")
    return scales[unit.partition("/")[0]]


def _place(sky: dict[str, Any], where: str) -> tuple[tuple[float, float], float]:
    """Middle of the image and the side of a square of its area, degrees."""
    sides = sky.get("field_deg")
    if sky.get("ra_deg") is None or not isinstance(sides, list) or len(sides) != 2:
        remedy = "give its place in a table of pointings"
        raise InputError(where, f"{SUMMARY}, ra_deg", "is not known: images had no WCS", remedy)
    ra, dec = (_number(sky, name, where) for name in ("ra_deg", "dec_deg"))
    x, y = (_number(dict(enumerate(sides)), i, where) for i in range(2))  # type: ignore[arg-type]
    return (ra, dec), float(np.sqrt(x * y))


def _beam(
    sky: dict[str, Any], place: tuple[float, float], settings: CoverageSettings, freq_mhz: float
) -> tuple[tuple[float, float], float, bool]:
    """Middle, FWHM and whether it drifts."""
    recorded, wanted = sky.get("primary_beam"), settings.beam
    known = recorded if isinstance(recorded, dict) else {}
    middle = (known.get("ra_deg", place[0]), known.get("dec_deg", place[1]))
    drift = bool(known.get("drift", False)) if wanted.drift is None else wanted.drift
    fwhm = known.get("fwhm_deg") or np.inf
    if wanted.none:
        fwhm = np.inf
    elif wanted.dish_m is not None:
        fwhm = float(np.degrees(1.22 * _LIGHT_M_S / (freq_mhz * 1e6 * wanted.dish_m)))
    elif wanted.fwhm_deg is not None:
        fwhm = wanted.fwhm_deg
    return middle, float(fwhm), drift


def _frames(path: Path, n_samples: int) -> tuple[NDArray, NDArray, NDArray]:
    """Edges of frames in samples, (n + 1,), their noise, and the share with any data."""
    try:
        with h5py.File(path, "r") as file:
            overview = file["overview"]
            noise, share = (np.asarray(overview[n][()], float) for n in ("noise", "live"))
            seconds = np.asarray(overview["noise_time_s"][()], float)
            tsamp = float(file["recording"].attrs["tsamp_s"])
    except Exception as error:  # h5py raises many kinds on a damaged file
        raise InputError(str(path), "file", f"cannot be read ({error})", _AGAIN) from error
    if not len(noise) == len(share) == len(seconds) > 0:
        raise InputError(str(path), "overview", "has no frames", "leave this search out")
    edges = [0]
    for middle in np.rint(seconds / tsamp).astype(int)[:-1]:
        edges.append(2 * middle - edges[-1])
    edges = np.array([*edges, n_samples])
    if (np.diff(edges) <= 0).any():
        raise InputError(str(path), "overview", "has frames out of order", _AGAIN)
    return edges, noise, np.clip(np.nan_to_num(share), 0, 1)


def _stretches(
    edges: NDArray[np.int64], noise: NDArray, share: NDArray, change: float
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Neighbouring frames of about the same noise, as one.

    Returns
    -------
    begin, n : samples
    noise : that whose 1 / noise^2 is the mean over samples with data
    share : of samples with data
    """
    good = np.isfinite(noise) & (noise > 0) & (share > 0)
    rows, first = [], 0
    while first < len(noise):
        stop = first + 1
        if good[first]:
            low = high = noise[first]
            while stop < len(noise) and good[stop]:
                low, high = min(low, noise[stop]), max(high, noise[stop])
                if high > (1 + change) * low:
                    break
                stop += 1
            n = np.diff(edges[first : stop + 1])
            weight = n * share[first:stop]
            power = np.sum(weight / noise[first:stop] ** 2) / weight.sum()
            rows.append((edges[first], n.sum(), power**-0.5, weight.sum() / n.sum()))
        first = stop
    return tuple(np.array(c, float) for c in zip(*rows, strict=True)) if rows else (  # type: ignore[return-value]
        (np.zeros(0),) * 4
    )  # fmt: skip
