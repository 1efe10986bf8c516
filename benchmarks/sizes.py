"""Sizes of mock stamps, beside statmorph and photutils on the same images.

    python benchmarks/sizes.py [--size 101] [--stamps 400] [--peers 20]

Prints milliseconds a stamp, of two cores where a batch uses them; the peers take one stamp at a
time on one.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import statmorph
from numpy.typing import NDArray
from photutils.segmentation import SegmentationImage, SourceCatalog

from surveys.observing.cameras import Stamps, nircam
from surveys.observing.observe import observe, on_instrument, with_noise
from surveys.sizes.estimators import ESTIMATORS
from surveys.sizes.measure import Detection, measure
from surveys.sizes.radii import pixel_radius
from surveys.sizes.segmentation import DetectionSettings
from surveys.sizes.source import source_of

BATCH = 40
REPEATS = 7


def timed(work: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Median seconds, once compiled."""
    jax.block_until_ready(work())
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        jax.block_until_ready(work())
        times.append(time.perf_counter() - begun)
    return float(np.median(times))


def line(what: str, seconds: float, goal: str = "") -> None:
    """One figure."""
    print(f"{what:52} {1e3 * seconds:9.3f} ms {goal}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=101)
    parser.add_argument("--stamps", type=int, default=400)
    parser.add_argument("--peers", type=int, default=20)
    arguments = parser.parse_args()
    n = arguments.size
    instrument = nircam("F200W", Stamps(n))
    y, x = np.mgrid[:256, :256] - 127.5
    sky = np.exp(-np.hypot(y / 0.7, x) / 14).astype(np.float32)
    sky /= sky.sum()
    seen = observe(
        sky, instrument, pixel_arcsec=0.012, snr=20.0, snr_kind="aperture",
        key=jax.random.key(0), n_draws=BATCH,
    )  # fmt: skip
    images, sigma = seen.image, jnp.full(BATCH, seen.sigma)
    response = instrument.response
    detection = Detection.of(DetectionSettings(), instrument.fwhm_pixels, response.noise_factor)
    segments = detection.segments(images, sigma)
    keys = jax.random.split(jax.random.key(1), BATCH)
    truth = jnp.broadcast_to(seen.noise_free, images.shape)
    ratio = instrument.pixel_arcsec / 0.012

    psf = jax.jit(partial(on_instrument, pixel_ratio=ratio, response=instrument.response))
    skies = jnp.broadcast_to(sky, (BATCH, *sky.shape))
    radius = jax.jit(jax.vmap(lambda i, s: pixel_radius(source_of(i, s))))

    def chain(convolved: bool, structure: bool = False) -> Any:
        start = psf(skies) if convolved else truth
        noisy = with_noise(start, sigma, keys, instrument.response)
        found = measure(noisy, detection.segments(noisy, sigma), with_structure=structure)
        return found.radius["pixel"]

    ours = timed(lambda: chain(False)) / BATCH
    print(f"{n} x {n} pixels, batches of {BATCH}")
    line("pixel radius", timed(lambda: radius(images, segments.source)) / BATCH, "(goal 0.3)")
    line("put on the pixels, and PSF", timed(lambda: psf(skies)) / BATCH)
    line("noise", timed(lambda: with_noise(truth, sigma, keys, instrument.response)) / BATCH)
    line("detection", timed(lambda: detection.segments(images, sigma)) / BATCH)
    line(f"{len(ESTIMATORS)} sizes", timed(lambda: measure(images, segments).flux) / BATCH)
    line("noise, detection, sizes", ours)
    line("PSF, noise, detection, sizes", timed(lambda: chain(True)) / BATCH, "(goal 3)")
    line("the same and structure", timed(lambda: chain(True, structure=True), 3) / BATCH)

    chosen = slice(arguments.peers)
    peers(np.asarray(images[chosen], float), segments.source[chosen], float(seen.sigma), ours)


def peers(images: NDArray, segments: NDArray, sigma: float, ours: float) -> None:
    """Statmorph and photutils, a stamp at a time."""
    warnings.simplefilter("ignore")

    def with_statmorph(image: NDArray, segment: NDArray) -> None:
        weights = np.full(image.shape, sigma)
        found = statmorph.SourceMorphology(image, segment.astype(int), 1, weightmap=weights)
        _ = found.rhalf_circ, found.rhalf_ellip, found.gini, found.concentration

    def with_photutils(image: NDArray, segment: NDArray) -> None:
        catalog = SourceCatalog(image, SegmentationImage(segment.astype(int)))
        _ = catalog.flux_radius(0.5), catalog.kron_radius, catalog.semimajor_axis

    for what, work in (
        ("statmorph, everything", with_statmorph),
        ("photutils, Kron half-light radius and moments", with_photutils),
    ):
        begun = time.perf_counter()
        for image, segment in zip(images, segments, strict=True):
            work(image, segment)
        theirs = (time.perf_counter() - begun) / len(images)
        line(what, theirs, f"{theirs / ours:.0f} x ours with noise and detection")


if __name__ == "__main__":
    main()
