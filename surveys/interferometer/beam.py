"""The main lobe of a dirty beam as an elliptical Gaussian."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from surveys.interferometer.cells import column_multiplicity, frequencies

_LOBE = 0.35
"""Fitted is what is above it, of the peak."""

_HALF = 30
_FWHM = 8 * math.log(2)


@dataclass(frozen=True)
class Beam:
    """An elliptical Gaussian.

    Attributes
    ----------
    major_arcsec, minor_arcsec : float
        FWHM.
    pa_deg : float
        Of the major axis, from north (up) through east (left), from 0 to 180.
    pixel_arcsec : float
    """

    major_arcsec: float
    minor_arcsec: float
    pa_deg: float
    pixel_arcsec: float

    @property
    def area_pixels(self) -> float:
        """Pixels of a beam: Jy/beam over it is Jy/pixel."""
        ellipse = math.pi * self.major_arcsec * self.minor_arcsec / (4 * math.log(2))
        return ellipse / self.pixel_arcsec**2

    @property
    def mean_arcsec(self) -> float:
        """Geometric mean of the two widths."""
        return math.sqrt(self.major_arcsec * self.minor_arcsec)

    @property
    def inverse_covariance(self) -> NDArray[np.float64]:
        """Matrix Q (x, y) of ``exp(-r Q r / 2)``, 1 / arcsec^2."""
        angle = math.radians(self.pa_deg)
        along = np.array([-math.sin(angle), math.cos(angle)])
        across = np.array([math.cos(angle), math.sin(angle)])
        axes = (along, self.major_arcsec), (across, self.minor_arcsec)
        return np.sum([np.outer(a, a) * _FWHM / width**2 for a, width in axes], axis=0)

    def transfer(self, grid: int) -> NDArray[np.float64]:
        """The beam, of peak 1 and centred on pixel (0, 0), as ``rfft2`` of a grid."""
        fx, fy = frequencies(grid, self.pixel_arcsec)
        c = np.linalg.inv(self.inverse_covariance)
        square = c[0, 0] * fx**2 + 2 * c[0, 1] * fx * fy + c[1, 1] * fy**2
        return self.area_pixels * np.exp(-2 * np.pi**2 * square)

    @classmethod
    def of(cls, matrix: NDArray[np.floating], pixel_arcsec: float) -> Beam:
        """The beam of a matrix as in :attr:`inverse_covariance`."""
        values, vectors = np.linalg.eigh(matrix)
        widths = np.sqrt(_FWHM / values)
        x, y = vectors[:, 0]
        pa_deg = math.degrees(math.atan2(-x, y)) % 180
        return cls(float(widths[0]), float(widths[1]), pa_deg, pixel_arcsec)


def fit_beam(transfer: NDArray[np.floating], pixel_arcsec: float) -> Beam:
    """Fit the main lobe of the beam that a transfer function makes.

    Least squares on all that is above 0.35 of the peak and joined to it, on a fine grid.

    Parameters
    ----------
    transfer : (grid, grid // 2 + 1)
        As `surveys.interferometer.weighting` gives it.
    pixel_arcsec : float
    """
    grid = len(transfer)
    fx, fy = frequencies(grid, pixel_arcsec)
    full = np.asarray(transfer, np.float64) * column_multiplicity(grid)
    moments = np.array([(full * a).sum() for a in (fx * fx, fx * fy, fy * fy)]) / full.sum()
    # At the peak the beam falls as its second moments in the uv plane say.
    start = 4 * np.pi**2 * moments
    matrix = np.array([[start[0], start[1]], [start[1], start[2]]])
    reach = 1.5 * float(np.sqrt(_FWHM / np.linalg.eigvalsh(matrix)[0]))
    at = np.linspace(-reach, reach, 2 * _HALF + 1)
    along_x = np.exp(2j * np.pi * at[:, None] * fx)
    along_y = np.exp(2j * np.pi * at[:, None] * fy[:, 0])
    lobe = (along_y @ full @ along_x.T).real / full.sum()
    y, x = np.meshgrid(at, at, indexing="ij")
    # Nothing beyond the first place below the limit on the way from the peak.
    steps = np.linspace(0, 1, 2 * _HALF)[:, None, None]
    rows = np.rint(_HALF + steps * (np.arange(2 * _HALF + 1)[:, None] - _HALF)).astype(int)
    columns = np.rint(_HALF + steps * (np.arange(2 * _HALF + 1) - _HALF)).astype(int)
    inside = (lobe[rows, columns] > _LOBE).all(axis=0)
    x, y, values = x[inside], y[inside], lobe[inside]

    def residuals(q: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.exp(-(q[0] * x * x + 2 * q[1] * x * y + q[2] * y * y) / 2) - values

    q = least_squares(residuals, start, x_scale=float(start[0] + start[2]), method="lm").x
    return Beam.of(np.array([[q[0], q[1]], [q[1], q[2]]]), pixel_arcsec)
