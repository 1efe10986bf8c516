"""A recording of visibilities with the gains of its antennas taken out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from pipeline.calibration.gains import JY, correction, read_gains
from pipeline.stages import Stages
from pipeline.visibilities.block import HandsReader, VisBlock, VisWrapper


class CalibratedReader(VisWrapper):
    """A recording of visibilities, calibrated before its polarisations are averaged.

    Hands that were averaged first would cancel: their phases have nothing to do with each
    other. An antenna without gains has no weight, and images need not know of its baselines.

    Parameters
    ----------
    vis : HandsReader
        Closed with this reader.
    path : Path
        File of gains.
    stages : Stages, optional

    Raises
    ------
    InputError
        The gains cannot be read, or are not of this recording.
    """

    def __init__(self, vis: HandsReader, path: Path, stages: Stages | None = None) -> None:
        super().__init__(vis)
        self._hands, self._stages = vis, stages or Stages()
        gains = read_gains(path)
        found = correction(gains, vis.header, str(path))
        self._correction = found.factor, found.weight
        self._unused = np.asarray((found.weight > 0).any(axis=(1, 2))) == 0
        note = f"gains of {path.name} (MJD {gains.mjd:.5f}, {gains.model})"
        if gains.unit != JY:
            note += "; fluxes are in units of the calibrator's"
        if found.lost:
            note += f"; without gains, and not used: {', '.join(map(str, found.lost))}"
        self.header = replace(vis.header, unit=gains.unit, notes=(*vis.header.notes, note))

    def read(self, start: int, stop: int) -> VisBlock:
        """Samples ``start`` to ``stop`` (exclusive), clipped to the recording."""
        block = self._hands.read_hands(start, stop)
        with self._stages("calibrate"):
            data, weights = _calibrated(block.data, block.weights, *self._correction)
            return VisBlock(block.start, np.asarray(data), np.asarray(weights))

    def uvw(
        self, start: int, stop: int, centre: SkyCoord
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """As of the recording; NaN for baselines without gains."""
        uvw, path = self._vis.uvw(start, stop, centre)
        return np.where(self._unused[:, None], np.nan, uvw), path


@jax.jit
def _calibrated(
    data: jax.Array, weights: jax.Array, factor: jax.Array, share: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Stokes I and its weight, (time, baseline, channel), of polarisations (..., polarisation)."""
    weights = weights * share
    total = jnp.sum(weights, -1)
    flux = jnp.sum(jnp.where(weights > 0, data * factor, 0) * weights, -1)
    return flux / jnp.where(total > 0, total, 1), total / data.shape[-1]
