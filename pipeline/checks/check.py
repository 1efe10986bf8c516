"""A recording against a catalog of continuum sources, and its noise against the radiometer."""

from __future__ import annotations

import importlib.metadata
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.block import Reader
from pipeline.catalog import Catalog
from pipeline.checks.figures import flux_figure, offset_figure
from pipeline.checks.mean import MeanImage, mean_image
from pipeline.checks.sources import astrometry, beam_arcsec, flux_scale, measure
from pipeline.errors import InputError, NoDataError
from pipeline.imaging.imager import ImagedReader
from pipeline.report.style import to_png
from pipeline.sinks.atomic import write_bytes
from pipeline.sinks.files import write_summary, write_table
from pipeline.stages import Tell
from surveys.instruments.radiometer import visibility_noise_jy

TABLE_NAME, SUMMARY_NAME = "sources.ecsv", "summary.json"
_SIGMA = 6.0


@dataclass(frozen=True)
class CheckSettings:
    """How a recording is checked.

    Attributes
    ----------
    radius : float
        How far off sources are looked for, in beams.
    min_snr : float
        From which a source is detected.
    sefd_jy : float, optional
        Of an antenna and polarisation; the noise is then compared with what it predicts.
    """

    radius: float = 2.0
    min_snr: float = 7.0
    sefd_jy: float | None = None


def check(
    reader: Reader,
    catalog: Catalog,
    out: Path,
    settings: CheckSettings | None = None,
    progress: Tell | None = None,
) -> dict[str, Any]:
    """Measure known sources in the mean image of a recording.

    Writes ``sources.ecsv``, ``summary.json``, ``flux.png`` and ``offsets.png``.

    Parameters
    ----------
    reader : Reader
    catalog : Catalog
    out : Path
    settings : CheckSettings, optional
    progress : callable, optional

    Returns
    -------
    dict
        Summary.

    Raises
    ------
    InputError
        If the catalog is of another field, or no noise can be predicted.
    NoDataError
        If nothing has weight, or no source is detected.
    """
    header, settings = reader.header, settings or CheckSettings()
    min_snr, sefd_jy = settings.min_snr, settings.sefd_jy
    if sefd_jy is not None:
        _check_predictable(reader, sefd_jy)
    mean = mean_image(reader, progress)
    table = measure(mean, header, catalog, settings.radius, min_snr)
    write_table(out / TABLE_NAME, table)
    detected = table[table["detected"]]
    if not len(detected):
        problem = f"none of {len(table)} sources of the catalog is above S/N {min_snr:g}"
        remedy = "check the calibration, give brighter ones, or a larger --radius"
        raise NoDataError(header.source, "sources", problem, remedy)
    scale, places = flux_scale(detected), astrometry(detected)
    beam = beam_arcsec(header)
    summary = {
        "source": header.source,
        "notes": list(header.notes),
        "bunit": header.bunit,
        "n_catalog": len(catalog),
        "n_inside": len(table),
        "n_detected": len(detected),
        "flux_ratio": scale.ratio,
        "flux_ratio_error": scale.error,
        "flux_chi2": scale.chi2,
        **asdict(places),
        "beam_arcsec": beam,
        "median_beams": [v / beam for v in places.median_arcsec],
        "scatter_beams": [v / beam for v in places.scatter_arcsec],
        **_noise(reader, mean, sefd_jy),
        "versions": {"slowburst": importlib.metadata.version("slowburst")},
    }
    write_summary(out / SUMMARY_NAME, summary)
    write_bytes(out / "flux.png", to_png(flux_figure(table, scale, header.bunit)))
    write_bytes(out / "offsets.png", to_png(offset_figure(detected, places, beam)))
    return summary


def _check_predictable(reader: Reader, sefd_jy: float) -> None:
    if not 0 < sefd_jy < 1e9:
        raise InputError("command line", "--sefd", f"is {sefd_jy:g}", "give Jy, above 0")
    if not isinstance(reader, ImagedReader):
        remedy = "give visibilities, or leave it out"
        problem = f"{reader.header.source} does not say which baselines it was made of"
        raise InputError("command line", "--sefd", problem, remedy)


def _noise(reader: Reader, mean: MeanImage, sefd_jy: float | None) -> dict[str, Any]:
    """Noise of a sample, and the pulse of one sample that stands 6 sigma out of it."""
    header = reader.header
    facts: dict[str, Any] = {
        "noise": mean.sample_noise,
        "flux_6_sigma": _SIGMA * mean.sample_noise,
        "fluence_6_sigma": _SIGMA * mean.sample_noise * header.tsamp_s * 1e3,
    }
    if sefd_jy is not None and isinstance(reader, ImagedReader):
        predicted = predicted_noise_jy(reader, mean.share, sefd_jy)
        facts |= {
            "sefd_jy": sefd_jy,
            "noise_predicted": predicted,
            "flux_6_sigma_predicted": _SIGMA * predicted,
            "fluence_6_sigma_predicted": _SIGMA * predicted * header.tsamp_s * 1e3,
            "noise_over_predicted": mean.sample_noise / predicted,
        }
    return facts


def predicted_noise_jy(reader: ImagedReader, share: Any, sefd_jy: float) -> float:
    """Noise of a pixel of one sample, all channels together, by the radiometer equation.

    Antennas are equal, and weights are those of the imaging.

    Parameters
    ----------
    reader : ImagedReader
    share : (channel,) float
        Weights of the channels of the images.
    sefd_jy : float
        Of an antenna and polarisation.
    """
    recorded = reader.recorded
    n_hands = max(len(recorded.polarisations), 2 if recorded.polarisations == ("I",) else 1)
    one = visibility_noise_jy(sefd_jy, recorded.channel_width_mhz, recorded.tsamp_s)
    weight, number = np.asarray(share, float), n_hands * reader.n_independent
    used = weight > 0
    variance = np.sum(weight[used] / number[used]) / np.sum(weight) ** 2
    return one * float(np.sqrt(variance))
