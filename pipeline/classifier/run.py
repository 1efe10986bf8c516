"""``slowburst train``: examples from simulations, networks from examples, and how good they are."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline import device
from pipeline.classifier.examples import Examples, Task, join_examples, make_all, read_examples
from pipeline.classifier.families import HELD_OUT, TRAINING, Family
from pipeline.classifier.figures import Scores, reliability_figure, roc_figure
from pipeline.classifier.metrics import metrics
from pipeline.classifier.model import Classifier, save
from pipeline.classifier.network import Sizes
from pipeline.classifier.platt import Platt, calibrate
from pipeline.classifier.settings import TrainSettings
from pipeline.classifier.stamps import IMAGE_SHAPE, N_NUMBERS, SPECTRUM_SHAPE
from pipeline.classifier.training import train
from pipeline.errors import InputError
from pipeline.report.style import to_png
from pipeline.sinks.atomic import write_bytes, write_text
from pipeline.sinks.files import write_summary
from pipeline.versions import versions

MODEL, CARD = "classifier.npz", "card.json"
_EXAMPLES, _CLAIM, _NAME = "examples", "examples.json", "scene_{:07d}.npz"
_CALIBRATING, _HELD_OUT = 1_000_000, 2_000_000
"""Numbers of the first scenes of a kind: they have other seeds."""

_LIMITS = (
    "p_real is that for a prior of 1/2: among candidates of which few are real it is to be given "
    "another prior.",
    "Trained on simulations alone. Noise is Gaussian, antennas have wrong gains at most, and "
    "pulses are top-hats or Gaussians that fill a quarter of the band or more.",
    "What looks like a point of the sky for as long as a pulse is taken for one: scintillating "
    "sources, aircraft that do not move in a sample, noise peaks as bright as pulses.",
    "Pulses of S/N below 7 were not put in; noise peaks and the faintest pulses are told apart by "
    "their S/N alone.",
)

Tell = Callable[..., None]


@dataclass(frozen=True)
class _Sets:
    """Examples to learn from, to calibrate with, and to judge by; and what they took."""

    learning: Examples
    calibrating: Examples
    held_out: Examples
    cpu_s: float


def run(settings: TrainSettings, out: Path, tell: Tell) -> dict[str, Any]:
    """Train a classifier, and write it with its card, figures and summary.

    Examples of scenes that are there already are not made again.

    Parameters
    ----------
    settings : TrainSettings
    out : Path
    tell : callable
        Called with the work done, all of it, and what it is.

    Returns
    -------
    dict
        The contents of ``summary.json``.

    Raises
    ------
    InputError
        The folder has examples of another seed or version, or cannot be written to.
    """
    begun = time.monotonic()
    device.prepare()
    sets = _made(settings, out, tell)
    made_s, cpu = time.monotonic() - begun, time.process_time()
    sizes = Sizes()
    networks = train(
        sets.learning.stamps,
        sets.learning.real,
        settings,
        sizes,
        lambda done, total: tell(done, total, "training"),
    )
    plain = Classifier(networks, sizes, Platt(), {})
    platt = calibrate(plain.logits(sets.calibrating.stamps), sets.calibrating.real)
    took = {
        "wall_seconds_examples": made_s,
        "cpu_seconds_examples": sets.cpu_s,
        "cpu_seconds_training": time.process_time() - cpu,
    }
    fitted = Classifier(networks, sizes, platt, {})
    scores = {
        "held out": (fitted.probabilities(sets.held_out.stamps), sets.held_out.real),
        "validation": (fitted.probabilities(sets.calibrating.stamps), sets.calibrating.real),
    }
    card = _card(settings, sets, scores) | {"seconds": took}
    save(Classifier(networks, sizes, platt, card), out / MODEL)
    write_text(out / CARD, json.dumps(card, indent=2) + "\n")
    _draw(out, scores)
    summary = {**card, "wall_seconds": time.monotonic() - begun, "device": device.describe()}
    write_summary(out / "summary.json", summary)
    return summary


def _made(settings: TrainSettings, out: Path, tell: Tell) -> _Sets:
    """The examples of all scenes."""
    folder = out / _EXAMPLES
    _claim(folder, settings)
    wanted = (
        (TRAINING, settings.scenes, 0),
        (TRAINING, settings.scenes_calibrating, _CALIBRATING),
        (HELD_OUT, settings.scenes_held_out, _HELD_OUT),
    )
    sets = [
        _tasks(folder, settings.seed, families, range(first, first + n))
        for families, n, first in wanted
    ]
    # Those of a family in a row: its programs are compiled once.
    everything = sorted((t for tasks in sets for t in tasks), key=lambda t: t.family.name)
    make_all(everything, settings.workers, lambda done, n: tell(done, n, "making examples"))
    cpu_s, joined = 0.0, []
    for tasks in sets:
        read = [read_examples(task.path) for task in tasks]
        cpu_s += sum(seconds for _, seconds in read)
        joined.append(join_examples([examples for examples, _ in read]))
        real = joined[-1].real
        if not len(real) or real.all() or not real.any():
            remedy = "give more scenes"
            raise InputError(str(folder), "scenes", "hold candidates of one kind alone", remedy)
    learning, calibrating, held_out = joined
    return _Sets(learning, calibrating, held_out, cpu_s)


def _tasks(folder: Path, seed: int, families: Sequence[Family], numbers: range) -> list[Task]:
    return [
        Task(families[i % len(families)], number, seed, folder / _NAME.format(number))
        for i, number in enumerate(numbers)
    ]


def scene_path(out: Path, number: int, held_out: bool) -> Path:
    """The file of the examples of a scene to learn from, or to judge by."""
    return out / _EXAMPLES / _NAME.format(number + held_out * _HELD_OUT)


def _claim(folder: Path, settings: TrainSettings) -> None:
    """See that the folder holds examples of this seed and version alone."""
    own = {
        "seed": settings.seed,
        "families": [asdict(f) for f in TRAINING + HELD_OUT],
        "version": versions()["slowburst"],
        "stamps": [*IMAGE_SHAPE, *SPECTRUM_SHAPE, N_NUMBERS],
    }
    text = json.dumps(own, indent=2) + "\n"
    path = folder / _CLAIM
    if path.exists():
        if path.read_text(encoding="utf-8") != text:
            problem = "has examples of another seed, or of another version"
            raise InputError(str(folder), "--out", problem, "give another --out")
        return
    write_text(path, text)


def _card(settings: TrainSettings, sets: _Sets, scores: Scores) -> dict[str, Any]:
    """What a user must know of the classifier."""
    held = sets.held_out
    p_real = scores["held out"][0]
    bright = held.snr >= 7
    by_family = {}
    for i, family in enumerate(HELD_OUT):
        rows = (held.scene - _HELD_OUT) % len(HELD_OUT) == i
        by_family[family.name] = metrics(p_real[rows], held.real[rows], held.scene[rows])
    validation = sets.calibrating
    return {
        "what": "probability that a candidate is a pulse of a point source",
        "prior": 0.5,
        "data": {
            "training": [asdict(f) for f in TRAINING],
            "held_out": [asdict(f) for f in HELD_OUT],
            "n_real": int(sets.learning.real.sum()),
            "n_bogus": int((~sets.learning.real).sum()),
        },
        "metrics": {
            "held_out": metrics(p_real, held.real, held.scene),
            "held_out_snr_7": metrics(p_real[bright], held.real[bright], held.scene[bright]),
            **by_family,
            "validation": metrics(scores["validation"][0], validation.real, validation.scene),
        },
        "limits": list(_LIMITS),
        "settings": asdict(settings),
        "versions": versions() | {"python": platform.python_version()},
    }


def _draw(out: Path, scores: Scores) -> None:
    figures = {"roc.png": roc_figure(scores), "reliability.png": reliability_figure(scores)}
    for name, figure in figures.items():
        write_bytes(out / name, to_png(figure))
