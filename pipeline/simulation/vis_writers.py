"""Writes simulated visibilities, sample by sample."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from astropy.time import TimeDelta
from numpy.typing import NDArray

from pipeline.simulation.visibilities import VisScene
from pipeline.sinks.atomic import naming, part_of
from pipeline.visibilities.nsfrb_file import FileHeader
from pipeline.visibilities.nsfrb_name import parse_name


class NsfrbWriter:
    """Streams samples into a file for each sub-band, named when all are whole.

    Parameters
    ----------
    paths : sequence of Path
        Of one number; their names tell the sub-bands.
    scene : VisScene
    start : int
        First sample.
    """

    def __init__(self, paths: Sequence[Path], scene: VisScene, start: int) -> None:
        edge = scene.header.time_of(start) - TimeDelta(scene.header.tsamp_s / 2, format="sec")
        self._n_channels = scene.config.array.channels
        self._files: list[tuple[int, Path, Path, Any]] = []
        for path in paths:
            named = parse_name(path)
            assert named is not None
            subband, temporary = named[0], part_of(path)
            try:
                file = temporary.open("wb")
                self._files.append((subband, path, temporary, file))
                file.write(FileHeader(float(edge.utc.mjd), subband, scene.dec_deg).to_bytes())
            except OSError as error:
                self.abort()
                raise naming(path, error) from error

    def append(self, data: NDArray[np.complex64]) -> None:
        """Add samples (time, baseline, channel, polarisation)."""
        n = self._n_channels
        for subband, path, _, file in self._files:
            part = data[:, :, subband * n : (subband + 1) * n]
            try:
                file.write(np.ascontiguousarray(part, "<c8").data)
            except OSError as error:
                raise naming(path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        if kind is not None:
            self.abort()
            return
        for _, path, temporary, file in self._files:
            try:
                file.close()
                os.replace(temporary, path)
            except OSError as error:
                self.abort()
                raise naming(path, error) from error

    def abort(self) -> None:
        """Drop what was written."""
        for _, _, temporary, file in self._files:
            # A full disk fails the last flush too; the file is removed all the same.
            with contextlib.suppress(OSError):
                file.close()
            temporary.unlink(missing_ok=True)


class Uvh5Writer:
    """Streams samples into a UVH5 file of a tracked field, named when it is whole.

    Parameters
    ----------
    path : Path
    scene : VisScene
    start, stop : int
        Samples that will come.
    """

    def __init__(self, path: Path, scene: VisScene, start: int, stop: int) -> None:
        self.path, self._done = path, 0
        self._temporary = part_of(path)
        self._data = _new_uvdata(scene, start, stop)
        self._n_baselines = len(scene.observation.pairs)
        # Not recorded, or NaN.
        self._good = scene.good(start, stop)
        try:
            with _quiet():
                self._data.initialize_uvh5_file(
                    str(self._temporary), clobber=True, data_write_dtype="c8"
                )
        except OSError as error:
            raise naming(path, error) from error

    def append(self, data: NDArray[np.complex64]) -> None:
        """Add samples (time, baseline, channel, polarisation)."""
        n = len(data) * self._n_baselines
        rows = np.arange(self._done, self._done + n)
        first = self._done // self._n_baselines
        good = self._good[first : first + len(data)]
        flags = np.broadcast_to(~good[:, None, :, None], data.shape).reshape(n, *data.shape[2:])
        vis = np.nan_to_num(data.reshape(flags.shape))
        counts = np.ones(flags.shape, np.float32)
        try:
            with _quiet():
                self._data.write_uvh5_part(
                    str(self._temporary),
                    data_array=vis,
                    flag_array=flags,
                    nsample_array=counts,
                    blt_inds=rows,
                    check_header=False,
                    run_check_acceptability=False,
                )
        except OSError as error:
            raise naming(self.path, error) from error
        self._done += n

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        try:
            if kind is None:
                os.replace(self._temporary, self.path)
        except OSError as error:
            raise naming(self.path, error) from error
        finally:
            self._temporary.unlink(missing_ok=True)


def _new_uvdata(scene: VisScene, start: int, stop: int) -> Any:
    from pyuvdata import Telescope, UVData

    header, observation = scene.header, scene.observation
    order = np.asarray(observation.antenna_order)
    with _quiet():
        telescope = Telescope.new(
            name="DSA-110",
            location=scene.site,
            antenna_positions=scene.antennas,
            antenna_names=[str(a) for a in order],
            antenna_numbers=order,
            antenna_diameters=np.full(len(order), observation.dish_m),
            instrument="DSA-110",
            feeds=["x", "y"],
            x_orientation="east",
            mount_type="alt-az",
        )
        data = UVData.new(
            freq_array=header.freq_mhz * 1e6,
            polarization_array=[-5, -6],
            times=header.time_of(0).utc.jd + np.arange(start, stop) * header.tsamp_s / 86400,
            telescope=telescope,
            # A baseline of pyuvdata goes from the first to the second, with the other sign.
            antpairs=[(int(order[i]), int(order[j])) for i, j in observation.pairs],
            integration_time=header.tsamp_s,
            channel_width=scene.width_mhz * 1e6,
            phase_center_catalog={
                0: {
                    "cat_name": "field",
                    "cat_type": "sidereal",
                    "cat_lon": scene.centre.ra.rad,
                    "cat_lat": scene.centre.dec.rad,
                    "cat_frame": "icrs",
                    "cat_epoch": 2000.0,
                }
            },
            vis_units="Jy",
            time_axis_faster_than_bls=False,
            do_blt_outer=True,
        )
        data.set_uvws_from_antenna_positions()
    return data


def _quiet() -> Any:
    # What pyuvdata mends is no news here.
    return warnings.catch_warnings(action="ignore")
