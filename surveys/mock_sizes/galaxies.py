"""Opens the galaxies that a file of settings names."""

from __future__ import annotations

from pathlib import Path

from astropy.cosmology import FLRW

from cosmo.background import cosmology_named
from surveys.errors import InputError, SettingProblem
from surveys.images.galaxies import ImageSource
from surveys.images.opening import open_images, open_particles
from surveys.images.particle_images import ParticleImages
from surveys.images.populations import built_in, read_grid
from surveys.images.synthetic import SyntheticGalaxies
from surveys.mock_sizes.settings import InputSettings


def cosmology_of(settings: InputSettings, where: Path) -> FLRW:
    """The cosmology of the settings."""
    try:
        return cosmology_named(settings.cosmology)
    except ValueError as error:
        problem, _, remedy = str(error).partition(": ")[2].partition("; ")
        raise InputError(str(where), "input.cosmology", problem, remedy) from None


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
