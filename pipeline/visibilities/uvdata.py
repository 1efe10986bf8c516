"""UVH5, UVFITS and Measurement Sets, read through pyuvdata."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.imaging.geometry import (
    antenna_uvw,
    place_on_sky,
    sky_axes,
    terrestrial_axes,
    zenith,
)
from pipeline.readers.base import LARGEST_SAMPLE, check_channels, check_tsamp
from pipeline.visibilities.block import HandsBlock, VisBlock, VisHeader

_STOKES_I = 1
_PARALLEL = ((-5, -6), (-1, -2))
"""Polarisations whose mean is Stokes I: XX and YY, RR and LL."""
_NAMES = {_STOKES_I: "I", -5: "XX", -6: "YY", -1: "RR", -2: "LL"}

_MOST_COUNTS = 1e9
_MOST_SAMPLES_A_TIME = 1_000_000
_REGULAR = "average or cut the recording to equal intervals"


class UvdataReader:
    """Reads one file by slices of time; a Measurement Set is held in memory.

    Times are put on a regular grid, what lies between them has weight 0. Parallel hands
    are averaged with their weights. Autocorrelations are left out.

    Parameters
    ----------
    path : path

    Raises
    ------
    InputError
        The file cannot be read, or is no single field that can be imaged.
    """

    def __init__(self, path: str | Path) -> None:
        self._where = str(path)
        # A Measurement Set has no header apart.
        self._whole = Path(path).is_dir()
        self._meta: Any
        meta = self._load(read_data=self._whole)
        self._meta = meta
        self._times = np.unique(meta.time_array)
        tsamp_s, self._sample = _grid(self._times, meta, self._where)
        polarisations = np.asarray(meta.polarization_array)
        self._hands = _hands(polarisations, self._where)
        self._order = np.argsort(meta.freq_array)
        freq_mhz = np.asarray(meta.freq_array)[self._order] / 1e6
        check_channels(freq_mhz, self._where, "frequencies")
        self._site: EarthLocation = meta.telescope.location
        self._antennas = np.asarray(meta.telescope.antenna_positions)
        baselines = self._pairs(meta)[0]
        self._baselines = np.unique(baselines[baselines[:, 0] != baselines[:, 1]], axis=0)
        if not len(self._baselines):
            raise InputError(self._where, "baselines", "there are none", "give cross-correlations")
        # Of all rows at once: a slice of times would look through them again.
        self._recorded = self._places(meta)
        place = {int(number): i for i, number in enumerate(meta.telescope.antenna_numbers)}
        self._ends = np.array([[place[int(a)] for a in pair] for pair in self._baselines]).T
        start = Time(self._times[0], format="jd", scale="utc")
        n_samples = int(self._sample[-1]) + 1
        self._phased = _phase_centre(meta, self._where)
        middle = start + 0.5 * (n_samples - 1) * tsamp_s * units.s
        self.header = VisHeader(
            source=self._where,
            freq_mhz=freq_mhz,
            channel_width_mhz=float(np.median(np.abs(meta.channel_width))) / 1e6,
            tsamp_s=tsamp_s,
            start=start,
            n_samples=n_samples,
            baselines=self._baselines,
            centre=self._phased or place_on_sky(middle, zenith(self._site), self._site),
            unit="Jy" if meta.vis_units == "Jy" else "",
            dish_m=_diameter(meta.telescope),
            site=self._site,
            polarisations=tuple(_NAMES[int(p)] for p in polarisations[self._hands]),
            tracked=self._phased is not None,
        )

    def read(self, start: int, stop: int) -> VisBlock:
        """Samples ``start`` to ``stop`` (exclusive), clipped to the recording."""
        hands = self.read_hands(start, stop)
        total = hands.weights.sum(axis=-1)
        flux = (np.where(hands.weights > 0, hands.data, 0) * hands.weights).sum(axis=-1)
        mean = flux / np.where(total > 0, total, 1)
        return VisBlock(hands.start, mean, total / np.float32(len(self._hands)))

    def read_hands(self, start: int, stop: int) -> HandsBlock:
        """As :meth:`read`, the parallel hands apart."""
        start, stop = self.header.clipped(start, stop)
        shape = (stop - start, len(self._baselines), len(self._order), len(self._hands))
        data, weights = np.zeros(shape, np.complex64), np.zeros(shape, np.float32)
        times = self._times[(self._sample >= start) & (self._sample < stop)]
        if len(times):
            part = self._part(times)
            cross, t, b, swapped = self._places(part)
            flux, weight = self._parallel(part, cross)
            data[t - start, b] = np.where(swapped[:, None, None], flux.conj(), flux)
            weights[t - start, b] = weight
        return HandsBlock(start, data, weights)

    def uvw(
        self, start: int, stop: int, centre: SkyCoord
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Baselines as seen from a direction, and the path not yet taken out of the data.

        A phased file's own baselines are believed, as its delays were tracked with them;
        a baseline that was not recorded at a time is NaN. pyuvdata's baselines go from the
        first antenna to the second, and its phases are ``+2 pi (u l + v m)`` of them.
        """
        start, stop = self.header.clipped(start, stop)
        if self._phased is None:
            times = self.header.times(start, stop)
            antennas = antenna_uvw(self._antennas, times, centre, self._site)
            first, second = self._ends
            uvw = antennas[:, first] - antennas[:, second]
            return uvw, uvw[..., 2]
        own = np.full((stop - start, len(self._baselines), 3), np.nan)
        rows, t, b, swapped = self._recorded
        here = (t >= start) & (t < stop)
        sign = np.where(swapped[here], 1, -1)[:, None]
        own[t[here] - start, b[here]] = sign * self._meta.uvw_array[rows[here]]
        uvw = own @ (sky_axes(self._phased) @ sky_axes(centre).T)
        return uvw, uvw[..., 2] - own[..., 2]

    def pointing(self, start: int, stop: int, centre: SkyCoord) -> NDArray[np.float64]:
        """Where the dishes look, (time, 3): the phase centre, or the zenith without one."""
        times = self.header.times(*self.header.clipped(start, stop))
        if self._phased is None:
            return terrestrial_axes(times, centre, self._site) @ zenith(self._site)
        towards = sky_axes(centre) @ sky_axes(self._phased)[2]
        return np.tile(towards, (len(times), 1))

    def close(self) -> None:
        self._meta = None

    def _load(self, **options: Any) -> Any:
        try:
            from pyuvdata import UVData
        except ImportError as error:
            remedy = "pip install pyuvdata python-casacore"
            raise InputError(self._where, "format", "needs pyuvdata", remedy) from error
        try:
            with warnings.catch_warnings():
                # What it mends is no news; what it cannot is an error.
                warnings.simplefilter("ignore")
                return UVData.from_file(self._where, **options)
        except Exception as error:
            problem = f"cannot be read ({error})"
            raise InputError(self._where, "file", problem, "copy the file again") from error

    def _part(self, times: NDArray[np.float64]) -> Any:
        if self._whole:
            return self._meta.select(times=times, inplace=False, run_check=False)
        return self._load(times=times, run_check=False)

    def _pairs(self, part: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Antennas of every row, the first before the second, and which rows are turned round."""
        pairs = np.stack([part.ant_1_array, part.ant_2_array], axis=1)
        return np.sort(pairs, axis=1), pairs[:, 0] > pairs[:, 1]

    def _places(self, part: Any) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        """Rows that are cross-correlations, their sample, baseline, and which to conjugate."""
        pairs, swapped = self._pairs(part)
        rows = np.flatnonzero(pairs[:, 0] != pairs[:, 1])
        scale = int(self._baselines.max()) + 1
        b = np.searchsorted(self._baselines @ [scale, 1], pairs[rows] @ [scale, 1])
        t = self._sample[np.searchsorted(self._times, part.time_array[rows])]
        return rows, t, b, swapped[rows]

    def _parallel(self, part: Any, rows: NDArray) -> tuple[NDArray, NDArray]:
        """Hands and their weights, (row, channel, polarisation), channels in ascending order."""
        axes = np.ix_(rows, self._order, self._hands)
        data = part.data_array[axes]
        # A comparison with NaN is false.
        good = ~part.flag_array[axes] & (np.abs(data) <= LARGEST_SAMPLE)
        counts = part.nsample_array[axes]
        # Some writers fill in no counts, or rubbish.
        counts = np.where((counts > 0) & (counts < _MOST_COUNTS), counts, 0)
        weights = np.where(good, counts if counts.any() else np.float32(1), 0)
        return data, weights


def _grid(times: NDArray[np.float64], meta: Any, where: str) -> tuple[float, NDArray[np.int64]]:
    """Sampling interval in seconds, and the sample that each time falls in."""
    seconds = (times - times[0]) * 86400
    if len(times) == 1:
        tsamp_s = float(np.median(meta.integration_time))
    else:
        # Of neighbours without a gap between them.
        step = np.diff(seconds)
        tsamp_s = float(np.median(step[step < 1.5 * step.min()]))
    check_tsamp(tsamp_s, where, "times")
    sample = np.rint(seconds / tsamp_s).astype(np.int64)
    if sample[-1] > _MOST_SAMPLES_A_TIME * len(times):
        problem = f"{len(times)} times over {seconds[-1]:.3g} s are {tsamp_s:.3g} s apart"
        raise InputError(where, "times", problem, _REGULAR)
    n_shared = len(times) - len(np.unique(sample))
    if n_shared:
        problem = f"{n_shared} of {len(times)} are closer than half of {tsamp_s:.3g} s"
        raise InputError(where, "times", problem, _REGULAR)
    return tsamp_s, sample


def _hands(polarisations: NDArray[np.int64], where: str) -> NDArray[np.int64]:
    """Places of the polarisations that make Stokes I."""
    for wanted in ((_STOKES_I,), *_PARALLEL):
        found = np.flatnonzero(np.isin(polarisations, wanted))
        if len(found):
            return found
    problem = f"AIPS numbers {', '.join(map(str, polarisations))} hold no parallel hand"
    raise InputError(where, "polarisations", problem, "give I, XX and YY, or RR and LL")


def _phase_centre(meta: Any, where: str) -> SkyCoord | None:
    """The phase centre of all data; None if they have none."""
    used = np.unique(meta.phase_center_id_array)
    centres = [meta.phase_center_catalog[int(i)] for i in used]
    if len(centres) > 1:
        names = ", ".join(c["cat_name"] for c in centres)
        raise InputError(where, "phase centre", f"there are several: {names}", "split the file")
    (centre,) = centres
    if centre["cat_type"] == "unprojected":
        return None
    frame = centre.get("cat_frame")
    if centre["cat_type"] != "sidereal" or frame not in ("icrs", "fk5"):
        problem = f"{centre['cat_name']} is {centre['cat_type']} in {frame}"
        raise InputError(where, "phase centre", problem, "phase the data to ICRS coordinates")
    # FK5 (J2000) is ICRS but for 0.03 arcsec.
    return SkyCoord(float(centre["cat_lon"]), float(centre["cat_lat"]), unit="rad")


def _diameter(telescope: Any) -> float:
    """Of the antennas, in metres; 0 when it is not known, or not the same for all."""
    given = telescope.antenna_diameters
    known = np.unique(0.0 if given is None else given)
    return float(known[0]) if len(known) == 1 and 0 < known[0] < 1000 else 0.0
