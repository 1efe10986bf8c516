"""Interferometers: a dirty beam, noise of visibilities, and CLEAN."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from surveys.interferometer.clean import CleanSettings, make_clean_plan
from surveys.interferometer.setups import AlmaSetup, make_alma
from surveys.observing.instrument import Instrument, Response, columns_above

_LIGHT_UM_GHZ = 299_792.458


def alma(
    setup: AlmaSetup,
    n_pixels: int,
    pixel_arcsec: float | None = None,
    cleaning: CleanSettings | None = None,
) -> Instrument:
    """ALMA with one of its configurations.

    Parameters
    ----------
    setup : AlmaSetup
    n_pixels : int
    pixel_arcsec : float, optional
        A fifth of the resolution without.
    cleaning : CleanSettings, optional
        Dirty images without.

    Raises
    ------
    ValueError
        There is no such configuration or band, the source never rises, or pixels are too large.
    """
    array = make_alma(setup, n_pixels, pixel_arcsec)
    synthesis = array.synthesis
    plan = None if cleaning is None else make_clean_plan(synthesis, n_pixels, cleaning)
    wavelength = _LIGHT_UM_GHZ / setup.freq_ghz
    response = Response(
        transfer=jnp.asarray(synthesis.transfer),
        noise_amplitude=jnp.asarray(synthesis.noise_amplitude),
        attenuation=jnp.asarray(array.attenuation),
        cleaning=plan,
        n_pixels=n_pixels,
        oversampling=1,
        n_columns=columns_above(np.asarray(synthesis.transfer)),
    )
    return Instrument(
        response,
        name=f"ALMA {setup.configuration}",
        wavelength_um=wavelength,
        width_um=0.0,
        pixel_arcsec=synthesis.pixel_arcsec,
        fwhm_arcsec=synthesis.beam.mean_arcsec,
        beam_pixels=synthesis.beam.area_pixels,
        rms=synthesis.rms_jy,
        unit="Jy/beam",
        samples=array.samples,
    )
