"""Makes the table of corrections: simulated galaxies, measured as all others are.

Galaxies are Sérsic profiles of log-uniform sizes from 0.3 FWHM of the PSF to 0.18 of the side of a
stamp, log-normal indices about 1.3, axis ratios from 0.3 to 1, and log-uniform S/N from 4 to 120 in
the half-light circle.
At each node of the table a plane is fitted to the logarithms of true over measured size of the
galaxies around it, by least absolute deviations, so that the median is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from surveys.errors import SettingProblem
from surveys.fitting.profiles import visibility_table
from surveys.fitting.stamps import StampPlan, stamp_plan, unit_image
from surveys.interferometer.clean import CleanSettings
from surveys.interferometer.setups import AlmaSetup
from surveys.mock_sizes.noise_of_segments import SegmentNoise
from surveys.observing.cameras import Stamps, nircam
from surveys.observing.instrument import Instrument, Response
from surveys.observing.interferometers import alma
from surveys.observing.noise_level import brightness_of
from surveys.observing.observe import with_noise
from surveys.sizes.correction import Corrections, Family, Surface
from surveys.sizes.estimators import ESTIMATORS
from surveys.sizes.flags import Flag
from surveys.sizes.measure import Detection, measure
from surveys.sizes.segmentation import DetectionSettings

Real = NDArray[np.float64]

N_PIXELS = 101
SAMPLINGS = (1.5, 2.15, 3.3, 5.0)
"""FWHM in pixels that a camera's PSF is sampled with."""

RADIUS_FWHM = (0.3, 10.0)
MOST_OF_SIDE = 18 / 101
SNR = (4.0, 120.0)
INDEX, INDEX_SPREAD, INDEX_ENDS = 1.3, 0.5, (0.4, 5.0)
LEAST_AXIS_RATIO = 0.3

_FILTER, _FWHM_ARCSEC = "F200W", 0.0667
_ARRAY = AlmaSetup("C-5", 237.6)
_AT_ONCE = 40
_NODES_RADIUS = np.log(np.geomspace(0.25, 12.0, 16))
_NODES_SNR = np.log(np.geomspace(2.0, 100.0, 11))
_LEAST_GALAXIES = 25.0
_N_REWEIGHTED = 8
_LEAST_RANGE = 4.0
_DETECTION = DetectionSettings()


@dataclass(frozen=True)
class Simulated:
    """Galaxies that were measured.

    Attributes
    ----------
    radius, axis_ratio, index, snr : NDArray
        True: circularised radius in pixels, and the S/N in the half-light circle.
    measured : dict of str to NDArray
        Radii in pixels by estimator; NaN where there is none.
    segment_snr : NDArray
    fwhm_pixels : float
    """

    radius: Real
    axis_ratio: Real
    index: Real
    snr: Real
    measured: dict[str, Real]
    segment_snr: Real
    fwhm_pixels: float

    def truth(self, estimator: str) -> Real:
        """What an estimator is to find."""
        return self.radius / (np.sqrt(self.axis_ratio) if estimator == "elliptical" else 1.0)


def instruments() -> list[tuple[Family, Instrument]]:
    """The instruments of the table."""
    cameras = [nircam(_FILTER, Stamps(N_PIXELS, _FWHM_ARCSEC / fwhm)) for fwhm in SAMPLINGS]
    array = alma(_ARRAY, N_PIXELS, cleaning=CleanSettings())
    return [*(("camera", camera) for camera in cameras), ("array", array)]


def radius_range(instrument: Instrument) -> tuple[float, float]:
    """Half-light radii of the galaxies, in pixels.

    Raises
    ------
    SettingProblem
        The stamps are too small for the PSF.
    """
    fwhm, side = instrument.fwhm_pixels, instrument.response.n_pixels
    least, most = RADIUS_FWHM[0] * fwhm, min(RADIUS_FWHM[1] * fwhm, MOST_OF_SIDE * side)
    if most < _LEAST_RANGE * least:
        problem = f"is {side}, too few for corrections with a PSF of {fwhm:.3g} pixels"
        needed = int(np.ceil(_LEAST_RANGE * least / MOST_OF_SIDE))
        raise SettingProblem("n_pixels", problem, f"give {needed} or more")
    return least, most


