"""Small plans that compile quickly, each shared by every test that can use it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import jax.numpy as jnp
import numpy as np
import pytest

from cerberus import SearchConfig, SearchPlan, finish, init, make_plan, step

COLUMNS = ("start", "width", "i_dm", "y", "x", "snr", "flux")


def _flat(plan: SearchPlan, data) -> np.ndarray:
    """(time, channel, padded pixel): one shape for `step` here and inside `finish`."""
    data = np.asarray(data, np.float32).reshape(len(data), plan.n_channels, plan.n_pixels)
    spare = plan.n_padded - plan.n_pixels
    return np.pad(data, ((0, 0), (0, 0), (0, spare)), constant_values=np.nan)


class Search:
    """A recording searched block by block; the table of its detections."""

    @staticmethod
    def blocks(plan: SearchPlan, data, weights, sizes: Sequence[int]) -> dict[str, np.ndarray]:
        """Step over blocks of ``sizes`` samples, then finish."""
        assert sum(sizes) == len(data)
        data, state, tables, at = _flat(plan, data), init(plan), [], 0
        for size in sizes:
            x, w = (jnp.asarray(a[at : at + size], jnp.float32) for a in (data, weights))
            state, found = step(plan, state, x, w)
            tables.append(found)
            at += size
        tables.append(finish(plan, state)[1])
        return Search.table(tables)

    @staticmethod
    def padded(plan: SearchPlan, data, weights, block: int):
        """One block shape for everything: the end is a gap. Returns table and state."""
        data, weights = _flat(plan, data), np.asarray(weights, np.float32)
        total = len(data) + max(plan.latency_samples) + 4 * plan.frame
        n_more = -(-total // block) * block - len(data)
        data = np.concatenate([data, np.zeros((n_more, *data.shape[1:]), np.float32)])
        weights = np.concatenate([weights, np.zeros((n_more, weights.shape[1]), np.float32)])
        state, tables = init(plan), []
        for i in range(0, len(data), block):
            x, w = jnp.asarray(data[i : i + block]), jnp.asarray(weights[i : i + block])
            state, found = step(plan, state, x, w)
            tables.append(found)
        return Search.table(tables), state

    @staticmethod
    def table(tables: list) -> dict[str, np.ndarray]:
        """All detections, sorted by what identifies them."""
        assert sum(t.n_dropped for t in tables) == 0
        parts = [t.to_numpy() for t in tables]
        columns = {k: np.concatenate([p[k] for p in parts]) for k in COLUMNS}
        order = np.lexsort([columns[k] for k in COLUMNS[4::-1]])
        return {k: v[order] for k, v in columns.items()}


@pytest.fixture(scope="session")
def search() -> type[Search]:
    return Search


def _noise(plan: SearchPlan, n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    ny, nx = plan.config.shape
    return rng.normal(size=(n, plan.n_channels, ny, nx)).astype(np.float32)


@pytest.fixture(scope="session")
def image_plan() -> SearchPlan:
    """Sixteen channels, six pixels in two tiles, three levels, flags of single pixels."""
    return make_plan(
        SearchConfig(
            freq_mhz=tuple(np.linspace(1499.0, 1311.0, 16)),
            tsamp_s=0.1,
            shape=(2, 3),
            dm_max=1500.0,
            max_width_s=2.4,
            max_loss=0.2,
            threshold=3.0,
            max_detections=200,
            frame=32,
            tile=4,
        )
    )


@pytest.fixture(scope="session")
def image_data(image_plan) -> tuple[np.ndarray, np.ndarray]:
    """Noise of 700 samples with pulses across frames, a gap, and weights of all kinds."""
    plan = image_plan
    data = _noise(plan, 700, 1)
    data *= np.linspace(0.5, 2, 16, dtype=np.float32)[:, None, None]
    data += np.linspace(-3, 8, 16, dtype=np.float32)[:, None, None]
    trial = len(plan.dm_pc_cm3) // 2
    for start, width, y, x in [(0, 2, 0, 1), (94, 5, 0, 0), (223, 1, 1, 2), (430, 20, 1, 1)]:
        for c, delay in enumerate(plan.delays[trial]):
            data[start + delay : start + delay + width, c, y, x] += 6 / np.sqrt(width)
    data[695:, :, 0, 2] += 2
    weights = np.ones((700, 16), np.float32)
    weights[330:400] = 0
    weights[150:170, 3:6] = 0
    weights[500:540] = 0.5
    return data, weights


@pytest.fixture(scope="session")
def filterbank_plan() -> SearchPlan:
    """A single pixel of 24 channels, dispersed over more than two frames."""
    return make_plan(
        SearchConfig(
            freq_mhz=tuple(1464.5 - 5 * np.arange(24.0)),
            tsamp_s=0.002,
            dm_max=400.0,
            max_width_s=0.064,
            max_loss=0.2,
            threshold=2.5,
            max_detections=64,
            pixel_weights=False,
            frame=32,
        )
    )


@pytest.fixture(scope="session")
def filterbank_data(filterbank_plan) -> tuple[np.ndarray, np.ndarray]:
    plan = filterbank_plan
    data = _noise(plan, 608, 2)
    weights = np.ones((608, 24), np.float32)
    weights[:, 17] = 0
    weights[201:215] = 0
    trial = 3 * len(plan.dm_pc_cm3) // 4
    for start, width in [(60, 2), (300, 9)]:
        for c, delay in enumerate(plan.delays[trial]):
            data[start + delay : start + delay + width, c] += 3 / np.sqrt(width)
    return data, weights


@pytest.fixture(scope="session")
def single_plan() -> SearchPlan:
    """One channel, four pixels, no dispersion."""
    return make_plan(
        SearchConfig(
            freq_mhz=(1400.0,),
            tsamp_s=0.1,
            shape=(2, 2),
            max_width_s=2.4,
            max_loss=0.2,
            threshold=1.5,
            max_detections=64,
            pixel_weights=False,
            frame=16,
        )
    )


@pytest.fixture(scope="session")
def single_data(single_plan) -> tuple[np.ndarray, np.ndarray]:
    data = _noise(single_plan, 304, 3)
    data[44:52, :, 1, 0] += 4
    weights = np.ones((304, 1), np.float32)
    weights[130:150] = 0
    return data, weights


@pytest.fixture(scope="session")
def sizes() -> type[Cuts]:
    return Cuts


class Cuts:
    """Ways to cut a recording of ``n`` samples."""

    @staticmethod
    def equal(n: int, size: int) -> list[int]:
        return list(Cuts._equal(n, size))

    @staticmethod
    def _equal(n: int, size: int) -> Iterator[int]:
        while n > 0:
            yield min(size, n)
            n -= size
