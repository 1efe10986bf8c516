"""The best way through a day on the meridian, by dynamic programming, and a greedy one.

A telescope is in one of a few states (strips, then calibrators); every step of time at a strip
has a gain. A move costs time, and is followed by a least stay. Steps that belong to a
calibrator must be spent in its state, settled from the first to the last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOVING = -1


@dataclass(frozen=True)
class Day:
    """The choices of a day.

    Attributes
    ----------
    gain : (step, state)
        Of a step in a state; 0 where nothing can be seen, and for calibrators.
    moves : (state, state) int64
        Steps from one to another.
    dwell : (state,) int64
        Least stay after a move.
    owner : (step,) int64
        State that the step must be spent in, or -1.
    """

    gain: NDArray[np.float64]
    moves: NDArray[np.int64]
    dwell: NDArray[np.int64]
    owner: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, int]:
        return self.gain.shape  # type: ignore[return-value]


def best_path(day: Day, start: int, end: int | None = None) -> NDArray[np.int64] | None:
    """The path with the largest sum of gains.

    Parameters
    ----------
    day : Day
    start : int
        State before the first step.
    end : int, optional
        State after the last one; any without.

    Returns
    -------
    (step,) int64, optional
        The state at each step, or MOVING; none where a calibrator cannot be reached in time.

    From the last step backwards, the value of being in a state is the larger one of that of
    staying a step, and that of the best move with its least stay: exact for steps whose gains
    do not depend on the others, as those of one turn of the sky do not.
    """
    n, n_states = day.shape
    states = np.arange(n_states)
    earned = np.concatenate([np.zeros((1, n_states)), np.cumsum(day.gain, axis=0)])
    owned = np.append(0, np.cumsum(day.owner >= 0))
    value = np.full((n + 1, n_states), -np.inf)
    value[n] = 0.0 if end is None else np.where(states == end, 0.0, -np.inf)
    target = np.zeros((n, n_states), np.int64)
    for k in range(n - 1, -1, -1):
        stay = day.gain[k] + value[k + 1]
        if day.owner[k] >= 0:
            stay[states != day.owner[k]] = -np.inf
        arrive = k + day.moves
        leave = np.minimum(arrive + day.dwell, n)
        move = earned[leave, states] - earned[np.minimum(arrive, n), states] + value[leave, states]
        move[(arrive >= n) | (owned[leave] > owned[k]) | (day.moves == 0)] = -np.inf
        to = np.argmax(move, axis=1)
        best = move[states, to]
        moves = best > stay + 1e-12
        value[k], target[k] = np.where(moves, best, stay), np.where(moves, to, states)
    if not np.isfinite(value[0, start]):
        return None
    return _followed(day, target, start)


def _followed(day: Day, target: NDArray[np.int64], start: int) -> NDArray[np.int64]:
    n = len(target)
    path = np.full(n, MOVING, np.int64)
    k, state = 0, start
    while k < n:
        to = int(target[k, state])
        if to == state:
            path[k] = state
            k += 1
            continue
        arrive = k + int(day.moves[state, to])
        k = min(arrive + int(day.dwell[to]), n)
        path[arrive:k] = to
        state = to
    return path


def greedy_path(day: Day, start: int) -> NDArray[np.int64] | None:
    """Always on to what gains most for its time, the move counted.

    As :func:`best_path`, but each decision looks no farther than one stay.
    """
    n, n_states = day.shape
    states = np.arange(n_states)
    earned = np.concatenate([np.zeros((1, n_states)), np.cumsum(day.gain, axis=0)])
    # The first step of the next calibrator, from each step on.
    following = np.full(n + 1, n)
    for k in range(n - 1, -1, -1):
        following[k] = k if day.owner[k] >= 0 else following[k + 1]
    path = np.full(n, MOVING, np.int64)
    k, state = 0, start
    while k < n:
        if day.owner[k] >= 0:
            if day.owner[k] != state:
                return None
            path[k] = state
            k += 1
            continue
        due = int(following[k])
        latest = np.full(n_states, due)
        if due < n:
            latest -= day.moves[:, day.owner[due]]
            if k > latest[state]:
                return None
            if k == latest[state]:
                k, state = due, int(day.owner[due])
                continue
        arrive = k + day.moves[state]
        leave = np.minimum(arrive + np.where(day.dwell > 0, day.dwell, 1), n)
        leave[state] = min(leave[state], latest[state])
        fits = (leave <= latest) & (leave > arrive)
        gained = np.where(fits, earned[leave, states] - earned[np.minimum(arrive, n), states], 0)
        rate = gained / np.maximum(leave - k, 1)
        to = int(np.argmax(rate))
        if rate[to] <= rate[state] + 1e-12:
            to = state
        if to == state:
            # What it stays for is decided anew at every step.
            path[k] = state
            k += 1
            continue
        path[arrive[to] : leave[to]] = to
        k, state = int(leave[to]), to
    return path