def simulate(
    instrument: Instrument,
    n: int,
    seed: int,
    tell: Callable[[int, int], object] = lambda *_: None,
    wanted: DetectionSettings = _DETECTION,
) -> Simulated:
    """Draw galaxies, and measure them.

    Parameters
    ----------
    instrument : Instrument
    n, seed : int
    tell : callable
        Called with the galaxies that are done and those there are.
    wanted : DetectionSettings
    """
    rng = np.random.default_rng(seed)
    fwhm = instrument.fwhm_pixels
    least, most = radius_range(instrument)
    radius = np.exp(rng.uniform(np.log(least), np.log(most), n))
    index = np.clip(INDEX * np.exp(INDEX_SPREAD * rng.normal(size=n)), *INDEX_ENDS)
    axis_ratio = rng.uniform(LEAST_AXIS_RATIO, 1, n)
    angle, centre = rng.uniform(0, np.pi, n), rng.uniform(-0.5, 0.5, (2, n))
    snr = np.exp(rng.uniform(np.log(SNR[0]), np.log(SNR[1]), n))
    table, response = jnp.asarray(visibility_table()), instrument.response
    plan = stamp_plan(response.transfer, response.oversampling, response.n_pixels)
    # As `surveys.fitting.elliptical` has them.
    g = -np.log(axis_ratio)
    shape = g * np.cos(2 * angle), g * np.sin(2 * angle)
    parameters = np.stack([np.ones(n), *centre, np.log(radius), *shape, np.log(index)], -1)

    detection = Detection.of(wanted, fwhm, response.noise_factor)
    of_segments = SegmentNoise.of(response)
    keys = jax.random.split(jax.random.key(seed), n)
    measured: dict[str, list[Real]] = {name: [] for name in ESTIMATORS}
    of_segment = []
    for start in range(0, n, _AT_ONCE):
        at = np.minimum(np.arange(start, start + _AT_ONCE), n - 1)
        keep = min(_AT_ONCE, n - start)
        images, aperture = _seen(jnp.asarray(parameters[at], jnp.float32), plan, response, table)
        sigma = aperture / jnp.asarray(snr[at], jnp.float32)
        noisy = with_noise(images, sigma, keys[at], response)
        segments = detection.segments(noisy, sigma)
        found = measure(noisy, segments, search_radius=wanted.search_radius)
        usable = (found.flags & int(Flag.NOT_DETECTED)) == 0
        for name, values in found.radius.items():
            measured[name].append(np.where(usable, values, np.nan)[:keep])
        of_segment.append(of_segments.snr(found, np.asarray(sigma))[:keep])
        tell(start + keep, n)
    joined = {name: np.concatenate(values) for name, values in measured.items()}
    return Simulated(radius, axis_ratio, index, snr, joined, np.concatenate(of_segment), fwhm)


@jax.jit
def _seen(
    parameters: jax.Array, plan: StampPlan, response: Response, table: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Images without noise, (galaxy, y, x), and their brightness in the half-light circle."""

    def one(parameters: jax.Array) -> tuple[jax.Array, jax.Array]:
        image = unit_image(parameters, plan, table)
        return image, brightness_of(image, response).aperture

    return jax.lax.map(one, parameters)


def corrections_from(
    samples: Sequence[tuple[str, Simulated]], about: dict[str, object]
) -> Corrections:
    """Fit the table to simulated galaxies."""
    surfaces = {}
    for family in dict.fromkeys(family for family, _ in samples):
        of_family = sorted((s for f, s in samples if f == family), key=lambda s: s.fwhm_pixels)
        for estimator in ESTIMATORS:
            fitted = [_fitted(sample, estimator) for sample in of_family]
            surfaces[family, estimator] = Surface(
                np.log([s.fwhm_pixels for s in of_family]),
                _NODES_RADIUS,
                _NODES_SNR,
                np.array([f[0] for f in fitted]),
                np.array([f[1] for f in fitted]),
            )
    return Corrections(surfaces, about)


def _fitted(sample: Simulated, estimator: str) -> tuple[Real, Real]:
    """Correction and scatter at each node, (radius, snr)."""
    found = sample.measured[estimator]
    with np.errstate(invalid="ignore", divide="ignore"):
        x = np.log(found / sample.fwhm_pixels)
        y = np.log(sample.segment_snr)
        value = np.log(sample.truth(estimator) / found)
    good = np.isfinite(x) & np.isfinite(y) & np.isfinite(value)
    x, y, value = x[good], y[good], value[good]
    shape = len(_NODES_RADIUS), len(_NODES_SNR)
    correction, scatter = np.full(shape, np.nan), np.full(shape, np.nan)
    widths = np.diff(_NODES_RADIUS)[0], np.diff(_NODES_SNR)[0]
    for i, j in np.ndindex(*shape):
        u, v = (x - _NODES_RADIUS[i]) / widths[0], (y - _NODES_SNR[j]) / widths[1]
        near = np.maximum(1 - np.abs(u) / 1.5, 0) * np.maximum(1 - np.abs(v) / 1.5, 0)
        if near.sum() < _LEAST_GALAXIES:
            continue
        at = near > 0
        correction[i, j], scatter[i, j] = _middle_plane(u[at], v[at], value[at], near[at])
    return correction, scatter


def _middle_plane(u: Real, v: Real, value: Real, weight: Real) -> tuple[float, float]:
    """Height at the node of the plane of least absolute deviations, and the scatter about it."""
    design = np.column_stack([np.ones_like(u), u, v])
    scale = weight
    # A little of a flat plane, where galaxies are on one side only.
    ridge = np.diag([0.0, 1.0, 1.0]) * 0.02 * weight.sum()
    for _ in range(_N_REWEIGHTED):
        normal = (design * scale[:, None]).T @ design + ridge * scale.sum() / weight.sum()
        plane = np.linalg.solve(normal, (design * scale[:, None]).T @ value)
        left = np.abs(value - design @ plane)
        scale = weight / np.maximum(left, 0.02)
    order = np.argsort(left)
    share = np.cumsum(weight[order]) / weight.sum()
    return float(plane[0]), float(left[order][np.searchsorted(share, 0.6827)])
