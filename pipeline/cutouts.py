"""Cut a candidate out of its recording: everything a picture of it needs.

One pass over the samples around the pulses, in pieces, fills for each a decimated dynamic
spectrum of the pixel and the sums for the image; all other products come from those
two. Signal-to-noise ratios here are measured inside the cut-out, with inverse-variance
weights of its own; the official one is that of the detection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.block import Reader, StreamHeader
from pipeline.candidates import Detection
from pipeline.cleaning import cleaned_image
from pipeline.cutout_sums import Boxes, Series, Sums, Window, delays_s, shifted_boxes, whiten
from pipeline.positions import refine_position
from pipeline.top_hat import TopHat, fit_top_hat


@dataclass(frozen=True)
class CutoutSettings:
    """Sizes of the cut-out.

    Attributes
    ----------
    half_size_px : int
        The image reaches this far from the pixel.
    bins_per_width : int
        Wide pulses are decimated until they have about this many bins.
    budget_bytes : float
        Most images to read for one cut-out; the pulse itself is always read.
    piece_bytes : float
        Most data in memory at a time.
    n_dm : int
        Rows of the DM-time plane.
    display_channels, display_bins : int
        Largest size of the dynamic spectra.
    fit : bool
        Fit a top-hat, which takes half of the time; its fields are NaN without.
    """

    half_size_px: int = 16
    bins_per_width: int = 64
    budget_bytes: float = 4e9
    piece_bytes: float = 32e6
    n_dm: int = 65
    display_channels: int = 64
    display_bins: int = 256
    fit: bool = True


@dataclass(frozen=True)
class Cutout:
    """Arrays about one candidate.

    Times are seconds from the pulse centre at the highest channel centre; S/N is NaN
    where nothing was recorded.

    Attributes
    ----------
    detection : Detection
        The best detection.
    image : (y, x) float32
        Mean over the dispersed boxcar less the mean beside it, data units.
    cleaned : (y, x) float32
        The same with interference weighted down, see :func:`pipeline.cleaning.cleaned_image`,
        in its standard deviations.
    image_origin : (x, y)
        Pixel of the recording at ``image[0, 0]``.
    peak_px : (x, y)
        Position from a quadratic through the 3 x 3 pixels at the peak, recording pixels.
    light_curve_time_s, light_curve : (time,) float
        Dedispersed flux at the best DM, data units, baseline removed.
    dm_axis : (dm,), dm_time_s : (time,), dm_time_snr : (dm, time)
        S/N of the best width at neighbouring DMs; the time is that of the boxcar centre.
    ladder_width_s, ladder_snr : (width,)
        Best S/N near the pulse of every boxcar.
    spectrum_freq_mhz : (channel,)
        Centres of the displayed channels, rising.
    dispersed_time_s, dispersed : (time,), (channel, time)
        Dynamic spectrum as recorded, in units of the noise of a displayed bin.
    dedispersed_time_s, dedispersed : (time,), (channel, time)
        The same with the dispersion removed.
    pulse_spectrum, pulse_spectrum_error : (channel,)
        Mean over the boxcar per displayed channel, data units.
    top_hat : TopHat
        What fits the pulse best.
    """

    detection: Detection
    image: NDArray[np.float32]
    cleaned: NDArray[np.float32]
    image_origin: tuple[int, int]
    peak_px: tuple[float, float]
    light_curve_time_s: NDArray[np.floating]
    light_curve: NDArray[np.float32]
    dm_axis: NDArray[np.floating]
    dm_time_s: NDArray[np.floating]
    dm_time_snr: NDArray[np.float32]
    ladder_width_s: NDArray[np.floating]
    ladder_snr: NDArray[np.float32]
    spectrum_freq_mhz: NDArray[np.floating]
    dispersed_time_s: NDArray[np.floating]
    dispersed: NDArray[np.float32]
    dedispersed_time_s: NDArray[np.floating]
    dedispersed: NDArray[np.float32]
    pulse_spectrum: NDArray[np.float32]
    pulse_spectrum_error: NDArray[np.float32]
    top_hat: TopHat


def make_cutout(
    reader: Reader,
    detection: Detection,
    dm_grid: NDArray[np.float64],
    widths: NDArray[np.int64],
    settings: CutoutSettings | None = None,
) -> Cutout:
    """Read the neighbourhood of a detection and reduce it to arrays for display.

    Parameters
    ----------
    reader : pipeline.block.Reader
        The recording.
    detection : Detection
        The best detection of a candidate.
    dm_grid : (dm,) float
        DM trials of the search, for the extent of the DM-time plane.
    widths : (width,) int
        Boxcar ladder of the search, samples.
    settings : CutoutSettings, optional
        Sizes.

    Returns
    -------
    Cutout
        Finite wherever there is data, also next to flags, gaps and the ends of the
        recording.
    """
    return make_cutouts(reader, {0: detection}, dm_grid, widths, settings)[0]


def make_cutouts(
    reader: Reader,
    detections: Mapping[int, Detection],
    dm_grid: NDArray[np.float64],
    widths: NDArray[np.int64],
    settings: CutoutSettings | None = None,
    seen: StreamHeader | None = None,
) -> dict[int, Cutout]:
    """Cut-outs of many detections, by their keys; as :func:`make_cutout` of each.

    Images that would be read whole for each are read once for all. `seen` has the PSF of these
    images where that of the recording is another, as behind a matched filter.
    """
    settings = settings or CutoutSettings()
    header, grid = reader.header, np.asarray(dm_grid, float)
    dms = {k: _dm_axis(d, header, grid, settings.n_dm) for k, d in detections.items()}
    sums = {}
    for key, detection in detections.items():
        window = _window(detection, header, float(dms[key].max()), settings)
        sums[key] = Sums(detection, header, window, settings.half_size_px)
    if reader.reads_whole:
        _read_once(reader, list(sums.values()), settings)
    else:
        for one in sums.values():
            _read_near(reader.cropped(one.rows, one.columns), one, settings)
    seen = seen or header
    return {
        key: _assemble(one, whiten(one, one.detection, header), dms[key], widths, settings, seen)
        for key, one in sums.items()
    }


def _piece(header: StreamHeader, settings: CutoutSettings) -> int:
    """Samples that are read at a time."""
    return max(1, int(settings.piece_bytes / (4 * header.n_channels * np.prod(header.shape))))


def _read_near(near: Reader, sums: Sums, settings: CutoutSettings) -> None:
    """Fill the sums from the pixels around a detection."""
    step = _piece(near.header, settings)
    for first in range(sums.window.start, sums.window.stop, step):
        block = near.read(first, min(sums.window.stop, first + step))
        sums.add(block.start, block.data, block.weights)


def _read_once(reader: Reader, sums: Sequence[Sums], settings: CutoutSettings) -> None:
    """Fill the sums of all detections from whole images, each piece of which is read once."""
    step, n = _piece(reader.header, settings), reader.header.n_samples
    wanted = np.zeros(-(-n // step), bool)
    for one in sums:
        wanted[one.window.start // step : -(-one.window.stop // step)] = True
    for first in (np.flatnonzero(wanted) * step).tolist():
        block = reader.read(first, first + step)
        for one in sums:
            low = max(first, one.window.start)
            high = min(first + block.n_samples, one.window.stop)
            if low < high:
                here = slice(low - first, high - first)
                near = block.data[here, :, one.rows, one.columns]
                one.add(low, near, block.weights[here])


def _dm_axis(
    detection: Detection, header: StreamHeader, dm_grid: NDArray[np.float64], n_dm: int
) -> NDArray[np.float64]:
    """DMs whose delay across the band is within some widths of the best, from 0 up."""
    per_dm = delays_s(header.freq_mhz, 1.0).max() / header.tsamp_s
    half = 8.0 * detection.width / per_dm if per_dm > 0 else 1.0
    top = max(float(dm_grid.max()) if len(dm_grid) else 0.0, detection.dm, 1.0)
    steps = np.diff(np.unique(dm_grid))
    if len(steps):
        half = max(half, 4.0 * float(np.median(steps)))
    low, high = max(0.0, detection.dm - half), min(top, detection.dm + half)
    if high <= low:
        low, high = 0.0, top
    below = max(1, round((n_dm - 1) * (detection.dm - low) / (high - low)))
    above = max(1, n_dm - 1 - below)
    lower = np.linspace(low, detection.dm, below + 1)
    return np.unique(np.concatenate([lower, np.linspace(detection.dm, high, above + 1)]))


def _dm_step(detection: Detection, header: StreamHeader, dms: NDArray[np.float64]) -> float:
    """DM whose delay across the band is a width, at most what the axis of DMs reaches."""
    per_dm = delays_s(header.freq_mhz, 1.0).max() / header.tsamp_s
    return min(detection.width / per_dm, float(np.ptp(dms))) if per_dm > 0 else 0.0


def _window(
    detection: Detection, header: StreamHeader, dm_high: float, settings: CutoutSettings
) -> Window:
    """Samples to read: the pulse, its sweep, and as much beside it as the budget allows."""
    ny, nx = header.shape
    budget = int(settings.budget_bytes / (4 * header.n_channels * ny * nx))
    width = detection.width
    sweep = int(np.ceil(delays_s(header.freq_mhz, dm_high).max() / header.tsamp_s))
    spare = (budget - width - sweep) // 2
    pad = min(max(6 * width, 96), max(spare, width, 16))
    decimation = max(1, width // settings.bins_per_width)
    # The window starts a whole number of bins before the pulse: the boxcar is bins.
    before = -(-pad // decimation) * decimation
    start = detection.start - before
    if start < 0:
        start = detection.start % decimation
    stop = min(header.n_samples, detection.start + width + sweep + pad)
    return Window(start, max(stop, start + 1), decimation)


def _assemble(
    sums: Sums,
    series: Series,
    dms: NDArray[np.float64],
    widths: NDArray[np.int64],
    settings: CutoutSettings,
    seen: StreamHeader,
) -> Cutout:
    """All products from the sums of one pass."""
    detection, header, window = sums.detection, sums.header, sums.window
    boxes = Boxes(series, header)
    n_box = max(1, round(detection.width / window.decimation))
    at = round((detection.start - window.start) / window.decimation)
    zero_s = (window.start - detection.centre) * header.tsamp_s
    sweep = int(boxes.shift(detection.dm).max())
    n_curve = max(1, window.n_bins - sweep)
    first = np.arange(n_curve)
    curve, _ = boxes.mean_snr(detection.dm, first, 1)
    half_bin = (window.decimation - 1) / 2 * header.tsamp_s
    near = np.arange(max(0, at - 8 * n_box), min(n_curve, at + 8 * n_box) + 1)
    near = near[:: max(1, len(near) // 256)]
    plane = np.stack([boxes.mean_snr(dm, near, n_box)[1] for dm in dms])
    ladder = _ladder(boxes, detection, window, at, np.asarray(widths))
    image = _image(sums, series)
    origin = sums.columns.start, sums.rows.start
    peak = refine_position(image, origin, detection)
    spectra = _spectra(sums, series, boxes, at, n_box, settings)
    return Cutout(
        detection=detection,
        image=image,
        cleaned=cleaned_image(sums, seen, peak),
        image_origin=origin,
        peak_px=peak,
        light_curve_time_s=zero_s + first * boxes.bin_s + half_bin,
        light_curve=curve.astype(np.float32),
        dm_axis=dms,
        dm_time_s=zero_s + near * boxes.bin_s + (n_box * boxes.bin_s - header.tsamp_s) / 2,
        dm_time_snr=plane.astype(np.float32),
        ladder_width_s=ladder[0],
        ladder_snr=ladder[1].astype(np.float32),
        top_hat=(
            fit_top_hat(series, detection, header, _dm_step(detection, header, dms))
            if settings.fit
            else TopHat(*[float("nan")] * len(TopHat._fields))
        ),
        **spectra,
    )


def _ladder(
    boxes: Boxes,
    detection: Detection,
    window: Window,
    at: int,
    widths: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Best S/N of every width among the boxcars that overlap the pulse."""
    n_box = max(1, round(detection.width / window.decimation))
    usable = window.n_bins - int(boxes.shift(detection.dm).max())
    bins = np.unique(np.round(np.asarray(widths, float) / window.decimation).astype(int))
    bins = bins[(bins >= 1) & (bins <= max(1, usable // 2))]
    best = []
    for n in bins.tolist():
        first = np.arange(max(0, at - n + 1), max(1, min(usable - n, at + n_box - 1) + 1))
        snr = boxes.mean_snr(detection.dm, first, n)[1] if len(first) else np.array([np.nan])
        finite = snr[np.isfinite(snr)]
        best.append(finite.max() if len(finite) else np.nan)
    return bins * boxes.bin_s, np.array(best, float)


def _image(sums: Sums, series: Series) -> NDArray[np.float32]:
    """Pulse less baseline, channels weighted by the inverse variance of the pixel."""
    pulse, pulse_weight = sums.pulse()
    seen = (pulse_weight > 0) & (sums.off_weight > 0)
    on = pulse / np.where(seen, pulse_weight, 1.0)
    off = sums.off / np.where(seen, sums.off_weight, 1.0)
    channel = series.weight.max(axis=0)
    if not channel.any():
        channel = np.ones_like(channel)
    weight = np.where(seen, channel[:, None, None] * pulse_weight, 0.0)
    total = weight.sum(axis=0)
    image = (weight * (on - off)).sum(axis=0) / np.where(total > 0, total, 1.0)
    return np.where(total > 0, image, np.nan).astype(np.float32)


def _spectra(
    sums: Sums,
    series: Series,
    boxes: Boxes,
    at: int,
    n_box: int,
    settings: CutoutSettings,
) -> dict[str, Any]:
    """Dynamic spectra before and after dedispersion, and the spectrum of the pulse."""
    detection, header, window = sums.detection, sums.header, sums.window
    shift = boxes.shift(detection.dm)
    zero_s = (window.start - detection.centre - 0.5) * header.tsamp_s
    n_channels = header.n_channels
    order = np.argsort(header.freq_mhz, kind="stable")
    groups = np.array_split(order, min(n_channels, settings.display_channels))
    # Bins about a quarter of the pulse show it without drowning it in noise.
    coarse = max(1, n_box // 4)

    def display(lo: int, hi: int, moved: NDArray[np.int64]) -> tuple[Any, Any]:
        step = max(coarse, -(-(hi - lo) // settings.display_bins))
        first = lo + step * np.arange(max(1, (hi - lo) // step))
        rows = [
            (
                shifted_boxes(boxes.signal[:, g], first, step, moved[g]),
                shifted_boxes(boxes.weight[:, g], first, step, moved[g]),
            )
            for g in groups
        ]
        snr = np.stack(
            [np.where(w > 0, s / np.sqrt(np.where(w > 0, w, 1)), np.nan) for s, w in rows]
        )
        return zero_s + (first + step / 2) * boxes.bin_s, snr

    sweep = int(shift.max())
    margin = max(6 * n_box, 24)
    lo = max(0, at - margin)
    dedispersed = display(lo, min(window.n_bins - sweep, at + n_box + margin), shift)
    margin = max(margin, sweep // 4)
    lo = max(0, at - margin)
    dispersed = display(lo, min(window.n_bins, at + n_box + sweep + margin), 0 * shift)
    here = np.array([at])
    signal = np.array([shifted_boxes(boxes.signal[:, g], here, n_box, shift[g])[0] for g in groups])
    weight = np.array([shifted_boxes(boxes.weight[:, g], here, n_box, shift[g])[0] for g in groups])
    safe = np.where(weight > 0, weight, 1.0)
    return {
        "spectrum_freq_mhz": np.array([header.freq_mhz[g].mean() for g in groups]),
        "dispersed_time_s": dispersed[0],
        "dispersed": dispersed[1].astype(np.float32),
        "dedispersed_time_s": dedispersed[0],
        "dedispersed": dedispersed[1].astype(np.float32),
        "pulse_spectrum": np.where(weight > 0, signal / safe, np.nan).astype(np.float32),
        "pulse_spectrum_error": np.where(weight > 0, safe**-0.5, np.nan).astype(np.float32),
    }
