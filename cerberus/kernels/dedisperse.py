"""Dedispersion by shared partial sums.

A trial sums one sample of every channel, each delayed by a whole number of samples.
Neighbouring trials use the same relative delays inside a group of channels, so the
sum over the group is made once and shared. Channels are joined in pairs, pairs in
fours and so on; a level holds every *distinct* pattern of relative delays that some
trial needs. The result is the plain sum over channels with delays rounded once per
channel (no error is added by the tree), at a fraction of its additions.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

_MAX_UNROLLED = 1024


@dataclass(frozen=True, eq=False)
class TreeLevel:
    """Node n is ``left[n]`` delayed by ``left_shift[n]`` plus the same on the right.

    ``right`` is -1 where a channel group has no partner and passes through.
    """

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    left_shift: NDArray[np.int32]
    right_shift: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class DedispersionTree:
    """Levels from channels to trials; the last level has one node a trial, in order."""

    levels: tuple[TreeLevel, ...]
    n_channels: int
    n_trials: int
    max_delay: int

    @property
    def n_nodes(self) -> int:
        return sum(len(level.left) for level in self.levels)


def _join(
    first: tuple[NDArray, NDArray], second: tuple[NDArray, NDArray], base: int
) -> tuple[NDArray, tuple[NDArray, NDArray]]:
    """Distinct nodes of two neighbouring groups, and each trial's node and offset."""
    node_a, offset_a = first
    node_b, offset_b = second
    offset = np.minimum(offset_a, offset_b)
    pairs = np.stack([node_a, node_b, offset_a - offset, offset_b - offset], axis=1)
    # One number for each pair sorts far faster than rows of four: 16, 16 and some 20 bits.
    a, b, lag = (v - v.min() for v in (node_a, node_b, offset_a - offset_b))
    key = (a * (b.max() + 1) + b) * (lag.max() + 1) + lag
    _, which, index = np.unique(key, return_index=True, return_inverse=True)
    return pairs[which], (base + index, offset)


def build_tree(delays: NDArray[np.integer]) -> DedispersionTree:
    """Tree of shared partial sums for a table of delays.

    Parameters
    ----------
    delays : (trial, channel) int
        Delay of each channel in samples, at least one channel having delay 0.

    Returns
    -------
    DedispersionTree
    """
    n_trials, n_channels = delays.shape
    order = np.argsort(delays[-1], kind="stable")
    groups = [(np.full(n_trials, c), delays[:, c].astype(np.int64)) for c in order]
    levels = []
    while len(groups) > 1 or not levels:
        tables, joined, base = [], [], 0
        for i in range(0, len(groups), 2):
            if i + 1 < len(groups):
                nodes, group = _join(groups[i], groups[i + 1], base)
            else:
                node, offset = groups[i]
                used, index = np.unique(node, return_inverse=True)
                nodes = np.stack([used, -np.ones_like(used), used * 0, used * 0], axis=1)
                group = (base + index.ravel(), offset)
            tables.append(nodes)
            joined.append(group)
            base += len(nodes)
        levels.append(np.concatenate(tables))
        groups = joined
    node, offset = groups[0]
    # The root is laid out trial by trial, with what is left of the common delay.
    root = levels[-1][node]
    root[:, 2] += offset
    root[:, 3] += offset
    levels[-1] = root
    return DedispersionTree(
        levels=tuple(TreeLevel(*(c.astype(np.int32) for c in t.T)) for t in levels),
        n_channels=n_channels,
        n_trials=n_trials,
        max_delay=int(delays.max()),
    )


def _unrolled(
    tree: DedispersionTree, x: jax.Array, n_out: int, scale: jax.Array | None = None
) -> jax.Array:
    """Every addition written out; rows lose their undefined ends as they are delayed."""
    nodes = list(x)
    for level in tree.levels:
        rows = []
        columns = (level.left, level.right, level.left_shift, level.right_shift)
        for a, b, i, j in zip(*columns, strict=True):
            row = nodes[a][i:]
            if b >= 0:
                n = min(len(row), len(nodes[b]) - j)
                row = row[:n] + nodes[b][j : j + n]
            rows.append(row)
        nodes = rows
    rows = [row[:n_out] for row in nodes]
    if scale is not None:
        rows = [row * scale[i] for i, row in enumerate(rows)]
    return jnp.stack(rows)


def _gathered(
    tree: DedispersionTree, x: jax.Array, n_out: int, scale: jax.Array | None = None
) -> jax.Array:
    """One gather of contiguous rows a level: for trees too large to write out."""
    # A level's nodes are as long as the delays of later levels need them.
    lengths = [n_out]
    for level in reversed(tree.levels):
        lengths.append(lengths[-1] + int(max(level.left_shift.max(), level.right_shift.max())))
    lengths.reverse()
    missing = max(0, lengths[0] - x.shape[1])
    x = jnp.pad(x, ((0, 0), (0, missing), (0, 0)))
    for n, level in zip(lengths[1:], tree.levels, strict=True):

        def take(node: jax.Array, shift: jax.Array, x: jax.Array = x, n: int = n) -> jax.Array:
            return lax.dynamic_slice(x, (node, shift, 0), (1, n, x.shape[2]))[0]

        left, right = (
            jax.vmap(take)(jnp.asarray(np.maximum(node, 0)), jnp.asarray(shift))
            for node, shift in ((level.left, level.left_shift), (level.right, level.right_shift))
        )
        paired = jnp.asarray(level.right >= 0)
        x = left + jnp.where(paired[:, None, None], right, 0)
    return x if scale is None else x * scale[:, None]


def dedisperse(
    tree: DedispersionTree, x: jax.Array, n_out: int, scale: jax.Array | None = None
) -> jax.Array:
    """Sum channels along every trial's delays.

    Parameters
    ----------
    tree : DedispersionTree
    x : (channel, n_out + max_delay, pixel) float32
        Samples, oldest first, already weighted.
    n_out : int
        Number of output samples.
    scale : (trial, pixel), optional
        Factor of each trial.

    Returns
    -------
    (trial, n_out, pixel)
        Element (d, t) sums x[c, t + delay[d, c]] over c.
    """
    lower = _unrolled if tree.n_nodes <= _MAX_UNROLLED else _gathered
    return lower(tree, x, n_out, scale)
