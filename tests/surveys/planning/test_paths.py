"""Dynamic programming against all paths there are, on small days."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveys.planning.paths import MOVING, Day, best_path, greedy_path


def all_paths(day, start):
    """Every path of the rules, by recursion."""
    n, n_states = day.shape

    def go(k, state, path):
        if k >= n:
            yield path[:n]
            return
        if day.owner[k] in (-1, state):
            yield from go(k + 1, state, [*path, state])
        for to in range(n_states):
            move = int(day.moves[state, to])
            leave = min(k + move + int(day.dwell[to]), n)
            if move and k + move < n and not (day.owner[k:leave] >= 0).any():
                yield from go(leave, to, [*path, *[MOVING] * move, *[to] * (leave - k - move)])

    yield from go(0, start, [])


def earned(day, path):
    path = np.asarray(path)
    rests = path != MOVING
    return day.gain[np.flatnonzero(rests), path[rests]].sum()


def check(day, path):
    """The rules, by looking at the path alone."""
    assert path.shape == day.owner.shape
    for k, owner in enumerate(day.owner):
        assert owner == -1 or path[k] == owner
    # Runs of one state, and how long it moved before.
    edges = np.flatnonzero(np.diff(path)) + 1
    runs = np.split(path, edges)
    before = None
    for i, run in enumerate(runs):
        if run[0] == MOVING:
            continue
        if before is not None:
            moved = len(runs[i - 1]) if runs[i - 1][0] == MOVING else 0
            assert moved >= day.moves[before, run[0]]
        before = run[0]


@st.composite
def days(draw, n_calibrators=1):
    n, n_strips = draw(st.integers(1, 8)), draw(st.integers(1, 2))
    n_states = n_strips + n_calibrators
    gain = np.array(
        draw(st.lists(st.integers(0, 5), min_size=n * n_states, max_size=n * n_states)), float
    ).reshape(n, n_states)
    gain[:, n_strips:] = 0
    place = np.array(draw(st.lists(st.integers(0, 3), min_size=n_states, max_size=n_states)))
    moves = np.abs(place[:, None] - place) + 1
    np.fill_diagonal(moves, 0)
    dwell = np.where(np.arange(n_states) < n_strips, draw(st.integers(1, 3)), 0)
    owner = np.full(n, -1)
    if n_calibrators and draw(st.booleans()):
        begin = draw(st.integers(0, n - 1))
        owner[begin : begin + draw(st.integers(1, 2))] = n_strips
    return Day(gain, moves, dwell, owner)


@given(days(), st.integers(0, 1))
def test_the_best_path_is_the_best_of_all(day, start):
    path = best_path(day, start)
    every = [earned(day, p) for p in all_paths(day, start)]
    if path is None:
        assert not every
        return
    check(day, path)
    assert earned(day, path) == pytest.approx(max(every))


@given(days(), st.integers(0, 1))
def test_the_greedy_path_follows_the_rules_and_is_never_better(day, start):
    path, best = greedy_path(day, start), best_path(day, start)
    if path is None:
        return
    check(day, path)
    assert best is not None
    assert earned(day, path) <= earned(day, best) + 1e-9


def test_the_end_can_be_asked_for():
    day = Day(
        np.array([[1.0, 0], [1, 0], [1, 0], [1, 0]]),
        np.array([[0, 1], [1, 0]]),
        np.array([1, 1]),
        np.full(4, -1),
    )
    assert best_path(day, 0).tolist() == [0, 0, 0, 0]
    assert best_path(day, 0, end=1).tolist() == [0, 0, MOVING, 1]


def test_greed_does_not_look_ahead():
    """For its first stay alone the move does not pay; for all that follows it does."""
    gain = np.ones((10, 2))
    gain[:6, 1], gain[6:, 1] = 0.0, 5.0
    day = Day(gain, np.array([[0, 6], [6, 0]]), np.array([1, 1]), np.full(10, -1))
    best, greedy = (path(day, 0) for path in (best_path, greedy_path))
    assert best is not None
    assert greedy is not None
    assert (earned(day, best), earned(day, greedy)) == (20.0, 10.0)
