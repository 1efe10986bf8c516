"""The streaming contract: blocks, gaps and flags change nothing that they should not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cerberus import Detections, init, make_plan, step


def assert_same_detections(table, other, tolerance: float = 1e-4) -> None:
    """The same pulses and trials exactly, their S/N within ``tolerance``."""
    for name in ("start", "width", "i_dm", "y", "x"):
        np.testing.assert_array_equal(table[name], other[name], err_msg=name)
    np.testing.assert_allclose(table["snr"], other["snr"], rtol=0, atol=tolerance)
    np.testing.assert_allclose(table["flux"], other["flux"], rtol=1e-3, atol=1e-3)


def assert_streaming_contract(search, plan, data, weights, cuts: Sequence[Sequence[int]]) -> None:
    """However the stream is cut, the whole comes out.

    Parameters
    ----------
    cuts : sequence of sequence of int
        Block sizes, each adding up to the recording; the first is what the others equal.
    """
    whole = search.blocks(plan, data, weights, cuts[0])
    assert len(whole["snr"]) > 10
    assert np.all(whole["snr"] >= plan.config.threshold)
    # Something of the pulse lies in the recording, at the lowest channel if not before.
    assert np.all(whole["start"] + whole["width"] + plan.max_delay > 0)
    assert np.all(whole["start"] < len(data))
    for cut in cuts[1:]:
        assert_same_detections(search.blocks(plan, data, weights, cut), whole)

    # The state is a fixed point of the step, in structure, shape and type.
    state = jax.eval_shape(lambda: init(plan))
    x = jax.ShapeDtypeStruct((plan.frame, plan.n_channels, plan.n_padded), jnp.float32)
    w = jax.ShapeDtypeStruct((plan.frame, plan.n_channels), jnp.float32)
    after, _ = jax.eval_shape(lambda s, x, w: step(plan, s, x, w), state, x, w)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    for old, new in zip(jax.tree.leaves(state), jax.tree.leaves(after), strict=True):
        assert (old.shape, old.dtype, old.weak_type) == (new.shape, new.dtype, new.weak_type)


def test_contract_for_images(search, sizes, image_plan, image_data):
    """Blocks of one frame, and of a size that has nothing to do with frames."""
    frame = image_plan.frame
    data, weights = (a[: 21 * frame] for a in image_data)
    whole = sizes.equal(len(data), frame)
    cut = [frame] * 5 + [44] * 8 + [frame] * 5
    assert_streaming_contract(search, image_plan, data, weights, [whole, cut])


def test_contract_for_filterbanks(search, sizes, filterbank_plan, filterbank_data):
    """The delay across the band is longer than a block."""
    plan = filterbank_plan
    assert plan.max_delay > 2 * plan.frame
    n = len(filterbank_data[0])
    cut = sizes.equal(n, plan.frame)
    assert_streaming_contract(search, plan, *filterbank_data, [[n], cut])


def test_contract_for_a_single_channel(search, sizes, single_plan, single_data):
    """Single samples, fewer than a frame at a time."""
    cuts = [sizes.equal(len(single_data[0]), size) for size in (single_plan.frame, 1)]
    assert_streaming_contract(search, single_plan, *single_data, cuts)


def test_scan_is_the_loop_is_the_whole(search, image_plan, image_data):
    data, weights = image_data
    frame = image_plan.frame
    n = len(data) // frame * frame
    flat = data[:n].reshape(-1, frame, 16, 6)
    flat = np.pad(flat, ((0, 0),) * 3 + ((0, 2),), constant_values=np.nan)
    blocks = jnp.asarray(flat), jnp.asarray(weights[:n].reshape(-1, frame, 16))
    scan = jax.jit(lambda s, b: jax.lax.scan(lambda s, b: step(image_plan, s, *b), s, b))
    _, found = scan(init(image_plan), blocks)
    state, tables = init(image_plan), []
    for x, w in zip(*blocks, strict=True):
        state, more = step(image_plan, state, x, w)
        tables.append(more)
    assert_same_detections(search.table([found]), search.table(tables))


# --- gaps and flags; blocks of one frame, which are compiled already


@pytest.fixture(scope="module")
def by_frames(search, image_plan):
    def run(data, weights):
        n = len(data) // image_plan.frame * image_plan.frame
        blocks = [image_plan.frame] * (n // image_plan.frame)
        return search.blocks(image_plan, data[:n], weights[:n], blocks)

    return run


@pytest.fixture(scope="module")
def clean(by_frames, image_data):
    return by_frames(*image_data)


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e30])
def test_what_has_weight_zero_is_never_looked_at(poison, by_frames, image_data, clean):
    data, weights = (a.copy() for a in image_data)
    data[weights == 0] = poison
    # To rounding: a tile with NaN is summed by other code.
    assert_same_detections(by_frames(data, weights), clean, tolerance=3e-6)


def test_the_tiles_do_not_matter(search, image_plan, image_data, clean):
    """Small ones for a core's cache, and one for a device with memory of its own."""
    config = replace(image_plan.config, tile=None, working_bytes=1e9)
    plan = make_plan(config)
    assert plan.n_tiles == 1
    data, weights = image_data
    blocks = [plan.frame] * (len(data) // plan.frame)
    n = sum(blocks)
    found = search.blocks(plan, data[:n], weights[:n], blocks)
    assert_same_detections(found, clean)


def test_nan_is_weight_zero(by_frames, image_data, clean):
    """Said sample by sample or pixel by pixel, it is the same: up to half-precision weights."""
    data, weights = (a.copy() for a in image_data)
    data[weights == 0] = np.nan
    weights[150:170, 3:6] = 1
    assert_same_detections(by_frames(data, weights), clean, tolerance=3e-3)


def test_flags_of_a_pixel_leave_the_others_alone(by_frames, image_data, clean):
    """All that pixels share are pooled variances, each a mean over the image."""
    data, weights = (a.copy() for a in image_data)
    data[200:500, 4:9, 1, 1] = np.nan
    table = by_frames(data, weights)

    def others(t):
        rest = (np.abs(t["y"] - 1) + np.abs(t["x"] - 1) > 2) & (t["snr"] > 3.1)
        return {k: v[rest] for k, v in t.items()}

    a, b = others(table), others(clean)
    shared = {tuple(v) for v in np.stack([b[k] for k in ("start", "width", "i_dm")], 1).tolist()}
    got = {tuple(v) for v in np.stack([a[k] for k in ("start", "width", "i_dm")], 1).tolist()}
    assert len(shared & got) >= 0.9 * len(shared)
    strong_a, strong_b = (np.sort(t["snr"][t["snr"] > 5]) for t in (a, b))
    np.testing.assert_allclose(strong_a, strong_b, rtol=0.02)


def test_a_pixel_that_never_has_data_is_no_detection(by_frames, image_data):
    data, weights = (a.copy() for a in image_data)
    data[:, :, 0, 2] = np.nan
    table = by_frames(data, weights)
    assert not np.any((table["y"] == 0) & (table["x"] == 2))
    assert len(table["snr"]) > 10


def test_nothing_at_all_is_nothing_found(by_frames, image_data):
    data, weights = (a.copy() for a in image_data)
    assert len(by_frames(np.full_like(data, np.nan), weights)["snr"]) == 0
    assert len(by_frames(data, np.zeros_like(weights))["snr"]) == 0


def test_pulses_of_the_recording_are_found_where_they_are(clean, image_plan):
    """At its first sample, across frames, and as wide as the widest boxcar."""
    trial = len(image_plan.dm_pc_cm3) // 2
    for start, width, y, x in [(0, 2, 0, 1), (94, 5, 0, 0), (430, 20, 1, 1)]:
        near = (clean["y"] == y) & (clean["x"] == x)
        near &= np.abs(clean["start"] + clean["width"] / 2 - start - width / 2) <= 2 + width / 4
        assert near.any(), (start, width)
        best = np.argmax(np.where(near, clean["snr"], 0))
        assert abs(clean["i_dm"][best] - trial) <= 1 + width // 4
        assert width / 2 <= clean["width"][best] <= 2 * width


def test_more_peaks_than_slots_are_counted():
    """Nothing is dropped in silence: 3 maps of 2 slots, of which 1, 2 and 0 are used."""
    width = jnp.asarray([[4, 0], [1, 2], [0, 0]])
    slots = [jnp.zeros((3, 2), jnp.int32)] * 5
    slots[1] = width
    found = Detections(*slots, width * 1.0, width * 1.0, jnp.asarray([1, 7, 0]))
    assert found.n_dropped == 5
    assert len(found.to_numpy()["snr"]) == 3
