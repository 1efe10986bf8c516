"""``slowburst search``: a recording in, candidates and a report out."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from cerberus.config import SearchConfig
from cerberus.plan import SearchPlan, make_plan
from pipeline import device
from pipeline.block import Reader, StreamHeader
from pipeline.candidates import DetectionTable, Marks, build_candidates, summarise_groups
from pipeline.classifier.settings import ClassifierSettings
from pipeline.config import ConfigProblem
from pipeline.cutouts import Cutout, CutoutSettings, make_cutouts
from pipeline.engine import History, Progress, search_recording
from pipeline.errors import InputError, NoDataError
from pipeline.flagging.images import Everywhere, FlaggedImages, ImageFlags
from pipeline.flagging.tally import Tally
from pipeline.imaging.beam import gaussian_gain
from pipeline.imaging.settings import ImagingSettings
from pipeline.known_places import KnownPlaces, mark_known
from pipeline.matched import CORRELATION, as_searched, header_as_searched, point_template
from pipeline.sinks.files import write_results
from pipeline.sinks.log import CandidateLog
from pipeline.sinks.results import SearchResults
from pipeline.stages import STEADY_SOURCES
from pipeline.summary import counts_of, efficiencies_of, overview_of, stages_of, summary_of
from pipeline.vetting import Features, vet

_RANGES = {
    "threshold": (1.0, 1e6),
    "dm_max": (0.0, 1e6),
    "max_width": (1e-12, 1e9),
    "max_loss": (1e-3, 0.2),
    "max_detections": (1, 1 << 16),
    "max_cutouts": (0, 1_000_000),
    "max_sources": (0, 1000),
    "known_radius": (0.0, 648_000.0),
}
_LARGEST_BLOCK = 1 << 20
_OPTIONS = {"max_width_s": "max_width", "frame": "block"}
_MEASURABLE = (1e-15, 1e13)
"""Noise that leaves its squares room in single precision."""

_SMALLER = "lower dm_max, max_width or block, or search a part of the image"


@dataclass(frozen=True)
class SearchSettings:
    """What a user can ask of a search; a TOML file has the same names.

    Attributes
    ----------
    threshold : float
        S/N from which a peak is a candidate.
    dm_max : float
        Largest trial DM, pc cm^-3.
    max_width : float
        Widest pulse, seconds.
    max_loss : float
        Largest loss of S/N between neighbouring trials on each axis.
    block : int
        Samples per internal frame; 0 lets the plan choose.
    max_detections : int
        Most peaks that a ladder level reports a frame.
    pixel_weights : bool
        Keep weights per pixel, for single pixels that are flagged part of the time.
    max_cutouts : int
        Candidates, best first, that get a cut-out.
    matched_filter : bool
        Filter images with the main lobe of their PSF before the search, for noise that is
        independent from pixel to pixel.
    max_sources : int
        Steady sources that are taken out of visibilities, the brightest first, at most.
    known_radius : float
        Arcsec, beyond the beam and the errors of positions, in which candidates count as near
        a known source.
    flags : ImageFlags
        What of images is left out.
    imaging : ImagingSettings
        How images are made of visibilities.
    classifier : ClassifierSettings
        How candidates are told from bogus ones.
    """

    threshold: float = 7.0
    dm_max: float = 4000.0
    max_width: float = 160.8
    max_loss: float = 0.0625
    block: int = 0
    max_detections: int = 256
    pixel_weights: bool = True
    max_cutouts: int = 100
    matched_filter: bool = False
    max_sources: int = 32
    known_radius: float = 0.0
    flags: ImageFlags = field(default_factory=ImageFlags)
    imaging: ImagingSettings = field(default_factory=ImagingSettings)
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)

    def __post_init__(self) -> None:
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ConfigProblem(name, f"is {value}", f"give {least:g} to {most:g}")
        # One sample has no noise to learn from.
        good = self.block == 0 or 2 <= self.block <= _LARGEST_BLOCK
        if not good or self.block & (self.block - 1):
            remedy = f"give a power of two, 2 to {_LARGEST_BLOCK}, or 0 for the plan's choice"
            raise ConfigProblem("block", f"is {self.block}", remedy)


def plan_for(header: StreamHeader, settings: SearchSettings) -> SearchPlan:
    """The plan of a search of one recording.

    Raises
    ------
    InputError
        If the recording cannot be searched that way.
    """
    width = max(settings.max_width, header.tsamp_s)
    template = point_template(header) if settings.matched_filter else None
    try:
        return make_plan(
            SearchConfig(
                freq_mhz=tuple(float(f) for f in header.freq_mhz),
                tsamp_s=header.tsamp_s,
                shape=header.shape,
                dm_max=settings.dm_max,
                max_width_s=width,
                threshold=settings.threshold,
                max_loss=settings.max_loss,
                beam_fwhm_px=header.beam_fwhm_px * (1 if template is None else CORRELATION),
                template=template,
                n_samples=header.n_samples,
                max_detections=settings.max_detections,
                pixel_weights=settings.pixel_weights,
                frame=settings.block or None,
                working_bytes=device.working_bytes(),
            )
        )
    except ValueError as error:
        field, _, problem = str(error).partition(": ")
        field = _OPTIONS.get(field, field)
        raise InputError(header.source, field, problem, "change that option or the file") from error


def search(
    reader: Reader,
    out_dir: Path,
    settings: SearchSettings | None = None,
    on_progress: Callable[[Progress, int], None] | None = None,
    injected: Marks | None = None,
    known: KnownPlaces | None = None,
) -> dict[str, Any]:
    """Search a recording and write everything that a user gets, but the report.

    Parameters
    ----------
    reader : Reader
    out_dir : Path
    settings : SearchSettings, optional
    on_progress : callable, optional
        Called with the progress and the number of candidates after every frame.
    injected : callable, optional
        Says which detections may be of pulses that were put into the recording: their candidates
        are marked, also in what is written while the search runs.
    known : KnownPlaces, optional
        Candidates near them are marked when the search has ended.

    Returns
    -------
    dict
        The contents of ``summary.json``.

    Raises
    ------
    InputError
        If the recording or the folder cannot be used.
    OSError
        If the disk is full.
    MemoryError
        If the machine or its device has no room for the search.
    KeyboardInterrupt
        After what was found so far has been written.
    """
    settings = settings or SearchSettings()
    begun = time.monotonic() - reader.stages.seconds.get(STEADY_SOURCES, 0.0)
    device.prepare()
    header = reader.header
    plan = plan_for(header, settings)
    _check_model(settings.classifier)
    history, progress, interrupted = History(), Progress(), False
    reader = flagged_images(reader, settings.flags)
    _check_memory(plan)
    log = CandidateLog(
        out_dir,
        header,
        build=partial(
            _so_far, header=header, injected=injected, known=known, radius=settings.known_radius
        ),
    )

    def tell(now: Progress) -> None:
        nonlocal progress
        progress = now
        if on_progress is not None:
            on_progress(now, log.n_candidates)

    try:
        with log:
            interrupted = not _searched(reader, plan, log, tell, history)
            busy, searched = dict(reader.stages.seconds), time.monotonic()
            table, labels = log.detections(), log.labels()
            best = summarise_groups(table, labels).best[: settings.max_cutouts]
            rows = {i: int(row) for i, row in enumerate(best, start=1)}
            try:
                cutouts = {} if interrupted else cutouts_of(reader, plan, table, rows)
            except KeyboardInterrupt:
                cutouts, interrupted = {}, True
            seen = header_as_searched(header, plan.config.template)
            candidates, looks = candidates_of(reader, table, labels, cutouts, seen, injected)
            mark_known(candidates, known, header, settings.known_radius)
            classified = classified_by(settings, candidates, cutouts, looks, seen)
            tallies = _tallies(reader)
            overview = overview_of(plan, header, history, tallies)
            busy["candidates"] = time.monotonic() - searched
            summary = summary_of(plan, header, progress, time.monotonic() - begun)
            summary |= {
                **stages_of(busy, summary["wall_seconds"]),
                **efficiencies_of(overview),
                **counts_of(candidates),
                "flagging": {name: tally.summary() for name, tally in tallies.items()},
                "classifier": classified,
                "known_catalogs": known.source if known else "",
                "interrupted": interrupted,
            }
            results = SearchResults(
                header=header,
                candidates=candidates,
                cutouts=cutouts,
                detections=table,
                overview=overview,
                summary=summary,
                config={"search": asdict(settings)},
            )
            write_results(out_dir, results)
            # Before it is closed, when it would write the table again as it knows it.
            log.discard()
    finally:
        log.close()
    if interrupted:
        raise KeyboardInterrupt
    _check_noise(history, header)
    return summary


def flagged_images(reader: Reader, flags: ImageFlags) -> Reader:
    """A recording without the images that settings ask to be left out."""
    flagger = Everywhere.of(reader.header, flags.everywhere)
    if not flags.everywhere or not flagger.applies(reader.header.shape):
        return reader
    return FlaggedImages(reader, flagger)


def _tallies(reader: Reader) -> dict[str, Tally]:
    """What was flagged of visibilities, and of images."""
    images = reader.seen if isinstance(reader, FlaggedImages) else None
    tallies = {"visibilities": reader.tally, "images": images}
    return {name: tally for name, tally in tallies.items() if tally is not None}


def _check_memory(plan: SearchPlan) -> None:
    """Raise MemoryError for a search that this machine cannot hold, before it is killed."""
    frame = 4 * plan.frame * plan.n_channels * plan.n_padded
    needed = 2 * frame + (plan.state_bytes if jax.default_backend() == "cpu" else 0)
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise MemoryError(
            f"the search needs {needed / 2**30:.3g} GiB, this machine has {there / 2**30:.3g}; "
            + _SMALLER
        )


def _check_noise(history: History, header: StreamHeader) -> None:
    """Raise InputError if what was searched had no noise, or too small or large numbers.

    A single sample is searched, but has no noise that could be measured.
    """
    if header.n_samples == 1 and any(history.quality):
        return
    noise = history.noise_map[np.isfinite(history.noise_map)]
    if not len(noise):
        problem = "holds no noise: every sample is NaN, flagged or the same"
        raise NoDataError(header.source, "data", problem, "check the recording, flags and unit")
    if not _MEASURABLE[0] < np.median(noise) < _MEASURABLE[1]:
        problem = f"has a noise of {np.median(noise):.3g}, beyond single precision"
        raise InputError(header.source, "data", problem, "scale the samples to a noise near 1")


def _searched(
    reader: Reader,
    plan: SearchPlan,
    log: CandidateLog,
    tell: Callable[[Progress], None],
    history: History,
) -> bool:
    """Search, and say whether it came to the end; False after Ctrl-C."""
    try:
        search_recording(reader, plan, log, tell, history)
    except KeyboardInterrupt:
        return False
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        problem = f"the device ({device.describe()}) has no room for the search"
        raise MemoryError(f"{problem}; {_SMALLER}") from error
    return True


def cutouts_of(
    reader: Reader,
    plan: SearchPlan,
    table: DetectionTable,
    rows: Mapping[int, int],
    settings: CutoutSettings | None = None,
) -> dict[int, Cutout]:
    """Cut-outs of some rows of a table of detections, under the keys of ``rows``."""
    template = plan.config.template
    seen = header_as_searched(reader.header, template)
    widths = np.asarray(plan.widths)
    detections = {key: table.row(row) for key, row in rows.items()}
    images = as_searched(reader, template)
    return make_cutouts(images, detections, plan.dm_pc_cm3, widths, settings, seen)


def _so_far(
    table: DetectionTable,
    labels: NDArray[np.int64],
    header: StreamHeader,
    injected: Marks | None,
    known: KnownPlaces | None,
    radius: float,
) -> Table:
    """Candidates before any is looked at."""
    candidates = build_candidates(table, labels, header, injected=injected)
    mark_known(candidates, known, header, radius)
    return candidates


def candidates_of(
    reader: Reader,
    table: DetectionTable,
    labels: NDArray[np.int64],
    cutouts: Mapping[int, Cutout],
    seen: StreamHeader,
    injected: Marks | None = None,
) -> tuple[Table, dict[int, Features]]:
    """The table of candidates; fluxes of those with a cut-out are of what fits the pulse.

    Parameters
    ----------
    cutouts : mapping
        By the ``id`` of the candidate.
    seen : StreamHeader
        Of the images that were searched.
    injected : callable, optional
        See :func:`search`.

    Returns
    -------
    Table
    dict
        What cut-outs look like, by ``id``.
    """
    header = reader.header
    best = table[summarise_groups(table, labels).best]
    positions = np.full((len(best), 2), np.nan)
    for i, cutout in cutouts.items():
        positions[i - 1] = cutout.peak_px
    candidates = build_candidates(table, labels, header, positions, injected)
    fluxes = candidates["flux"], candidates["fluence"], candidates["fluence_error"]
    away = np.nan_to_num(positions - np.stack([best.x, best.y], axis=1))
    of_peak = np.ones(len(best))
    if header.psf is not None:
        of_peak = gaussian_gain(np.sum(away**2, axis=1), np.array(seen.beam_fwhm_px))
    for i, cutout in cutouts.items():
        fit, ms = cutout.top_hat, header.tsamp_s * 1e3
        values = fit.flux, fit.fluence * ms, fit.fluence_error * ms
        for column, value in zip(fluxes, values, strict=True):
            # Without data beside the pulse there is no fit, and those of the boxcar stay.
            column[i - 1] = (value if math.isfinite(value) else column[i - 1]) / of_peak[i - 1]
        candidates["snr_fit"][i - 1] = candidates["snr"][i - 1] * fit.gain / of_peak[i - 1]
    for i in range(len(best)):
        gain = reader.gain(round(float(best.centre[i])))
        if gain is None:
            break
        here = float(gain[:, best.y[i], best.x[i]].mean())
        for column in fluxes:
            column[i] /= here
    return candidates, vet(candidates, cutouts, seen)


def _check_model(settings: ClassifierSettings) -> None:
    """Raise InputError for a model that cannot be used, before a search of hours."""
    if settings.use and settings.model is not None:
        from pipeline.classifier.model import load

        load(settings.model)


def classified_by(
    settings: SearchSettings,
    candidates: Table,
    cutouts: Mapping[int, Cutout],
    looks: Mapping[int, Features],
    seen: StreamHeader,
) -> dict[str, Any]:
    """Fill the probability of candidates to be real; what is to be said of that in a summary."""
    if not settings.classifier.use or not cutouts or min(seen.shape) < 3:
        return {}
    # They bring a library that a search without candidates does not need.
    from pipeline.classifier.classify import classify
    from pipeline.classifier.model import load

    classifier, prior = load(settings.classifier.model), settings.classifier.prior
    return classify(candidates, cutouts, looks, seen, classifier, prior)
