"""Sérsic fits beside pysersic: stamps of NIRCam's F200W with one galaxy and white noise.

Both find the maximum of the posterior, each with its own priors and start. The peer is given the
PSF in whole pixels and an automatic prior; it fits each stamp twice, as the first of all fits
compiles. Ours is given the segment of a threshold. With ``--bias`` ours alone is measured, over
many draws of noise.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy.special import gamma, gammaincinv

from surveys.fitting.stamps import StampPlan, stamp_plan
from surveys.observing.cameras import Stamps, nircam
from surveys.observing.instrument import Instrument
from surveys.observing.observe import Observation, observe
from surveys.psf.nircam import nircam_psf
from surveys.sizes.measure import Detection
from surveys.sizes.neighbours import bright_neighbours
from surveys.sizes.segmentation import DetectionSettings
from surveys.sizes.sersic_fit import fit_sersic
from surveys.sizes.sersic_sizes import SersicSizes

GALAXIES = ((5.0, 1.0), (10.0, 1.0), (10.0, 2.5), (5.0, 4.0))
"""Semi-major axis in pixels, and index."""

AXIS_RATIO, ANGLE = 0.7, 0.5
POINTS = 9


def galaxy(side: int, radius: float, index: float) -> NDArray[np.float64]:
    """A galaxy of unit flux in the middle, over fine points of each pixel."""
    b = gammaincinv(2 * index, 0.5)
    y, x = (np.mgrid[: side * POINTS, : side * POINTS] - (side * POINTS - 1) / 2) / POINTS
    along = x * np.cos(ANGLE) + y * np.sin(ANGLE)
    across = (y * np.cos(ANGLE) - x * np.sin(ANGLE)) / AXIS_RATIO
    image = np.exp(-b * (np.hypot(along, across) / radius) ** (1 / index))
    whole = 2 * np.pi * radius**2 * AXIS_RATIO * index * b ** (-2 * index) * gamma(2 * index)
    return image.reshape(side, POINTS, side, POINTS).mean((1, 3)) / whole


def observed(
    instrument: Instrument, radius: float, index: float, snr: float, n_draws: int
) -> Observation:
    """Draws of noise of a galaxy."""
    s = instrument.response.oversampling
    sky = galaxy(instrument.response.n_pixels * s, radius * s, index)
    return observe(
        jnp.asarray(sky, jnp.float32),
        instrument,
        pixel_arcsec=instrument.pixel_arcsec / s,
        snr=snr,
        snr_kind="aperture",
        key=jax.random.key(round(10 * radius + index)),
        n_draws=n_draws,
    )


def ours(seen: Observation, plan: StampPlan, fwhm: float) -> tuple[SersicSizes, float]:
    """Sizes, and seconds a stamp once compiled."""
    images = seen.image
    sigma = jnp.broadcast_to(seen.sigma, len(images))
    # White noise, of which a weighted sum has the root of the squares of the weights.
    found = Detection.of(DetectionSettings(), fwhm, jnp.linalg.norm).segments(images, sigma)
    others = jnp.asarray(bright_neighbours(images, sigma, found.others))
    stamps = (images, sigma, jnp.asarray(found.source), others, plan)
    sizes = jax.block_until_ready(fit_sersic(*stamps))
    begun = time.perf_counter()
    jax.block_until_ready(fit_sersic(*stamps))
    return sizes, (time.perf_counter() - begun) / len(images)


def peer(seen: Observation, psf: NDArray[np.float64]) -> tuple[dict, float, float]:
    """Parameters of the first draw, seconds of a first and of a second fit."""
    from pysersic import FitSingle
    from pysersic.priors import autoprior

    image = np.asarray(seen.image[0], float)
    rms = np.full(image.shape, float(seen.sigma))
    scale = 1 / float(seen.sigma)
    prior = autoprior(image * scale, profile_type="sersic")
    fit = FitSingle(data=image * scale, rms=rms * scale, psf=psf, prior=prior)
    times = []
    found: dict = {}
    for _ in range(2):
        begun = time.perf_counter()
        found = fit.find_MAP(rkey=jax.random.key(0), return_model=False)
        times.append(time.perf_counter() - begun)
    return found, times[0], times[1]


def bias(instrument: Instrument, plan: StampPlan, n_draws: int) -> None:
    """Print measured over true radii: medians, the middle 68 %, and the width of pulls."""
    print("| index | R | S/N | r / true | 68 % | index | pulls | not flagged |")
    print("|---|---|---|---|---|---|---|---|")
    for index, radius, snr in product((0.5, 1.0, 2.5, 4.0), (2.0, 5.0, 10.0), (10.0, 20.0, 50.0)):
        major = radius / AXIS_RATIO**0.5
        seen = observed(instrument, major, index, snr, n_draws)
        sizes = jax.tree.map(np.asarray, ours(seen, plan, instrument.fwhm_pixels)[0])
        ratio = sizes.radius / radius
        low, middle, high = np.nanpercentile(ratio, [15.87, 50, 84.13])
        pulls = np.log(ratio) / (sizes.radius_err / sizes.radius)
        width = np.diff(np.nanpercentile(pulls, [15.87, 84.13]))[0] / 2
        print(
            f"| {index} | {radius:.0f} | {snr:.0f} | {middle:.2f} | {low:.2f} to {high:.2f} "
            f"| {np.nanmedian(sizes.index):.2f} | {width:.2f} | {np.mean(sizes.flags == 0):.2f} |",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--snr", type=float, default=50.0)
    parser.add_argument("--stamps", type=int, default=20)
    parser.add_argument("--size", type=int, default=101)
    parser.add_argument("--galaxies", type=int, default=len(GALAXIES))
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--bias", action="store_true")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    warnings.simplefilter("ignore")
    os.environ.setdefault("TQDM_DISABLE", "1")
    instrument = nircam("F200W", Stamps(arguments.size))
    response = instrument.response
    plan = stamp_plan(response.transfer, response.oversampling, arguments.size)
    if arguments.bias:
        bias(instrument, plan, arguments.stamps)
        return
    psf = nircam_psf("F200W", instrument.pixel_arcsec, arguments.size, integrate=True)
    print("semi-major axis in pixels, index: true, ours with errors, pysersic's; ms a fit")
    for radius, index in GALAXIES[: arguments.galaxies]:
        seen = observed(instrument, radius, index, arguments.snr, arguments.stamps)
        sizes, seconds = ours(seen, plan, instrument.fwhm_pixels)
        found, first, second = peer(seen, psf)
        r, n = sizes.semi_major, sizes.index
        print(
            f"{radius:5.1f} {index:4.1f}   {r[0]:6.2f} +- {sizes.semi_major_err[0]:.2f} "
            f"{n[0]:5.2f} +- {sizes.index_err[0]:.2f}   {float(found['r_eff']):6.2f} "
            f"{float(found['n']):5.2f}   ours {1e3 * seconds:4.0f}, pysersic {1e3 * first:6.0f} "
            f"then {1e3 * second:6.0f}, ratio {second / seconds:5.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
