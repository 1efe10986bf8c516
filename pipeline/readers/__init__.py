"""Readers of recordings; :func:`open_recording` picks the right one by content."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from pipeline.block import Reader
from pipeline.errors import InputError
from pipeline.imaging.settings import ImagingSettings
from pipeline.stages import STEADY_SOURCES, Stages, Tell
from pipeline.visibilities.nsfrb_name import parse_name

if TYPE_CHECKING:
    from pipeline.visibilities.block import HandsReader, VisReader
    from pipeline.visibilities.flags import Flagger

    PutIn = Callable[[VisReader], VisReader]

KNOWN = (
    "known formats: image cube (HDF5, slowburst-cube/1), FITS snapshot series "
    "(files or their folder), SIGPROC filterbank; visibilities in UVH5, UVFITS, a "
    "Measurement Set or DSA-110's nsfrb_sbNN_FFFFF.out"
)
_VISIBILITIES = ("NSFRB", "visibilities")
_HDF5 = b"\x89HDF\r\n\x1a\n"


def open_recording(
    paths: Sequence[Path],
    imaging: ImagingSettings | None = None,
    max_sources: int = 0,
    flaggers: Sequence[Flagger] = (),
    progress: Tell | None = None,
    put_in: PutIn | None = None,
) -> Reader:
    """Open files as one recording.

    Formats are recognised by content. A folder, or several FITS files, is a series
    of snapshots; several cubes or filterbanks are one recording, in order of time,
    with gaps of weight 0 between them. In a folder files of no known format are
    passed over, unless they have the ending of those that are read: these are damaged.
    Of visibilities images are made as they are read: one file at a time, or the sub-bands and
    numbers of DSA-110 that are given, also from the folders of its nodes.

    Parameters
    ----------
    paths : sequence of Path
        Files or folders.
    imaging : ImagingSettings, optional
    max_sources : int
        Steady sources that are taken out of visibilities, at most.
    flaggers : sequence of callable
        Each says what is bad of every block of visibilities, on top of ``imaging.flags``:
        see :data:`pipeline.visibilities.flags.Flagger`.
    progress : callable, optional
        Called with the work done, all that there is, and what it is, while steady sources
        are looked for.
    put_in : callable, optional
        Gives calibrated visibilities, before they are flagged, with something in them.

    Returns
    -------
    Reader
        Use it as a context manager.

    Raises
    ------
    InputError
        Nothing given, an unknown or mixed format, or whatever the reader finds.
    """
    kind, same = _of_one_kind(paths)
    if kind not in _VISIBILITIES:
        if imaging is not None and imaging.gains is not None:
            remedy = "give visibilities, or leave imaging.gains out"
            raise InputError(str(same[0]), "format", "holds no visibilities to calibrate", remedy)
        if put_in is not None:
            remedy = 'give visibilities, or level = "images"'
            raise InputError(str(same[0]), "format", "holds no visibilities to inject into", remedy)
    if kind == "FITS":
        from pipeline.readers.fits import FitsSeriesReader

        return FitsSeriesReader(same)
    if kind == "cube":
        from pipeline.readers.cube import CubeReader

        return _join(same, CubeReader)
    if kind in _VISIBILITIES:
        recorded = _visibilities(kind, same)
        return _imaged(recorded, imaging, max_sources, flaggers, (progress, put_in))
    from pipeline.readers.filterbank import FilterbankReader

    return _join(same, FilterbankReader)


def open_visibilities(paths: Sequence[Path]) -> HandsReader:
    """Open files as one recording of visibilities, of which no images are made.

    Raises
    ------
    InputError
        They hold no visibilities, or whatever the reader finds.
    """
    kind, same = _of_one_kind(paths)
    if kind not in _VISIBILITIES:
        remedy = "give UVH5, UVFITS, a Measurement Set or files of DSA-110"
        raise InputError(str(same[0]), "format", "holds no visibilities", remedy)
    return _visibilities(kind, same)


def _of_one_kind(paths: Sequence[Path]) -> tuple[str, list[Path]]:
    files = _expand([Path(p) for p in paths])
    kinds = {kind: [p for p, k in files if k == kind] for kind in sorted({k for _, k in files})}
    if len(kinds) > 1:
        examples = " and ".join(f"{k} ({v[0].name})" for k, v in kinds.items())
        raise InputError(str(files[0][0]), "format", f"mixed formats: {examples}", "give one kind")
    return next(iter(kinds.items()))


def _visibilities(kind: str, same: list[Path]) -> HandsReader:
    if kind == "NSFRB":
        from pipeline.visibilities.nsfrb import NsfrbReader

        return NsfrbReader(same)
    if len(same) > 1:
        remedy = "give one, or join them with pyuvdata"
        raise InputError(str(same[1]), "file", "is a second file of visibilities", remedy)
    from pipeline.visibilities.uvdata import UvdataReader

    return UvdataReader(same[0])


def _imaged(
    recorded: HandsReader,
    imaging: ImagingSettings | None,
    max_sources: int,
    flaggers: Sequence[Flagger],
    hooks: tuple[Tell | None, PutIn | None],
) -> Reader:
    from pipeline.flagging.visibilities import frame_flagging
    from pipeline.imaging.imager import ImagedReader
    from pipeline.imaging.steady import without_steady_sources
    from pipeline.visibilities.ahead import AheadReader
    from pipeline.visibilities.calibrated import CalibratedReader
    from pipeline.visibilities.flags import FlaggedReader, known_flags

    settings, stages, unused = imaging or ImagingSettings(), Stages(), None
    (progress, put_in), vis = hooks, recorded
    try:
        if settings.gains is not None:
            vis = CalibratedReader(recorded, settings.gains, stages)
        if put_in is not None:
            vis = put_in(vis)
        if settings.flags.any_known:
            bad = known_flags(vis.header, settings.flags)
            flaggers, unused = [lambda *_: bad, *flaggers], np.asarray(bad.all(axis=(0, 2)))
        looking = None
        if settings.flags.looks:
            looking = frame_flagging(FlaggedReader(vis, flaggers, stages, unused), settings)
        if flaggers or looking:
            vis = FlaggedReader(vis, flaggers, stages, unused, looking)
        if max_sources:
            with stages(STEADY_SOURCES):
                vis = without_steady_sources(vis, settings, max_sources, stages, progress)
        vis = AheadReader(vis, stages)
        reader = ImagedReader(vis, settings, stages)
        reader.tally = looking.tally if looking else None
        return reader
    except BaseException:
        vis.close()
        raise


def _join(paths: list[Path], reader: Callable[[Path], Reader]) -> Reader:
    if len(paths) == 1:
        return reader(paths[0])
    from pipeline.readers.concat import ConcatReader

    opened: list[Reader] = []
    try:
        for path in paths:
            opened.append(reader(path))
        return ConcatReader(opened)
    except BaseException:
        for one in opened:
            one.close()
        raise


def _expand(paths: list[Path]) -> list[tuple[Path, str]]:
    """Every file with its format; folders opened, one level deep."""
    if not paths:
        raise InputError("input", "files", "no recording is given", KNOWN)
    files: dict[Path, str] = {}
    for path in paths:
        if path.is_dir() and not _is_measurement_set(path):
            inside = sorted(p for p in path.iterdir() if p.is_file() and p.name[0] != ".")
            # Of DSA-110 every node has a folder of its own.
            inside += sorted(p for p in path.glob("*/*.out") if parse_name(p))
            found = {p: kind for p in inside if (kind := recognise(p)) is not None}
            if not found:
                problem = f"none of its {len(inside)} files is of a known format"
                raise InputError(str(path), "folder", problem, KNOWN)
            endings = {p.suffix for p in found} - {""}
            for damaged in (p for p in inside if p not in found and p.suffix in endings):
                raise _unknown(damaged)
            files.update(found)
            continue
        kind = recognise(path)
        if kind is None:
            raise _unknown(path)
        files[path] = kind
    for path in files:
        _check_name(path)
    return list(files.items())


def _check_name(path: Path) -> None:
    """Raise InputError for a name that the results could not hold."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InputError(str(path), "name", "is not UTF-8", "rename the file") from error


