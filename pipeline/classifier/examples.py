"""Candidates of simulated recordings, with what they really are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerberus.plan import SearchPlan
from pipeline import device
from pipeline.candidates import DetectionTable, summarise_groups
from pipeline.classifier.families import Family
from pipeline.classifier.npz import BROKEN, read_arrays
from pipeline.classifier.scenes import Scene, draw_scene, plan_of
from pipeline.classifier.stamps import Stamps, join, make_stamp, stack, take
from pipeline.cutouts import CutoutSettings
from pipeline.errors import InputError
from pipeline.grouping import GroupingRules
from pipeline.injection.campaign import search_in_memory
from pipeline.injection.matching import from_injections, match
from pipeline.search import candidates_of, cutouts_of
from pipeline.sinks.atomic import write_atomically

_MOST_OF_EACH = 75
"""Candidates of a scene, of pulses and of everything else, that become examples."""

_NEARBY = GroupingRules(noise=-1e9)
"""What is not at the place of a pulse is none of it: sidelobes are bogus."""

_TOO_BRIGHT, _TOO_FAINT, _SLACK = 1.4, 0.4, 3.0
_SAME_TIME_SAMPLES = 8


@dataclass(frozen=True)
class Examples:
    """Candidates and what they are.

    Attributes
    ----------
    stamps : Stamps
    real : (n,) bool
        Of a pulse that was put in.
    snr : (n,) float32
    scene : (n,) int
        Number of the scene; those of one belong together.
    """

    stamps: Stamps
    real: NDArray[np.bool_]
    snr: NDArray[np.float32]
    scene: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.real)

    def of(self, rows: NDArray) -> Examples:
        """Some of them."""
        return Examples(take(self.stamps, rows), self.real[rows], self.snr[rows], self.scene[rows])


def join_examples(parts: Sequence[Examples]) -> Examples:
    """All examples of several sets."""
    return Examples(
        join([p.stamps for p in parts]),
        np.concatenate([p.real for p in parts]),
        np.concatenate([p.snr for p in parts]),
        np.concatenate([p.scene for p in parts]),
    )


@lru_cache(maxsize=4)
def _plan(family: Family) -> SearchPlan:
    return plan_of(family)


def examples_of(scene: Scene, plan: SearchPlan, number: int, rng: np.random.Generator) -> Examples:
    """Search a scene, and say of its candidates what they are.

    Real is what counts as found in a campaign of injections, see
    :func:`pipeline.injection.matching.match`, with an S/N that the pulse may have, where nothing
    else was. What overlaps with a pulse in time and is within three beams of it, but is not real
    by that, is left out. The rest is bogus.
    """
    reader, header = scene.reader, scene.reader.header
    found = search_in_memory(reader, plan)
    groups = summarise_groups(found.table, found.labels)
    best = found.table[groups.best]
    matched = match(scene.pulses, best, header)
    real = np.zeros(len(best), bool)
    doubtful = from_injections(scene.pulses, best, header, _NEARBY)
    true = np.array([one.snr for one in scene.pulses])
    for i in np.flatnonzero(matched >= 0):
        snr = float(best.snr[matched[i]])
        fits = _TOO_FAINT * true[i] - _SLACK < snr < _TOO_BRIGHT * true[i] + _SLACK
        fits &= not scene.confused[i]
        real[matched[i]], doubtful[matched[i]] = fits, not fits
    chosen = np.concatenate(
        [
            rng.permutation(np.flatnonzero(real & ~doubtful))[:_MOST_OF_EACH],
            _spread(best, np.flatnonzero(~real & ~doubtful), rng),
        ]
    )
    rows = {int(r) + 1: int(groups.best[r]) for r in chosen}
    cutouts = cutouts_of(reader, plan, found.table, rows, CutoutSettings(fit=False))
    table, looks = candidates_of(reader, found.table, found.labels, cutouts, header)
    stamps, kept = [], []
    for row in chosen.tolist():
        sidelobe = float(table["sidelobe"][row])
        stamp = make_stamp(cutouts[row + 1], header, looks[row + 1], sidelobe)
        if stamp is not None:
            stamps.append(stamp)
            kept.append(row)
    kept = np.array(kept, int)
    of_scene = np.full(len(kept), number)
    return Examples(stack(stamps), real[kept], best.snr[kept], of_scene)


def _spread(best: DetectionTable, rows: NDArray, rng: np.random.Generator) -> NDArray:
    """Some of the candidates; an event with a hundred of them counts little more than others."""
    if not len(rows):
        return rows
    when = (best.centre[rows] / _SAME_TIME_SAMPLES).astype(int)
    _, inverse, count = np.unique(when, return_inverse=True, return_counts=True)
    weight = 1 / np.sqrt(count[inverse])
    n = min(_MOST_OF_EACH, len(rows))
    return rng.choice(rows, n, replace=False, p=weight / weight.sum())


def make_examples(family: Family, number: int, seed: int) -> tuple[Examples, float]:
    """Examples of one scene, and the seconds of processor time that they took."""
    begun = time.process_time()
    plan = _plan(family)
    scene = draw_scene(family, plan, (seed, number, *family.name.encode()))
    rng = np.random.default_rng([seed, number, 1])
    return examples_of(scene, plan, number, rng), time.process_time() - begun


@dataclass(frozen=True)
class Task:
    """A scene that is to be made, and the file that keeps its examples."""

    family: Family
    number: int
    seed: int
    path: Path


def make(task: Task) -> Path:
    """Make the examples of a scene, if they are not there yet."""
    if not task.path.exists():
        device.prepare()
        examples, cpu_s = make_examples(task.family, task.number, task.seed)
        write_atomically(task.path, lambda path: _write(path, examples, cpu_s))
    return task.path


def make_all(tasks: Sequence[Task], workers: int, tell: Callable[[int, int], None]) -> None:
    """Make the examples of many scenes, in processes of their own if there is more than one."""
    if workers == 1:
        for i, task in enumerate(tasks):
            make(task)
            tell(i + 1, len(tasks))
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for i, _ in enumerate(pool.map(make, tasks)):
            tell(i + 1, len(tasks))


def _write(path: Path, examples: Examples, cpu_s: float) -> None:
    arrays: dict[str, Any] = dict(zip(Stamps._fields, examples.stamps, strict=True))
    # A file, not a name: numpy appends an ending to names.
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            **arrays,
            real=examples.real,
            snr=examples.snr,
            scene=examples.scene,
            cpu_s=np.array(cpu_s),
        )


def read_examples(path: Path) -> tuple[Examples, float]:
    """Examples of a scene, and the processor time that they took.

    Raises
    ------
    InputError
        The file is damaged.
    """
    try:
        file = read_arrays(path)
        stamps = Stamps(*(file[name] for name in Stamps._fields))
        examples = Examples(stamps, file["real"], file["snr"], file["scene"])
        return examples, float(file["cpu_s"])
    except (OSError, *BROKEN) as error:
        problem = f"cannot be read ({error})"
        raise InputError(str(path), "examples", problem, "remove it: it is made again") from error
