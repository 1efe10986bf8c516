r"""From measured to true sizes, by what was measured of galaxies whose size was known.

What PSF and noise do to a size depends on the size itself, on how bright the galaxy is, and on the
estimator. The table has, for a measured radius R (in FWHM of the PSF) and the signal-to-noise ratio
of the flux in the segment, the median of :math:`\ln (R_{true} / R)` of simulated galaxies that
looked so, and its scatter: the error of one corrected size, noise and unknown profile together.

True sizes are circularised half-light radii, for ``elliptical`` the major semi-axis. The table
holds for galaxies like the simulated ones: see `surveys.mock_sizes.correcting`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike, NDArray

Family = Literal["camera", "array"]
"""Of the table that ships: a camera with white noise, or an interferometer's cleaned images. Other
tables have families of their own."""

NAME = "corrections.ecsv"
FORMAT = "slowburst-size-corrections/1"
COLUMNS = ("family", "estimator", "fwhm_pixels", "radius_fwhm", "snr", "ln_correction", "scatter")
# Sampled by so much coarser or finer pixels than the table has, the nearest it has is taken.
_FARTHEST_SAMPLING = 1.5

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Surface:
    """Corrections of one estimator.

    Attributes
    ----------
    ln_fwhm : NDArray
        (sampling,) FWHM of the PSF in pixels.
    ln_radius : NDArray
        (radius,) measured radius over the FWHM.
    ln_snr : NDArray
        (snr,) of the flux in the segment.
    ln_correction, scatter : NDArray
        (sampling, radius, snr); NaN where there were too few galaxies.
    """

    ln_fwhm: Real
    ln_radius: Real
    ln_snr: Real
    ln_correction: Real
    scatter: Real

    def at(self, fwhm: float, radius: Real, snr: Real) -> tuple[Real, Real]:
        """Correction and scatter, linear in all three; NaN outside."""
        where = np.log(fwhm)
        margin = np.log(_FARTHEST_SAMPLING)
        if not self.ln_fwhm[0] - margin <= where <= self.ln_fwhm[-1] + margin:
            nothing = np.full(radius.shape, np.nan)
            return nothing, nothing
        x = _position(self.ln_fwhm, np.full(radius.shape, where).clip(*self.ln_fwhm[[0, -1]]))
        y, z = _position(self.ln_radius, radius), _position(self.ln_snr, snr)
        return _linear(self.ln_correction, x, y, z), _linear(self.scatter, x, y, z)


@dataclass(frozen=True)
class Corrections:
    """Surfaces by family and estimator, and how they were made."""

    surfaces: dict[tuple[str, str], Surface]
    about: dict[str, Any]

    def corrected(
        self, key: tuple[str, str], radius: ArrayLike, snr: ArrayLike, fwhm_pixels: float
    ) -> tuple[Real, Real]:
        """Corrected radii, and the scatter of their logarithm.

        Parameters
        ----------
        key : (str, str)
            Family and estimator.
        radius : NDArray
            Measured, in pixels.
        snr : NDArray
            Of the flux in the segment.
        fwhm_pixels : float
            Of the PSF, or of the clean beam.

        Returns
        -------
        radius, scatter : NDArray
            NaN where the table has nothing, and for estimators that are in no table.
        """
        radius, snr = np.broadcast_arrays(*(np.asarray(a, np.float64) for a in (radius, snr)))
        if key not in self.surfaces:
            nothing = np.full(radius.shape, np.nan)
            return nothing, nothing
        with np.errstate(invalid="ignore", divide="ignore"):
            ln_radius, ln_snr = np.log(radius / fwhm_pixels), np.log(snr)
        correction, scatter = self.surfaces[key].at(fwhm_pixels, ln_radius, ln_snr)
        return radius * np.exp(correction), scatter

    def table(self) -> Table:
        """All nodes that have galaxies, a row each."""
        rows = []
        for (family, estimator), s in self.surfaces.items():
            for i, j, k in np.argwhere(np.isfinite(s.ln_correction)):
                rows.append(
                    (
                        family,
                        estimator,
                        round(float(np.exp(s.ln_fwhm[i])), 4),
                        round(float(np.exp(s.ln_radius[j])), 4),
                        round(float(np.exp(s.ln_snr[k])), 4),
                        round(float(s.ln_correction[i, j, k]), 4),
                        round(float(s.scatter[i, j, k]), 4),
                    )
                )
        # The number of rows tells a file that was cut off.
        meta = {"format": FORMAT, "rows": len(rows)} | self.about
        return Table(rows=rows or None, names=COLUMNS, meta=meta)


@lru_cache(maxsize=1)
def load_corrections() -> Corrections:
    """The table that comes with the package."""
    with resources.as_file(resources.files("surveys.sizes") / NAME) as path:
        return corrections_of(Table.read(path, format="ascii.ecsv"))


def corrections_of(table: Table) -> Corrections:
    """Corrections of a table as `Corrections.table` makes it."""
    surfaces = {}
    keys = sorted(
        {(str(a), str(b)) for a, b in zip(table["family"], table["estimator"], strict=True)}
    )
    for family, estimator in keys:
        rows = table[(table["family"] == family) & (table["estimator"] == estimator)]
        axes, places = [], []
        for name in ("fwhm_pixels", "radius_fwhm", "snr"):
            values, place = np.unique(np.asarray(rows[name], np.float64), return_inverse=True)
            axes.append(np.log(values))
            places.append(place)
        shape = tuple(len(axis) for axis in axes)
        both = []
        for name in ("ln_correction", "scatter"):
            grid = np.full(shape, np.nan)
            grid[tuple(places)] = rows[name]
            both.append(grid)
        surfaces[family, estimator] = Surface(*axes, *both)
    about = {k: v for k, v in table.meta.items() if k not in ("format", "rows")}
    return Corrections(surfaces, about)


def _position(nodes: Real, at: Real) -> tuple[NDArray[np.int64], Real, NDArray[np.bool_]]:
    """Node below, share of the next one, and whether the place is inside."""
    if len(nodes) == 1:
        zeros = np.zeros(at.shape)
        return zeros.astype(int), zeros, np.isfinite(at)
    inside = (at >= nodes[0]) & (at <= nodes[-1])
    low = np.clip(np.searchsorted(nodes, at, side="right") - 1, 0, len(nodes) - 2)
    share = (at - nodes[low]) / (nodes[low + 1] - nodes[low])
    return low, np.where(inside, share, 0.0), inside


def _linear(values: Real, *positions: tuple[NDArray, Real, NDArray]) -> Real:
    inside = np.all([p[2] for p in positions], axis=0)
    total = np.zeros(inside.shape)
    for corner in np.ndindex(*(2 for _ in positions)):
        weight = np.ones(inside.shape)
        index = []
        for (low, share, _), up, n in zip(positions, corner, values.shape, strict=True):
            weight = weight * (share if up else 1 - share)
            index.append(np.minimum(low + up, n - 1))
        # A node of no weight may have no value.
        total += np.where(weight > 0, weight * values[tuple(index)], 0.0)
    return np.where(inside, total, np.nan)
