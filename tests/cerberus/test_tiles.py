"""Weights that the pixels of a frame share."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from cerberus.state import init
from cerberus.tiles import entries_of, frame_weights


@pytest.mark.parametrize("flags", ["none", "a channel", "some", "the last samples"])
def test_sums_of_weights_follow_every_delay(filterbank_plan, flags):
    plan, rng = filterbank_plan, np.random.default_rng(5)
    n = plan.max_delay + plan.reach + plan.frame
    weights = np.ones((n, plan.n_channels), np.float32)
    if flags == "a channel":
        weights[:, 3] = 0
    if flags == "some":
        weights *= rng.random(weights.shape) < 0.7
    if flags == "the last samples":
        weights[-3:] = 0
    variance = rng.uniform(0.5, 2, plan.n_channels).astype(np.float32)
    state = init(plan, aligned=True)
    statistics = state.statistics._replace(channel_variance=jnp.asarray(variance))
    old, new = weights[: -plan.frame], jnp.asarray(weights[-plan.frame :])
    state = state._replace(statistics=statistics, tail_weight=jnp.asarray(old))
    shared = frame_weights(plan, state, new)

    weights = weights / variance
    time = np.arange(n) - (n - 1) + (plan.frame - 1) / 2
    at = np.arange(plan.frame) + plan.reach + plan.delays[:, :, None]  # (trial, channel, time)
    channel = np.arange(plan.n_channels)[:, None]
    total = weights[at, channel].sum(1)
    ramp = (weights * time[:, None])[at, channel].sum(1)
    for got, want in ((shared.entries, total), (shared.ramp, ramp)):
        np.testing.assert_allclose(
            got, entries_of(plan, jnp.asarray(want)[:, :, None]), rtol=1e-5, atol=1e-3
        )
