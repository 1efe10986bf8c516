"""The cleaned image of a pulse: what is steady, or in a part of the band or of the pulse, goes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from astropy.time import Time

from pipeline.block import StreamHeader
from pipeline.candidates import Detection
from pipeline.cutout_sums import delays_s
from pipeline.cutouts import make_cutout, make_cutouts
from pipeline.readers.base import BaseReader
from pipeline.vetting import image_features

N, C, SHAPE, TSAMP_S, FWHM = 300, 16, (40, 44), 0.1, 3.0
START, WIDTH, DM, Y, X = 120, 8, 200.0, 18, 22
SNR = 20.0
SIGMA = 1 / math.sqrt(C * WIDTH)


def gaussian(y, x):
    return np.exp(-4 * np.log(2) * (y**2 + x**2) / FWHM**2)


PSF = gaussian(*np.mgrid[-43:44, -43:44]).astype(np.float32)
HEADER = StreamHeader(
    "test", np.linspace(1310.0, 1490.0, C), TSAMP_S, Time(61000.0, format="mjd"), N, SHAPE, None,
    "Jy/beam", PSF, FWHM,
)  # fmt: skip
DELAY = np.round(delays_s(HEADER.freq_mhz, DM) / TSAMP_S).astype(int)


class Recording(BaseReader):
    """Noise of 1 and a pulse of a point; transmitters are added."""

    def __init__(self, seed=1, snr=SNR):
        self.header = HEADER
        rng = np.random.default_rng(seed)
        self.data = rng.normal(size=(N, C, *SHAPE)).astype(np.float32)
        self.weights = np.ones((N, C), np.float32)
        y, x = np.indices(SHAPE)
        for c in range(C):
            first = START + DELAY[c]
            self.data[first : first + WIDTH, c] += snr * SIGMA * gaussian(y - Y, x - X)

    def fringe(self, when, channels, flux):
        """A transmitter, from samples into the dispersed pulse to others."""
        y, x = np.indices(SHAPE)
        image = flux * np.cos(0.5 * x + 0.4 * y + 0.3)
        for c in np.arange(C)[channels]:
            first = START + DELAY[c]
            self.data[first + when[0] : first + when[1], c] += image.astype(np.float32)
        return self

    def _read(self, start, stop):
        return self.data[start:stop].copy(), self.weights[start:stop].copy()

    def close(self):
        pass


def cut(reader, start=START):
    at = Detection(start, WIDTH, DM, 3, Y, X, SNR, SIGMA)
    return make_cutout(reader, at, np.arange(0, 1000, 50.0), 2 ** np.arange(6))


def by_loops(reader, peak):
    """The same, one cell after the other."""
    y, x = np.indices(SHAPE)
    rows, columns = slice(max(0, Y - 16), Y + 17), slice(max(0, X - 16), X + 17)
    psf = gaussian(y - peak[1], x - peak[0])[rows, columns]
    total, image = 0.0, 0.0
    for c in range(C):
        first = START + DELAY[c]
        near = [
            t
            for t in range(N)
            if -34 <= t - first < -2 or WIDTH + 2 <= t - first < WIDTH + 34
            if reader.weights[t, c] > 0
        ]
        for part in range(4):
            lit = [t for t in (2 * part, 2 * part + 1) if reader.weights[first + t, c] > 0]
            lit = [first + t for t in lit]
            if not lit or not near:
                continue
            cell = reader.data[lit, c, rows, columns].astype(float).mean(0)
            cell -= reader.data[near, c, rows, columns].astype(float).mean(0)
            rest = cell - (cell * psf).sum() / (psf**2).sum() * psf
            variance = (rest**2).sum() / (psf.size - 1)
            total, image = total + 1 / variance, image + cell / variance
    return image / math.sqrt(total)


def test_it_is_that_of_plain_loops():
    reader = Recording().fringe((-3, 6), slice(2, 9), 0.5)
    rng = np.random.default_rng(4)
    reader.weights[rng.random((N, C)) < 0.2] = 0
    reader.weights[:, 5] = 0
    reader.data[reader.weights == 0] = np.nan
    found = cut(reader)
    assert found.cleaned == pytest.approx(by_loops(reader, found.peak_px), abs=2e-3)


def share_and_match(reader):
    """S/N in the cleaned image over that put in, and how well both images match the PSF."""
    found = cut(reader)
    x, y = found.peak_px
    i, j = Y - found.image_origin[1], X - found.image_origin[0]
    assert np.hypot(x - X, y - Y) < 1
    before, after = (
        image_features(image, sigma, found, HEADER)[0]
        for image, sigma in ((found.image, SIGMA), (found.cleaned, 1.0))
    )
    return found.cleaned[i, j] / SNR, before, after


def test_in_noise_a_pulse_keeps_its_snr():
    found = [share_and_match(Recording(seed)) for seed in range(12)]
    share = np.mean([f[0] for f in found])
    # The mean of eight widths is taken from it; one pixel of noise in each of twelve.
    assert share == pytest.approx(math.sqrt(8 / 9), abs=4 / SNR / math.sqrt(12))


@pytest.mark.parametrize(
    ("when", "channels", "flux", "least"),
    [
        ((-40, 48), slice(None), 0.6, 0.75),
        ((-2, 10), slice(0, C, 4), 3.0, 0.65),
        ((-2, 10), slice(5, 8), 3.0, 0.65),
        ((4, 6), slice(None), 3.0, 0.65),
    ],
    ids=["steady", "comb", "narrow", "a part of the pulse"],
)
def test_a_transmitter_goes_and_the_pulse_stays(when, channels, flux, least):
    share, before, after = share_and_match(Recording().fringe(when, channels, flux))
    # What is not the transmitter's of the pulse: all, three quarters, thirteen sixteenths.
    assert least < share < 1.15
    assert after > 0.75
    assert before < after - 0.2


def test_a_transmitter_alone_leaves_no_point():
    reader = Recording(snr=0.0).fringe((-2, 10), slice(None), 1.0)
    found = cut(reader)
    assert image_features(found.cleaned, 1.0, found, HEADER)[0] < 0.3


def test_what_is_missing_is_nan_and_all_else_finite():
    reader = Recording()
    reader.data[:, :, 10] = np.nan
    reader.data[:, 3], reader.weights[:, 3] = np.nan, 0
    found = cut(reader)
    row = 10 - found.image_origin[1]
    assert np.isnan(found.cleaned[row]).all()
    assert np.isfinite(np.delete(found.cleaned, row, axis=0)).all()
    for start in (0, N - WIDTH - int(DELAY.max())):
        assert np.isfinite(np.delete(cut(reader, start).cleaned, row, axis=0)).all()
    # Nothing beside the pulse, nothing at all, and data that do not vary.
    reader.weights[: START - 1] = reader.weights[START + WIDTH + int(DELAY.max()) :] = 0
    for c in range(C):
        first = START + DELAY[c]
        reader.weights[:first, c] = reader.weights[first + WIDTH :, c] = 0
    assert np.isnan(cut(reader).cleaned).all()
    reader.weights[:] = 1
    reader.data[:] = 3
    assert np.isnan(cut(reader).cleaned).all()


def test_the_psf_is_that_of_the_images_as_they_are_searched():
    """A bright pulse of another beam than the recording's is no interference with its own PSF."""
    wide = replace(HEADER, psf=np.sqrt(PSF), beam_fwhm_px=FWHM * math.sqrt(2))
    reader = Recording(snr=200.0)
    y, x = np.indices(SHAPE)
    for c in range(C):
        first = START + DELAY[c]
        extra = np.sqrt(gaussian(y - Y, x - X)) - gaussian(y - Y, x - X)
        reader.data[first : first + WIDTH, c] += (200 * SIGMA * extra).astype(np.float32)
    at = {0: Detection(START, WIDTH, DM, 3, Y, X, 200.0, SIGMA)}
    grid, widths = np.arange(0, 1000, 50.0), 2 ** np.arange(6)
    own = make_cutouts(reader, at, grid, widths, seen=wide)[0].cleaned.max()
    other = make_cutouts(reader, at, grid, widths)[0].cleaned.max()
    assert own == pytest.approx(200 * math.sqrt(8 / 9), rel=0.05)
    assert other < 0.8 * own
