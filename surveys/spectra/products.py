"""What follows from spectra: their covariance, and maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from numpy.typing import NDArray

from cosmo.band_powers import BandWindows, band_windows, interpolation_matrix
from cosmo.covariance import (
    band_covariance,
    gaussian_covariance,
    number_of_modes,
    tracers_by_tracers,
    with_noise,
)
from surveys.errors import InputError
from surveys.spectra.files import blamed
from surveys.spectra.spectra import Spectra
from surveys.spectra.tracers import beam_of, noise_of

Real = NDArray[np.float64]

_LOUDEST = 1e100
"""Noise that can be squared, and squared again."""


@dataclass(frozen=True)
class Covariance:
    """Gaussian covariance of spectra, of each multipole or of bands.

    Attributes
    ----------
    ell : (point,) array
        Multipoles, or the mean multipole of each band.
    cl : (pair, point) array
    covariance : array
        Of multipoles (ell, pair, pair); of bands (pair * band, pair * band), those of the first
        pair first.
    windows : BandWindows, optional
        Of bands.
    """

    ell: Real
    cl: Real
    covariance: Real
    windows: BandWindows | None

    @property
    def sigma(self) -> Real:
        """Standard errors, (pair, point)."""
        if self.windows is None:
            return np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2)).T
        return np.sqrt(np.diagonal(self.covariance)).reshape(self.cl.shape)

    @property
    def whole(self) -> Real:
        """One matrix (pair * point, pair * point)."""
        if self.windows is not None:
            return self.covariance
        n_ell, n_pair, _ = self.covariance.shape
        whole = np.zeros((n_pair, n_ell, n_pair, n_ell))
        at = np.arange(n_ell)
        # What is indexed comes first.
        whole[:, at, :, at] = self.covariance
        return whole.reshape(n_pair * n_ell, n_pair * n_ell)

    @property
    def correlation(self) -> Real:
        """The same over standard errors."""
        sigma = np.sqrt(np.diagonal(self.whole))
        return self.whole / np.outer(sigma, sigma)


def noise_spectra(spectra: Spectra, ell: NDArray) -> Real:
    """Noise of each tracer, (T, ell).

    Raises
    ------
    InputError
        It is beyond what can be squared.
    """
    out = []
    for i, tracer in enumerate(spectra.settings.tracer):
        with np.errstate(over="ignore", divide="ignore"):
            noise = noise_of(tracer, ell, spectra.base)
        if (loud := ~(noise < _LOUDEST)).any():
            first = int(np.argmax(loud))
            problem = f"noise over its beam is {noise[first]:.3g} at ell = {ell[first]:g}"
            remedy = "give less noise, a smaller beam, or fewer multipoles"
            raise InputError(str(spectra.where), f"tracer[{i}]", problem, remedy)
        out.append(noise)
    return np.stack(out)


def covariance_of(spectra: Spectra) -> Covariance:
    """The covariance that the settings ask for."""
    wanted = spectra.settings.covariance
    assert wanted is not None
    n = len(spectra.settings.tracer)
    ells, pairs = spectra.ells, spectra.pairs
    with jax.enable_x64(True):
        signal = tracers_by_tracers(spectra.found.cl, spectra.found.pairs, n)
        if wanted.bands is None:
            total = with_noise(signal, noise_spectra(spectra, ells))
            modes = number_of_modes(ells, wanted.f_sky)
            covariance = np.asarray(gaussian_covariance(total, pairs, modes))
            return Covariance(ells.astype(float), spectra.cl, covariance, None)
        windows = band_windows(wanted.bands, wanted.weighting)
        between = interpolation_matrix(ells, windows.ell)
        total = with_noise(signal @ between.T, noise_spectra(spectra, windows.ell))
        modes = number_of_modes(windows.ell, wanted.f_sky)
        covariance = np.asarray(band_covariance(total, pairs, modes, windows.weights))
    cl = windows.bin(spectra.cl @ between.T)
    return Covariance(windows.effective_ell, cl, covariance, windows)


def _between(signal: Real, ells: NDArray, ell: NDArray) -> Real:
    """Spectra (T, T, ell) between the multipoles that were computed.

    Those of tracers with themselves by their logarithms, so that steep ones stay above 0, and
    others by their correlation.
    """
    own = np.diagonal(signal).T
    if not (own > 0).all():
        return signal @ interpolation_matrix(ells, ell).T
    matrix = interpolation_matrix(ells, ell, 0.0).T
    size = np.sqrt(own)
    between = np.exp(np.log(size) @ matrix)
    return (signal / (size[:, None] * size)) @ matrix * between[:, None] * between


def maps_of(spectra: Spectra, where: Path) -> tuple[list[Real], str]:
    """A map of each tracer, with its beam and pixels, and what is to be told.

    Raises
    ------
    InputError
        The spectra are no covariance of maps.
    """
    # healpy takes a second to import.
    from cosmo.maps import gaussian_maps, lognormal_maps

    wanted = spectra.settings.maps
    assert wanted is not None
    tracers, ells = spectra.settings.tracer, spectra.ells
    last = min(3 * wanted.nside - 1, int(ells[-1]))
    ell = np.arange(ells[0], last + 1)
    with jax.enable_x64(True):
        signal = np.asarray(tracers_by_tracers(spectra.found.cl, spectra.found.pairs, len(tracers)))
    if len(ells) > 1:
        signal = _between(signal, ells, ell)
    if wanted.noise:
        signal = np.asarray(with_noise(signal, noise_spectra(spectra, ell)))
    beams = np.stack([beam_of(t, ell) for t in tracers])
    cl = np.zeros((len(tracers), len(tracers), last + 1))
    cl[..., ells[0] :] = signal * beams[:, None] * beams
    spins = [2 if t.kind == "galaxy-lensing" and t.of_what == "shear" else 0 for t in tracers]
    # Errors of spectra may make a matrix of them a little negative.
    tolerance = max(1e-6, len(tracers) * spectra.settings.accuracy.tolerance)
    remedy = "ask for more multipoles in [output], a smaller tolerance, or fewer tracers"
    with blamed(where, "maps", remedy):
        if wanted.lognormal:
            shifts = [1.0 if t.kind == "clustering" else np.inf for t in tracers]
            maps = lognormal_maps(cl, wanted.nside, wanted.seed, shifts, spins, tolerance)
        else:
            maps = gaussian_maps(cl, wanted.nside, wanted.seed, spins, tolerance)
    below = f"; there is nothing below ell = {ells[0]}" if ells[0] > 2 else ""
    return maps, f"maps have multipoles up to {last}{below}"
