"""Runs a simulation: recordings, truth table, configuration and summary in one folder."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config import ConfigProblem, dump_config
from pipeline.errors import InputError
from pipeline.readers.cube_writer import CubeWriter
from pipeline.simulation.config import SimulationConfig
from pipeline.simulation.filterbank_writer import FilterbankWriter
from pipeline.simulation.scene import Scene, recorded_pieces
from pipeline.simulation.truth import write_truth
from pipeline.visibilities.nsfrb_name import OBSERVATION, file_name, parse_name
from surveys.instruments import dsa110

if TYPE_CHECKING:
    from pipeline.simulation.visibilities import VisScene

_SUFFIX = {"cube": ".h5", "filterbank": ".fil", "uvh5": ".uvh5"}
_BESIDE = ("truth.ecsv", "config.toml", "summary.json", OBSERVATION)


@dataclass(frozen=True)
class _Part:
    """A stretch of samples, and the files it goes to."""

    start: int
    stop: int
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class SimulationResult:
    """What was written.

    Attributes
    ----------
    recordings : tuple of Path
        In order of time; open them together as one recording.
    truth : Path
        ECSV table, see :mod:`pipeline.simulation.truth`.
    summary : dict
        The contents of ``summary.json``.
    """

    recordings: tuple[Path, ...]
    truth: Path
    summary: dict[str, Any]


def simulate(
    config: SimulationConfig,
    out_dir: str | Path,
    seed: int | None = None,
    *,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
    where: str = "configuration",
) -> SimulationResult:
    """Write a simulated recording with ``truth.ecsv``, ``config.toml`` and ``summary.json``.

    The recording is made and written chunk by chunk; memory does not grow with its
    length. The same configuration and seed give the same samples.

    Parameters
    ----------
    config : SimulationConfig
    out_dir : path
        Made when it does not exist.
    seed : int, optional
        Instead of ``config.recording.seed``.
    overwrite : bool
        Replace what an earlier simulation of this name left in the folder.
    progress : callable, optional
        Called with (samples done, samples in all).
    where : str
        What to name in messages about the configuration.

    Raises
    ------
    InputError
        An impossible configuration or an occupied folder.
    OSError
        A file, which it names, cannot be written (disk full).
    """
    begun = time.perf_counter()
    seed = config.recording.seed if seed is None else seed
    config = replace(config, recording=replace(config.recording, seed=seed))
    out_dir = Path(out_dir)
    parts = _parts(config, out_dir)
    try:
        if not parts:
            raise ConfigProblem("gaps", "all samples are missing", "shorten the gaps")
        scene = _scene(config, seed, [part.start for part in parts])
    except ConfigProblem as error:
        raise InputError(where, error.field, error.problem, error.remedy) from error
    _claim(out_dir, config.recording.name, overwrite)
    text = dump_config(config)
    meta = {"program": "slowburst simulate", "versions": versions(), "seed": seed, "config": text}
    _write_recordings(scene, parts, meta, progress)
    if config.recording.format == "nsfrb":
        assert not isinstance(scene, Scene)
        _write_text(out_dir / OBSERVATION, dump_config(scene.observation))
    truth = out_dir / "truth.ecsv"
    write_truth(scene, truth, meta)
    _write_text(out_dir / "config.toml", text)
    summary = _summary(scene, parts, time.perf_counter() - begun)
    _write_text(out_dir / "summary.json", json.dumps(summary, indent=2) + "\n")
    recordings = tuple(path for part in parts for path in part.paths)
    return SimulationResult(recordings, truth, summary)


def _scene(config: SimulationConfig, seed: int, starts: list[int]) -> Scene | VisScene:
    if config.recording.has_visibilities:
        # It needs jax, which images do not.
        from pipeline.simulation.visibilities import VisScene

        if config.recording.format == "uvh5" and find_spec("pyuvdata") is None:
            remedy = "pip install pyuvdata, or write nsfrb"
            raise ConfigProblem("recording.format", "uvh5 needs pyuvdata", remedy)
        return VisScene(config, seed, starts)
    scene = Scene(config, seed)
    if config.recording.n_bits == 8 and not scene.sigma.mean() > 0:
        raise ConfigProblem("recording.n_bits", "8 bits need noise", "use n_bits = 32")
    return scene


def _parts(config: SimulationConfig, out_dir: Path) -> list[_Part]:
    """Stretches of the recording with the files that each goes to."""
    name, pieces = config.recording.name, recorded_pieces(config)
    if config.recording.format == "nsfrb":
        cuts = [
            (first, min(first + dsa110.FILE_SAMPLES, stop))
            for start, stop in pieces
            for first in range(start, stop, dsa110.FILE_SAMPLES)
        ]
        subbands = sorted(set(range(dsa110.N_SUBBANDS)) - set(config.array.dropped_subbands))
        return [
            _Part(*cut, tuple(out_dir / file_name(s, number) for s in subbands))
            for number, cut in enumerate(cuts)
        ]
    suffix = _SUFFIX[config.recording.format]
    numbers = [f"_{i:03d}" for i in range(len(pieces))] if len(pieces) > 1 else [""]
    return [
        _Part(*piece, (out_dir / f"{name}{number}{suffix}",))
        for piece, number in zip(pieces, numbers, strict=False)
    ]


def _claim(out_dir: Path, name: str, overwrite: bool) -> None:
    """Make the folder, and see that it holds nothing of the names that will be written."""
    old = [out_dir / f for f in _BESIDE]
    old += [p for s in _SUFFIX.values() for p in sorted(out_dir.glob(f"{name}_[0-9][0-9][0-9]{s}"))]
    old += [out_dir / f"{name}{s}" for s in _SUFFIX.values()]
    old += sorted(p for p in out_dir.glob("*.out") if parse_name(p))
    occupied = [p for p in old if p.exists()]
    if occupied and not overwrite:
        problem = f"{occupied[0].name} exists already"
        raise InputError(str(out_dir), "--out", problem, "choose another folder or --overwrite")
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        for path in occupied:
            path.unlink()
    except OSError as error:
        problem = f"cannot be used ({error.strerror})"
        raise InputError(str(out_dir), "--out", problem, "choose another folder") from error


def _write_recordings(
    scene: Scene | VisScene,
    parts: list[_Part],
    meta: dict[str, Any],
    progress: Callable[[int, int], None] | None,
) -> None:
    total = sum(part.stop - part.start for part in parts)
    done = 0
    for part in parts:
        with _writer(scene, part, meta) as writer:
            for data in scene.samples(part.start, part.stop):
                writer.append(data)
                done += len(data)
                if progress is not None:
                    progress(done, total)


def _writer(scene: Scene | VisScene, part: _Part, meta: dict[str, Any]) -> Any:
    (path, *_), start = part.paths, part.start
    if not isinstance(scene, Scene):
        from pipeline.simulation.vis_writers import NsfrbWriter, Uvh5Writer

        if scene.config.recording.format == "nsfrb":
            return NsfrbWriter(part.paths, scene, start)
        return Uvh5Writer(path, scene, start, part.stop)
    header = replace(scene.header, start=scene.header.time_of(start))
    if scene.config.recording.format == "filterbank":
        eight = scene.config.recording.n_bits == 8
        return FilterbankWriter(path, header, float(scene.sigma.mean()) if eight else None)
    attributes = {**meta, "versions": json.dumps(meta["versions"])}
    return CubeWriter(path, header, attributes)


def _write_text(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def _summary(scene: Scene | VisScene, parts: list[_Part], wall_s: float) -> dict[str, Any]:
    n_samples = sum(part.stop - part.start for part in parts)
    data_s = n_samples * scene.header.tsamp_s
    config = scene.config
    return {
        "recordings": [p.name for part in parts for p in part.paths],
        "truth": "truth.ecsv",
        "seed": scene.seed,
        "n_samples": n_samples,
        "n_channels": scene.header.n_channels,
        "shape": list(scene.header.shape),
        "n_pulses": len(scene.pulses),
        "n_sources": len(config.sources),
        "n_rfi": len(config.rfi),
        "data_seconds": data_s,
        "wall_seconds": wall_s,
        "realtime_factor": data_s / wall_s,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Versions of what the samples depend on."""
    found = {"python": platform.python_version()}
    for name in ("slowburst", "numpy", "scipy", "astropy", "h5py"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