def _unknown(path: Path) -> InputError:
    if path.is_file() and path.stat().st_size == 0:
        remedy = "copy the file again, or remove it"
        return InputError(str(path), "file", "is empty (0 bytes)", remedy)
    return InputError(str(path), "format", "is not recognised", KNOWN)


def recognise(path: Path) -> str | None:
    """``"cube"``, ``"FITS"``, ``"filterbank"``, ``"visibilities"``, ``"NSFRB"``, or None.

    HDF5 that is not UVH5 counts as a cube (the cube reader says what is wrong with it).
    """
    if _is_measurement_set(path):
        return "visibilities"
    try:
        with path.open("rb") as file:
            head = file.read(2880)
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise InputError(str(path), "file", problem, "check the path") from error
    if head.startswith(_HDF5):
        return "visibilities" if _is_uvh5(path) else "cube"
    if head.startswith(b"SIMPLE  ="):
        # Random groups are what nothing but visibilities is written in.
        return "visibilities" if re.search(rb"GROUPS  = +T", head) else "FITS"
    if head[4:16] == b"HEADER_START":
        return "filterbank"
    # A format without a mark of its own.
    return "NSFRB" if parse_name(path) else None


def _is_measurement_set(path: Path) -> bool:
    return path.is_dir() and all((path / name).exists() for name in ("table.dat", "ANTENNA"))


def _is_uvh5(path: Path) -> bool:
    try:
        with h5py.File(path, "r") as file:
            return "Header" in file and "ant_1_array" in file["Header"]
    except (OSError, KeyError, RuntimeError):
        return False
