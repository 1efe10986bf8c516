"""Files of galaxies, whichever they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from astropy.cosmology import FLRW

from surveys.errors import InputError
from surveys.images.cubes import opened
from surveys.images.fits_stacks import FitsSettings, fits_images
from surveys.images.flares import flares_galaxies, is_flares
from surveys.images.galaxies import ImageSource
from surveys.images.hdf5_stacks import Hdf5Stack
from surveys.images.particle_files import FORMAT as PARTICLES
from surveys.images.particle_files import KNOWN as PARTICLES_KNOWN
from surveys.images.particle_files import (
    GalaxyFile,
    ParticleSettings,
    ParticleSource,
    own_galaxies,
)
from surveys.images.particle_files import opened as opened_particles
from surveys.images.skirt import is_skirt, skirt_images
from surveys.images.snapshots import eagle_galaxies, is_eagle, is_swift, swift_galaxies

_HDF5 = b"\x89HDF\r\n\x1a\n"
_FITS = b"SIMPLE  ="
_KNOWN = "give a stack in HDF5 (slowburst-galaxies/1), FITS images, or data cubes of SKIRT"


def open_images(paths: Sequence[Path], settings: FitsSettings, cosmology: FLRW) -> ImageSource:
    """Open files of images by what is in them.

    Parameters
    ----------
    paths : sequence of Path
        One HDF5 stack, or FITS files of one kind.
    settings : FitsSettings
        Of FITS files; a stack in HDF5 takes ``nan``.
    cosmology : FLRW
        Of angles and distances.

    Raises
    ------
    InputError
        A file is of no known format, or cannot be used.
    """
    if not paths:
        raise InputError("files", "number", "is 0", _KNOWN)
    kinds = [_kind(Path(path)) for path in paths]
    for path, kind in zip(paths, kinds, strict=True):
        if kind != kinds[0]:
            problem = f"is {kind}, and {paths[0]} is {kinds[0]}"
            raise InputError(str(path), "file", problem, "give files of one kind at a time")
    if kinds[0] == "HDF5":
        if len(paths) > 1:
            raise InputError(str(paths[1]), "file", "is a second stack", "give one at a time")
        return Hdf5Stack(Path(paths[0]), settings.nan)
    of = skirt_images if kinds[0] == "of SKIRT" else fits_images
    return of([Path(path) for path in paths], settings, cosmology)


def open_particles(path: Path, settings: ParticleSettings, cosmology: FLRW) -> ParticleSource:
    """Open a file of particles by what is in it.

    Parameters
    ----------
    path : Path
    settings : ParticleSettings
    cosmology : FLRW
        Of the ages of stars that are known by their scale factor.

    Raises
    ------
    InputError
        The file is of no known layout, or has no galaxy.
    """
    path = Path(path)
    with opened_particles(path) as file:
        if file.attrs.get("format") == PARTICLES:
            galaxies = own_galaxies(file, settings)
        elif is_swift(file):
            galaxies = swift_galaxies(file, settings, cosmology)
        elif is_eagle(file):
            galaxies = eagle_galaxies(file, settings, cosmology)
        elif is_flares(file):
            galaxies = flares_galaxies(file, settings)
        else:
            raise InputError(str(path), "layout", "is not known", PARTICLES_KNOWN)
    return GalaxyFile(path, galaxies, settings)


def _kind(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise InputError(str(path), "file", problem, _KNOWN) from error
    if head.startswith(_HDF5):
        return "HDF5"
    if head.startswith((_FITS, b"\x1f\x8b")):
        with opened(path) as hdus:
            return "of SKIRT" if is_skirt(hdus) else "FITS"
    problem = "is empty" if not head else "is neither HDF5 nor FITS"
    raise InputError(str(path), "file", problem, _KNOWN)
