"""What is no pulse of a point source, put into images: patterns, and when and where in the band.

Visibilities have interference of their own, see :class:`pipeline.simulation.config.Rfi`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from pipeline.classifier.arrays import Rng
from pipeline.simulation.sky import PointSpread

Image = NDArray[np.floating]


def _level(_rng: Rng, shape: tuple[int, int], _psf: Image, _fwhm: float) -> Image:
    """The same in every pixel."""
    return np.ones(shape)


def _far(rng: Rng, shape: tuple[int, int], psf: Image, _fwhm: float) -> Image:
    """Far sidelobes of something outside: noise that the array has filtered."""
    return _filtered(rng.normal(size=shape), psf)


def _fringe(rng: Rng, shape: tuple[int, int], _psf: Image, fwhm: float) -> Image:
    """One baseline."""
    y, x = np.indices(shape)
    angle, cycles = rng.uniform(0, np.pi), rng.uniform(0.05, 0.5) / fwhm
    phase = 2 * np.pi * cycles * (x * np.cos(angle) + y * np.sin(angle))
    return np.cos(phase + rng.uniform(0, 2 * np.pi))


def _pixel(rng: Rng, shape: tuple[int, int], _psf: Image, _fwhm: float) -> Image:
    """A single pixel."""
    image = np.zeros(shape)
    image[tuple(rng.integers(0, n) for n in shape)] = 1
    return image


def _sidelobes(rng: Rng, shape: tuple[int, int], psf: Image, fwhm: float) -> Image:
    """A bright source just outside: its sidelobes, and not its peak."""
    side = rng.integers(0, 4)
    beyond, along = rng.uniform(1.5, 5) * fwhm, rng.uniform(0, shape[0])
    x, y = ((-beyond, along), (shape[1] + beyond, along), (along, -beyond), (along, shape[0]))[side]
    wide = int(np.ceil(6 * fwhm))
    whole = np.zeros((shape[0] + 2 * wide, shape[1] + 2 * wide), np.float32)
    where, stamp = PointSpread(psf.astype(np.float32), whole.shape).stamp(x + wide, y + wide)
    whole[where] = stamp
    return whole[wide:-wide, wide:-wide]


def _blob(rng: Rng, shape: tuple[int, int], _psf: Image, fwhm: float) -> Image:
    """Something wide, and not round."""
    y, x = np.indices(shape)
    at, wide = rng.uniform(0, 1, 2) * shape, fwhm * rng.uniform(2.0, 6.0, 2)
    return np.exp(-4 * np.log(2) * (((y - at[0]) / wide[0]) ** 2 + ((x - at[1]) / wide[1]) ** 2))


def _streak(rng: Rng, shape: tuple[int, int], psf: Image, fwhm: float) -> Image:
    """Something that moved through the field during a sample."""
    line = np.zeros(shape)
    at, angle = rng.uniform(0.2, 0.8, 2) * shape, rng.uniform(0, np.pi)
    for along in np.arange(0, rng.uniform(4, 15) * fwhm, 0.25):
        y, x = int(at[0] + along * np.sin(angle)), int(at[1] + along * np.cos(angle))
        if 0 <= y < shape[0] and 0 <= x < shape[1]:
            line[y, x] += 1
    return _filtered(line, psf)


def _stripes(rng: Rng, shape: tuple[int, int], _psf: Image, _fwhm: float) -> Image:
    """Rows or columns, each at a level of its own."""
    image = np.broadcast_to(rng.normal(size=(shape[0], 1)), shape)
    return image if rng.uniform() < 0.5 else image.T


PATTERNS: dict[str, Callable[[Rng, tuple[int, int], Image, float], Image]] = {
    "level": _level,
    "far": _far,
    "fringe": _fringe,
    "pixel": _pixel,
    "sidelobes": _sidelobes,
    "blob": _blob,
    "streak": _streak,
    "stripes": _stripes,
}
"""Images by name: of a generator, their shape, the PSF and its FWHM in pixels."""


def _filtered(image: Image, psf: Image) -> Image:
    """An image as the array sees it."""
    ny, nx = image.shape
    row, column = (n // 2 for n in psf.shape)
    half_y, half_x = ny // 2, nx // 2
    middle = psf[row - half_y : row - half_y + ny, column - half_x : column - half_x + nx]
    kernel = np.roll(middle, (-half_y, -half_x), (0, 1))
    return scipy.fft.irfft2(scipy.fft.rfft2(image) * scipy.fft.rfft2(kernel), s=image.shape)


def _burst(rng: Rng, n_channels: int) -> NDArray[np.float64]:
    """All channels for a while."""
    return np.ones((_length(rng, 20), n_channels))


def _narrow(rng: Rng, n_channels: int) -> NDArray[np.float64]:
    """Some neighbouring channels for a while."""
    lit = np.zeros((_length(rng, 60), n_channels))
    first = int(rng.integers(0, n_channels - 2))
    lit[:, first : first + int(rng.integers(1, 4))] = 1
    return lit


def _comb(rng: Rng, n_channels: int) -> NDArray[np.float64]:
    """Channels at equal distances."""
    lit = np.zeros((_length(rng, 30), n_channels))
    lit[:, int(rng.integers(0, 4)) :: int(rng.integers(3, 6))] = 1
    return lit


def _swept(rng: Rng, n_channels: int) -> NDArray[np.float64]:
    """From one end of the band to the other, at a steady rate."""
    slope, wide = rng.uniform(0.2, 2.0), _length(rng, 6)
    n = int(np.ceil(slope * n_channels)) + wide
    delay = np.round(slope * np.arange(n_channels)).astype(int)
    t = np.arange(n)[:, None]
    lit = ((t >= delay) & (t < delay + wide)).astype(float)
    return lit if rng.uniform() < 0.5 else lit[:, ::-1]


def _radar(rng: Rng, n_channels: int) -> NDArray[np.float64]:
    """On and off."""
    on, period = _length(rng, 3), int(rng.integers(5, 12))
    t = np.arange(int(rng.integers(3, 9)) * period)[:, None]
    return (t % period < on) * np.ones(n_channels)


FOOTPRINTS: dict[str, Callable[[Rng, int], NDArray[np.float64]]] = {
    "burst": _burst,
    "narrow": _narrow,
    "comb": _comb,
    "swept": _swept,
    "radar": _radar,
}
"""Brightness (time, channel) by name: of a generator and the number of channels."""


def _length(rng: Rng, most: int) -> int:
    """Samples, log-uniform."""
    return int(np.exp(rng.uniform(0, np.log(most))))


def add_interference(
    data: NDArray[np.float32],
    rng: Rng,
    kinds: Sequence[tuple[str, str]],
    noise: NDArray[np.float32],
    beam: tuple[Image, float],
) -> None:
    """Put one event of a kind that is drawn at random into images.

    Parameters
    ----------
    data : (time, channel, y, x) float32
        Changed in place.
    rng : numpy.random.Generator
    kinds : sequence of (str, str)
        Names of :data:`PATTERNS` and of :data:`FOOTPRINTS`.
    noise : (channel,)
        Of a sample.
    beam : ((y, x), float)
        The PSF, and its FWHM in pixels.
    """
    pattern, footprint = kinds[int(rng.integers(len(kinds)))]
    image = PATTERNS[pattern](rng, data.shape[2:], *beam)
    image = image / max(float(np.abs(image).max()), 1e-6)
    if pattern not in ("level", "pixel", "sidelobes") and rng.uniform() < 0.5:
        image = -image if pattern in ("far", "fringe", "stripes") else image
    lit = FOOTPRINTS[footprint](rng, data.shape[1])[: len(data) // 2]
    start = int(rng.integers(0, len(data) - len(lit)))
    snr = float(np.exp(rng.uniform(np.log(7), np.log(60))))
    flux = lit * noise * (snr / np.sqrt(lit.sum()))
    data[start : start + len(lit)] += (flux[:, :, None, None] * image).astype(np.float32)
