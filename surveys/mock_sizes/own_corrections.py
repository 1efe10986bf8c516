"""Corrections of the very instruments of a configuration: making them, and finding them again.

A table has a family for each observation, and says of each which instrument, stamps and detection
it was made for; an observation takes the family whose instrument is its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surveys.errors import InputError, SettingProblem
from surveys.mock_sizes.correcting import corrections_from, radius_range, simulate
from surveys.mock_sizes.galaxies import cosmology_of, open_galaxies
from surveys.mock_sizes.instruments import observing
from surveys.mock_sizes.observation import ObservationSettings
from surveys.mock_sizes.settings import SizesSettings
from surveys.observing.instrument import Instrument
from surveys.scheduling import Tell
from surveys.sizes.correction import Corrections, load_corrections
from surveys.sizes.correction_files import read_corrections

N_GALAXIES, LEAST_GALAXIES = 16_000, 2000
"""For each instrument: of the table that ships, and so many that every node near them has some."""

_MADE_FOR, _DETECTION = "made_for", "detection"
_ANEW = "make it anew with --make-corrections, or leave measure.corrections out"
# They change how often and how deep an instrument looks, not what it makes of a galaxy.
_NO_MATTER = ("name", "snr", "snr_kind", "n_noise", "photon_noise")
_OF_ARRAYS = ("dec_deg", "hours", "weighting", "robust", "dirty", "clean")
# Logarithms of the FWHM in pixels: nearer than the first, two tunings of an instrument are one in
# the table, and nearer than the second any two.
_SAME, _TOO_NEAR = 0.1, 0.01

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Correcting:
    """The table that a run takes, and the family of each of its observations."""

    table: Corrections
    families: tuple[str, ...]

    def corrected(
        self, place: tuple[int, str], radius: ArrayLike, snr: ArrayLike, fwhm_pixels: float
    ) -> tuple[Real, Real]:
        """As `Corrections.corrected`, by the place of an observation and the estimator."""
        family = self.families[place[0]]
        return self.table.corrected((family, place[1]), radius, snr, fwhm_pixels)


def correcting(settings: SizesSettings, where: Path) -> Correcting:
    """The corrections of a run.

    Parameters
    ----------
    settings : SizesSettings
    where : Path
        Their file, from which the table is found.

    Raises
    ------
    InputError
        The table cannot be used, or was made for something else.
    """
    if settings.measure.corrections is None:
        families = tuple(_shipped_family(wanted) for wanted in settings.observation)
        return Correcting(load_corrections(), families)
    path = where.parent / settings.measure.corrections
    table = read_corrections(path)
    known, detection = (table.about.get(name) for name in (_MADE_FOR, _DETECTION))
    if not (isinstance(known, Mapping) and known and isinstance(detection, Mapping)):
        problem = "is missing: the table is that of no configuration"
        raise InputError(str(path), _MADE_FOR, problem, _ANEW)
    other = _differences(detection, _plain(asdict(settings.measure.detection)))
    if other:
        problem = f"has {other[0]} of measure.detection"
        raise InputError(str(path), _DETECTION, problem, _ANEW)
    families = []
    for i, wanted in enumerate(settings.observation):
        mine = made_for(wanted, where)
        other = {family: _differences(theirs, mine) for family, theirs in known.items()}
        family = min(other, key=lambda name: len(other[name]))
        if other[family]:
            problem = f"has nothing for observation[{i}] ({wanted.label}): {family!r} has "
            raise InputError(str(path), _MADE_FOR, problem + other[family][0], _ANEW)
        families.append(family)
    return Correcting(table, tuple(families))


def make_corrections(
    settings: SizesSettings, where: Path, n: int, tell: Tell = lambda *_: None
) -> Corrections:
    """Simulate galaxies as all instruments of a configuration see them, and fit the table.

    Of the galaxies of the configuration only the redshifts are used, which choose filters and
    tunings.

    Parameters
    ----------
    settings : SizesSettings
    where : Path
        Their file.
    n : int
        Simulated galaxies for each instrument.
    tell : callable
        Called with the galaxies that are done and those there are.

    Raises
    ------
    InputError
        An instrument cannot be, its stamps are too small, or galaxies too few.
    """
    source = open_galaxies(settings.input, where, cosmology_of(settings.input, where))
    redshift = np.unique(np.asarray(source.redshift, np.float64)[: settings.input.n])
    asked = [
        (wanted.label, instrument)
        for i, wanted in enumerate(settings.observation)
        for instrument in instruments_of(wanted, redshift, where, f"observation[{i}]")
    ]
    detection = settings.measure.detection
    seeds = np.random.SeedSequence(settings.run.seed).generate_state(len(asked))
    samples, names = [], {wanted.label: [] for wanted in settings.observation}
    for k, (label, instrument) in enumerate(asked):

        def told(done: int, _: int, before: int = k * n) -> None:
            tell(before + done, n * len(asked))

        samples.append((label, simulate(instrument, n, int(seeds[k]), told, detection)))
        names[label].append(f"{instrument.name}, FWHM {instrument.fwhm_pixels:.3g} pixels")
    about = {
        "galaxies": n,
        "seed": settings.run.seed,
        "instruments": names,
        _DETECTION: _plain(asdict(detection)),
        _MADE_FOR: {wanted.label: made_for(wanted, where) for wanted in settings.observation},
    }
    table = corrections_from(samples, about)
    for (family, estimator), surface in table.surfaces.items():
        if not np.isfinite(surface.ln_correction).any():
            problem = f"are too few of which {estimator} is measured with {family}"
            raise InputError(str(where), "galaxies", problem, "give more --galaxies")
    return table


def made_for(wanted: ObservationSettings, where: Path) -> dict[str, Any]:
    """What a correction depends on, of an observation: its instrument and stamps."""
    found = asdict(wanted)
    for name in _NO_MATTER if wanted.instrument == "ALMA" else (*_NO_MATTER, *_OF_ARRAYS):
        del found[name]
    if wanted.psf is not None:
        content = hashlib.sha256((where.parent / wanted.psf).read_bytes()).hexdigest()
        found["psf"] = f"{wanted.psf.name} of SHA-256 {content[:16]}"
    return _plain(found)


def _shipped_family(wanted: ObservationSettings) -> str:
    if wanted.instrument != "ALMA":
        return "camera"
    # Dirty images have other noise and another beam than cleaned ones.
    return "dirty" if wanted.dirty else "array"


def instruments_of(
    wanted: ObservationSettings, redshift: Real, where: Path, field: str
) -> list[Instrument]:
    """Those of an observation that differ, by rising FWHM in pixels."""
    every = [observing(wanted, float(z), where, field).instrument for z in redshift]
    kept: list[Instrument] = []
    for one in sorted(every, key=lambda one: one.fwhm_pixels):
        known = any(one.name == other.name for other in kept)
        near = _SAME if known else _TOO_NEAR
        if not kept or np.log(one.fwhm_pixels / kept[-1].fwhm_pixels) > near:
            kept.append(one)
            try:
                radius_range(one)
            except SettingProblem as error:
                at = f"{field}.{error.field}"
                raise InputError(str(where), at, error.problem, error.remedy) from error
    return kept


def _differences(theirs: Any, mine: Mapping[str, Any]) -> list[str]:
    """What is another in a table than in the settings, in words."""
    if not isinstance(theirs, Mapping):
        return ["no settings"]
    keys = [*mine, *(key for key in theirs if key not in mine)]
    return [
        f"{key} = {_word(theirs.get(key))}, not {_word(mine.get(key))}"
        for key in keys
        if theirs.get(key) != mine.get(key)
    ]


def _word(value: Any) -> str:
    """As TOML has it."""
    return "none" if value is None else json.dumps(value, default=str)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As a file holds them."""
    return json.loads(json.dumps({k: v for k, v in values.items() if v is not None}, default=str))
