"""What a user can ask of a search for periods."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.config import ConfigProblem

_RANGES = {
    "threshold": (1.0, 1e6),
    "min_period": (0.0, 1e9),
    "max_period": (0.0, 1e9),
    "bins": (4, 512),
    "max_duty": (1e-3, 0.5),
    "dm": (0.0, 1e6),
    "max_candidates": (1, 100_000),
    "max_figures": (0, 10_000),
    "memory_mb": (1, 1 << 20),
}


@dataclass(frozen=True)
class PeriodSettings:
    """Settings of ``slowburst periods``; a TOML file has the same names.

    Attributes
    ----------
    threshold : float
        S/N from which a periodic pulse counts.
    min_period, max_period : float
        Seconds; 0 for 2 samples, and for half of the recording.
    bins : int
        Phase bins of long periods: the narrowest pulse that is matched is one of them.
    max_duty : float
        Widest pulse, as a part of its period.
    dm : float
        At which every pixel is dedispersed, pc cm^-3; candidates have their own.
    max_candidates : int
        Whose pixels are folded, the best first.
    max_figures : int
        Periods, best first, that get a figure.
    memory_mb : int
        For the light curves that are in memory at a time.
    """

    threshold: float = 8.0
    min_period: float = 0.0
    max_period: float = 0.0
    bins: int = 128
    max_duty: float = 0.375
    dm: float = 0.0
    max_candidates: int = 100
    max_figures: int = 20
    memory_mb: int = 1024

    def __post_init__(self) -> None:
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ConfigProblem(name, f"is {value}", f"give {least:g} to {most:g}")
        if 0 < self.max_period < self.min_period:
            problem = f"is {self.max_period}, below min_period"
            raise ConfigProblem("max_period", problem, f"give more than {self.min_period:g}")
