"""Cut-outs of candidates without a recording: what the search would have cut out."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.time import Time

from pipeline.block import StreamHeader
from pipeline.candidates import Detection
from pipeline.cutouts import Cutout
from pipeline.top_hat import TopHat


def gaussian(y, x, fwhm):
    return np.exp(-4 * np.log(2) * (y**2 + x**2) / fwhm**2)


def make_header(fwhm_px=3.0, n_channels=16, tsamp_s=0.1, side=48):
    y, x = np.mgrid[1 - side : side, 1 - side : side]
    return StreamHeader(
        "test", np.linspace(1310.0, 1490.0, n_channels), tsamp_s, Time(61000.0, format="mjd"), 400,
        (side, side), None, "Jy/beam", gaussian(y, x, fwhm_px).astype(np.float32), fwhm_px,
    )  # fmt: skip


def make_cutout(header, image=None, snr=20.0, width=4, offset=(0.0, 0.0), band=None):
    """A cut-out of a pulse of a point, without noise; times and channels as the search has them."""
    half, n = 16, header.n_channels
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    sigma = 1 / snr
    if image is None:
        image = gaussian(y - offset[0], x - offset[1], header.beam_fwhm_px)
    step = max(1, width // 4)
    time = (np.arange(-6 * width, 7 * width, step) + step / 2 - width / 2) * header.tsamp_s
    lit = np.abs(time) < width * header.tsamp_s / 2
    flux = snr / np.sqrt(n * width / step)
    spectrum = np.outer(np.ones(n) if band is None else band, lit * flux)
    none, fine = np.zeros(0), np.arange(-6 * width, 7 * width) * header.tsamp_s
    return Cutout(
        detection=Detection(200, width, 50.0, 1, 20, 26, snr, sigma),
        image=image.astype(np.float32),
        cleaned=(image / sigma).astype(np.float32),
        image_origin=(26 - half, 20 - half),
        peak_px=(26 + offset[1], 20 + offset[0]),
        light_curve_time_s=fine,
        light_curve=np.zeros(len(fine), np.float32),
        dm_axis=none,
        dm_time_s=none,
        dm_time_snr=np.zeros((0, 0), np.float32),
        ladder_width_s=none,
        ladder_snr=none.astype(np.float32),
        spectrum_freq_mhz=np.sort(header.freq_mhz),
        dispersed_time_s=time,
        dispersed=spectrum.astype(np.float32),
        dedispersed_time_s=time,
        dedispersed=spectrum.astype(np.float32),
        pulse_spectrum=np.full(n, 1.0, np.float32),
        pulse_spectrum_error=np.full(n, sigma * np.sqrt(n), np.float32),
        top_hat=TopHat(200.0, float(width), 50.0, 1.0, float(width), width * sigma, 1.0),
    )


@pytest.fixture(scope="session")
def header_of():
    return make_header


@pytest.fixture(scope="session")
def cutout_of():
    return make_cutout


@pytest.fixture(scope="session")
def toy():
    """Stamps of points, and of levels: apart, but noisy; and which are points."""
    from pipeline import device
    from pipeline.classifier.stamps import make_stamp, stack
    from pipeline.vetting import features

    # Programs of several tests are compiled once.
    device.prepare()
    rng, stamps = np.random.default_rng(5), []
    real = np.arange(96) % 2 == 0
    for one in real:
        header = make_header(fwhm_px=rng.uniform(2.5, 4.5))
        cutout = make_cutout(header, snr=rng.uniform(8, 30), offset=rng.uniform(-0.5, 0.5, 2))
        image = cutout.image if one else np.ones_like(cutout.image)
        noise = rng.normal(0, cutout.detection.sigma, image.shape)
        cutout = make_cutout(header, image + noise, cutout.detection.snr)
        stamps.append(make_stamp(cutout, header, features(cutout, header)))
    return stack(stamps), real
