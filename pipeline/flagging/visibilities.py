"""What is looked for in a recording of visibilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.flagging.kurtosis import SpectralKurtosis
from pipeline.flagging.points import FieldImage, PointsOfField
from pipeline.flagging.power import (
    AntennaFlagger,
    ChannelFlagger,
    PowerFlagger,
    VisFlagger,
    VisFrame,
)
from pipeline.flagging.statistics import medians
from pipeline.flagging.sum_threshold import SumThreshold
from pipeline.flagging.tally import Tally
from pipeline.imaging.settings import ImagingSettings
from pipeline.visibilities.block import VisReader
from pipeline.visibilities.flags import FrameFlagging

_N_PLACES, _N_SAMPLES = 16, 4


def frame_flagging(vis: VisReader, settings: ImagingSettings) -> FrameFlagging:
    """The flaggers that settings ask for.

    Parameters
    ----------
    vis : VisReader
        Without what is known to be bad.
    settings : ImagingSettings
    """
    flags, flaggers = settings.flags, list[VisFlagger]()
    if flags.channel_excess:
        flaggers.append(ChannelFlagger(flags.channel_excess, usual_power(vis)))
    if flags.sum_threshold or flags.spectral_kurtosis:
        kurtosis = SpectralKurtosis(flags.spectral_kurtosis) if flags.spectral_kurtosis else None
        # A threshold beyond all numbers leaves the kurtosis alone.
        threshold = SumThreshold(flags.sum_threshold or np.inf)
        points = PointsOfField(lambda: _field_image(vis, settings))
        flaggers.append(PowerFlagger(threshold, kurtosis, points))
    if flags.antenna_ratio:
        # Of what is left: interference does not reach all antennas alike.
        flaggers.append(AntennaFlagger(flags.antenna_ratio))
    return FrameFlagging(tuple(flaggers), Tally(vis.header.freq_mhz, vis.header.baselines))


def usual_power(vis: VisReader) -> NDArray[np.floating]:
    """Power of every channel in units of that of all, (channel,), the median of 16 stretches.

    NaN where nothing was recorded.
    """
    header = vis.header
    last = max(header.n_samples - _N_SAMPLES, 0)
    spectra = []
    for start in np.unique(np.linspace(0, last, _N_PLACES).astype(int)).tolist():
        frame = VisFrame(header, vis.read(start, start + _N_SAMPLES))
        n = frame.n_good.sum(axis=0)
        if n.any():
            power = frame.power.sum(axis=(0, 1), dtype=float)
            spectrum = np.where(n > 0, power / np.maximum(n, 1), np.nan)
            spectra.append(spectrum / max(float(medians(spectrum)), 1e-300))
    if not spectra:
        return np.full(len(header.freq_mhz), np.nan)
    return medians(np.array(spectra))


def _field_image(vis: VisReader, settings: ImagingSettings) -> FieldImage | None:
    """What images of the field are made with; None where none can be made."""
    from pipeline.imaging.imager import ImagedReader

    try:
        return ImagedReader(vis, settings).field_image(vis)
    except InputError:
        # The images of the search fail for the same reason, and say so.
        return None
