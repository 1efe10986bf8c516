"""Fits and CLEAN of many sources at once: milliseconds a source in batches of several sizes.

    python benchmarks/batches.py [--batches 1 16 64 256] [--sources 256]

On a CPU one after another is best, on a GPU many at once. The results must not depend on it:
the last column is how far sizes (or residuals, over the noise) are from those of the first batch.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from surveys.fitting.stamps import stamp_plan
from surveys.interferometer.clean import clean, make_clean_plan
from surveys.interferometer.imaging import (
    dirty_image,
    draw_visibilities,
    observe_visibilities,
)
from surveys.interferometer.setups import AlmaSetup, cii_ghz, make_alma
from surveys.interferometer.uv_fit import fit_visibilities
from surveys.observing.cameras import Stamps, nircam
from surveys.observing.observe import observe
from surveys.sizes.measure import Detection
from surveys.sizes.segmentation import DetectionSettings
from surveys.sizes.sersic_fit import fit_sersic

Work = Callable[[int], Array]
"""Results of all sources for a size of batches."""

STAMP, N, PIXEL_ARCSEC = 101, 128, 0.06


def discs(n: int, half_light: float, n_sources: int) -> Array:
    """(source, n, n) Gaussians of unit flux, of half to twice a half-light radius in pixels."""
    at = np.arange(n) - (n - 1) / 2
    square = at[:, None] ** 2 + at**2
    radii = half_light * 2 ** np.linspace(-1, 1, n_sources)
    sky = np.exp(-np.log(2) * square / radii[:, None, None] ** 2)
    return jnp.asarray(sky / sky.sum((1, 2), keepdims=True), jnp.float32)


def sersic(n_sources: int) -> Work:
    """Profiles of stamps of F200W at S/N 30."""
    instrument = nircam("F200W", Stamps(STAMP))
    s = instrument.response.oversampling
    keys = jax.random.split(jax.random.key(1), n_sources)
    skies = discs(STAMP * s, 4.0 * s, 8)
    seen = [
        observe(
            skies[i % 8],
            instrument,
            pixel_arcsec=instrument.pixel_arcsec / s,
            snr=30.0,
            snr_kind="aperture",
            key=keys[i],
            n_draws=n_sources // 8,
        )
        for i in range(8)
    ]
    images = jnp.concatenate([one.image for one in seen])
    sigma = jnp.concatenate([jnp.broadcast_to(one.sigma, len(one.image)) for one in seen])
    # White noise, of which a weighted sum has the root of the squares of the weights.
    found = Detection.of(DetectionSettings(), instrument.fwhm_pixels, jnp.linalg.norm).segments(
        images, sigma
    )
    plan = stamp_plan(instrument.response.transfer, s, STAMP)
    others = jnp.zeros(images.shape, bool)

    def work(batch_size: int) -> Array:
        fits = fit_sersic(images, sigma, found.source, others, plan, batch_size=batch_size)
        return jnp.log(fits.radius)

    return work


def interferometer(n_sources: int) -> tuple[Work, Work]:
    """CLEAN of images and fits to visibilities of [CII] at z = 7, with peaks of about 20 sigma."""
    array = make_alma(AlmaSetup("C-5", cii_ghz(7.0)), N, PIXEL_ARCSEC)
    skies = discs(N, 3.0, n_sources)
    seen = jax.lax.map(lambda sky: observe_visibilities(sky, array.samples), skies)
    transfer = jnp.asarray(array.synthesis.transfer)
    # Of equal peaks: each stands 20 times out of the noise.
    peaks = dirty_image(seen, array.samples, transfer, N).max((1, 2))
    rms = array.synthesis.rms_jy
    seen = seen * (20 * rms / peaks)[:, None]
    seen = seen + draw_visibilities(jax.random.key(2), array.samples, (n_sources,))
    dirty = dirty_image(seen, array.samples, transfer, N)
    plan = make_clean_plan(array.synthesis, N)

    def cleaning(batch_size: int) -> Array:
        return clean(plan, dirty, rms, batch_size=batch_size).residual / rms

    def fitting(batch_size: int) -> Array:
        return jnp.log(fit_visibilities(seen, array.samples, batch_size=batch_size).r_half_arcsec)

    return cleaning, fitting


def measure(name: str, work: Work, batches: list[int], n_sources: int) -> None:
    """Print a line for each size of batches."""
    first: NDArray[np.floating] | None = None
    for batch_size in batches:
        begun = time.perf_counter()
        got = np.asarray(work(batch_size))
        compiled = time.perf_counter() - begun
        times = []
        for _ in range(3):
            begun = time.perf_counter()
            jax.block_until_ready(work(batch_size))
            times.append(time.perf_counter() - begun)
        first = got if first is None else first
        both = np.isfinite(first) & np.isfinite(got)
        far = np.abs(got - first)[both].max(initial=0.0)
        print(
            f"{name:24} {batch_size:6} {1e3 * np.median(times) / n_sources:10.3f} "
            f"{compiled:10.1f} {far:10.1e}",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 64, 256])
    parser.add_argument("--sources", type=int, default=256)
    arguments = parser.parse_args()
    n = arguments.sources
    print(f"on {jax.devices()[0].device_kind}, {n} sources")
    print(f"{'':24} {'batch':>6} {'ms/source':>10} {'first (s)':>10} {'apart':>10}")
    measure("Sersic fits, 101^2", sersic(n), arguments.batches, n)
    cleaning, fitting = interferometer(n)
    measure("CLEAN, 128^2, points", cleaning, arguments.batches, n)
    measure("fits to visibilities", fitting, arguments.batches, n)


if __name__ == "__main__":
    main()
