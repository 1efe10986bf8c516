"""Mock observations with ALMA, set up from what an observer chooses."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from surveys.instruments import alma
from surveys.interferometer.cells import average_into_cells, padded_grid
from surveys.interferometer.imaging import UvSamples, primary_beam, uv_samples
from surveys.interferometer.noise import Receivers
from surveys.interferometer.tracks import Track, resolution_arcsec, uv_coverage
from surveys.interferometer.weighting import Synthesis, Weighting, synthesise

PIXELS_PER_BEAM = 5.0
_NEAR = 1.5
"""Largest ratio of a wanted resolution to the nearest configuration's."""


@dataclass(frozen=True)
class AlmaSetup:
    """An observation.

    Attributes
    ----------
    configuration : str
        From C-1 to C-10.
    freq_ghz : float
    track : Track
    weighting : Weighting
    system_k : float, optional
        System temperature; the one assumed for the band without.
    """

    configuration: str
    freq_ghz: float
    track: Track = field(default_factory=lambda: Track(-30.0))
    weighting: Weighting = field(default_factory=Weighting)
    system_k: float | None = None


@dataclass(frozen=True)
class Interferometer:
    """An array that looks at a field.

    Attributes
    ----------
    synthesis : Synthesis
        Transfer function, noise and beam.
    samples : UvSamples
        Its cells.
    attenuation : (n, n)
        The primary beam.
    """

    synthesis: Synthesis
    samples: UvSamples
    attenuation: NDArray[np.float32]


def make_alma(
    setup: AlmaSetup, n: int, pixel_arcsec: float | None = None, padding: float = 2.0
) -> Interferometer:
    """ALMA, looking at a field of n x n pixels.

    Parameters
    ----------
    setup : AlmaSetup
    n : int
    pixel_arcsec : float, optional
        A fifth of the resolution without.
    padding : float
        Pixels of the grid over n, 2 or more.

    Raises
    ------
    ValueError
        If there is no such configuration or band, the source never rises, or pixels are too large.
    """
    if padding < 2:
        raise ValueError(f"padding is {padding:g}; give 2 or more")
    receivers = Receivers.at(setup.freq_ghz, setup.system_k)
    pads = alma.configuration(setup.configuration)
    if pixel_arcsec is None:
        pixel_arcsec = resolution_arcsec(pads.enu_m, setup.freq_ghz) / PIXELS_PER_BEAM
    coverage = uv_coverage(pads.enu_m, alma.LATITUDE_DEG, setup.track, setup.freq_ghz, alma.DISH_M)
    sigma_jy = receivers.sigma_jy(coverage.seconds)
    cells = average_into_cells(coverage, sigma_jy, padded_grid(n, padding), pixel_arcsec)
    width = alma.primary_beam_arcsec(setup.freq_ghz)
    attenuation = primary_beam(n, pixel_arcsec, width)
    return Interferometer(synthesise(cells, setup.weighting), uv_samples(cells), attenuation)


def configuration_for(wanted_arcsec: float, freq_ghz: float) -> str:
    """The configuration whose resolution is nearest to a wanted one.

    Raises
    ------
    ValueError
        If none is near, or the frequency is in no band.
    """
    alma.band_of(freq_ghz)
    if not 0 < wanted_arcsec < math.inf:
        raise ValueError(f"a resolution of {wanted_arcsec} arcsec is impossible")
    known = {
        name: resolution_arcsec(c.enu_m, freq_ghz) for name, c in alma.configurations().items()
    }
    name = min(known, key=lambda k: abs(math.log(known[k] / wanted_arcsec)))
    if not 1 / _NEAR <= known[name] / wanted_arcsec <= _NEAR:
        raise ValueError(
            f"no configuration resolves {wanted_arcsec:g} arcsec at {freq_ghz:g} GHz; the nearest "
            f"is {name} with {known[name]:.3g}"
        )
    return name


def cii_ghz(z: float) -> float:
    """Where [CII] at rest 157.74 um is observed: bands 7, 6 and 5 from z = 5 to 10."""
    return alma.CII_GHZ / (1 + z)
