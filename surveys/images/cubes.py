"""FITS files as a source of galaxies; what a header means is told by who opens them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from numpy.typing import NDArray

from surveys.errors import InputError
from surveys.images.galaxies import GalaxyImages, check_interval, images_of
from surveys.images.photometry import parse_unit
from surveys.images.pixels import OnNan, check_side, clean, square

_SAME = 1e-6


@dataclass(frozen=True)
class Cube:
    """Where the planes of one galaxy are, and what they mean.

    Attributes
    ----------
    path : Path
    hdu : int
    index : int, optional
        Its place along the first axis of a stack.
    name : str
    redshift, pixel_kpc : float
    rest_um, factor : array, (wavelength,)
        As in the file; pixels times the factor are in `unit`.
    unit : str
    shape : (int, int)
        Pixels along y and x.
    """

    path: Path
    hdu: int
    index: int | None
    name: str
    redshift: float
    pixel_kpc: float
    rest_um: NDArray[np.float64]
    factor: NDArray[np.float64]
    unit: str
    shape: tuple[int, int]


Describe = Callable[[fits.HDUList, Path], list[Cube]]
"""The galaxies of an open file."""


class CubeFiles:
    """Galaxies of FITS files, which are opened anew for each batch.

    Parameters
    ----------
    paths : sequence of Path
    describe : callable
    nan : "error" or "zero"

    Raises
    ------
    InputError
        A file is not whole, or does not go with the first.
    """

    synthetic = False

    def __init__(self, paths: Sequence[Path], describe: Describe, nan: OnNan = "error") -> None:
        if not paths:
            raise InputError("files", "number", "is 0", "give FITS files of galaxies")
        self._nan: OnNan = nan
        self._cubes: list[Cube] = []
        for path in paths:
            with opened(path) as hdus:
                self._cubes += describe(hdus, Path(path))
        first = self._cubes[0]
        for cube in self._cubes:
            _check_alike(cube, first)
        self._order = np.argsort(first.rest_um)
        self.rest_um = first.rest_um[self._order]
        if np.any(np.diff(self.rest_um) == 0):
            problem, remedy = "has a wavelength twice", "give each plane its own"
            raise InputError(str(first.path), "wavelengths", problem, remedy)
        self.unit = first.unit
        self.n_pixels = max(max(cube.shape) for cube in self._cubes)
        self.redshift = np.array([cube.redshift for cube in self._cubes])
        self.pixel_kpc = np.array([cube.pixel_kpc for cube in self._cubes])
        self.names = _distinct(self._cubes)
        self.source = str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"

    def __len__(self) -> int:
        return len(self._cubes)

    def read(self, start: int, stop: int) -> GalaxyImages:
        """Images of the galaxies from `start` to before `stop`."""
        check_interval(self, start, stop)
        flux = np.empty((stop - start, len(self.rest_um), self.n_pixels, self.n_pixels), np.float32)
        for i, cube in enumerate(self._cubes[start:stop]):
            flux[i] = square(self._planes(cube), self.n_pixels)
        return images_of(self, start, flux)

    def _planes(self, cube: Cube) -> NDArray[np.float32]:
        with opened(cube.path) as hdus:
            hdu = hdus[cube.hdu]
            part = tuple(slice(None) for _ in hdu.shape)
            if cube.index is not None:
                part = (slice(cube.index, cube.index + 1), *part[1:])
            # Of a stack this reads, and scales, the galaxy only.
            planes = np.asarray(hdu.section[part], np.float64)
        planes = planes.reshape(-1, *planes.shape[-2:])[self._order]
        planes *= cube.factor[self._order, None, None]
        return clean(planes, str(cube.path), "image", self._nan)


def _check_alike(cube: Cube, first: Cube) -> None:
    where = str(cube.path)
    check_side(max(cube.shape), where, "image")
    if cube.unit != first.unit:
        problem = f"is one of {cube.unit or 'no scale'}, and {first.path} of {first.unit}"
        raise InputError(where, "BUNIT", problem, "give files of one kind at a time")
    same = len(cube.rest_um) == len(first.rest_um) and np.allclose(
        np.sort(cube.rest_um), np.sort(first.rest_um), rtol=_SAME
    )
    if not same or not np.allclose(cube.rest_um, first.rest_um, rtol=_SAME):
        problem = f"are not those of {first.path}"
        remedy = "give files of the same wavelengths at rest, in the same order, at a time"
        raise InputError(where, "wavelengths", problem, remedy)


def _distinct(cubes: Sequence[Cube]) -> tuple[str, ...]:
    names = [cube.name for cube in cubes]
    if len(set(names)) < len(names):
        names = [f"{cube.path.parent.name}/{cube.name}" for cube in cubes]
    if len(set(names)) < len(names):
        names = [f"{name}-{i}" for i, name in enumerate(names)]
    return tuple(names)


@contextmanager
def opened(path: str | Path) -> Iterator[fits.HDUList]:
    """A FITS file of which nothing but headers is read yet, or one clear error.

    Raises
    ------
    InputError
        It is not there, no FITS file, or not whole.
    """
    remedy = "give a whole FITS file"
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            file = fits.open(path, memmap=False)
        with file as hdus:
            with warnings.catch_warnings(record=True) as more:
                warnings.simplefilter("always")
                len(hdus)  # the headers of all
            for warning in (*caught, *more):
                if "truncated" in str(warning.message):
                    raise InputError(str(path), "file", "is truncated", remedy)
            yield hdus
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(str(path), "file", "is not there", remedy) from error
    except (OSError, TypeError, ValueError) as error:
        problem = f"cannot be read ({str(error) or type(error).__name__})"
        raise InputError(str(path), "file", problem, remedy) from error


def image_hdu(hdus: fits.HDUList, where: str, extension: int | str | None = None) -> int:
    """Number of the HDU that was asked for, or of the first that has an image."""
    if extension is not None:
        try:
            number = hdus.index_of(extension)
            shape = hdus[number].shape
        except (KeyError, IndexError) as error:
            problem = f"{extension!r} is not in the file"
            raise InputError(where, "extension", problem, "give the name or number") from error
        if len(shape) < 2 or not getattr(hdus[number], "is_image", False):
            raise InputError(where, "extension", f"{extension!r} has no image", "give another")
        return number
    for number, hdu in enumerate(hdus):
        if getattr(hdu, "is_image", False) and len(hdu.shape) >= 2:
            return number
    raise InputError(where, "image", "is missing", "give a file with an image or a cube")


def wavelength_um(
    values: Any, unit: str, where: str, field: str = "wavelengths"
) -> NDArray[np.float64]:
    """Wavelengths from lengths, frequencies or energies.

    Raises
    ------
    InputError
        The unit is missing or of something else, or they are not above 0.
    """
    if not unit.strip():
        raise InputError(where, field, "have no unit", "give rest_um in the settings")
    parsed = parse_unit(unit, where, field)
    try:
        numbers = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise InputError(where, field, "are not numbers", "give rest_um in the settings") from None
    try:
        waves = (numbers * parsed).to_value(u.um, u.spectral())
    except u.UnitConversionError:
        problem = f"are in {unit!r}"
        raise InputError(where, field, problem, "give micron, Angstrom, m or Hz") from None
    waves = np.atleast_1d(np.asarray(waves, np.float64))
    if not np.all(np.isfinite(waves) & (waves > 0)):
        raise InputError(where, field, "has values that are not above 0", "mend them")
    return waves


def keyword(header: fits.Header, key: str, where: str) -> float | None:
    """A number of a header; None where there is none.

    Raises
    ------
    InputError
        It is something else.
    """
    value = header.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise InputError(where, key, f"is {value!r}", "give a number")
    return float(value)
