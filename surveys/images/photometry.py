"""Luminosities and fluxes, and units of files.

A luminosity L_nu of a galaxy at redshift z is seen, (1 + z) longer in wavelength, as the flux
density F_nu = (1 + z) L_nu / (4 pi D_L^2).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.cosmology import FLRW
from numpy.typing import ArrayLike, NDArray

from surveys.errors import InputError
from surveys.images.galaxies import ARBITRARY, FLUX_DENSITY, LUMINOSITY

_LUMINOSITY = u.erg / u.s / u.Hz
_LENGTHS = ("pc", "kpc", "Mpc")
_REMEDY = 'set unit to "nJy", "MJy sr-1", "erg s-1 Hz-1" or what they are in, or to "arbitrary"'


def distance_factor(redshift: ArrayLike, cosmology: FLRW) -> NDArray[np.float64]:
    """What a luminosity in erg/s/Hz is multiplied with, to give a flux density in nJy."""
    z = np.asarray(redshift, np.float64)
    if np.any(z <= 0):
        raise ValueError(f"redshift: is {z.min():g}; give a number above 0")
    distance = cosmology.luminosity_distance(z)
    flux = (1 + z) * _LUMINOSITY / (4 * np.pi * distance**2)
    return np.asarray(flux.to_value(u.nJy))


def flux_njy(l_nu: ArrayLike, redshift: ArrayLike, cosmology: FLRW) -> NDArray[np.float64]:
    """Flux density (nJy) of a luminosity (erg/s/Hz) at a redshift."""
    return np.asarray(l_nu, np.float64) * distance_factor(redshift, cosmology)


def luminosity(flux: ArrayLike, redshift: ArrayLike, cosmology: FLRW) -> NDArray[np.float64]:
    """Luminosity (erg/s/Hz) of what is seen as a flux density (nJy) at a redshift."""
    return np.asarray(flux, np.float64) / distance_factor(redshift, cosmology)


def local_luminosity(distance_mpc: float) -> float:
    """Luminosity in erg/s/Hz of a flux density of 1 nJy at a distance, without redshift."""
    area = 4 * np.pi * (distance_mpc * u.Mpc) ** 2
    return float((1 * u.nJy * area).to_value(_LUMINOSITY))


def kpc_per_arcsec(redshift: ArrayLike, cosmology: FLRW) -> NDArray[np.float64]:
    """Proper length of an angle at a redshift."""
    return np.asarray(1.0 / cosmology.arcsec_per_kpc_proper(redshift).to_value(u.arcsec / u.kpc))


@dataclass(frozen=True)
class PixelSize:
    """A pixel's side, as an angle and as a length; None where it is not known."""

    arcsec: float | None = None
    kpc: float | None = None


def parse_unit(text: str, where: str, field: str = "BUNIT") -> u.UnitBase:
    """A unit as astropy and SKIRT write it, ``W/m2/micron/arcsec2`` for one.

    Raises
    ------
    InputError
        It is none.
    """
    try:
        with warnings.catch_warnings():
            # More than one slash means what SKIRT means by it.
            warnings.simplefilter("ignore", u.UnitsWarning)
            return u.Unit(text)
    except (ValueError, TypeError) as error:
        problem = f"is {text!r}, which is no known unit"
        raise InputError(where, field, problem, _REMEDY) from error


def pixel_factor(
    text: str, seen_um: NDArray[np.float64], rest_um: NDArray[np.float64], pixel: PixelSize,
    where: str,
) -> tuple[NDArray[np.float64], str]:  # fmt: skip
    """What pixels are multiplied with to be in one of the units of `GalaxyImages`.

    Flux densities (per frequency, per wavelength, or nu F_nu) become nJy, luminosities erg/s/Hz;
    those per solid angle, or luminosities per pc^2 or kpc^2, are multiplied with that of the pixel.

    Parameters
    ----------
    text : str
        A unit, or "arbitrary".
    seen_um, rest_um : array, (wavelength,)
        Wavelengths of the light as it is observed, and as it is emitted.
    pixel : PixelSize
    where : str
        The file.

    Returns
    -------
    factor : array, (wavelength,)
    unit : str

    Raises
    ------
    InputError
        No unit, one that is none of light, or one that needs a pixel's size that is not known.
    """
    if not text.strip():
        raise InputError(where, "BUNIT", "is missing", _REMEDY)
    if text == "arbitrary":
        return np.ones(len(seen_um)), ARBITRARY
    unit = parse_unit(text, where)
    flux, light = (u.nJy, FLUX_DENSITY, seen_um), (_LUMINOSITY, LUMINOSITY, rest_um)
    areas = [(None, u.dimensionless_unscaled), (pixel.arcsec, u.arcsec**2)]
    # By its dimensions a luminosity per area of the galaxy is a flux.
    if any(base.name in _LENGTHS for base in unit.bases):
        areas, flux = [(pixel.kpc, u.kpc**2)], light
    for target, name, waves in (flux, light):
        equal = u.spectral_density(waves * u.um)
        for side, area in areas:
            if not (unit * area).is_equivalent(target, equal):
                continue
            if side is None and area != u.dimensionless_unscaled:
                problem = f"is {text!r}, and the size of a pixel in {area.bases[0]} is not known"
                raise InputError(where, "BUNIT", problem, "give the redshift and pixel_arcsec")
            values = np.full(len(waves), side or 1.0) ** 2 * (unit * area)
            return np.asarray(values.to_value(target, equal)), name
    problem = f"is {text!r}, which is neither a flux nor a luminosity"
    raise InputError(where, "BUNIT", problem, _REMEDY)
