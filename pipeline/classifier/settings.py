"""What of the training a user may choose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.config import ConfigProblem


@dataclass(frozen=True)
class TrainSettings:
    """The keys of the file of ``slowburst train --config``.

    Attributes
    ----------
    seed : int
        Of the scenes, of the weights to begin with, and of the order of examples.
    scenes, scenes_calibrating, scenes_held_out : int
        Simulated recordings to learn from, to calibrate with, and to judge by.
    workers : int
        Processes that make scenes.
    epochs : int
        Times that each example is seen.
    batch : int
    learning_rate : float
        At its highest.
    weight_decay : float
    """

    seed: int = 0
    scenes: int = 90
    scenes_calibrating: int = 9
    scenes_held_out: int = 18
    workers: int = 2
    epochs: int = 24
    batch: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3

    def __post_init__(self) -> None:
        ranges = {
            "seed": (0, (1 << 31) - 1),
            "scenes": (1, 100_000),
            "scenes_calibrating": (1, 100_000),
            "scenes_held_out": (1, 100_000),
            "workers": (1, 256),
            "epochs": (1, 10_000),
            "batch": (2, 1 << 16),
            "learning_rate": (1e-8, 1.0),
            "weight_decay": (0.0, 1.0),
        }
        for name, (least, most) in ranges.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ConfigProblem(name, f"is {value}", f"give {least:g} to {most:g}")


@dataclass(frozen=True)
class ClassifierSettings:
    """How a search classifies its candidates.

    Attributes
    ----------
    use : bool
        Classify them.
    model : Path, optional
        What ``slowburst train`` wrote; that which comes with the program without it.
    prior : float
        Share of the candidates that are real before any is looked at.
    """

    use: bool = True
    model: Path | None = None
    prior: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.prior < 1:
            raise ConfigProblem("prior", f"is {self.prior}", "give a number between 0 and 1")
