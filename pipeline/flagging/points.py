"""Is it a source in the field: what stands out of the power of visibilities, imaged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.imaging.geometry import LIGHT_M_S

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

    from pipeline.flagging.power import VisFrame
    from pipeline.imaging.gridding import Grid, Gridder
    from pipeline.visibilities.block import VisReader

_EXPLAINED, _LEFT = 0.5, 3.0
"""Share of an excess that is enough, and standard deviations of what may be left."""
_STRONG = 8.0
"""Excess of a cell, in standard deviations of its power, from which it is judged by itself."""
_MOST_CELLS, _MOST_GROUPS = 32, 64


class FieldImage(NamedTuple):
    """What images of single samples are made with."""

    vis: VisReader
    centre: SkyCoord
    grid: Grid
    gridder: Gridder


class _Cells(NamedTuple):
    """Cells that touch, turned to the centre of the field, without what is always there.

    Attributes
    ----------
    time, channel : (cell,) int
    data : (cell, baseline) complex64
    weight : (cell, baseline) float32
        One over the level of the baseline, 0 where there are no data.
    uvw : (cell, baseline, 3) float32
        Wavelengths.
    noise : (cell,)
        Mean power without the excess.
    """

    time: NDArray[np.integer]
    channel: NDArray[np.integer]
    data: NDArray[np.complexfloating]
    weight: NDArray[np.floating]
    uvw: NDArray[np.floating]
    noise: NDArray[np.floating]


class PointsOfField:
    """Tells what one point in the field explains.

    The visibilities of a far source in the field all have the same amplitude, and phases that
    a place explains. In an image of N baselines its power S^2 is the square of the peak; of
    anything else, the near field and the horizon included, some ten N-ths of its power are.
    What is bright for an instant is less the mean of the frame: steady sources do not count.

    Parameters
    ----------
    make : callable
        Gives what images are made with; called when it is first needed.
    """

    def __init__(self, make: Callable[[], FieldImage | None]) -> None:
        self._make, self._made = make, False
        self._field: FieldImage | None = None
        self._image = jax.jit(_image_of)

    def explains(self, frame: VisFrame, cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which cells (time, channel) are such a point, or nothing beside it.

        Cells that touch are imaged together. Of more than 64 such groups the largest are
        looked at.
        """
        if not self._made:
            self._field, self._made = self._make(), True
        explained = np.zeros(cells.shape, bool)
        if self._field is None:
            return explained
        labels, n = ndimage.label(cells, np.ones((3, 3)))
        size = ndimage.sum_labels(cells, labels, np.arange(1, n + 1))
        turned = _Turned(self._field, frame, cells)
        for i in np.argsort(-np.atleast_1d(size), kind="stable")[:_MOST_GROUPS]:
            members = np.argwhere(labels == i + 1)
            good = self._of_group(frame, turned, members)
            explained[tuple(members[good].T)] = True
        return explained

    def _of_group(
        self, frame: VisFrame, turned: _Turned, members: NDArray[np.integer]
    ) -> NDArray[np.bool_]:
        """Which cells of a group are of a point."""
        excess = frame.relative[tuple(members.T)]
        seen = members[np.argsort(-excess, kind="stable")[:_MOST_CELLS]]
        peak = self._peak(turned.cells(seen), frame.relative[tuple(seen.T)])
        parts = [
            turned.explained(members[i : i + _MOST_CELLS], peak)
            for i in range(0, len(members), _MOST_CELLS)
        ]
        point, power, sigma = (np.concatenate(a) for a in zip(*parts, strict=True))
        weak = power < _STRONG * sigma
        sums = point[weak].sum(), power[weak].sum(), np.sqrt((sigma[weak] ** 2).sum())
        return np.where(weak, _explained(*sums), _explained(point, power, sigma))

    def _peak(self, cells: _Cells, relative: NDArray[np.floating]) -> NDArray[np.floating]:
        """Direction (l, m, n - 1) of the brightest point of an image."""
        assert self._field is not None
        grid, gridder = self._field.grid, self._field.gridder
        n_spare = _MOST_CELLS - len(cells.data)
        weight = cells.weight / np.maximum(relative, 1e-30)[:, None]
        # One shape, whatever there is to be imaged.
        uvw, data, weight = (
            np.pad(a, ((0, n_spare), *[(0, 0)] * (a.ndim - 1)))
            for a in (cells.uvw, cells.data, weight)
        )
        flat = np.asarray(
            self._image(
                gridder,
                uvw.reshape(1, -1, 3).astype(np.float32),
                data.reshape(1, -1, 1).astype(np.complex64),
                weight.reshape(1, -1, 1).astype(np.float32),
            )
        )
        image = np.nan_to_num(flat[0, 0])
        y, x = (int(i) for i in np.unravel_index(int(image.argmax()), image.shape))
        l, m = grid.direction_cosines()
        step_x = l[1] - l[0] if len(l) > 1 else 0.0
        step_y = m[1] - m[0] if len(m) > 1 else 0.0
        at = l[x] + step_x * _vertex(image[y], x), m[y] + step_y * _vertex(image[:, x], y)
        return np.array([*at, np.sqrt(max(1 - at[0] ** 2 - at[1] ** 2, 0.0)) - 1])


