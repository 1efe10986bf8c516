"""What every source of galaxies gives: images in planes of wavelength, a batch at a time.

A source knows of all its galaxies what is small (names, redshifts, scales), and reads the pixels
of those that are asked for, so that memory is bounded by the batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

FLUX_DENSITY = "nJy"
LUMINOSITY = "erg s-1 Hz-1"
ARBITRARY = ""
UNITS = (FLUX_DENSITY, LUMINOSITY, ARBITRARY)
"""What the pixels of images may be in."""

Array = NDArray[Any]


@dataclass(frozen=True)
class GalaxyImages:
    """Images of some galaxies.

    Attributes
    ----------
    names : tuple of str
    flux : array, (galaxy, wavelength, y, x), float32
        Light in each pixel. The middle of n pixels is at (n - 1) / 2.
    rest_um : array, (wavelength,)
        Wavelengths in the frame of the galaxies, rising, in microns.
    redshift, pixel_kpc : array, (galaxy,)
        The side of a pixel is in proper kpc.
    unit : "nJy", "erg s-1 Hz-1" or ""
        Of a pixel: observed flux density, luminosity in the frame of the galaxy, or of no
        known scale.
    synthetic : bool
        Made up, by no simulation.
    source : str
        The file, or what made them.

    Raises
    ------
    ValueError
        Shapes that do not go together.
    """

    names: tuple[str, ...]
    flux: Array
    rest_um: Array
    redshift: Array
    pixel_kpc: Array
    unit: str
    synthetic: bool
    source: str

    def __post_init__(self) -> None:
        n = len(self.names)
        shape = np.shape(self.flux)
        if len(shape) != 4 or shape[0] != n or shape[1] != len(self.rest_um):
            raise ValueError(
                f"flux: has the shape {shape} for {n} galaxies and {len(self.rest_um)} wavelengths;"
                " give (galaxy, wavelength, y, x)"
            )
        if np.shape(self.redshift) != (n,) or np.shape(self.pixel_kpc) != (n,):
            raise ValueError(f"redshift, pixel_kpc: are not one for each of {n} galaxies")
        if self.unit not in UNITS:
            raise ValueError(f"unit: is {self.unit!r}; give one of {UNITS}")

    def __len__(self) -> int:
        return len(self.names)

    def one(self, i: int) -> GalaxyImages:
        """The images of one galaxy, (1, wavelength, y, x)."""
        names = ("names", "flux", "redshift", "pixel_kpc")
        return replace(self, **{name: getattr(self, name)[i : i + 1] for name in names})


class ImageSource(Protocol):
    """Galaxies whose images can be read, a few at a time.

    Attributes
    ----------
    names, redshift, pixel_kpc, rest_um, unit, synthetic, source
        As in :class:`GalaxyImages`, of all galaxies.
    n_pixels : int
        The side of every image.
    """

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def redshift(self) -> Array: ...
    @property
    def pixel_kpc(self) -> Array: ...
    @property
    def rest_um(self) -> Array: ...
    @property
    def n_pixels(self) -> int: ...
    @property
    def unit(self) -> str: ...
    @property
    def synthetic(self) -> bool: ...
    @property
    def source(self) -> str: ...
    def __len__(self) -> int: ...
    def read(self, start: int, stop: int) -> GalaxyImages:
        """Images of the galaxies from `start` to before `stop`."""
        ...


def images_of(source: ImageSource, start: int, flux: Array) -> GalaxyImages:
    """Images of a source's galaxies from `start` on, as many as `flux` has."""
    part = slice(start, start + len(flux))
    return GalaxyImages(
        source.names[part],
        flux,
        source.rest_um,
        source.redshift[part],
        source.pixel_kpc[part],
        source.unit,
        source.synthetic,
        source.source,
    )


def batches(source: ImageSource, size: int) -> Iterator[GalaxyImages]:
    """All galaxies of a source, `size` at a time."""
    if size < 1:
        raise ValueError(f"size: is {size}; give 1 or more")
    for start in range(0, len(source), size):
        yield source.read(start, min(start + size, len(source)))


def check_interval(source: ImageSource, start: int, stop: int) -> None:
    """Raise IndexError unless there are galaxies from `start` to before `stop`."""
    if not 0 <= start < stop <= len(source):
        raise IndexError(f"galaxies {start} to {stop} of {len(source)} in {source.source}")
