"""Weights of visibilities in an image: what the beam and the noise are traded by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.config import ConfigProblem

if TYPE_CHECKING:
    from pipeline.imaging.gridding import Grid


@dataclass(frozen=True)
class Weighting:
    """How visibilities are weighted.

    Attributes
    ----------
    scheme : str
        ``"natural"`` has the least noise, ``"uniform"`` the narrowest beam, ``"briggs"``
        goes from the one to the other with ``robust`` (Briggs 1995, PhD thesis).
    robust : float
        -2 is nearly uniform, 2 nearly natural.
    uv_min_m, uv_max_m : float
        Lengths of baselines that are used, in metres.
    taper_arcsec : float
        FWHM of the Gaussian that the beam is widened by; 0 for none.
    """

    scheme: Literal["natural", "uniform", "briggs"] = "natural"
    robust: float = 0.0
    uv_min_m: float = 0.0
    uv_max_m: float = 1e9
    taper_arcsec: float = 0.0

    def __post_init__(self) -> None:
        if self.taper_arcsec < 0:
            raise ConfigProblem("taper_arcsec", f"is {self.taper_arcsec}", "give 0 or more")
        if not 0 <= self.uv_min_m < self.uv_max_m:
            problem = f"is {self.uv_min_m}, uv_max_m is {self.uv_max_m}"
            raise ConfigProblem("uv_min_m", problem, "give 0 or more, and less than uv_max_m")

    def uses(self, uvw_m: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Which baselines are used, by their length; of (..., 3)."""
        length = np.linalg.norm(uvw_m, axis=-1)
        return (length >= self.uv_min_m) & (length <= self.uv_max_m)

    def weights(
        self, grid: Grid, uvw: NDArray[np.floating], data: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Weights on top of those of the data.

        Parameters
        ----------
        grid : Grid
        uvw : (vis, 3) float
            Of one image, in wavelengths.
        data : (vis,) float
            Weights of the data.

        Returns
        -------
        (vis,) float32
        """
        out = np.ones(len(uvw))
        if self.scheme != "natural":
            # Cells of the image's own Fourier transform; -u and u are the same.
            u, v = uvw[:, 0], uvw[:, 1]
            flip = np.where(u < 0, -1, 1)
            ny, nx = grid.shape
            x = np.rint(flip * u * nx * grid.pixel_rad).astype(np.int64)
            y = np.rint(flip * v * ny * grid.pixel_rad).astype(np.int64)
            _, cell = np.unique(np.stack([x, y]), axis=1, return_inverse=True)
            cell = cell.ravel()
            density = np.bincount(cell, data)
            if self.scheme == "uniform":
                out = 1 / np.maximum(density[cell], 1e-30)
            else:
                mean = np.sum(density**2) / max(np.sum(data), 1e-30)
                f2 = (5 * 10.0**-self.robust) ** 2 / max(mean, 1e-30)
                out = 1 / (1 + density[cell] * f2)
        if self.taper_arcsec:
            fwhm = np.radians(self.taper_arcsec / 3600)
            out *= np.exp(-((np.pi * fwhm) ** 2) * np.sum(uvw[:, :2] ** 2, 1) / (4 * np.log(2)))
        return out.astype(np.float32)