def _explained(point: Any, power: Any, sigma: Any) -> Any:
    """Whether a point is half of an excess of power, or leaves nothing that stands out."""
    return (point >= _EXPLAINED * power) | (power - point < _LEFT * sigma)


def _image_of(gridder: Gridder, uvw: jax.Array, vis: jax.Array, weight: jax.Array) -> jax.Array:
    from pipeline.imaging.gridding import dirty_images

    return dirty_images(gridder, uvw, vis, weight)[0]


def _vertex(values: NDArray[np.floating], i: int) -> float:
    """Where between its neighbours a peak is, in steps: of the parabola through the three."""
    if not 0 < i < len(values) - 1:
        return 0.0
    before, peak, after = (float(v) for v in values[i - 1 : i + 2])
    curvature = 2 * peak - before - after
    return 0.5 * (after - before) / curvature if curvature > 0 else 0.0


class _Turned:
    """Channels of a frame that have such cells, turned to the centre of the field."""

    def __init__(self, field: FieldImage, frame: VisFrame, cells: NDArray[np.bool_]) -> None:
        block = frame.block
        stop = block.start + len(block.data)
        uvw, path = field.vis.uvw(block.start, stop, field.centre)
        self._uvw, path = np.nan_to_num(uvw), np.nan_to_num(path)
        self._per_m = frame.header.freq_mhz * 1e6 / LIGHT_M_S
        used = np.isfinite(uvw).all(axis=(0, 2)) & (frame.level > 0)
        self._weight = np.where(used, 1 / np.where(used, frame.level, 1), 0)
        self._channels = {int(c): i for i, c in enumerate(np.flatnonzero(cells.any(axis=0)))}
        self._data, self._good, self._noise = [], [], []
        for c in self._channels:
            good = frame.good[:, :, c]
            turn = np.exp(2j * np.pi * ((path * self._per_m[c]) % 1))
            data = np.where(good, block.data[:, :, c] * turn, 0)
            clean = good & ~cells[:, c, None]
            n = clean.sum(axis=0)
            mean = (data * clean).sum(axis=0) / np.maximum(n, 1)
            data = np.where(good, data - mean, 0)
            weight = clean * self._weight
            noise = (weight * np.abs(data) ** 2).sum() / max(weight.sum(), 1e-300)
            self._data.append(data.astype(np.complex64))
            self._good.append(good)
            self._noise.append(float(noise))

    def cells(self, members: NDArray[np.integer]) -> _Cells:
        """Some cells (time, channel)."""
        time, channel = members.T
        i = [self._channels[int(c)] for c in channel]
        return _Cells(
            time,
            channel,
            np.stack([self._data[k][t] for k, t in zip(i, time, strict=True)]),
            np.stack([self._good[k][t] * self._weight for k, t in zip(i, time, strict=True)]),
            self._uvw[time] * self._per_m[channel, None, None],
            np.array([self._noise[k] for k in i]),
        )

    def explained(
        self, members: NDArray[np.integer], at: NDArray[np.floating]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
        """Of each cell the power of a point there, all its excess, and the noise of that."""
        cells = self.cells(members)
        turn = np.exp(2j * np.pi * ((cells.uvw @ at) % 1))
        total = np.maximum(cells.weight.sum(axis=1), 1e-300)
        point = (cells.weight * (cells.data * turn).real).sum(axis=1) / total
        power = (cells.weight * np.abs(cells.data) ** 2).sum(axis=1) / total
        # Baselines of more weight count more.
        n = total**2 / np.maximum((cells.weight**2).sum(axis=1), 1e-300)
        excess = power - cells.noise
        # Light adds its products with the noise to the variance of the power.
        variance = cells.noise * (cells.noise + 2 * np.maximum(excess, 0)) / np.maximum(n, 1)
        return np.maximum(point, 0) ** 2, excess, np.sqrt(variance)
