"""Simulated recordings with pulses and everything else in them, drawn from a family."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.table import Table
from astropy.time import Time
from astropy.utils import iers
from numpy.typing import NDArray

from cerberus.plan import SearchPlan
from pipeline.block import StreamHeader
from pipeline.classifier.arrays import Rng, draw_psf
from pipeline.classifier.families import N_SAMPLES, SIDE, Family, Seen
from pipeline.classifier.held import HeldReader
from pipeline.classifier.interference import FOOTPRINTS, add_interference
from pipeline.imaging.settings import ImagingSettings
from pipeline.injection.ideal import measured_noise
from pipeline.injection.pulses import Injection, Limits, draw_pass, pixel_of
from pipeline.injection.settings import InjectionSettings
from pipeline.readers import open_recording
from pipeline.readers.wcs import psf_fwhm_px
from pipeline.search import SearchSettings, plan_for
from pipeline.simulation.config import Array, Image, Pulse, Recording, Rfi, SimulationConfig, Source
from pipeline.simulation.noise import NoiseSource
from pipeline.simulation.pulses import sample_range
from pipeline.simulation.run import simulate
from pipeline.simulation.sky import PointSpread
from pipeline.visibilities.flags import FlagSettings
from surveys.instruments import dsa110

THRESHOLD = 5.0
"""S/N from which candidates are examples: noise peaks come as well."""

_SNR = (7.0, 45.0)
_BANDED, _FLAGGED, _FILLING = 0.3, 0.3, 0.3
_CONFUSED = 3.0
_MJD = 60500.0
_N_SEEN, _FIELD_PX = 10, 26.0


class Scene(NamedTuple):
    """A recording, and what was put into it.

    Attributes
    ----------
    reader : HeldReader
    pulses : list of Injection
    confused : list of bool
        Of each pulse: something else is at its place and time.
    """

    reader: HeldReader
    pulses: list[Injection]
    confused: list[bool]


def search_of(family: Family) -> SearchSettings:
    """How scenes of a family are searched: to a low S/N, and with nothing flagged."""
    return SearchSettings(
        threshold=THRESHOLD, dm_max=family.dm_max, max_width=family.max_width_s, max_detections=128
    )


def plan_of(family: Family) -> SearchPlan:
    """One plan for all scenes of a family, whatever their beams: programs are compiled once."""
    return plan_for(_header(family, None, 3.0), search_of(family))


def draw_scene(family: Family, plan: SearchPlan, seed: Sequence[int]) -> Scene:
    """A scene; the same seed gives the same."""
    rng = np.random.default_rng(list(seed))
    if isinstance(family, Seen):
        reader, own = _seen(family, rng)
    else:
        reader, own = _imaged(family, rng), []
    noise = measured_noise(reader)
    pulses = _pulses(reader.header, noise, plan, rng)
    points = PointSpread(_psf(reader.header), reader.header.shape)
    confused = [_add_pulse(reader, one, noise, points, rng) for one in pulses]
    return Scene(reader, [*pulses, *own], [*confused, *(False for _ in own)])


def _psf(header: StreamHeader) -> NDArray[np.float32]:
    assert header.psf is not None
    return header.psf


def _header(family: Family, psf: NDArray[np.float32] | None, fwhm_px: float) -> StreamHeader:
    return StreamHeader(
        source=family.name,
        freq_mhz=np.linspace(family.first_mhz, family.last_mhz, family.n_channels),
        tsamp_s=family.tsamp_s,
        start=Time(_MJD, format="mjd", scale="utc"),
        n_samples=N_SAMPLES,
        shape=(SIDE, SIDE),
        psf=psf,
        beam_fwhm_px=fwhm_px,
    )


def _imaged(family: Family, rng: Rng) -> HeldReader:
    """Images with noise like their PSF, and interference."""
    layout = family.layouts[int(rng.integers(len(family.layouts)))]
    n_antennas = int(rng.integers(*family.antennas))
    psf = draw_psf(rng, layout, n_antennas, rng.uniform(*family.fwhm_px), SIDE)
    header = _header(family, psf, psf_fwhm_px(psf))
    sigma = np.exp(rng.normal(0, 0.15, header.n_channels))
    source = NoiseSource(int(rng.integers(1 << 60)), sigma, header.shape, psf)
    chunks = [source.chunk(i) for i in range(-(-N_SAMPLES // source.n_chunk))]
    data = np.concatenate(chunks)[:N_SAMPLES]
    noise = sigma.astype(np.float32)
    for _ in range(int(rng.poisson(family.n_events))):
        add_interference(data, rng, family.interference, noise, (psf, header.beam_fwhm_px))
    weights = np.ones(data.shape[:2], np.float32)
    if rng.uniform() < _FLAGGED:
        bad = rng.choice(header.n_channels, int(rng.integers(1, 4)), replace=False)
        data[:, bad], weights[:, bad] = np.nan, 0
    return HeldReader(header, data, weights)


def _pulses(
    header: StreamHeader, noise: NDArray[np.float32], plan: SearchPlan, rng: Rng
) -> list[Injection]:
    limits = Limits.of(plan)
    widest = min(limits.width_s[1], N_SAMPLES * header.tsamp_s / 12)
    settings = InjectionSettings(
        n=90,
        seed=int(rng.integers(1 << 60)),
        snr=_SNR,
        width_s=(0.7 * header.tsamp_s, widest),
        spectral_index=(-4.0, 4.0),
        profile="tophat" if rng.uniform() < 0.5 else "gaussian",
        filling=_FILLING,
    )
    return draw_pass(settings, 0, header, noise, limits)


def _add_pulse(
    reader: HeldReader, one: Injection, noise: NDArray[np.float32], points: PointSpread, rng: Rng
) -> bool:
    """Put a pulse into images; some fill a part of the band, with the same S/N.

    Returns
    -------
    bool
        Whether there is something of its shape already.
    """
    header = reader.header
    low, high = max(one.span[0], 0), min(one.span[1], header.n_samples)
    banded, middle, wide = rng.uniform() < _BANDED, rng.uniform(), rng.uniform(0.25, 0.8)
    if low >= high:
        return False
    flux = one.flux(header, (low, high))
    row, column = pixel_of(one, header)
    here = noise[:, row, column]
    weight = np.where(here > 0, 1 / np.where(here > 0, here, 1) ** 2, 0)
    if banded:
        place = np.linspace(0, 1, header.n_channels)
        envelope = np.exp(-4 * np.log(2) * ((place - middle) / wide) ** 2)
        kept = np.sum((flux * envelope) ** 2 * weight) / max(np.sum(flux**2 * weight), 1e-30)
        flux = flux * envelope / np.sqrt(max(kept, 1e-3))
    before = reader.data[:, :, row, column]
    there = np.nan_to_num(before[low:high] - np.median(before, axis=0))
    snr = np.sum(there * flux * weight) / max(float(np.sqrt(np.sum(flux**2 * weight))), 1e-30)
    (rows, columns), stamp = points.stamp(one.x, one.y)
    reader.data[low:high, :, rows, columns] += flux.astype(np.float32)[:, :, None, None] * stamp
    return bool(abs(snr) > _CONFUSED)


def _seen(family: Seen, rng: Rng) -> tuple[HeldReader, list[Injection]]:
    """Images of simulated visibilities, of which nothing is flagged and no source is taken out."""
    config = _config(family, rng)
    size = ImagingSettings(
        size=SIDE, flags=FlagSettings(sum_threshold=0.0, channel_excess=0.0, antenna_ratio=0.0)
    )
    # Tables of the Earth's rotation are not asked for over the network.
    with iers.conf.set_temp("auto_download", False), tempfile.TemporaryDirectory() as folder:
        made = simulate(config, Path(folder) / "scene")
        with open_recording(made.recordings, size) as opened:
            reader = HeldReader.of(opened)
        return reader, _true_pulses(made.truth, reader.header)


def _config(family: Seen, rng: Rng) -> SimulationConfig:
    first, rest = family.stations
    stations = [a for a in dsa110.CORE if a % first == rest]
    n_antennas = int(rng.integers(*family.antennas))
    order = np.sort(rng.choice(stations, n_antennas, replace=False))
    recording = Recording(
        duration_s=N_SAMPLES * family.tsamp_s,
        tsamp_s=family.tsamp_s,
        format="nsfrb",
        mjd0=_MJD + float(rng.uniform(0, 300)),
        seed=int(rng.integers(1 << 60)),
    )
    return SimulationConfig(
        recording=recording,
        image=Image(dec_deg=float(rng.uniform(0, 70))),
        array=Array(
            antenna_order=tuple(int(a) for a in order),
            channels=1,
            gain_error=float(rng.uniform(*family.gain_error)),
            phase_error_deg=float(rng.uniform(*family.phase_error_deg)),
        ),
        sources=tuple(
            Source(flux=_log_uniform(rng, family.source_jy), x=x, y=y)
            for x, y in rng.uniform(-300, 475, (int(rng.integers(0, family.n_sources + 1)), 2))
        ),
        pulses=tuple(_pulse(family, rng) for _ in range(_N_SEEN)),
        rfi=tuple(r for _ in range(int(rng.poisson(family.n_events))) for r in _rfi(family, rng)),
    )


def _log_uniform(rng: Rng, ends: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(ends))))


def _pulse(family: Family, rng: Rng) -> Pulse:
    """A pulse that is seen with all of its sidelobes; some are bright."""
    x, y = Image.shape[1] // 2 + rng.uniform(-_FIELD_PX, _FIELD_PX, 2)
    return Pulse(
        time_s=float(rng.uniform(0, N_SAMPLES * family.tsamp_s)),
        width_s=_log_uniform(rng, (family.tsamp_s, family.max_width_s / 2)),
        dm=float(rng.uniform(0, family.dm_max)),
        snr=_log_uniform(rng, (10, 120)),
        x=float(x),
        y=float(y),
    )


def _rfi(family: Seen, rng: Rng) -> list[Rfi]:
    """A transmitter on the ground, as the rectangles of time and channels that it fills."""
    footprint = family.footprints[int(rng.integers(len(family.footprints)))]
    lit = FOOTPRINTS[footprint](rng, family.n_channels)
    away, angle = _log_uniform(rng, family.distance_m), rng.uniform(0, 2 * np.pi)
    place = float(away * np.cos(angle)), float(away * np.sin(angle)), float(rng.uniform(2, 60))
    share = lit.sum() / family.n_channels
    flux = _log_uniform(rng, family.transmitter_jy) / float(np.sqrt(share))
    start = float(rng.uniform(0, N_SAMPLES - len(lit))) * family.tsamp_s
    # One for each channel or sample, whichever are fewer: each takes time to compute.
    whole = bool((lit == lit[:, :1]).all())
    rows = lit[:, :1].T if whole else lit.T
    out = []
    for channel, row in enumerate(rows):
        ends = np.flatnonzero(np.diff(np.r_[0, row, 0]))
        for low, high in ends.reshape(-1, 2).tolist():
            time_s, long_s = start + low * family.tsamp_s, (high - low) * family.tsamp_s
            channels = () if whole else (channel,)
            out.append(Rfi(time_s, long_s, flux, channels, place_m=place))
    return out


def _true_pulses(truth: Path, header: StreamHeader) -> list[Injection]:
    """Pulses of a simulation that are in the images, in their pixels."""
    table = Table.read(truth, format="ascii.ecsv")
    assert header.wcs is not None
    found = []
    for row in table[table["kind"] == "pulse"]:
        x, y = header.wcs.celestial.all_world2pix([[row["ra"], row["dec"]]], 0)[0].tolist()
        # What lies beyond may still be found, at its edge.
        pulse = Pulse(
            time_s=float(row["time_s"]),
            width_s=float(row["width"]),
            dm=float(row["dm"]),
            fluence_jy_ms=float(row["fluence"]),
            x=x,
            y=y,
        )
        span = sample_range(pulse, header.freq_mhz, header.tsamp_s)
        found.append(Injection(pulse, span, float(row["snr_ideal"])))
    return found
