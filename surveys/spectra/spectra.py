"""Angular power spectra as settings ask for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from numpy.typing import NDArray

from cosmo.angular.limber import limber_spectra
from cosmo.angular.observed import AngularPower, angular_power, beyond_table, full_sky
from cosmo.angular.tracers import Tracer
from cosmo.covariance import all_pairs
from surveys.errors import InputError
from surveys.spectra.files import blamed
from surveys.spectra.settings import Pair, SpectraSettings
from surveys.spectra.sources import Universe, matter_of, universe_of
from surveys.spectra.tracers import Windows, farthest, made, windows_of

Real = NDArray[np.float64]

_STEPS = 4
_VERIFIED = (2, 5, 15, 50, 150, 500)
"""Multipoles that are looked at by brute force, or those nearest to them."""

_EMULATED_Z = 5.0
_LARGEST = 1e60


@dataclass(frozen=True)
class Spectra:
    """Spectra of the settings.

    Attributes
    ----------
    settings : SpectraSettings
    where : Path
        Their file.
    universe : Universe
    windows : tuple of Windows
        Of each tracer.
    found : AngularPower
        Of all pairs that were computed.
    rows : list of int
        Those that were asked for.
    notes : tuple of str
    """

    settings: SpectraSettings
    where: Path
    universe: Universe
    windows: tuple[Windows, ...]
    found: AngularPower
    rows: list[int]
    notes: tuple[str, ...]

    @property
    def base(self) -> Path:
        """Folder of the files."""
        return self.where.parent

    @property
    def pairs(self) -> list[Pair]:
        """Pairs that were asked for."""
        return self.settings.pairs

    @property
    def labels(self) -> list[str]:
        """Their names."""
        return [self.settings.label(pair) for pair in self.pairs]

    @property
    def ells(self) -> NDArray[np.int64]:
        """Multipoles."""
        return self.found.ells

    @property
    def cl(self) -> Real:
        """Spectra of the pairs asked for, (n_pair, n_ell)."""
        return self.found.cl[self.rows]

    @property
    def amplitude(self) -> Real:
        """sqrt(C_aa C_bb) of them."""
        return self.found.amplitude[self.rows]

    @property
    def relative_error(self) -> Real:
        """Estimated errors of them, over the size of C_l."""
        return self.found.relative_error[self.rows]

    @property
    def error(self) -> Real:
        """Estimated errors of them, over sqrt(C_aa C_bb)."""
        return self.found.errors.total[self.rows]


def calculate(
    settings: SpectraSettings, where: Path, tell: Callable[[int, int], object] = lambda *_: None
) -> Spectra:
    """Compute what settings ask for.

    Parameters
    ----------
    settings : SpectraSettings
    where : Path
        Their file, which others are found beside.
    tell : callable
        Called with what is done and what there is to do.

    Raises
    ------
    InputError
        What was given cannot be used.
    """
    base, place = where.parent, str(where)
    with jax.enable_x64(True):
        windows = tuple(
            windows_of(t, place, f"tracer[{i}]", base) for i, t in enumerate(settings.tracer)
        )
        z_max = max(w.z_max for w in windows) * (1 + 1e-9)
        universe = universe_of(settings, z_max, place, base)
        tell(1, _STEPS)
        done = [
            made(t, w, universe, place, base) for t, w in zip(settings.tracer, windows, strict=True)
        ]
        tracers = [one.tracer for one in done]
        _check_weights(tracers, place)
        z_end = farthest(tracers, universe)
        matter, linear = matter_of(settings, universe, z_end, place, base)
        tell(2, _STEPS)
        pairs = settings.pairs
        if settings.covariance is not None or settings.maps is not None:
            # Those between the tracers of any two pairs are in the covariance.
            pairs = list(dict.fromkeys([*pairs, *_others(pairs, len(tracers))]))
        tolerance = settings.accuracy.tolerance
        with blamed(place, "tracer", "change [[tracer]] or [accuracy]"):
            found = angular_power(matter, tracers, pairs, settings.output.ells, tolerance)
        if not np.isfinite(found.cl).all():
            remedy = "give smaller numbers in [[tracer]] and [cosmology]"
            raise InputError(place, "tracer", "has spectra that are not finite", remedy)
        tell(3, _STEPS)
    notes = [note for one in done for note in one.notes] + list(found.notes)
    notes += beyond_table(linear, found.work, found.ells)
    if settings.power.source == "emu" and z_end > _EMULATED_Z:
        notes.append(f"P(k, z) grows as D(z)^2 beyond z = {_EMULATED_Z:g}, where emu-pk ends")
    rows = list(range(len(settings.pairs)))
    return Spectra(settings, where, universe, windows, found, rows, tuple(dict.fromkeys(notes)))


def _check_weights(tracers: list[Tracer], where: str) -> None:
    """Each tracer has to see something, and no infinities."""
    for i, tracer in enumerate(tracers):
        weights = np.array([np.asarray(w) for w in tracer.terms.values()])
        # What is not below it (NaN is not either) cannot be multiplied by another tracer's.
        good = (np.abs(weights) < _LARGEST).all()
        if not good or not weights.any():
            problem = "is zero everywhere" if good else f"is not below {_LARGEST:g}"
            remedy = "give another bias, f_nl, magnification or alignment"
            raise InputError(where, f"tracer[{i}]", f"its weight {problem}", remedy)


def _others(pairs: list[Pair], n: int) -> list[Pair]:
    """All pairs of tracers that are not there in either order."""
    there = {frozenset(pair) for pair in pairs}
    return [pair for pair in all_pairs(n) if frozenset(pair) not in there]


@dataclass(frozen=True)
class Verified:
    """The full sky by brute force.

    Attributes
    ----------
    ells : array of int, (n_ell,)
    cl, error : (n_pair, n_ell) array
        Of the full sky, and its own error.
    deviation : (n_pair, n_ell) array
        Of the spectra, over sqrt(C_aa C_bb).
    """

    ells: NDArray[np.int64]
    cl: Real
    error: Real
    deviation: Real


def verify(spectra: Spectra, tell: Callable[[int, int], object] = lambda *_: None) -> Verified:
    """Compare spectra with the full sky at a few multipoles."""
    ells = spectra.ells
    chosen = sorted({int(np.argmin(np.abs(np.log(ells / wanted)))) for wanted in _VERIFIED})
    cl, error = np.empty((2, len(spectra.pairs), len(chosen)))
    with jax.enable_x64(True):
        for i, place in enumerate(chosen):
            tolerance = min(spectra.settings.accuracy.tolerance / 10, 1e-4)
            one, off = full_sky(spectra.found, [int(ells[place])], tolerance)
            cl[:, i], error[:, i] = one[spectra.rows, 0], off[spectra.rows, 0]
            tell(i + 1, len(chosen))
    deviation = (spectra.cl[:, chosen] - cl) / spectra.amplitude[:, chosen]
    return Verified(ells[chosen], cl, error, deviation)


def limber(spectra: Spectra, pairs: list[Pair]) -> Real:
    """Limber's approximation of some pairs, (n_pair, n_ell)."""
    with jax.enable_x64(True):
        return limber_spectra(spectra.found.work.of_numpy, pairs, spectra.ells)
