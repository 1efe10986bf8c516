"""What to simulate: the tables of a simulation's TOML file.

Conventions: ``time_s`` counts from the *centre* of sample 0; pixel positions are
0-based with integers at pixel centres; fluxes and fluences are those at the
centre of the band, F(nu) = F (nu / nu_centre)**spectral_index. The defaults are those of
DSA-110's fast imaging.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.config import ConfigProblem
from surveys.instruments import dsa110

_MOST_SAMPLES, _BRIGHTEST, _STEEPEST = 1e9, 1e12, 100.0


def _require(good: bool, name: str, problem: str, remedy: str) -> None:
    if not good:
        raise ConfigProblem(name, problem, remedy)


def _require_positive(name: str, value: float, most: float = 1e12) -> None:
    remedy = f"give a number above 0 and up to {most:g}"
    _require(0 < value <= most, name, f"is {value}", remedy)


def _require_within(name: str, value: float, most: float) -> None:
    _require(abs(value) <= most, name, f"is {value}", f"give {-most:g} to {most:g}")


def _check_place(x: float | None, y: float | None, ra: float | None, dec: float | None) -> None:
    pixel, sky = (x is None) + (y is None), (ra is None) + (dec is None)
    good = (pixel, sky) in ((0, 2), (2, 0))
    _require(good, "x", "the position is not one pair", "give x and y, or ra_deg and dec_deg")


@dataclass(frozen=True)
class Recording:
    """``[recording]``: length, sampling and format.

    Attributes
    ----------
    name : str
        Stem of the files; several pieces are numbered ``name_000``, ``name_001``.
    format : {"cube", "filterbank", "nsfrb", "uvh5"}
        Images, one pixel, or visibilities: a drift scan as DSA-110 records it, or a field
        that is tracked.
    n_bits : {8, 32}
        Of a filterbank. With 8 bits a standard deviation of noise is 16 counts
        about 96.
    seed : int
        Used when none is given on the command line.
    """

    duration_s: float = 180.0
    tsamp_s: float = 0.1342182159
    mjd0: float = 60500.0
    name: str = "recording"
    format: Literal["cube", "filterbank", "nsfrb", "uvh5"] = "cube"
    n_bits: Literal[8, 32] = 32
    seed: int = 0

    def __post_init__(self) -> None:
        _require_positive("duration_s", self.duration_s)
        _require_positive("tsamp_s", self.tsamp_s, 86400.0)
        n = self.duration_s / self.tsamp_s
        remedy = f"give up to {_MOST_SAMPLES:.0e} samples"
        _require(n <= _MOST_SAMPLES, "duration_s", f"is {n:.3g} samples", remedy)
        _require(0 <= self.mjd0 < 1e6, "mjd0", f"is {self.mjd0}", "give a UTC MJD")
        # Of NSFRB a header tells its kind by a sensible date.
        good = not self.has_visibilities or 40000 < self.mjd0 < 100000
        _require(good, "mjd0", f"is {self.mjd0}", "give a UTC MJD from 40000 to 100000")
        plain = "/" not in self.name and not self.name.startswith(".") and self.name.isprintable()
        plain = plain and 0 < len(self.name.encode()) <= 200
        _require(plain, "name", f"is {self.name!r}", "give a plain file name")
        good = 0 <= self.seed < 1 << 63
        _require(good, "seed", f"is {self.seed}", "give a seed from 0 up, below 2**63")

    @property
    def n_samples(self) -> int:
        return max(1, round(self.duration_s / self.tsamp_s))

    @property
    def has_visibilities(self) -> bool:
        return self.format in ("nsfrb", "uvh5")


@dataclass(frozen=True)
class Band:
    """``[band]``: channels at equal distances, from ``first_mhz`` to ``last_mhz`` (centres)."""

    first_mhz: float = 1492.90625
    last_mhz: float = 1317.125
    n_channels: int = 16

    def __post_init__(self) -> None:
        for name in ("first_mhz", "last_mhz"):
            good = 1 <= getattr(self, name) <= 1e6
            _require(good, name, f"is {getattr(self, name)}", "give 1 to 1e6 MHz")
        _require_positive("n_channels", self.n_channels, 1 << 16)
        distinct = self.n_channels == 1 or self.first_mhz != self.last_mhz
        _require(distinct, "last_mhz", "equals first_mhz", "give the centre of the last channel")


@dataclass(frozen=True)
class Image:
    """``[image]``: a field of ``shape`` = (ny, nx) pixels, SIN projection about its centre.

    Without ``ra_deg`` it is at 180 degrees; the field of visibilities crosses the meridian in
    the middle of the recording. Of visibilities it only says where x and y are.
    """

    shape: tuple[int, int] = (175, 175)
    pixel_arcsec: float = 10.665
    ra_deg: float | None = None
    dec_deg: float = 37.2
    bunit: str = "Jy/beam"

    def __post_init__(self) -> None:
        good = min(self.shape) > 0 and max(self.shape) <= 1 << 16
        _require(good, "shape", f"is {self.shape}", "give two sizes above 0, up to 65536")
        _require_positive("pixel_arcsec", self.pixel_arcsec, 36000.0)
        _require_within("ra_deg", self.ra_deg or 0.0, 360.0)
        good = -90 <= self.dec_deg <= 90
        _require(good, "dec_deg", f"is {self.dec_deg}", "give -90 to 90 degrees")


@dataclass(frozen=True)
class Array:
    """``[array]``: what records visibilities; the stations and the band are DSA-110's.

    Attributes
    ----------
    n_antennas : int
        Stations of the core, spread evenly over it.
    antenna_order : tuple of int
        Station numbers, instead.
    bad_antennas : tuple of int
        Their baselines hold nothing but noise.
    channels : int
        Of each of the 16 sub-bands.
    sefd_jy : float
        Noise of an antenna and polarisation.
    gain_error, phase_error_deg : float
        rms of the antennas' amplitudes and phases, the same all the time.
    fringe_samples : int
        Samples that are phased to one place, of an NSFRB recording.
    dropped_subbands : tuple of int
        Not recorded.
    """

    n_antennas: int = 32
    antenna_order: tuple[int, ...] = ()
    bad_antennas: tuple[int, ...] = ()
    channels: int = 8
    sefd_jy: float = 6000.0
    gain_error: float = 0.0
    phase_error_deg: float = 0.0
    fringe_samples: int = 25
    dropped_subbands: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.antenna_order) or self.n_antennas
        name = "antenna_order" if self.antenna_order else "n_antennas"
        most = len(dsa110.CORE)
        _require(2 <= n <= most, name, f"is {n} antennas", f"give 2 to {most}")
        _require(0 <= self.sefd_jy <= 1e12, "sefd_jy", f"is {self.sefd_jy}", "give 0 to 1e12")
        good = 0 <= self.gain_error < 1
        _require(good, "gain_error", f"is {self.gain_error}", "give 0 or more, below 1")
        _require_within("phase_error_deg", self.phase_error_deg, 180.0)
        fine = dsa110.FINE_IN_SUBBAND
        good = self.channels > 0 and fine % self.channels == 0
        _require(good, "channels", f"is {self.channels}", f"give a divisor of {fine}")
        most = dsa110.FILE_SAMPLES
        good = 1 <= self.fringe_samples <= most
        _require(good, "fringe_samples", f"is {self.fringe_samples}", f"give 1 to {most}")
        n = dsa110.N_SUBBANDS
        bad = [s for s in self.dropped_subbands if not 0 <= s < n]
        _require(not bad, "dropped_subbands", f"holds {bad}", f"give 0 to {n - 1}")
        good = len(set(self.dropped_subbands)) < n
        _require(good, "dropped_subbands", "leaves none", "name fewer")


@dataclass(frozen=True)
class Psf:
    """``[psf]``: a round Gaussian of ``fwhm_px``, or the image in ``file`` (FITS or .npy)."""

    fwhm_px: float = 3.0
    file: Path | None = None

    def __post_init__(self) -> None:
        _require_positive("fwhm_px", self.fwhm_px, 1000.0)


@dataclass(frozen=True)
class Noise:
    """``[noise]``: Gaussian noise.

    Attributes
    ----------
    sigma : float
        Standard deviation of a pixel in one channel and sample.
    channel_factors : tuple of float
        Multiplies ``sigma`` channel by channel; empty for 1 everywhere.
    correlated : bool
        Spatial correlation equal to the PSF, as in naturally weighted images,
        instead of independent pixels. The image wraps around at its edges.
    """

    sigma: float = 0.02
    channel_factors: tuple[float, ...] = ()
    correlated: bool = False

    def __post_init__(self) -> None:
        good = 0 <= self.sigma <= 1e12
        _require(good, "sigma", f"is {self.sigma}", "give 0 to 1e12")
        good = all(np.isfinite(f) and f >= 0 for f in self.channel_factors)
        _require(good, "channel_factors", "holds a negative number", "give 0 or more")


@dataclass(frozen=True)
class Source:
    """``[[sources]]``: a point source, steady or slowly varying.

    Attributes
    ----------
    flux : float
        Flux density in Jy (the peak of the image, Jy/beam).
    variation : str
        ``sinusoidal``: 1 + amplitude sin(2 pi (t / period_s + phase));
        ``linear``: 1 + amplitude t / period_s;
        ``beam_drift``: transit through a Gaussian primary beam of ``beam_fwhm_deg`` at
        the sidereal rate, highest at ``transit_s``.
    """

    flux: float
    x: float | None = None
    y: float | None = None
    ra_deg: float | None = None
    dec_deg: float | None = None
    spectral_index: float = 0.0
    variation: Literal["steady", "sinusoidal", "linear", "beam_drift"] = "steady"
    amplitude: float = 0.0
    period_s: float = 600.0
    phase: float = 0.0
    transit_s: float = 0.0
    beam_fwhm_deg: float = 3.2

    def __post_init__(self) -> None:
        _check_place(self.x, self.y, self.ra_deg, self.dec_deg)
        _require_within("flux", self.flux, _BRIGHTEST)
        _require_within("spectral_index", self.spectral_index, _STEEPEST)
        _require_positive("period_s", self.period_s)
        _require_positive("beam_fwhm_deg", self.beam_fwhm_deg)


@dataclass(frozen=True)
class Pulse:
    """``[[pulses]]``: one dispersed pulse.

    Attributes
    ----------
    time_s : float
        Its centre at the highest channel centre.
    width_s : float
        Length of a top-hat, FWHM of a Gaussian.
    dm : float
        pc cm-3.
    fluence_jy_ms : float, optional
        Fluence at the centre of the band; or give ``snr``.
    snr : float, optional
        Ideal S/N (the truth table's ``snr_ideal``) to scale the fluence to.
    smearing : bool
        Dispersion within channels.
    """

    time_s: float
    width_s: float
    dm: float = 0.0
    fluence_jy_ms: float | None = None
    snr: float | None = None
    x: float | None = None
    y: float | None = None
    ra_deg: float | None = None
    dec_deg: float | None = None
    spectral_index: float = 0.0
    profile: Literal["tophat", "gaussian"] = "tophat"
    smearing: bool = True

    def __post_init__(self) -> None:
        _check_place(self.x, self.y, self.ra_deg, self.dec_deg)
        _require(np.isfinite(self.time_s), "time_s", f"is {self.time_s}", "give seconds")
        _require_positive("width_s", self.width_s)
        good = 0 <= self.dm <= 1e6
        _require(good, "dm", f"is {self.dm}", "give 0 to 1e6, in pc cm-3")
        _require_within("spectral_index", self.spectral_index, _STEEPEST)
        _require_within("fluence_jy_ms", self.fluence_jy_ms or 0.0, _BRIGHTEST)
        _require_within("snr", self.snr or 0.0, _BRIGHTEST)
        one = (self.fluence_jy_ms is None) != (self.snr is None)
        remedy = "give either fluence_jy_ms or snr"
        _require(one, "fluence_jy_ms", "the brightness is not one number", remedy)


@dataclass(frozen=True)
class Pulsar:
    """``[[pulsars]]``: a train of dispersed pulses, of which every cycle has one.

    Attributes
    ----------
    period_s : float
    width_s : float
        Of a pulse: length of a top-hat, FWHM of a Gaussian.
    fluence_jy_ms : float
        Mean of the pulses, at the centre of the band: mean flux density times period.
    epoch_s : float
        Centre of one of the pulses at the highest channel centre.
    modulation : float
        Standard deviation of the fluences over their mean; they are log-normal.
    dm, spectral_index, profile, smearing
        As of a pulse.
    """

    period_s: float
    width_s: float
    fluence_jy_ms: float
    epoch_s: float = 0.0
    modulation: float = 0.0
    dm: float = 0.0
    x: float | None = None
    y: float | None = None
    ra_deg: float | None = None
    dec_deg: float | None = None
    spectral_index: float = 0.0
    profile: Literal["tophat", "gaussian"] = "tophat"
    smearing: bool = True

    def __post_init__(self) -> None:
        _require_positive("period_s", self.period_s)
        _require_within("epoch_s", self.epoch_s, 1e9)
        good = self.width_s <= self.period_s
        _require(good, "width_s", f"is {self.width_s}, above period_s", "give a shorter pulse")
        good = 0 <= self.modulation <= 10
        _require(good, "modulation", f"is {self.modulation}", "give 0 to 10")
        self.pulse(0, self.fluence_jy_ms)

    def pulse(self, number: int, fluence_jy_ms: float) -> Pulse:
        """The pulse so many cycles after the epoch."""
        return Pulse(
            self.epoch_s + number * self.period_s,
            self.width_s,
            self.dm,
            fluence_jy_ms,
            x=self.x,
            y=self.y,
            ra_deg=self.ra_deg,
            dec_deg=self.dec_deg,
            spectral_index=self.spectral_index,
            profile=self.profile,
            smearing=self.smearing,
        )


@dataclass(frozen=True)
class Rfi:
    """``[[rfi]]``: interference over the whole image, at zero DM.

    Attributes
    ----------
    time_s, duration_s : float
        Beginning (time since the centre of sample 0) and length.
    flux : float
        Jy/beam; the rms over the image for the pattern ``noise``.
    channels : tuple of int
        0-based; empty for all of them (a broadband impulse).
    pattern : {"uniform", "noise"}
        The same in every pixel, or one fixed random pattern.
    place_m : (float, float, float), optional
        East, north and up of the middle of the array: a transmitter in the near field, which
        is what interference with visibilities is. Its flux is not subject to the beam.
    """

    time_s: float
    duration_s: float
    flux: float
    channels: tuple[int, ...] = ()
    pattern: Literal["uniform", "noise"] = "uniform"
    place_m: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        _require_positive("duration_s", self.duration_s)
        _require(np.isfinite(self.time_s), "time_s", f"is {self.time_s}", "give seconds")
        _require_within("flux", self.flux, _BRIGHTEST)


@dataclass(frozen=True)
class Gap:
    """``[[gaps]]``: samples whose centre lies in [start_s, stop_s) hold no data.

    Attributes
    ----------
    kind : {"nan", "missing"}
        Flagged with NaN, or not recorded: the recording then continues in another file.
    channels : tuple of int
        For ``nan``: only these channels (0-based); empty for all.
    """

    start_s: float
    stop_s: float
    kind: Literal["nan", "missing"] = "nan"
    channels: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        good = np.isfinite(self.start_s)
        _require(good, "start_s", f"is {self.start_s}", "give seconds")
        good = self.start_s < self.stop_s < np.inf
        _require(good, "stop_s", f"{self.stop_s} is not after start_s", "give a later stop_s")
        whole = self.kind == "nan" or not self.channels
        _require(whole, "channels", "cannot be missing one by one", 'use kind = "nan"')


@dataclass(frozen=True)
class SimulationConfig:
    """The whole file."""

    recording: Recording = field(default_factory=Recording)
    band: Band = field(default_factory=Band)
    image: Image = field(default_factory=Image)
    array: Array = field(default_factory=Array)
    psf: Psf = field(default_factory=Psf)
    noise: Noise = field(default_factory=Noise)
    sources: tuple[Source, ...] = ()
    pulses: tuple[Pulse, ...] = ()
    pulsars: tuple[Pulsar, ...] = ()
    rfi: tuple[Rfi, ...] = ()
    gaps: tuple[Gap, ...] = ()

    def __post_init__(self) -> None:
        n = self.band.n_channels
        if self.recording.has_visibilities:
            _require(self.band == Band(), "band", "is that of DSA-110", "leave it out")
            n = dsa110.N_SUBBANDS * self.array.channels
        good = len(self.noise.channel_factors) in (0, n)
        problem = f"has {len(self.noise.channel_factors)} entries for {n} channels"
        _require(good, "noise.channel_factors", problem, f"give {n}, or none")
        for name, items in (("rfi", self.rfi), ("gaps", self.gaps)):
            for i, item in enumerate(items):
                bad = [c for c in item.channels if not 0 <= c < n]
                problem = f"holds {bad}, there are {n} channels"
                _require(not bad, f"{name}[{i}].channels", problem, f"give 0 to {n - 1}")
        for i, pulse in enumerate(self.pulses):
            sefd, sigma = self.array.sefd_jy, self.noise.sigma
            noisy = pulse.snr is None or (sefd if self.recording.has_visibilities else sigma) > 0
            remedy = "give fluence_jy_ms, or noise above 0"
            _require(noisy, f"pulses[{i}].snr", "means nothing without noise", remedy)
        for i, rfi in enumerate(self.rfi):
            placed = (rfi.place_m is not None) == self.recording.has_visibilities
            remedy = "give it for visibilities, and for nothing else"
            _require(placed, f"rfi[{i}].place_m", "is missing, or too much", remedy)
        one_pixel = self.recording.format != "filterbank" or self.image.shape == (1, 1)
        problem = f"is {self.image.shape}, a filterbank has one pixel"
        _require(one_pixel, "image.shape", problem, "give shape = [1, 1]")
