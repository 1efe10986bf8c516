"""Share of the pulses that a search finds, of their S/N and width.

The S/N is that of a top-hat in white noise, see :mod:`surveys.coverage.pointings`: what a perfect
filter would have. What trials, sampling and pixels take is a part of the completeness, as
`slowburst inject` measures it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from surveys.catalogs.tables import numbers, open_table
from surveys.errors import InputError, SettingProblem, check_ranges

_TABLE, _SUMMARY = "widths.ecsv", "summary.json"
_RISE_TO_90 = float(ndtri(0.9))
_NEEDED = ("width_low", "width_high", "snr_50", "snr_90")


class Completeness(Protocol):
    """A share that is found."""

    @property
    def name(self) -> str:
        """What it is, in a word or a file."""
        ...

    def found(
        self, snr: ArrayLike, width_s: ArrayLike, threshold: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Share, 0 to 1, of pulses of an S/N and a width; arrays are broadcast.

        A threshold that is not the one that it was measured with stretches the S/N.
        """
        ...


@dataclass(frozen=True)
class IdealCompleteness:
    """Of a search that loses a fixed share of the S/N, in Gaussian noise.

    ``Phi(efficiency snr - threshold)``: half of the pulses are found where what is left of the
    S/N is the threshold.

    Attributes
    ----------
    threshold : float
    efficiency : float
        Share of the S/N that trials and pixels keep.
    """

    threshold: float = 7.0
    efficiency: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self, {"threshold": (0.1, 1e6), "efficiency": (0.01, 1.0)})

    @property
    def name(self) -> str:
        return "ideal"

    def found(
        self, snr: ArrayLike, width_s: ArrayLike, threshold: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        level = self.threshold if threshold is None else np.asarray(threshold, float)
        snr, level, _ = np.broadcast_arrays(np.asarray(snr, float), level, width_s)
        return np.asarray(ndtr(self.efficiency * snr - level), np.float64)


@dataclass(frozen=True)
class MeasuredCompleteness:
    """A probit in ln S/N for each range of widths, ``Phi(ln(snr / snr50) / rise)``.

    Narrower pulses than were measured have the completeness of the narrowest; wider
    ones have 0, as nothing is known of them.

    Attributes
    ----------
    width_s : (b + 1,)
        Edges of the ranges, rising.
    snr50 : (b,)
        S/N at which half is found.
    rise : (b,)
        Standard deviations of ln S/N.
    threshold : float
        S/N of the search that was measured.
    name : str
    """

    width_s: NDArray[np.float64]
    snr50: NDArray[np.float64]
    rise: NDArray[np.float64]
    threshold: float
    name: str = "measured"

    def __post_init__(self) -> None:
        good = len(self.snr50) == len(self.rise) == len(self.width_s) - 1
        if not good or not (np.diff(self.width_s) > 0).all():
            raise SettingProblem("width_s", "does not fit the others", "give rising edges")
        for name in ("snr50", "rise", "width_s"):
            if not (np.isfinite(getattr(self, name)) & (getattr(self, name) > 0)).all():
                raise SettingProblem(name, "has numbers that are not above 0", "mend them")

    def found(
        self, snr: ArrayLike, width_s: ArrayLike, threshold: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        snr, width = np.broadcast_arrays(np.asarray(snr, float), np.asarray(width_s, float))
        if threshold is not None:
            snr = snr * self.threshold / np.asarray(threshold, float)
            width = np.broadcast_to(width, snr.shape)
        i = np.clip(np.searchsorted(self.width_s, width, "right") - 1, 0, len(self.snr50) - 1)
        with np.errstate(divide="ignore"):
            share = ndtr(np.log(np.maximum(snr, 0) / self.snr50[i]) / self.rise[i])
        return np.where(width <= self.width_s[-1], share, 0.0)


def read_completeness(path: str | Path) -> MeasuredCompleteness:
    """What `slowburst inject` measured: its folder, or ``widths.ecsv`` beside ``summary.json``.

    Octaves in which no threshold could be fitted have that of the whole campaign.

    Raises
    ------
    InputError
        Something is missing or damaged.
    """
    path = Path(path)
    table_path = path / _TABLE if path.is_dir() else path
    if not table_path.exists():
        remedy = "give the --out folder of `slowburst inject`"
        raise InputError(str(table_path), "file", "does not exist", remedy)
    table = open_table(table_path, None, lambda names: "snr_50" in names)
    where = str(table_path)
    for name in _NEEDED:
        if name not in table.colnames:
            raise InputError(where, name, "is missing", "give what `slowburst inject` wrote")
    summary = _summary(table_path.with_name(_SUMMARY))
    table.sort("width_low")
    low, high, at50, at90 = (numbers(table[name]) for name in _NEEDED)
    known = np.isfinite(at50) & np.isfinite(at90) & (at50 > 0) & (at90 > at50)
    if not known.all():
        whole = [summary.get(name) for name in ("snr_50", "snr_90")]
        whole = [float(v) for v in whole if isinstance(v, float) and v > 0]
        if len(whole) < 2:
            problem = f"no threshold is known from {low[~known][0]:.3g} s"
            raise InputError(where, "snr_50", problem, "inject more pulses")
        at50, at90 = (np.where(known, a, b) for a, b in zip((at50, at90), whole, strict=True))
    try:
        return MeasuredCompleteness(
            np.append(low, high[-1]),
            at50,
            np.log(at90 / at50) / _RISE_TO_90,
            float(summary["threshold"]),
            str(path),
        )
    except SettingProblem as error:
        raise InputError(where, error.field, error.problem, error.remedy) from error


def _summary(path: Path) -> dict[str, Any]:
    remedy = "give the whole --out folder of `slowburst inject`"
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(str(path), "file", f"cannot be read ({error})", remedy) from error
    threshold = summary.get("threshold") if isinstance(summary, dict) else None
    if not isinstance(threshold, int | float) or not 0 < threshold < 1e6:
        raise InputError(str(path), "threshold", f"is {threshold!r}", remedy)
    return summary
