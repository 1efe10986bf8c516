"""Whether what is measured is what was published."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from surveys.errors import SettingProblem

Word = Literal["holds", "holds within errors", "does not hold"]


@dataclass(frozen=True)
class Interval:
    """Numbers from one to another, as of several redshifts; or one number.

    Attributes
    ----------
    low, high : float
        May be infinite.
    low_err, high_err : float
        Standard errors of the two ends.
    """

    low: float
    high: float
    low_err: float = 0.0
    high_err: float = 0.0

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            problem = f"goes from {self.low} to {self.high}"
            raise SettingProblem("interval", problem, "give two numbers, the lower one first")
        if not (0 <= self.low_err < math.inf and 0 <= self.high_err < math.inf):
            problem = f"has errors {self.low_err} and {self.high_err}"
            raise SettingProblem("interval", problem, "give errors of 0 or more")

    @staticmethod
    def of(value: float, err: float = 0.0) -> Interval:
        """One number with its error."""
        return Interval(value, value, err, err)

    def __str__(self) -> str:
        def said(value: float, err: float) -> str:
            return f"{value:.3g}" + (f" ± {err:.2g}" if err > 0 else "")

        if self.low == self.high:
            return said(self.low, self.low_err)
        if math.isinf(self.low) or math.isinf(self.high):
            below = math.isinf(self.low)
            end = said(self.high, self.high_err) if below else said(self.low, self.low_err)
            return f"{'up to' if below else 'from'} {end}"
        return f"{said(self.low, self.low_err)} to {said(self.high, self.high_err)}"


@dataclass(frozen=True)
class Verdict:
    """What comes of comparing.

    Attributes
    ----------
    word : str
    n_sigma : float
        By how many standard errors what is measured reaches out of what was published; 0 if it
        is within, infinite if it reaches out and nothing has an error.
    text : str
        The word with the numbers.
    """

    word: Word
    n_sigma: float
    text: str


def verdict(measured: Interval, published: Interval, most_sigma: float = 2.0) -> Verdict:
    """Whether all that is measured lies within what was published.

    It holds if both ends do, and holds within errors if neither end is outside by more than
    `most_sigma` standard errors, those of both sides added in squares. A wide interval of
    measured numbers is no better a chance to hold: it is values, not a lack of knowledge.
    """
    below = published.low - measured.low
    above = measured.high - published.high
    n_sigma = max(
        _apart(below, math.hypot(measured.low_err, published.low_err)),
        _apart(above, math.hypot(measured.high_err, published.high_err)),
    )
    word: Word = "does not hold"
    if n_sigma <= most_sigma:
        word = "holds" if n_sigma == 0 else "holds within errors"
    text = f"{word}: measured {measured}, published {published}"
    if n_sigma > 0:
        sigmas = f", {n_sigma:.1f} standard errors" if math.isfinite(n_sigma) else ""
        text += f" (outside by {max(below, above):.2g}{sigmas})"
    return Verdict(word, n_sigma, text)


def _apart(outside: float, error: float) -> float:
    if not outside > 0:
        return 0.0
    return outside / error if error > 0 else math.inf
