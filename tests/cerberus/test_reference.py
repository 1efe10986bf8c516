"""The engine's detections are the local maxima of the plain search's S/N."""

from __future__ import annotations

import numpy as np
import pytest

from cerberus import reference


def peaks(level_map: reference.LevelMap, plan, k: int, threshold: float) -> dict:
    """Local maxima of one level, (start, width, i_dm, y, x) -> S/N."""
    level, (ny, nx), reach = plan.levels[k], plan.config.shape, plan.beam_reach
    snr = level_map.snr.reshape(-1, ny, nx)
    margin = plan.peak_margin
    padded = np.pad(snr, ((margin,) * 2, (reach,) * 2, (reach,) * 2), constant_values=-np.inf)
    found = {}
    for t, y, x in np.argwhere(snr >= threshold):
        box = padded[t : t + 2 * margin + 1, y : y + 2 * reach + 1, x : x + 2 * reach + 1]
        if snr[t, y, x] < box.max():
            continue
        rung = level.rungs[level_map.rung[t, y * nx + x]]
        row = level_map.row[t, y * nx + x]
        start = level_map.first + t * level.decimation - (rung.width - 1 if k == 0 else 0)
        i_dm = level.dm_rows[:: rung.stride][row]
        key = (start, rung.width * level.decimation, i_dm, y, x)
        found[tuple(int(v) for v in key)] = snr[t, y, x]
    return found


def compare(plan, table, data, weights, tolerance: float) -> None:
    maps = reference.search(plan, data, weights)
    expected = {}
    for k, level_map in enumerate(maps):
        expected |= peaks(level_map, plan, k, plan.config.threshold)
    keys = zip(*(table[k].tolist() for k in ("start", "width", "i_dm", "y", "x")), strict=True)
    got = dict(zip(keys, table["snr"], strict=True))
    assert len(got) == len(table["snr"])
    # A peak at the threshold may be on either side of it.
    sure = {k for k, v in expected.items() if v > plan.config.threshold + tolerance}
    assert (
        sure
        <= set(got)
        <= set(expected) | {k for k, v in got.items() if v < plan.config.threshold + tolerance}
    )
    assert len(sure) > 15
    assert len({k for k in sure if k[1] > plan.levels[0].widths[-1]}) > 1
    for key in sure:
        assert got[key] == pytest.approx(expected[key], abs=tolerance), key


@pytest.mark.parametrize("name", ["image", "filterbank", "single"])
def test_every_detection_of_the_plain_search_and_no_other(name, request, search, sizes):
    plan = request.getfixturevalue(f"{name}_plan")
    data, weights = request.getfixturevalue(f"{name}_data")
    # The frame is a block shape that is compiled for `finish` anyway.
    table = search.blocks(plan, *_cut(plan, data, weights), sizes.equal(_n(plan, data), plan.frame))
    compare(plan, table, *_cut(plan, data, weights), tolerance=1e-4)


def test_flags_of_single_pixels(image_plan, image_data, search, sizes):
    """Weights of wide boxcars are kept in half precision, which costs a digit."""
    data, weights = (a.copy() for a in image_data)
    rng = np.random.default_rng(7)
    data[rng.random(data.shape) < 0.05] = np.nan
    data[250:300, :, 1, 1] = np.nan
    data[:, 2:6, 0, 1] = np.nan
    data, weights = _cut(image_plan, data, weights)
    table = search.blocks(image_plan, data, weights, sizes.equal(len(data), image_plan.frame))
    compare(image_plan, table, data, weights, tolerance=2e-3)


def test_sources_that_drift_or_come_on(image_plan, image_data, search, sizes):
    """Their baselines are followed by a line, or held where the level steps."""
    data, weights = (a.copy() for a in image_data)
    data[:, :, 1, 0] += np.linspace(0, 20, len(data))[:, None]
    data[300:, :, 0, 2] += 15
    data, weights = _cut(image_plan, data, weights)
    table = search.blocks(image_plan, data, weights, sizes.equal(len(data), image_plan.frame))
    compare(image_plan, table, data, weights, tolerance=2e-3)


def _n(plan, data) -> int:
    return len(data) // plan.frame * plan.frame


def _cut(plan, data, weights):
    return data[: _n(plan, data)], weights[: _n(plan, data)]
