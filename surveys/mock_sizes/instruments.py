"""The instrument of an observation of a galaxy at a redshift."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surveys.errors import InputError, SettingProblem
from surveys.fitting.stamps import StampPlan
from surveys.instruments.alma import CII_GHZ, band_of, configuration
from surveys.instruments.nircam import FILTERS, filter_named
from surveys.interferometer.setups import AlmaSetup, configuration_for
from surveys.interferometer.tracks import Track
from surveys.interferometer.weighting import Weighting
from surveys.mock_sizes.fits import plan_of
from surveys.mock_sizes.noise_of_segments import SegmentNoise
from surveys.mock_sizes.observation import ObservationSettings
from surveys.observing.cameras import Stamps, flux_per_electron, gaussian_camera, nircam
from surveys.observing.instrument import Instrument
from surveys.observing.interferometers import alma

_LIGHT_UM_GHZ = 299_792.458
# ALMA is tuned for each galaxy, but not anew for a difference of this in 1 + z.
_SAME_TUNING = 1e-3


@dataclass(frozen=True)
class Observing:
    """An instrument, and how its S/N or time become noise.

    Attributes
    ----------
    instrument : Instrument
    rms : NDArray, optional
        Noise of a pixel for each entry of ``snr``, where these are times.
    flux_per_electron : NDArray
        For each, of the photons of the source; 0 if they are not counted.
    """

    instrument: Instrument
    rms: NDArray[np.float64] | None
    flux_per_electron: NDArray[np.float64]

    @cached_property
    def plan(self) -> StampPlan:
        """Of fits to stamps; made once for all galaxies."""
        return plan_of(self.instrument)

    @cached_property
    def segment_noise(self) -> SegmentNoise:
        """Of the flux in segments."""
        return SegmentNoise.of(self.instrument.response)


def observing(settings: ObservationSettings, redshift: float, where: Path, field: str) -> Observing:
    """The instrument that looks at a galaxy.

    Parameters
    ----------
    settings : ObservationSettings
    redshift : float
    where : Path
        The file of the settings, from which a PSF is found.
    field : str
        Its table, for errors.

    Raises
    ------
    InputError
        There is no such filter, configuration or band, or the PSF cannot be read.
    """
    if settings.instrument == "ALMA":
        rounded = round(np.log1p(redshift) / _SAME_TUNING) * _SAME_TUNING
        key = float(np.expm1(rounded))
    elif settings.rest_um is not None:
        key = float(redshift)
    else:
        key = 0.0
    try:
        return _observing(settings, key, where)
    except SettingProblem as error:
        at = f" (z = {redshift:.3g})" if key else ""
        name, problem = f"{field}.{error.field}", error.problem + at
        raise InputError(str(where), name, problem, error.remedy) from error


@contextmanager
def _about(field: str) -> Iterator[None]:
    """Facts of instruments know nothing of settings: their errors are those of a key."""
    try:
        yield
    except (InputError, SettingProblem):
        raise
    except ValueError as error:
        problem, _, remedy = str(error).partition("; ")
        raise SettingProblem(field, problem, remedy or "give another") from error


@lru_cache(maxsize=256)
def _observing(settings: ObservationSettings, redshift: float, where: Path) -> Observing:
    n = len(settings.snr)
    timed = settings.snr_kind == "exposure"
    photons = np.zeros(n)
    if settings.instrument == "ALMA":
        instrument = _alma(settings, redshift)
        hours = settings.hours
        rms = instrument.rms * np.sqrt(hours * 3600 / np.array(settings.snr)) if timed else None
        return Observing(instrument, rms, photons)
    stamps = Stamps(settings.n_pixels, settings.pixel_arcsec, settings.noise_fwhm_pixels)
    if settings.instrument == "Gaussian":
        assert settings.fwhm_arcsec is not None
        assert settings.wavelength_um is not None
        camera = gaussian_camera(settings.fwhm_arcsec, settings.wavelength_um, stamps)
        return Observing(camera, None, photons)
    with _about("filter" if settings.filter else "rest_um"):
        wanted = settings.filter or wide_filter_at(settings.rest_um or 0.0, redshift)
        name = filter_named(wanted).name
    psf = None if settings.psf is None else where.parent / settings.psf
    camera = nircam(name, stamps, psf)
    rms = None
    if timed:
        with _about("snr"):
            rms = np.array([nircam(name, stamps, psf, seconds).rms for seconds in settings.snr])
        if settings.photon_noise:
            photons = np.array([flux_per_electron(name, seconds) for seconds in settings.snr])
    return Observing(camera, rms, photons)


def wide_filter_at(rest_um: float, redshift: float) -> str:
    """The wide filter of NIRCam nearest to a wavelength at rest.

    Raises
    ------
    ValueError
        The wavelength is outside of all of them.
    """
    seen = rest_um * (1 + redshift)
    # F150W2 and F322W2 are extra wide.
    wide = [f for f in FILTERS.values() if f.name.endswith("W")]
    nearest = min(wide, key=lambda f: abs(np.log(f.pivot_um / seen)))
    if abs(nearest.pivot_um - seen) > nearest.width_um:
        problem = (
            f"{rest_um:g} um at rest is seen at {seen:.3g} um, where NIRCam has no wide filter"
        )
        raise ValueError(f"{problem}; give another wavelength")
    return nearest.name


def _alma(settings: ObservationSettings, redshift: float) -> Instrument:
    freq_ghz = CII_GHZ / (1 + redshift)
    if settings.rest_um is not None:
        freq_ghz = _LIGHT_UM_GHZ / (settings.rest_um * (1 + redshift))
    with _about("rest_um"):
        band_of(freq_ghz)
    with _about("configuration" if settings.configuration else "resolution_arcsec"):
        wanted = settings.configuration
        if wanted is None:
            assert settings.resolution_arcsec is not None
            wanted = configuration_for(settings.resolution_arcsec, freq_ghz)
        name = configuration(wanted).name
    setup = AlmaSetup(
        name,
        freq_ghz,
        Track(settings.dec_deg, settings.hours),
        Weighting(settings.weighting, settings.robust),
    )
    cleaning = None if settings.dirty else settings.clean
    return alma(setup, settings.n_pixels, settings.pixel_arcsec, cleaning)
