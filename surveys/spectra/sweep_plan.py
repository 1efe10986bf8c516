"""A plan that holds the windows of many cosmologies.

n(z) is fixed and distances are not. From one cosmology to another a window moves by the ratio of
their distances at its redshifts, so nodes reach from the nearest place that any row gives it to the
farthest, and weights are tabulated all along as densely as the narrowest part of the window asks
for. The late Sachs-Wolfe effect alone has no window but a beginning, which is at one distance for
all rows: a step that moved would fall between nodes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from cosmo.angular.curved import conformal_radius
from cosmo.angular.matter import distances_at, is_curved
from cosmo.angular.nodes import Window
from cosmo.angular.observed import AngularPower, angular_power
from cosmo.angular.tracers import Tracer
from cosmo.expansion import Background, background_of, comoving, recombination_redshift, redshift
from cosmo.parameters import Cosmology
from surveys.spectra.cosmologies import Cosmologies, varied
from surveys.spectra.files import blamed
from surveys.spectra.settings import SpectraSettings
from surveys.spectra.sources import Universe, cosmology_from, matter_of, universe_of
from surveys.spectra.tracers import Windows, farthest, made, windows_of

Real = NDArray[np.float64]

_MARGIN = 1.05
_Z_ISW = 40.0
"""Beyond where the late Sachs-Wolfe effect begins, in any cosmology."""

_FINEST, _SHARE = 2000, 0.02
"""Parts of a window, and of a distance, that are fine enough anywhere."""

_NODES = 128
_BATCH = 64


@dataclass(frozen=True)
class SweepPlan:
    """What all rows share.

    Attributes
    ----------
    settings : SpectraSettings
    where : Path
    windows : tuple of Windows
    z_max, z_end : float
        Of backgrounds, and of P(k, z).
    found : AngularPower
        Spectra of the settings' own cosmology, and the plan.
    """

    settings: SpectraSettings
    where: Path
    windows: tuple[Windows, ...]
    z_max: float
    z_end: float
    found: AngularPower

    def spectra(self, names: tuple[str, ...], row: Real) -> Real:
        """C_l of a row, (n_pair, n_ell)."""
        place, base = str(self.where), self.where.parent
        cosmology = varied(self.settings.cosmology, names, row)
        settings = replace(self.settings, cosmology=cosmology)
        universe = universe_of(settings, self.z_max, place, base)
        chi = self.found.distances(universe.background)
        tracers = _tracers(settings, self.windows, universe, self.where, chi)
        matter, _ = matter_of(settings, universe, self.z_end, place, base)
        return np.asarray(self.found.again(matter, tracers))


def make_sweep_plan(settings: SpectraSettings, where: Path, rows: Cosmologies) -> SweepPlan:
    """Plan for all rows at once.

    Raises
    ------
    InputError
        What was given cannot be used.
    """
    place, base = str(where), where.parent
    with jax.enable_x64(True):
        windows = tuple(
            windows_of(t, place, f"tracer[{i}]", base) for i, t in enumerate(settings.tracer)
        )
        # Windows lie well within the background of any row.
        z_max = _MARGIN * max(w.z_max for w in windows) + 0.5
        if any(t.kind == "isw" for t in settings.tracer):
            z_max = max(z_max, _Z_ISW)
        universe = universe_of(settings, z_max, place, base)
        own = [
            made(t, w, universe, place, base).tracer
            for t, w in zip(settings.tracer, windows, strict=True)
        ]
        radii = [np.asarray(_radius(t.chi, universe.background)) for t in own]
        ends = [Window(x, _size(t)).ends for x, t in zip(radii, own, strict=True)]
        moved = _moved(settings, rows, universe, [x for pair in ends for x in pair])
        grids, spans = [], []
        for i, (low, high) in enumerate(ends):
            nearer, farther = moved[:, 2 * i], moved[:, 2 * i + 1]
            spans.append((low * nearer.min(), high * farther.max()))
            both = np.concatenate([nearer, farther])
            grids.append(dense(radii[i], both.min(), both.max()))
        background = universe.background
        chi = [distances_at(x, background, is_curved(background)) for x in grids]
        tracers = _tracers(settings, windows, universe, where, chi)
        z_end = min(_MARGIN * farthest(own, universe), float(background.z[-1]))
        matter, _ = matter_of(settings, universe, z_end, place, base)
        tolerance, ells = settings.accuracy.tolerance, settings.output.ells
        with blamed(place, "sweep", "ask for a narrower [sweep], or change [accuracy]"):
            found = angular_power(matter, tracers, settings.pairs, ells, tolerance, spans)
    return SweepPlan(settings, where, windows, z_max, z_end, found)


def dense(grid: Real, least: float, most: float) -> Real:
    """A grid that is as dense as another one, wherever that is moved.

    Parameters
    ----------
    grid : (n,) array
        Rising.
    least, most : float
        Factors between which its distances may change; 1 lies between them.
    """
    steps, finest = np.diff(grid), (grid[-1] - grid[0]) / _FINEST
    end, x = grid[-1] * most, grid[0] * least
    out = [x]
    while x < end:
        step = 0.0
        # Twice: what is ahead within a step counts too.
        for _ in range(2):
            first = np.clip(np.searchsorted(grid, x / most) - 1, 0, steps.size - 1)
            last = np.clip(np.searchsorted(grid, (x + step) / least), first + 1, steps.size)
            # A grid that is dense at an end need not be so everywhere.
            step = max(least * steps[first:last].min(), min(finest, _SHARE * x))
        x += step
        out.append(x)
    out[-1] = end
    return np.array(out)


def _size(tracer: Tracer) -> Real:
    return np.sum([np.abs(np.asarray(w)) for w in tracer.terms.values()], axis=0)


def _radius(chi: Any, background: Background) -> Array:
    """Of distances in conformally flat coordinates, which plans are made in."""
    return conformal_radius(jnp.asarray(chi), background.curvature)


def _tracers(
    settings: SpectraSettings,
    windows: tuple[Windows, ...],
    universe: Universe,
    where: Path,
    grids: list[Any],
) -> list[Tracer]:
    """Tracers of a cosmology on given grids, which may end beyond its background."""
    end, out = universe.background.chi[-1], []
    for tracer, window, chi in zip(settings.tracer, windows, grids, strict=True):
        chi = jnp.asarray(chi)
        near = jnp.minimum(chi, end)
        one = made(tracer, window, universe, str(where), where.parent, near).tracer
        terms = {kind: jnp.where(chi <= end, w, 0.0) for kind, w in one.terms.items()}
        out.append(Tracer(chi, terms, one.factor))
    return out


def _moved(
    settings: SpectraSettings, rows: Cosmologies, universe: Universe, radii: list[float]
) -> Real:
    """Radii of all rows over those of the settings, at the same redshifts, (n + 1, n_radius).

    The plane that is lensed is at the redshift that it has in a row.
    """
    own = universe.background
    z = redshift(own, distances_at(jnp.asarray(radii), own, is_curved(own)))
    fixed = np.repeat([t.kind == "isw" for t in settings.tracer], 2)
    planes = np.repeat([t.kind == "cmb-lensing" and t.chi_star is None for t in settings.tracer], 2)
    planes[::2] = False
    every = [
        cosmology_from(varied(settings.cosmology, rows.names, row), "")[0] for row in rows.values
    ]
    last = np.array([float(recombination_redshift(c)) for c in every])
    z_top = float(max(own.z[-1], 1.02 * last.max() if planes.any() else 0.0))
    out = [np.ones((1, len(radii)))]
    for i in range(0, len(every), _BATCH):
        some = every[i : i + _BATCH]
        # The last batch is as long as the others, for which programs are compiled.
        some += [some[-1]] * (min(_BATCH, len(every)) - len(some))
        batch = jax.tree.map(lambda *v: jnp.asarray(v, float), *some)
        at = np.where(planes, np.resize(last[i : i + _BATCH], (len(some), 1)), np.asarray(z))
        found = np.asarray(_radii_of(batch, jnp.asarray(at), z_top))
        out.append((found / np.asarray(radii))[: len(every[i : i + _BATCH])])
    return np.where(fixed, 1.0, np.concatenate(out))


@partial(jax.jit, static_argnames="z_top")
def _radii_of(cosmologies: Cosmology, z: Array, z_top: float) -> Array:
    def of(cosmology: Cosmology, z: Array) -> Array:
        background = background_of(cosmology, z_top, _NODES)
        return _radius(comoving(background, z), background)

    return jax.vmap(of)(cosmologies, z)
