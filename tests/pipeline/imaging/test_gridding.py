"""Dirty images against the direct Fourier sum and ducc0."""

from __future__ import annotations

import ducc0
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.imaging.gridding import Grid, dirty_images, make_gridder
from pipeline.imaging.kernel import kernel_for

PIXEL = 1e-4


def direct(grid, uvw, vis, weights):
    """The sum that an image is, (time, y, x)."""
    (l, m), height = grid.direction_cosines(), grid.height()
    out = np.zeros((vis.shape[1], *grid.shape))
    for (u, v, w), values in zip(uvw, vis * weights, strict=True):
        phase = 2 * np.pi * (u * l + v * m[:, None] + w * height)
        out += np.real(np.exp(1j * phase) * values[:, None, None])
    return out / weights.sum(0)[:, None, None]


def sources(grid, uvw, n_times, rng):
    """Visibilities of a source of 1 in a pixel of each image."""
    (l, m), height = grid.direction_cosines(), grid.height()
    y, x = (rng.integers(0, n, n_times) for n in grid.shape)
    phase = uvw[:, :1] * l[x] + uvw[:, 1:2] * m[y] + uvw[:, 2:] * height[y, x]
    return np.exp(-2j * np.pi * phase)


def test_a_part_of_a_grid_has_its_pixels():
    whole = Grid((31, 40), PIXEL, (3, -8))
    (l, m), height = whole.direction_cosines(), whole.height()
    for rows, columns in [(slice(4, 9), slice(0, 7)), (slice(30, 99), slice(None))]:
        part = whole.cut(rows, columns)
        np.testing.assert_allclose(part.direction_cosines()[0], l[columns], atol=1e-15)
        np.testing.assert_allclose(part.direction_cosines()[1], m[rows], atol=1e-15)
        np.testing.assert_allclose(part.height(), height[rows, columns], atol=1e-15)


def baselines(n, w, rng, longest=3000.0):
    return rng.uniform(-1, 1, (n, 3)) * [longest, longest, w]


def imaged(gridder, uvw, vis, weights):
    images, total = dirty_images(
        gridder,
        np.asarray(uvw, np.float32)[None],
        np.asarray(vis, np.complex64)[None],
        np.asarray(weights, np.float32)[None],
    )
    return np.asarray(images)[:, 0], np.asarray(total)[:, 0]


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    error=st.sampled_from([1e-2, 1e-3, 1e-4, 1e-5]),
    w=st.sampled_from([0.0, 100.0, 3000.0]),
    offset=st.sampled_from([(0, 0), (-37, 52), (900, 400)]),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=16)
def test_images_are_the_direct_sum(shape, error, w, offset, seed):
    rng = np.random.default_rng(seed)
    grid, uvw = Grid(shape, PIXEL, offset), baselines(80, w, rng)
    gridder = make_gridder(grid, uvw, error)
    vis, weights = sources(grid, uvw, 2, rng), rng.uniform(0.5, 2, (80, 2))
    images, total = imaged(gridder, uvw, vis, weights)
    np.testing.assert_allclose(total, weights.sum(0), rtol=1e-5)
    wrong = np.abs(images - direct(grid, uvw, vis, weights))
    y, x = (np.abs(np.arange(n) - n // 2) <= 0.375 * n for n in shape)
    # Wavelengths in single precision turn the phase so much, away from the centre.
    error += 2 * np.pi * 3000.0 * PIXEL * np.hypot(*offset) * np.finfo(np.float32).eps / 2
    assert wrong[:, np.ix_(y, x)[0], np.ix_(y, x)[1]].max() < error
    # Aliases are largest in the last pixels.
    assert wrong.max() < 4 * error
    # Each example is a program of its own, and a process has room for so many.
    jax.clear_caches()


def test_an_image_of_ducc0_is_the_same():
    rng = np.random.default_rng(3)
    grid, uvw = Grid((96, 128), PIXEL), baselines(500, 2000.0, rng)
    vis = rng.normal(size=(500, 1)) + 1j * rng.normal(size=(500, 1))
    images, _ = imaged(make_gridder(grid, uvw, 1e-4), uvw, vis, np.ones((500, 1)))
    peer = ducc0.wgridder.vis2dirty(
        uvw=uvw * [-1, 1, -1],  # its x grows towards east, its w away from the source
        freq=np.array([299792458.0]),
        vis=vis,
        npix_x=128,
        npix_y=96,
        pixsize_x=PIXEL,
        pixsize_y=PIXEL,
        epsilon=1e-7,
        do_wgridding=True,
        divide_by_n=False,
    )
    assert np.abs(images[0] - peer.T / 500).max() < 1e-4 * np.abs(vis).mean()


def test_a_source_in_a_pixel_is_its_flux_there_with_any_weights():
    rng = np.random.default_rng(4)
    grid, uvw = Grid((31, 30), PIXEL), baselines(300, 500.0, rng)
    vis = 2.5 * sources(grid, uvw, 1, rng)
    images, _ = imaged(make_gridder(grid, uvw), uvw, vis, rng.uniform(0, 1, (300, 1)))
    assert images.max() == pytest.approx(2.5, abs=2.5e-3)


def test_what_has_no_weight_is_left_out():
    rng = np.random.default_rng(5)
    grid, uvw = Grid((20, 20), PIXEL), baselines(100, 500.0, rng)
    vis, weights = sources(grid, uvw, 3, rng), np.ones((100, 3))
    weights[::3, 1] = 0
    weights[:, 2] = 0
    poisoned = np.where(weights > 0, vis, np.nan)
    images, total = imaged(make_gridder(grid, uvw), uvw, poisoned, weights)
    assert np.isnan(images[2]).all()
    assert total[2] == 0
    expected = direct(grid, uvw, np.where(weights > 0, vis, 0)[:, :2], weights[:, :2])
    assert np.abs(images[:2] - expected).max() < 1e-3


def test_channels_have_baselines_of_their_own():
    rng = np.random.default_rng(6)
    grid, uvw = Grid((24, 24), PIXEL), baselines(60, 300.0, rng)
    both = np.stack([uvw, 0.7 * uvw])
    vis = np.stack([sources(grid, u, 2, rng) for u in both])
    images, _ = dirty_images(
        make_gridder(grid, both), both.astype("f4"), vis.astype("c8"), np.ones(vis.shape, "f4")
    )
    for channel in range(2):
        expected = direct(grid, both[channel], vis[channel], np.ones(vis.shape[1:]))
        assert np.abs(images[:, channel] - expected).max() < 1e-3


def test_pixels_too_coarse_for_the_array_are_refused():
    with pytest.raises(ValueError, match=r"pixel_arcsec: .* is too coarse for baselines of 3000"):
        make_gridder(Grid((100, 100), 2e-4), np.array([[3000.0, 0, 0]]))


def test_a_field_too_large_for_its_w_is_refused():
    with pytest.raises(ValueError, match=r"size: the w-term turns the phase at the edge"):
        make_gridder(Grid((200, 200), PIXEL), np.array([[3000.0, 0, 3e5]]))


def test_a_field_beyond_the_horizon_is_refused():
    with pytest.raises(ValueError, match="beyond the horizon"):
        make_gridder(Grid((200, 200), 1e-2), np.array([[3.0, 0, 0]]))


def test_kernels_widen_as_less_error_is_asked_for():
    assert [kernel_for(e).support for e in (1e-2, 1e-3, 1e-4, 1e-5)] == [4, 4, 6, 7]
