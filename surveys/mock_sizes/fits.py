"""Sizes by fits: of Sérsic profiles to stamps, and of sources to the visibilities of an array."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from surveys.fitting.stamps import StampPlan, stamp_plan
from surveys.interferometer.imaging import visibilities_of
from surveys.interferometer.uv_fit import fit_visibilities
from surveys.interferometer.uv_sizes import FitFlag, FitSettings
from surveys.observing.instrument import Instrument, Response
from surveys.sizes.flags import Flag
from surveys.sizes.neighbours import LEAST_SNR, bright_neighbours
from surveys.sizes.segmentation import Segments
from surveys.sizes.sersic_fit import SersicSettings, fit_sersic

SERSIC, VISIBILITIES = "sersic", "visibilities"
FITS = (SERSIC, VISIBILITIES)
"""Estimators that have the PSF or the beam in them: their sizes need no correction."""

Real = NDArray[np.float64]

_FLAGS = {
    FitFlag.NOT_CONVERGED: Flag.NOT_CONVERGED,
    FitFlag.NOT_DETECTED: Flag.NOT_DETECTED,
    FitFlag.UNRESOLVED: Flag.UNRESOLVED,
    FitFlag.RESOLVED_OUT: Flag.RESOLVED_OUT,
    FitFlag.AT_BOUND: Flag.NOT_CONVERGED,
}
# Sums of pixels whose noise is alike are less significant than they look.
_LEAST_SNR_CORRELATED = 30.0


@dataclass(frozen=True)
class Fits:
    """Fitted sizes of stamps.

    Attributes
    ----------
    radius : NDArray
        (stamp,) circularised half-light radii in pixels.
    relative_error : NDArray
        (stamp,) of the radius.
    flags : NDArray
        (stamp,) of `Flag`.
    """

    radius: Real
    relative_error: Real
    flags: NDArray[np.int64]


def applies(estimator: str, instrument: Instrument) -> bool:
    """Whether an estimator can be used with an instrument.

    Cleaned images are no convolution of the sky, which a profile could be fitted to.
    """
    if estimator == SERSIC:
        return instrument.response.cleaning is None
    return estimator != VISIBILITIES or instrument.samples is not None


def plan_of(instrument: Instrument) -> StampPlan:
    """The plan of fits to the stamps of an instrument."""
    response = instrument.response
    return stamp_plan(
        response.transfer, response.oversampling, response.n_pixels, response.noise_amplitude
    )


def fit_stamps(
    images: Array, sigma: Array, segments: Segments, plan: StampPlan, settings: SersicSettings
) -> Fits:
    """Sérsic profiles of the sources of stamps (stamp, y, x) with noise (stamp,)."""
    least = LEAST_SNR if plan.noise_amplitude is None else _LEAST_SNR_CORRELATED
    others = bright_neighbours(np.asarray(images), np.asarray(sigma), segments.others, least)
    found = fit_sersic(images, sigma, segments.source, others, plan, settings)
    lost = (segments.flags & int(Flag.NOT_DETECTED)) > 0
    radius = np.where(lost, np.nan, np.asarray(found.radius, np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.asarray(found.radius_err, np.float64) / radius
    return Fits(radius, error, np.where(lost, 0, np.asarray(found.flags, np.int64)))


def fit_noisy_visibilities(
    dirty: Array, noise: tuple[Array, Array], instrument: Instrument, settings: FitSettings
) -> Fits:
    """Sources of the visibilities that dirty images with noise are made of.

    Parameters
    ----------
    dirty : Array
        (y, x) of the padded square, without noise.
    noise : (Array, Array)
        (stamp,) standard deviations of a pixel, and keys: the noise is that of the images.
    instrument : Instrument
    settings : FitSettings
    """
    samples = instrument.samples
    assert samples is not None
    level, keys = noise
    whole = _noisy_whole(dirty, level, keys, instrument.response)
    n = instrument.response.n_pixels
    visibilities = visibilities_of(whole, samples, instrument.response.transfer, n)
    found = fit_visibilities(visibilities, samples, settings, level / instrument.rms)
    radius = np.asarray(found.r_half_arcsec, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.asarray(found.r_half_err_arcsec, np.float64) / radius
    theirs = np.asarray(found.flags)
    flags = np.zeros(theirs.shape, np.int64)
    for one, ours in _FLAGS.items():
        flags |= np.where(theirs & int(one), int(ours), 0)
    return Fits(radius / instrument.pixel_arcsec, error, flags)


@jax.jit
def _noisy_whole(dirty: Array, level: Array, keys: Array, response: Response) -> Array:
    noise = jax.vmap(lambda key: response.noise(key, whole=True))(keys)
    return dirty + jnp.asarray(level)[:, None, None] * noise
