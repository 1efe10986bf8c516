"""What a search is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

DISPERSION_CONSTANT = 1.0 / 2.41e-4
"""Dispersion constant in MHz^2 pc^-1 cm^3 s (Manchester & Taylor 1972 convention)."""


@dataclass(frozen=True)
class SearchConfig:
    """The question put to the engine; everything else follows from it.

    Attributes
    ----------
    freq_mhz : tuple of float
        Channel centres, any order.
    tsamp_s : float
        Sampling interval.
    shape : (ny, nx)
        Image size in pixels; (1, 1) for a single beam.
    dm_max : float
        Largest dispersion measure, pc cm^-3; trials start at DM 0.
    max_width_s : float
        Widest pulse to match.
    threshold : float
        S/N from which a peak is a detection.
    max_loss : float
        Largest loss of S/N that the spacing of the trials may cause on each axis
        (DM, width, start time) for pulses that the sampling resolves.
    beam_fwhm_px : float
        FWHM of the synthesised beam, the scale of a local maximum on the sky and of
        independent noise, in the images that are searched.
    template : (ky, kx) array or None
        Shape of a point source, peak in the middle, to filter images with before the
        search; for noise that is independent from pixel to pixel.
    n_samples : int or None
        Length of the recording when it is known: pulses wider than a quarter of it
        have no baseline and are not searched.
    max_detections : int
        Most peaks that one ladder level reports a frame; what is over is counted.
    pixel_weights : bool
        Keep weights per pixel. Needed when single pixels are flagged (NaN) for part
        of the time; costs memory for very large images.
    frame, tile : int or None
        Samples per internal frame and pixels per tile, chosen by the plan if None.
    working_bytes : float or None
        Memory for a tile with all its trials, on a device where large tiles are fast (a GPU);
        None for tiles that stay in a core's cache.
    dispersion_constant : float
        MHz^2 pc^-1 cm^3 s.
    """

    freq_mhz: tuple[float, ...]
    tsamp_s: float
    shape: tuple[int, int] = (1, 1)
    dm_max: float = 4000.0
    max_width_s: float = 160.8
    threshold: float = 7.0
    max_loss: float = 1 / 16
    beam_fwhm_px: float = 1.0
    template: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)
    n_samples: int | None = None
    max_detections: int = 256
    pixel_weights: bool = True
    frame: int | None = None
    tile: int | None = None
    working_bytes: float | None = None
    dispersion_constant: float = DISPERSION_CONSTANT
