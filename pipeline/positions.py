"""Positions of candidates between the pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.candidates import Detection


def refine_position(
    image: NDArray[np.float32], origin: tuple[int, int], detection: Detection
) -> tuple[float, float]:
    """Peak of the quadratic through the 3 x 3 pixels around the detection.

    Parameters
    ----------
    image : (y, x)
        Image of the pulse; ``image[0, 0]`` is the pixel `origin` (x, y).
    detection : Detection
        Names the pixel.

    Returns
    -------
    (x, y)
        0-based pixel. Where no peak is inside the nine pixels, or some are missing, the
        pixel of the detection; never further off than one pixel.
    """
    x, y = detection.x - origin[0], detection.y - origin[1]
    at = (float(detection.x), float(detection.y))
    ny, nx = image.shape
    if not (1 <= x < nx - 1 and 1 <= y < ny - 1):
        return at
    patch = image[y - 1 : y + 2, x - 1 : x + 2].astype(float)
    if not np.isfinite(patch).all():
        return at
    gradient = np.array([(patch[:, 2] - patch[:, 0]).sum() / 6, (patch[2] - patch[0]).sum() / 6])
    cross = (patch[2, 2] - patch[2, 0] - patch[0, 2] + patch[0, 0]) / 4
    xx = (patch[:, 0] - 2 * patch[:, 1] + patch[:, 2]).sum() / 3
    yy = (patch[0] - 2 * patch[1] + patch[2]).sum() / 3
    hessian = np.array([[xx, cross], [cross, yy]])
    if not (xx < 0 and np.linalg.det(hessian) > 0):
        return at
    dx, dy = -np.linalg.solve(hessian, gradient)
    if max(abs(dx), abs(dy)) > 1:
        return at
    return at[0] + float(dx), at[1] + float(dy)
