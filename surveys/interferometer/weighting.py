"""Weights of uv cells: the transfer function, the noise and the beam of an image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from surveys.interferometer.beam import Beam, fit_beam
from surveys.interferometer.cells import UvCells, frequencies

Scheme = Literal["natural", "uniform", "briggs"]


@dataclass(frozen=True)
class Weighting:
    """How cells are weighted.

    Attributes
    ----------
    scheme : "natural", "uniform" or "briggs"
        By the noise, all cells alike, or between the two.
    robust : float
        Of Briggs: 2 is nearly natural, -2 nearly uniform.
    taper_arcsec : float
        FWHM of a Gaussian that the beam is smoothed with; 0 is none.
    """

    scheme: Scheme = "natural"
    robust: float = 0.5
    taper_arcsec: float = 0.0

    def __post_init__(self) -> None:
        if self.scheme not in get_args(Scheme):
            raise ValueError(f"scheme is {self.scheme!r}; give one of {get_args(Scheme)}")
        if not -2 <= self.robust <= 2:
            raise ValueError(f"robust is {self.robust}; give -2 to 2")
        if not 0 <= self.taper_arcsec < math.inf:
            raise ValueError(f"taper_arcsec is {self.taper_arcsec}; give 0 or more")


@dataclass(frozen=True)
class Synthesis:
    """What the array makes of the sky.

    With ``sky`` in Jy/pixel, ``irfft2(transfer * rfft2(sky))`` is the dirty image in Jy/beam. With
    ``white`` noise of unit variance, ``rms_jy * irfft2(noise_amplitude * rfft2(white))`` is the
    noise in it.

    Attributes
    ----------
    cells : UvCells
    transfer, noise_amplitude : (grid, grid // 2 + 1) float32
    rms_jy : float
        Standard deviation of the noise, Jy/beam.
    sensitivity : float
        That over the one with natural weights.
    beam : Beam
        The main lobe.
    """

    cells: UvCells
    transfer: NDArray[np.float32]
    noise_amplitude: NDArray[np.float32]
    rms_jy: float
    sensitivity: float
    beam: Beam

    @property
    def grid(self) -> int:
        """Pixels of a side."""
        return self.cells.grid

    @property
    def pixel_arcsec(self) -> float:
        """Size of a pixel."""
        return self.cells.pixel_arcsec


def cell_weights(cells: UvCells, weighting: Weighting) -> NDArray[np.float64]:
    """Weight of each cell, (grid, grid // 2 + 1), 0 where nothing was measured.

    Briggs' weights are those of his thesis (1995), with the density of cells in place of that
    of visibilities: ``S / (1 + f^2 S)``, ``f^2 = (5 10^-robust)^2 / (sum S^2 / sum S)`` for inverse
    variances S.
    """
    density = cells.inverse_variance
    if weighting.scheme == "natural":
        weights = density.copy()
    elif weighting.scheme == "uniform":
        weights = (density > 0).astype(float)
    else:
        mean = np.sum(cells.multiplicity * density**2) / np.sum(cells.multiplicity * density)
        weights = density / (1 + (5 * 10**-weighting.robust) ** 2 / mean * density)
    if weighting.taper_arcsec:
        fx, fy = frequencies(cells.grid, cells.pixel_arcsec)
        angle = math.pi * weighting.taper_arcsec
        weights *= np.exp(-(angle**2) * (fx**2 + fy**2) / (4 * math.log(2)))
    return weights


def synthesise(cells: UvCells, weighting: Weighting | None = None) -> Synthesis:
    """Transfer function, noise and beam of weighted cells; natural weights without any."""
    weights = cell_weights(cells, weighting or Weighting())
    density, pixels = cells.inverse_variance, cells.grid**2

    def total(values: NDArray[np.floating]) -> float:
        return float(np.sum(cells.multiplicity * values))

    amplitude = np.divide(weights, np.sqrt(density), out=np.zeros_like(weights), where=density > 0)
    # Each visibility is in two cells of the whole plane.
    rms_jy = math.sqrt(2 * total(amplitude**2)) / total(weights)
    transfer = weights * (pixels / total(weights))
    return Synthesis(
        cells,
        transfer.astype(np.float32),
        (amplitude * math.sqrt(pixels / total(amplitude**2))).astype(np.float32),
        rms_jy,
        rms_jy / math.sqrt(2 / total(density)),
        fit_beam(transfer, cells.pixel_arcsec),
    )
