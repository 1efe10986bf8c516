"""What the classifier sees of a candidate: arrays of a fixed size.

They are in units of the beam, of the width of the pulse, and of the band, so that they are the
same whatever array, pixel, sampling and band a recording has. Where the candidate is on the
sky, when it was, its DM and its width are not among them: what these are of pulses that were
put in says nothing of the sky.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from pipeline.block import StreamHeader
from pipeline.cutouts import Cutout
from pipeline.psf import psf_at
from pipeline.vetting import Features, image_features

_SIDE, _STEP_FWHM = 21, 0.3
_N_FREQ, _N_TIME, _PER_WIDTH = 16, 32, 4
_LARGEST = 4.0
_MEASURED = (
    ("psf_match", lambda v: v),
    ("psf_chi2", lambda v: math.log(max(v, 1e-2))),
    ("peak_ratio", lambda v: math.log(max(v, 1e-2))),
    ("negative_ratio", lambda v: math.log(v + 0.1)),
    ("everywhere", lambda v: math.asinh(v / 3)),
    ("off_noise", lambda v: math.log(max(v, 1e-2))),
    ("band_filled", lambda v: v),
    ("band_chi2", lambda v: math.log(max(v, 1e-2))),
)
_OF_IMAGE = 6
"""So many of the features are those of an image; of the cleaned one there are the same."""
_KEPT = 3.0
CLEANED_PLANES, CLEANED_NUMBERS = 4, 2 + 2 * len(_MEASURED)
"""Where in images and numbers begins what is of the cleaned image."""
N_NUMBERS = CLEANED_NUMBERS + 2 * (1 + _OF_IMAGE)


class Stamps(NamedTuple):
    """Candidates as the network takes them; of one, the first axis is not there.

    Attributes
    ----------
    image : (n, 6, y, x) float32
        Around the peak, a third of a beam a pixel: the image over its peak; the PSF of the
        recording; what the PSF leaves of the image, in standard deviations, compressed; 1
        where there are data; and the first and the third of the image that was cleaned of
        interference, or 0.
    spectrum : (n, 2, channel, time) float32
        Dedispersed, four bins a width and the channels regrouped to sixteen: flux in units of
        the mean of the pulse, compressed; and 1 where there are data.
    numbers : (n, k) float32
        Logarithm of the S/N, what sidelobes of brighter candidates have there, and the features
        of :class:`pipeline.vetting.Features` but those of DM 0 and of the fit; of each of these
        also whether it could be measured. Then the S/N that is left in the cleaned image, over
        the S/N, and the features of that image.
    """

    # Arrays of numpy on the host, of jax inside the network.
    image: Any
    spectrum: Any
    numbers: Any


IMAGE_SHAPE = (6, _SIDE, _SIDE)
SPECTRUM_SHAPE = (2, _N_FREQ, _N_TIME)


def take(stamps: Stamps, rows: Any) -> Stamps:
    """Some of the candidates."""
    return Stamps(*(array[rows] for array in stamps))


def turns(stamps: Stamps) -> Iterator[Stamps]:
    """Candidates as they might as well have been, in the seven other ways to turn the image.

    The spectrum is reversed in time where the image is mirrored along one axis, and in the
    band where it is transposed: the eight make a group, whichever is the first.
    """
    for turn in range(1, 8):
        image, spectrum = stamps.image, stamps.spectrum
        image = image[..., ::-1] if turn & 1 else image
        image = image[..., ::-1, :] if turn & 2 else image
        image = np.swapaxes(image, -1, -2) if turn & 4 else image
        spectrum = spectrum[..., ::-1] if turn % 4 in (1, 2) else spectrum
        spectrum = spectrum[..., ::-1, :] if turn & 4 else spectrum
        yield Stamps(image, spectrum, stamps.numbers)


def stack(stamps: Sequence[Stamps]) -> Stamps:
    """One after the other; those of single candidates, or none at all."""
    if not stamps:
        shapes = IMAGE_SHAPE, SPECTRUM_SHAPE, (N_NUMBERS,)
        return Stamps(*(np.zeros((0, *shape), np.float32) for shape in shapes))
    return Stamps(*(np.stack(arrays) for arrays in zip(*stamps, strict=True)))


def join(parts: Sequence[Stamps]) -> Stamps:
    """Those of several sets."""
    return Stamps(*(np.concatenate(a) for a in zip(*(parts or [stack([])]), strict=True)))


def make_stamp(
    cutout: Cutout, header: StreamHeader, found: Features, sidelobe: float = 0.0
) -> Stamps | None:
    """What the classifier sees of one candidate.

    Parameters
    ----------
    cutout : Cutout
    header : StreamHeader
        PSF, beam and sampling of the images that were searched.
    found : Features
        What was measured of the cut-out with that header.
    sidelobe : float
        The column of the table of candidates: S/N that sidelobes of brighter candidates have
        there, over that of this one.

    Returns
    -------
    Stamps or None
        Finite. None where there is no image, of a single pixel say: what the network learned
        does not apply.
    """
    if min(cutout.image.shape) < 3 or not np.isfinite(cutout.image).any():
        return None
    detection = cutout.detection
    if not (detection.snr > 0 and detection.sigma > 0):
        return None
    image, kept = _image(cutout, header)
    spectrum = _spectrum(cutout, header)
    cleaned = image_features(cutout.cleaned, 1.0, cutout, header)
    return Stamps(image, spectrum, _numbers(cutout, found, sidelobe, (kept, *cleaned)))


def _image(cutout: Cutout, header: StreamHeader) -> tuple[NDArray[np.float32], float]:
    """The images in beams about the peak, beside the PSF; and the S/N that cleaning leaves."""
    fwhm, sigma = max(header.beam_fwhm_px, 1.0), cutout.detection.sigma
    offset = (np.arange(_SIDE) - _SIDE // 2) * _STEP_FWHM * fwhm
    dy, dx = np.meshgrid(offset, offset, indexing="ij")
    at = np.stack(
        [
            dy + cutout.peak_px[1] - cutout.image_origin[1],
            dx + cutout.peak_px[0] - cutout.image_origin[0],
        ]
    )
    psf, near = psf_at(header, dy, dx), np.hypot(dy, dx) <= fwhm
    values, seen = _sampled(cutout.image, at)
    _, light, left = _less_psf(values, seen, psf, seen & near, sigma)
    cleaned, known = _sampled(cutout.cleaned, at)
    snr, *both = _less_psf(cleaned, known, psf, known & near, 1.0)
    kept = snr / cutout.detection.snr if known.any() else math.nan
    return np.stack([light, psf, left, seen, *both]).astype(np.float32), kept


def _sampled(
    image: NDArray[np.float32], at: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Values of an image between its pixels, and where it has any."""
    good = np.isfinite(image)
    # Beside a hole a spline rings: there is nothing to be seen as far as its four points reach.
    values = map_coordinates(np.where(good, image, 0.0), at, order=3, mode="constant")
    return values, map_coordinates(good.astype(float), at, order=1, mode="constant") > 0.99


