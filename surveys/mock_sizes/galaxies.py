"""Opens the galaxies that a file of settings names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.cosmology import FLRW
from numpy.typing import NDArray

from cosmo.background import cosmology_named
from surveys.errors import InputError, SettingProblem
from surveys.images.galaxies import GalaxyImages, ImageSource
from surveys.images.opening import open_images, open_particles
from surveys.images.particle_images import ParticleImages
from surveys.images.populations import built_in, read_grid
from surveys.images.synthetic import SyntheticGalaxies
from surveys.mock_sizes.settings import InputSettings, SizesSettings

_BRIGHTEST = 1e15


def cosmology_of(settings: InputSettings, where: Path) -> FLRW:
    """The cosmology of the settings."""
    try:
        return cosmology_named(settings.cosmology)
    except ValueError as error:
        problem, _, remedy = str(error).partition(": ")[2].partition("; ")
        raise InputError(str(where), "input.cosmology", problem, remedy) from None


def check_scale(settings: SizesSettings, unit: str, where: Path) -> None:
    """Raise InputError where a noise is absolute, and the galaxies are of no known scale."""
    for i, wanted in enumerate(settings.observation):
        absolute = wanted.snr_kind in ("depth", "exposure")
        absolute |= wanted.snr_kind == "rms" and wanted.instrument == "ALMA"
        if absolute and unit == "":
            problem = f"is {wanted.snr_kind!r}, and the galaxies are of no known unit"
            remedy = 'give "aperture", "peak" or "pixel", or images with a unit'
            raise InputError(str(where), f"observation[{i}].snr_kind", problem, remedy)


def check_bright(sky: NDArray[np.float64], images: GalaxyImages) -> None:
    """Raise InputError for pixels whose squares are beyond single precision."""
    most = float(np.abs(sky).max())
    if not most < _BRIGHTEST:
        problem = f"has pixels of {most:.3g}, of which no squares can be computed"
        remedy = "divide the images by a number, or mend their unit"
        raise InputError(images.source, f"flux of {images.names[0]}", problem, remedy)


def open_galaxies(settings: InputSettings, where: Path, cosmology: FLRW) -> ImageSource:
    """The galaxies of the settings; files are found from the folder of theirs.

    Raises
    ------
    InputError
        A file cannot be used.
    """
    files = [where.parent / name for name in settings.files]
    if settings.kind == "synthetic":
        return SyntheticGalaxies(settings.synthetic)
    if settings.kind == "images":
        return open_images(files, settings.fits, cosmology)
    particles = open_particles(files[0], settings.particles, cosmology)
    if settings.own_light:
        population = None
        if settings.population is not None:
            raise SettingProblem("input.population", "is given beside own_light", "give one")
    elif settings.population is not None:
        population = read_grid(where.parent / settings.population)
    else:
        population = built_in()
    return ParticleImages(particles, settings.render, population)
