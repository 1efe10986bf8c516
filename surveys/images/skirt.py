"""Data cubes of SKIRT 9: surface brightness, (wavelength, y, x).

Wavelengths are the column ``GRID_POINTS`` of the extension ``Z-axis coordinate values``, in the
unit of ``CUNIT3``; pixels have the side ``CDELT1`` in ``CUNIT1``, an angle (a length before 2020);
``REDSHIFT``, ``DISTLUMI``, ``DISTANGD`` and ``DISTUNIT`` are of the instrument.

An instrument in a universe sees the galaxy at its redshift: pixels are observed flux densities, and
wavelengths are observed. One without redshift stands at a distance that means nothing: pixels
become luminosities, wavelengths are at rest, and the settings say at which redshift the galaxy is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.cosmology import FLRW
from astropy.io import fits

from surveys.errors import InputError
from surveys.images.cubes import Cube, CubeFiles, image_hdu, keyword, wavelength_um
from surveys.images.fits_stacks import FitsSettings, header_pixel, redshift_of
from surveys.images.galaxies import FLUX_DENSITY, LUMINOSITY
from surveys.images.photometry import (
    PixelSize,
    kpc_per_arcsec,
    local_luminosity,
    parse_unit,
    pixel_factor,
)

GRID = "Z-axis coordinate values"
_ARCSEC = float((1 * u.arcsec).to_value(u.rad))


def is_skirt(hdus: fits.HDUList) -> bool:
    """Whether SKIRT wrote a file."""
    return "SKIRT" in str(hdus[0].header.get("ORIGIN", "")).upper() or GRID.upper() in {
        hdu.name.upper() for hdu in hdus
    }


def skirt_images(paths: Sequence[Path], settings: FitsSettings, cosmology: FLRW) -> CubeFiles:
    """Galaxies of data cubes of SKIRT, one a file.

    Raises
    ------
    InputError
        A file cannot be used; the line says what to do about it.
    """
    describe = partial(_describe, settings=settings, cosmology=cosmology, count=[0])
    return CubeFiles(paths, describe, settings.nan)


def _describe(
    hdus: fits.HDUList, path: Path, settings: FitsSettings, cosmology: FLRW, count: list[int]
) -> list[Cube]:
    where = str(path)
    number = image_hdu(hdus, where)
    header, shape = hdus[number].header, hdus[number].shape
    grid = _grid(hdus, settings, shape[0] if len(shape) == 3 else 1, where)
    instrument = keyword(header, "REDSHIFT", where) or 0.0
    unit = settings.unit if settings.unit is not None else str(header.get("BUNIT", ""))
    size = header_pixel(header, where)
    if instrument > 0:
        z = instrument
        distance = _distance(header, "DISTANGD", where)
        kpc = _ARCSEC * 1e3 * distance if distance else float(kpc_per_arcsec(z, cosmology))
        rest, seen = grid / (1 + z), grid
    else:
        z = redshift_of(header, settings, count[0], where)
        distance = settings.distance_mpc or _distance(header, "DISTLUMI", where)
        if distance is None:
            problem = "is missing, so that fluxes are those of an unknown distance"
            raise InputError(where, "DISTLUMI", problem, "set distance_mpc, of the instrument")
        kpc, rest, seen = _ARCSEC * 1e3 * distance, grid, grid
    count[0] += 1
    pixel = _pixel(size, kpc, where)
    factor, unit = pixel_factor(unit, seen, rest, pixel, where)
    if instrument == 0 and unit == FLUX_DENSITY:
        factor, unit = factor * local_luminosity(float(distance or 0.0)), LUMINOSITY
    cube = Cube(
        path, number, None, path.stem, z, float(pixel.kpc or 0.0), rest, factor, unit,
        (shape[-2], shape[-1]),
    )  # fmt: skip
    return [cube]


def _pixel(size: PixelSize, kpc_of_arcsec: float, where: str) -> PixelSize:
    """A pixel's side as a length and as the angle that the instrument sees."""
    if size.kpc is not None:
        return PixelSize(size.kpc / kpc_of_arcsec, size.kpc)
    if size.arcsec is not None:
        return PixelSize(size.arcsec, size.arcsec * kpc_of_arcsec)
    raise InputError(where, "CDELT1", "is missing", "give a data cube as SKIRT wrote it")


def _grid(hdus: fits.HDUList, settings: FitsSettings, n: int, where: str) -> np.ndarray:
    names = [hdu.name.upper() for hdu in hdus]
    if GRID.upper() not in names:
        if settings.rest_um is None:
            problem = "is missing, and with it the wavelengths"
            raise InputError(where, GRID, problem, "give the cube as SKIRT wrote it, or rest_um")
        instrument = keyword(hdus[0].header, "REDSHIFT", where) or 0.0
        grid = np.asarray(settings.rest_um, np.float64) * (1 + instrument)
    else:
        table = hdus[names.index(GRID.upper())]
        unit = str(hdus[0].header.get("CUNIT3", "") or table.columns[0].unit or "")
        grid = wavelength_um(table.data.field(0), unit, where, GRID)
    if len(grid) != n:
        problem = f"has {len(grid)} wavelengths for {n} planes"
        raise InputError(where, GRID, problem, "give the cube as SKIRT wrote it")
    return grid


def _distance(header: fits.Header, key: str, where: str) -> float | None:
    """A distance of the instrument in Mpc."""
    value = keyword(header, key, where)
    if value is None or value <= 0:
        return None
    unit = parse_unit(str(header.get("DISTUNIT", "Mpc")), where, "DISTUNIT")
    return float((value * unit).to_value(u.Mpc))