def _less_psf(
    values: NDArray[np.float64],
    seen: NDArray[np.bool_],
    psf: NDArray[np.floating],
    near: NDArray[np.bool_],
    sigma: float,
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """What the PSF has of an image; the image over that; what is left over the noise."""
    norm = float(np.sum(psf[near] ** 2))
    found = float(np.sum(values[near] * psf[near])) / norm if norm > 0 else 0.0
    amplitude = max(found, sigma)
    left = np.arcsinh((values - amplitude * psf) / (2 * sigma))
    planes = np.clip(values / amplitude, -2, 2), np.clip(left, -_LARGEST, _LARGEST)
    light, left = (np.where(seen, plane, 0) for plane in planes)
    return found, light, left


def _spectrum(cutout: Cutout, header: StreamHeader) -> NDArray[np.float32]:
    """The dedispersed dynamic spectrum, in widths and shares of the band."""
    time, rows = np.asarray(cutout.dedispersed_time_s, float), np.asarray(cutout.dedispersed)
    width_s = cutout.detection.width * header.tsamp_s
    bin_s = float(time[1] - time[0]) if len(time) > 1 else width_s
    edges = (np.arange(_N_TIME + 1) - _N_TIME / 2) * width_s / _PER_WIDTH
    in_time = _overlap(edges, np.append(time - bin_s / 2, time[-1] + bin_s / 2))
    n = len(rows)
    in_band = _overlap(np.linspace(0, n, _N_FREQ + 1), np.arange(n + 1.0))
    good = np.isfinite(rows)
    # What a bin has of a pulse that fills the band evenly, in its noise.
    mean = cutout.detection.snr / math.sqrt(n * max(width_s / bin_s, 1.0))
    weight = in_band @ good @ in_time.T
    flux = in_band @ np.where(good, rows, 0.0) @ in_time.T
    full = in_band.sum(1)[:, None] * np.diff(edges)[None]
    seen = weight > 0.25 * full
    flux = np.where(seen, flux / np.where(seen, weight, 1.0) / mean, 0.0)
    return np.stack([np.clip(np.arcsinh(flux), -_LARGEST, _LARGEST), seen]).astype(np.float32)


def _overlap(edges: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of each cell lies in each of the others, (cell, other)."""
    low = np.maximum(edges[:-1, None], others[None, :-1])
    return np.clip(np.minimum(edges[1:, None], others[None, 1:]) - low, 0, None)


def _numbers(
    cutout: Cutout, found: Features, sidelobe: float, cleaned: tuple[float, ...]
) -> NDArray[np.float32]:
    """`cleaned` is the share of the S/N that is left, and the features of the cleaned image."""
    values = [math.log(cutout.detection.snr / 10), min(max(float(np.nan_to_num(sidelobe)), 0), 2)]
    measured = [(getattr(found, name), scale) for name, scale in _MEASURED]
    measured.append((cleaned[0], lambda v: math.asinh(_KEPT * v)))
    scales = [scale for _, scale in _MEASURED[:_OF_IMAGE]]
    measured += zip(cleaned[1:], scales, strict=True)
    for value, scale in measured:
        there = math.isfinite(value)
        values += [min(max(scale(value), -_LARGEST), _LARGEST) if there else 0.0, float(there)]
    return np.array(values, np.float32)
