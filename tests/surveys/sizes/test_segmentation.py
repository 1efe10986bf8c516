"""Segments beside photutils', and what is said of sources that are not alone and in the middle."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from photutils.segmentation import detect_sources
from scipy.ndimage import gaussian_filter

from surveys.sizes.flags import Flag
from surveys.sizes.segmentation import (
    DetectionSettings,
    find_sources,
    smoothed,
    smoothing_taps,
)


def spot(side, y, x, sigma=2.0, flux=1.0):
    rows, columns = np.mgrid[:side, :side]
    return flux * np.exp(-0.5 * ((rows - y) ** 2 + (columns - x) ** 2) / sigma**2)


@pytest.mark.parametrize("n_pixels", [1, 5, 12])
def test_as_photutils_has_them(n_pixels):
    rng = np.random.default_rng(6)
    images = rng.normal(size=(5, 60, 60)) + 4 * spot(60, 30, 29) + 4 * spot(60, 50, 12)
    smooth = np.stack([gaussian_filter(image, 1.0) for image in images])
    settings = DetectionSettings(n_pixels=n_pixels)
    segments = find_sources(images, 1.5 * smooth / 0.45, settings)
    for i in range(5):
        peer = detect_sources(smooth[i], 0.45, n_pixels, connectivity=8)
        # Here only those that stand out of the noise, and have light in them, are other sources.
        kept = [
            s
            for s in peer.segments
            if images[i][peer.data == s.label].sum() > 0
            and smooth[i][peer.data == s.label].max() > 5 * 0.45 / 1.5
        ]
        label = peer.data[30, 29]
        np.testing.assert_array_equal(segments.source[i], peer.data == label)
        rest = np.isin(peer.data, [s.label for s in kept if s.label != label])
        np.testing.assert_array_equal(segments.others[i], rest)
        assert segments.others[i][50, 12]


def test_smoothing_is_a_gaussian():
    image = np.random.default_rng(7).normal(size=(30, 40)).astype(np.float32)
    ours = jax.jit(smoothed)(image, smoothing_taps(4.0))
    sigma = 4.0 / np.sqrt(8 * np.log(2))
    reach = int(np.ceil(3 * sigma))
    peer = gaussian_filter(image, sigma, mode="constant", radius=reach)
    np.testing.assert_allclose(np.asarray(ours), peer, atol=1e-5)


def test_no_smoothing():
    image = np.random.default_rng(8).normal(size=(9, 9)).astype(np.float32)
    np.testing.assert_array_equal(smoothed(image, smoothing_taps(0.0)), image)


def flags_of(*images, **settings):
    images = np.stack(images)
    found = find_sources(images, 10 * images, DetectionSettings(threshold=2.0, **settings))
    return found, [Flag(int(f)) for f in found.flags]


def test_flags():
    middle = spot(61, 30, 30)
    found, flags = flags_of(
        middle,
        np.zeros((61, 61)),
        middle + spot(61, 50, 50, flux=0.8),
        middle + spot(61, 50, 50, sigma=0.8, flux=0.3),
        spot(61, 55, 55),
        spot(61, 30, 30, sigma=20),
    )
    assert flags[0] == 0
    assert flags[1] == Flag.NOT_DETECTED
    assert not found.source[1].any()
    assert flags[2] == Flag.NEIGHBOUR
    assert found.others[2][50, 50]
    assert not found.source[2][50, 50]
    assert flags[3] == 0
    # The only source is not near the middle: it is another.
    assert flags[4] == Flag.NOT_DETECTED
    assert found.others[4][55, 55]
    assert flags[5] == Flag.EDGE


def test_the_brightest_near_the_middle_is_the_source():
    found, _ = flags_of(spot(61, 30, 26) + spot(61, 30, 38, flux=2.0))
    assert found.source[0][30, 38]
    far, _ = flags_of(spot(61, 30, 30) + spot(61, 5, 5, flux=5.0))
    assert far.source[0][30, 30]


def test_faint_segments_are_said_to_be():
    found = find_sources(
        spot(41, 20, 20)[None], 3.5 * spot(41, 20, 20)[None], DetectionSettings(threshold=1.5)
    )
    assert found.flags[0] == Flag.FAINT


def test_not_a_number_is_in_no_segment():
    image = spot(41, 20, 20)
    image[20, 23] = np.nan
    found, _ = flags_of(image)
    assert not found.source[0][20, 23]
    assert found.source[0][20, 20]
