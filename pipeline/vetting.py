"""Does a candidate look like a pulse of a point source: numbers about its cut-out.

Nothing is dropped here. A candidate carries what was measured, and a verdict in words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pipeline.block import StreamHeader
from pipeline.cutouts import Cutout
from pipeline.psf import psf_at

_NEAR_FWHM, _FAR_FWHM = 2.5, 1.5
_BEAM_AREA = 1.133
_MEDIAN = 1.2533
_INDICES = np.linspace(-6, 6, 49)
_LEAST_CHANNELS = 4
_LEAST_MATCH, _MOST_LEVEL, _MOST_NOISE = 0.5, 8.0, 1.5
_LEAST_FILLED, _SIDELOBE = 0.25, 0.5

NO_VERDICT, POINT_SOURCE = "none", "point source"


class Features(NamedTuple):
    """What a cut-out looks like. All are ratios; NaN where there is nothing to measure.

    Attributes
    ----------
    psf_match : float
        Share of the power within 2.5 beams, above the noise, that the PSF with its peak at
        the position of the candidate explains: 1 for a point, about 0.1 for a level.
    psf_chi2 : float
        Mean square of what the PSF leaves there over that of the noise: 1 for a point.
    peak_ratio : float
        Peak over the largest absolute value further than 1.5 beams off.
    negative_ratio : float
        Largest negative value over the peak.
    everywhere : float
        Median of the image further than 1.5 beams off, less the PSF, in standard deviations
        of that median.
    off_noise : float
        Robust scatter of those pixels over the noise of the search: 1 for noise alone.
    band_filled : float
        Share of the band that the pulse fills, ``(sum S)^2 / n (sum S^2)`` less the noise.
    band_chi2 : float
        Reduced chi2 of the best power law through the spectrum of the pulse.
    dm0_ratio : float
        Best S/N at DM 0 over the best at any DM; NaN where the cut-out does not reach DM 0.
    profile_chi2 : float
        Mean square of the light curve less the fitted top-hat, over its noise.
    """

    psf_match: float
    psf_chi2: float
    peak_ratio: float
    negative_ratio: float
    everywhere: float
    off_noise: float
    band_filled: float
    band_chi2: float
    dm0_ratio: float
    profile_chi2: float


def features(cutout: Cutout, header: StreamHeader) -> Features:
    """Measure a cut-out.

    Parameters
    ----------
    cutout : Cutout
    header : StreamHeader
        PSF, beam and sampling of the recording. Without a PSF the features of the image are
        those against a Gaussian beam.
    """
    return Features(
        *image_features(cutout.image, cutout.detection.sigma, cutout, header),
        *_of_band(cutout),
        _at_dm_zero(cutout),
        _of_profile(cutout, header.tsamp_s),
    )


def image_features(
    image: NDArray[np.floating], sigma: float, cutout: Cutout, header: StreamHeader
) -> tuple[float, float, float, float, float, float]:
    """The first six features, of an image of the pixels of a cut-out whose noise is `sigma`."""
    image = np.asarray(image, float)
    nothing = math.nan, math.nan, math.nan, math.nan, math.nan, math.nan
    seen = np.isfinite(image)
    if min(image.shape) < 3 or not seen.any() or not sigma > 0:
        return nothing
    fwhm = max(header.beam_fwhm_px, 1.0)
    y, x = np.indices(image.shape)
    dy = np.asarray(y + cutout.image_origin[1] - cutout.peak_px[1], float)
    dx = np.asarray(x + cutout.image_origin[0] - cutout.peak_px[0], float)
    away = np.hypot(dx, dy)
    psf = psf_at(header, dy, dx)
    near = seen & (away <= _NEAR_FWHM * fwhm)
    far = seen & (away > _FAR_FWHM * fwhm)
    norm = float(np.sum(psf[near] ** 2))
    peak = float(np.max(image[near & (away <= fwhm)], initial=-math.inf))
    if norm <= 0 or not far.any() or not peak > 0:
        return nothing
    n = int(near.sum())
    amplitude = float(np.sum(image[near] * psf[near])) / norm
    power = float(np.sum(image[near] ** 2)) - n * sigma**2
    left = image - amplitude * psf
    explained = max(amplitude, 0.0) ** 2 * norm
    level = float(np.median(left[far]))
    spread = 1.4826 * float(np.median(np.abs(left[far] - level)))
    n_beams = max(float(far.sum()) / max(_BEAM_AREA * fwhm**2, 1.0), 1.0)
    return (
        # Noise can leave less than the PSF has.
        min(explained / max(power, 1e-300), 1.0),
        float(np.mean(left[near] ** 2)) / sigma**2,
        peak / max(float(np.max(np.abs(image[far]))), 1e-300),
        max(-float(np.min(image[seen])), 0.0) / peak,
        level / (_MEDIAN * sigma / math.sqrt(n_beams)),
        spread / sigma,
    )


def _of_band(cutout: Cutout) -> tuple[float, float]:
    """How much of the band is filled, and how well by a power law."""
    flux, error = (
        np.asarray(a, float) for a in (cutout.pulse_spectrum, cutout.pulse_spectrum_error)
    )
    there = np.isfinite(flux) & (error > 0)
    flux, error = flux[there], error[there]
    freq = np.asarray(cutout.spectrum_freq_mhz, float)[there]
    if len(flux) < _LEAST_CHANNELS:
        return math.nan, math.nan
    power = float(np.sum(flux**2 - error**2))
    total = max(float(flux.sum()), 0.0) ** 2 - float(np.sum(error**2))
    filled = min(max(total, 0.0) / (len(flux) * power), 1.0) if power > 0 else math.nan
    shape = (freq / np.exp(np.mean(np.log(freq)))) ** _INDICES[:, None] / error
    scaled = flux / error
    amplitude = shape @ scaled / np.sum(shape**2, axis=1)
    chi2 = np.sum((scaled - np.maximum(amplitude, 0)[:, None] * shape) ** 2, axis=1)
    return filled, float(chi2.min()) / (len(flux) - 2)


def _at_dm_zero(cutout: Cutout) -> float:
    plane = np.asarray(cutout.dm_time_snr, float)
    if not len(cutout.dm_axis) or cutout.dm_axis[0] != 0 or not np.isfinite(plane).any():
        return math.nan
    best = float(np.nanmax(plane))
    at_zero = plane[0][np.isfinite(plane[0])]
    return float(at_zero.max()) / best if len(at_zero) and best > 0 else math.nan


def _of_profile(cutout: Cutout, tsamp_s: float) -> float:
    """Mean square residual of the light curve within 1.5 widths of the pulse."""
    time, curve = np.asarray(cutout.light_curve_time_s, float), np.asarray(cutout.light_curve)
    fit, width_s = cutout.top_hat, cutout.detection.width * tsamp_s
    there = np.isfinite(curve)
    off, near = there & (np.abs(time) > 1.5 * width_s), there & (np.abs(time) <= 1.5 * width_s)
    if len(time) < 2 or off.sum() < 8 or not near.any() or not math.isfinite(fit.flux):
        return math.nan
    bin_s = float(time[1] - time[0])
    begin = (fit.start - 0.5 - cutout.detection.centre) * tsamp_s
    low, high = np.maximum(time - bin_s / 2, begin), time + bin_s / 2
    share = np.clip(np.minimum(high, begin + fit.width * tsamp_s) - low, 0, None) / bin_s
    sigma = 1.4826 * float(np.median(np.abs(curve[off] - np.median(curve[off]))))
    left = curve[near] - fit.flux * share[near]
    return float(np.mean(left**2)) / sigma**2 if sigma > 0 else math.nan


def vet(
    candidates: Table, cutouts: Mapping[int, Cutout], header: StreamHeader
) -> dict[int, Features]:
    """Fill the columns of the table that say what candidates look like.

    Parameters
    ----------
    candidates : astropy.table.Table
        See :func:`pipeline.candidates.build_candidates`; changed in place.
    cutouts : dict
        By ``id``; candidates without one have NaN, and the verdict "none" unless they are
        at a sidelobe.
    header : StreamHeader
        Of the images that were searched.

    Returns
    -------
    dict
        What was measured, by ``id``.
    """
    level, owner = sidelobes(candidates, header)
    candidates["sidelobe"] = level
    measured = {number: features(cutout, header) for number, cutout in cutouts.items()}
    for i, row in enumerate(candidates):
        found = measured.get(int(row["id"]))
        if found is not None:
            for name in ("psf_match", "psf_chi2", "everywhere", "band_filled"):
                row[name] = getattr(found, name)
        row["verdict"] = _verdict(found, float(level[i]), int(owner[i]))
    return measured


def sidelobes(
    candidates: Table, header: StreamHeader
) -> tuple[NDArray[np.floating], NDArray[np.integer]]:
    """What sidelobes of brighter candidates of the same time have at each.

    Returns
    -------
    level : (n,)
        S/N that the strongest of them is predicted to have, over that of the candidate.
    owner : (n,) int
        ``id`` of the candidate that it is of; 0 without one.
    """
    n = len(candidates)
    level, owner = np.zeros(n), np.zeros(n, int)
    if header.psf is None or n < 2:
        return level, owner
    columns = {name: np.asarray(candidates[name], float) for name in ("mjd", "width", "snr")}
    x, y = np.asarray(candidates["x"], float), np.asarray(candidates["y"], float)
    for i in range(n):
        apart = np.abs(columns["mjd"] - columns["mjd"][i]) * 86400
        reach = (columns["width"] + columns["width"][i]) / 2
        brighter = np.flatnonzero((columns["snr"] > columns["snr"][i]) & (apart < reach))
        dx, dy = x[i] - x[brighter], y[i] - y[brighter]
        off = np.hypot(dx, dy) > _FAR_FWHM * header.beam_fwhm_px
        brighter, dx, dy = brighter[off], dx[off], dy[off]
        if len(brighter):
            # What the other has, through the narrower of the two boxcars.
            share = np.minimum(1, np.sqrt(columns["width"][i] / columns["width"][brighter]))
            there = psf_at(header, dy, dx) * columns["snr"][brighter] * share
            best = int(there.argmax())
            level[i] = max(float(there[best]), 0.0) / columns["snr"][i]
            owner[i] = int(candidates["id"][brighter[best]]) if level[i] > 0 else 0
    return level, owner


def _verdict(found: Features | None, sidelobe: float, owner: int) -> str:
    """What a candidate looks like, in words."""
    if sidelobe >= _SIDELOBE:
        return f"sidelobe of {owner}"
    if found is None:
        return NO_VERDICT
    if found.psf_match < _LEAST_MATCH:
        if abs(found.everywhere) > _MOST_LEVEL:
            return "everywhere"
        return "noisy image" if found.off_noise > _MOST_NOISE else "unlike the PSF"
    if found.band_filled < _LEAST_FILLED:
        return "narrow band"
    return POINT_SOURCE if math.isfinite(found.psf_match) else NO_VERDICT
