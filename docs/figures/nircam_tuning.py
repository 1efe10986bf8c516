"""Fit the four numbers of NIRCam's point spread function to published widths and energies.

Run from the root of the repository with a JSON file of ``filters.<name>.fwhm_arcsec`` and
``encircled_energy.radius_arcsec`` and ``.<name>``: python docs/figures/nircam_tuning.py FILE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from surveys.instruments.nircam import filter_named
from surveys.psf.measures import encircled_energy, fwhm_of_mean_profile
from surveys.psf.nircam import PsfSettings, nircam_psf

NAMES = ("F115W", "F150W", "F200W", "F277W", "F356W", "F444W")
START = (60.0, 0.3, 5.0, 5.0)
"""nm, m, mas, mas."""


def settings_of(numbers: np.ndarray) -> PsfSettings:
    """Settings with these four numbers."""
    wavefront, length, short, long = numbers.tolist()
    return PsfSettings(wavefront, length, 1e-3 * short, 1e-3 * long, n_wavelengths=5)


def apart(numbers: np.ndarray, published: dict[str, Any]) -> np.ndarray:
    """Widths apart in per cent and encircled energies apart in 0.01, from 0.05 arcsec on."""
    energies = published["encircled_energy"]
    radius = np.asarray(energies["radius_arcsec"])
    beyond = radius >= 0.05
    found = []
    for name in NAMES:
        pixel = filter_named(name).pixel_arcsec / 2
        psf = nircam_psf(name, pixel, 81, settings=settings_of(numbers))
        light = encircled_energy(psf, pixel, radius[beyond])
        width = fwhm_of_mean_profile(psf[20:61, 20:61], pixel)
        found.append(100 * (light - np.asarray(energies[name])[beyond]))
        found.append([100 * (width / published["filters"][name]["fwhm_arcsec"] - 1)])
    return np.concatenate(found)


def main() -> None:
    """Print the numbers that fit best and how far they are off."""
    published = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    scale = np.asarray(START)
    limits = (np.array([0.0, 0.02, 0.0, 0.0]) / scale, np.array([200.0, 3.0, 50.0, 50.0]) / scale)
    fit = least_squares(
        lambda p: apart(p * scale, published), np.ones(4), bounds=limits, diff_step=0.02, max_nfev=8
    )
    wavefront, length, short, long = fit.x * scale
    sys.stdout.write(
        f"wavefront {wavefront:.1f} nm, length {length:.3f} m, "
        f"blur {short:.2f} and {long:.2f} mas; greatest apart {np.abs(fit.fun).max():.2f}\n"
    )


if __name__ == "__main__":
    main()
