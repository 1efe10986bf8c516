"""Images and cubes in FITS, one galaxy a file or a stack of them.

An array is (y, x), (wavelength, y, x), or with ``stack`` (galaxy, y, x), and (galaxy, wavelength,
y, x). What a header does not say is said by the settings, which go before it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from astropy import units as u
from astropy.cosmology import FLRW
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning, WcsError
from astropy.wcs.utils import proj_plane_pixel_scales
from numpy.typing import NDArray

from surveys.errors import InputError, SettingProblem, check_ranges
from surveys.images.cubes import Cube, CubeFiles, image_hdu, keyword, wavelength_um
from surveys.images.photometry import PixelSize, kpc_per_arcsec, parse_unit, pixel_factor
from surveys.images.pixels import OnNan

_POSITIVE = math.ulp(0.0), math.inf
_COLUMNS = ("wavelength", "wave", "lambda", "rest_um", "grid_points", "freq", "frequency")
_EVEN = 1e-3


@dataclass(frozen=True)
class FitsSettings:
    """What headers leave open.

    Attributes
    ----------
    redshift : float or tuple of float, optional
        Of all galaxies, or of each.
    rest_um : tuple of float, optional
        Wavelengths of the planes, in the frame of the galaxy.
    wavelengths : "rest" or "observed"
        What those of the file are.
    pixel_kpc, pixel_arcsec : float, optional
        A side of a pixel, proper.
    distance_mpc : float, optional
        Of the instrument, for SKIRT without redshift.
    unit : str, optional
        Of the pixels; "arbitrary" where there is none.
    extension : int or str, optional
        With the images; the first by default.
    stack : bool
        Whether the first axis are galaxies.
    nan : "error" or "zero"
        What pixels are that are no numbers.
    """

    redshift: float | tuple[float, ...] | None = None
    rest_um: tuple[float, ...] | None = None
    wavelengths: Literal["rest", "observed"] = "rest"
    pixel_kpc: float | None = None
    pixel_arcsec: float | None = None
    distance_mpc: float | None = None
    unit: str | None = None
    extension: int | str | None = None
    stack: bool = False
    nan: OnNan = "error"

    def __post_init__(self) -> None:
        sizes = ("pixel_kpc", "pixel_arcsec", "distance_mpc")
        check_ranges(self, dict.fromkeys(list(sizes), _POSITIVE))
        if self.pixel_kpc is not None and self.pixel_arcsec is not None:
            raise SettingProblem("pixel_arcsec", "is given beside pixel_kpc", "give one of them")
        for name in ("redshift", "rest_um"):
            values = getattr(self, name)
            if values is not None and not all(0 < v < math.inf for v in np.atleast_1d(values)):
                raise SettingProblem(name, f"is {values}", "give numbers above 0")
            if isinstance(values, tuple) and not values:
                raise SettingProblem(name, "is empty", "give numbers above 0")


def fits_images(paths: Sequence[Path], settings: FitsSettings, cosmology: FLRW) -> CubeFiles:
    """Galaxies of FITS files.

    Raises
    ------
    InputError
        A file cannot be used; the line says what to do about it.
    """
    count = [0]
    describe = partial(_describe, settings=settings, cosmology=cosmology, count=count)
    source = CubeFiles(paths, describe, settings.nan)
    if isinstance(settings.redshift, tuple) and len(settings.redshift) != len(source):
        problem = f"has {len(settings.redshift)} for {len(source)} galaxies"
        raise SettingProblem("redshift", problem, "give one, or one for each")
    return source


def _describe(
    hdus: fits.HDUList, path: Path, settings: FitsSettings, cosmology: FLRW, count: list[int]
) -> list[Cube]:
    where = str(path)
    number = image_hdu(hdus, where, settings.extension)
    header, shape = hdus[number].header, hdus[number].shape
    n_galaxies, n_waves = _axes(shape, settings.stack, where)
    cubes = []
    for i in range(n_galaxies):
        z = redshift_of(header, settings, count[0], where)
        count[0] += 1
        rest = _rest_um(hdus, number, n_waves, settings, z, where)
        pixel = _pixel(header, settings, z, cosmology, where)
        unit = settings.unit if settings.unit is not None else str(header.get("BUNIT", ""))
        factor, unit = pixel_factor(unit, rest * (1 + z), rest, pixel, where)
        name = path.stem if not settings.stack else f"{path.stem}-{i}"
        cubes.append(
            Cube(
                path, number, i if settings.stack else None, name, z, float(pixel.kpc or 0.0),
                rest, factor, unit, (shape[-2], shape[-1]),
            )
        )  # fmt: skip
    return cubes


def _axes(shape: tuple[int, ...], stack: bool, where: str) -> tuple[int, int]:
    """Galaxies and wavelengths of an array."""
    if not stack and len(shape) == 4 and shape[0] == 1:
        shape = shape[1:]
    most = 4 if stack else 3
    if len(shape) > most or (stack and len(shape) < 3):
        problem = f"has the axes {shape}"
        remedy = "give (wavelength, y, x), or (galaxy, wavelength, y, x) and stack = true"
        raise InputError(where, "image", problem, remedy)
    if stack:
        return shape[0], shape[1] if len(shape) == 4 else 1
    return 1, shape[0] if len(shape) == 3 else 1


def redshift_of(header: fits.Header, settings: FitsSettings, index: int, where: str) -> float:
    """The redshift of a galaxy, of the settings or the header.

    Raises
    ------
    InputError
        There is none above 0.
    """
    given = settings.redshift
    if isinstance(given, tuple):
        return given[index] if index < len(given) else given[-1]
    if given is not None:
        return given
    problem = "is missing"
    for key in ("REDSHIFT", "Z"):
        z = keyword(header, key, where)
        if z is not None and z > 0:
            return z
        if z is not None and z < 0:
            problem = f"is {z:g}"
    remedy = "set redshift, or write one above 0 as REDSHIFT into the header"
    raise InputError(where, "REDSHIFT", problem, remedy)


def _rest_um(
    hdus: fits.HDUList, number: int, n: int, settings: FitsSettings, z: float, where: str
) -> NDArray[np.float64]:
    if settings.rest_um is not None:
        waves, stretch = np.asarray(settings.rest_um, np.float64), 1.0
    else:
        stretch = 1 + z if settings.wavelengths == "observed" else 1.0
        found = _column(hdus, where)
        if found is None:
            found = _axis(hdus[number].header, n, where)
        if found is None:
            remedy = "set rest_um, or add a table with a column WAVELENGTH"
            raise InputError(where, "wavelengths", "are missing", remedy)
        waves = found
    if len(waves) != n:
        problem = f"are {len(waves)} for {n} planes"
        raise InputError(where, "wavelengths", problem, "give one for each plane")
    return waves / stretch


def _column(hdus: fits.HDUList, where: str) -> NDArray[np.float64] | None:
    for hdu in hdus:
        for column in getattr(hdu, "columns", ()):
            name = column.name
            if name.lower() in _COLUMNS:
                unit = column.unit or ("um" if name.lower() == "rest_um" else "")
                return wavelength_um(hdu.data[name], unit, where, f"column {name}")
    return None


def _axis(header: fits.Header, n: int, where: str) -> NDArray[np.float64] | None:
    """Wavelengths of a linear third axis."""
    kind = str(header.get("CTYPE3", "")).strip().upper()
    if not kind.startswith(("WAVE", "FREQ", "LAMBDA")):
        return None
    start, step = (keyword(header, key, where) for key in ("CRVAL3", "CDELT3"))
    step = step if step is not None else keyword(header, "CD3_3", where)
    if start is None or (step is None and n > 1):
        missing = "CRVAL3" if start is None else "CDELT3"
        raise InputError(where, missing, "is missing", "set rest_um")
    pixel = keyword(header, "CRPIX3", where) or 1.0
    unit = str(header.get("CUNIT3", "Hz" if kind.startswith("FREQ") else "m"))
    values = start + (np.arange(1, n + 1) - pixel) * (step or 0.0)
    return wavelength_um(values, unit, where, "axis 3")


def _pixel(
    header: fits.Header, settings: FitsSettings, z: float, cosmology: FLRW, where: str
) -> PixelSize:
    scale = float(kpc_per_arcsec(z, cosmology))
    if settings.pixel_kpc is not None:
        return PixelSize(settings.pixel_kpc / scale, settings.pixel_kpc)
    if settings.pixel_arcsec is not None:
        return PixelSize(settings.pixel_arcsec, settings.pixel_arcsec * scale)
    size = header_pixel(header, where)
    if size.kpc is not None:
        return PixelSize(size.kpc / scale, size.kpc)
    if size.arcsec is None:
        remedy = "set pixel_kpc or pixel_arcsec, or write CDELT1 and CUNIT1 into the header"
        raise InputError(where, "CDELT1", "is missing, so that pixels have no size", remedy)
    return PixelSize(size.arcsec, size.arcsec * scale)


def header_pixel(header: fits.Header, where: str) -> PixelSize:
    """A pixel's side from PIXKPC, PIXSCALE (arcsec), CDELT with CUNIT, or a celestial WCS.

    Raises
    ------
    InputError
        Its unit is missing or is of something else, or it is not square.
    """
    kpc, arcsec = (keyword(header, key, where) for key in ("PIXKPC", "PIXSCALE"))
    for key, side in (("PIXKPC", kpc), ("PIXSCALE", arcsec)):
        if side is not None and side <= 0:
            remedy = "write a number above 0, or set pixel_kpc or pixel_arcsec"
            raise InputError(where, key, f"is {side:g}", remedy)
    if kpc is not None or arcsec is not None:
        return PixelSize(arcsec, kpc)
    if str(header.get("CTYPE1", "")).strip()[:2].upper() in ("RA", "DE", "GL", "EL"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            try:
                sides = 3600.0 * proj_plane_pixel_scales(WCS(header).celestial)
            except (WcsError, ValueError) as error:
                problem = f"begins coordinates that cannot be read ({error})"
                remedy = "set pixel_kpc or pixel_arcsec"
                raise InputError(where, "CTYPE1", problem, remedy) from error
        return PixelSize(arcsec=_even(sides, where))
    steps = [keyword(header, key, where) for key in ("CDELT1", "CDELT2")]
    if steps[0] is None:
        return PixelSize()
    side = _even([abs(step) for step in steps if step is not None], where)
    text = str(header.get("CUNIT1", "")).strip()
    if not text:
        remedy = "set pixel_kpc or pixel_arcsec"
        raise InputError(where, "CUNIT1", "is missing beside CDELT1", remedy)
    unit = parse_unit(text, where, "CUNIT1")
    if unit.is_equivalent(u.kpc):
        return PixelSize(kpc=float((side * unit).to_value(u.kpc)))
    if unit.is_equivalent(u.arcsec):
        return PixelSize(arcsec=float((side * unit).to_value(u.arcsec)))
    raise InputError(where, "CUNIT1", f"is {text!r}", "set pixel_kpc or pixel_arcsec")


def _even(sides: Sequence[float] | NDArray[np.float64], where: str) -> float:
    if min(sides) <= 0 or max(sides) > (1 + _EVEN) * min(sides):
        problem = f"and CDELT2 make pixels of {' by '.join(f'{s:g}' for s in sides)}"
        raise InputError(where, "CDELT1", problem, "give images with square pixels")
    return float(np.mean(sides))
