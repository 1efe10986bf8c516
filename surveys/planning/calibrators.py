"""Calibrators, and when a transit instrument visits them."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surveys.errors import unknown
from surveys.planning.regions import Targets, read_places
from surveys.planning.settings import CalibratorSettings
from surveys.planning.windows import DAY_S


def read_calibrators(settings: CalibratorSettings, folder: Path, where: str) -> Targets:
    """The calibrators of settings; none where no visits are asked for.

    Raises
    ------
    InputError
        The table cannot be used, or lacks a name.
    """
    if settings.every_h is None:
        return Targets((), np.zeros(0), np.zeros(0))
    if settings.file is not None:
        found, _ = read_places(folder / settings.file)
    else:
        package = resources.files("surveys.planning")
        with resources.as_file(package / "calibrators.ecsv") as path:
            found, _ = read_places(path)
    for name in settings.names:
        if name not in found.name:
            raise unknown(where, "calibrators.names", name, found.name)
    if not settings.names:
        return found
    chosen = [found.name.index(name) for name in settings.names]
    return replace(
        found, name=settings.names, ra_deg=found.ra_deg[chosen], dec_deg=found.dec_deg[chosen]
    )


def chosen_transits(
    mjd: NDArray, settings: CalibratorSettings, runs_mjd: list[tuple[float, float]]
) -> NDArray[np.int64]:
    """The fewest transits of calibrators without a longer wait than asked for.

    Parameters
    ----------
    mjd : (transit,)
        Those that can be observed, rising.
    settings : CalibratorSettings
    runs_mjd : list of (float, float)
        Stretches of observing; a wait begins with each.

    Returns
    -------
    (chosen,) int64
        From each visit the last one in time is next, or, where none is, the first that is
        late. Every stretch has one, if any can be observed.
    """
    assert settings.every_h is not None
    every, half = settings.every_h / 24, settings.duration_s / 2 / DAY_S
    chosen: list[int] = []
    for start, end in runs_mjd:
        own = np.flatnonzero((mjd - half >= start) & (mjd + half <= end))
        last = start
        while len(own):
            in_time = own[mjd[own] <= last + every]
            best = int(in_time[-1] if len(in_time) else own[0])
            chosen.append(best)
            last = mjd[best]
            if last + every >= end:
                break
            own = own[mjd[own] > last + 2 * half]
    return np.array(chosen, np.int64)
