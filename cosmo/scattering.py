"""Pulse broadening by a scattering layer, and the turbulence that it takes.

A layer of dispersion measure ``DM_l`` (in its rest frame) at redshift ``z_l`` broadens a pulse that
we see at ``nu`` by (Cordes, Ocker & Chatterjee 2022, ApJ 931 88; Ocker et al. 2022, ApJ 931 87)

    tau = K A_tau F~ G DM_l^2 / (nu^4 (1 + z_l)^3),    K = Gamma(7/6) c^3 r_e^2 / 4

``F~`` tells how the electrons fluctuate, (pc^2 km)^-1/3. ``G`` is geometry: about 1 where the
source lies in or just behind the layer, far above for a layer half-way. Only their product is
seen. ``A_tau`` relates the mean delay to the 1/e time; it is 1 for an exponential tail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from astropy import constants, units
from numpy.typing import NDArray
from scipy.special import gamma

from cosmo.units import DM, redshifts, value_in

Array = NDArray[np.float64]
Convention = Literal["layer", "observer"]

FLUCTUATION = (units.pc**2 * units.km) ** (-1 / 3)
"""The unit of F~ G, (pc^2 km)^-1/3."""


def scattering_constant_ns() -> float:
    """K, in ns for a layer of 1 pc/cc with F~ G = 1 at 1 GHz: 48.03."""
    radius = constants.e.gauss**2 / (constants.m_e * constants.c**2)
    k = gamma(7 / 6) * constants.c**3 * radius**2 / 4
    return float((k * FLUCTUATION * DM**2 / units.GHz**4).to_value(units.ns))


@dataclass(frozen=True)
class ScatteringLayer:
    """Where a layer is, and at what frequency it is looked through.

    Attributes
    ----------
    z : float
        Redshift of the layer.
    freq_ghz : float
        Observed.
    a_tau : float
        Mean delay over 1/e time.
    convention : {"layer", "observer"}
        "layer" is the formula above. "observer" leaves every (1 + z) out: DM as we see it,
        DM_l / (1 + z), and no (1 + z)^3. What it makes of a burst is F~ G smaller by 1 + z; it is
        here for comparing with work that does so.
    """

    z: float = 0.0
    freq_ghz: float = 1.0
    a_tau: float = 1.0
    convention: Convention = "layer"

    def __post_init__(self) -> None:
        redshifts(self.z)
        for name in ("freq_ghz", "a_tau"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} = {getattr(self, name)} has to be above 0")
        if self.convention not in get_args(Convention):
            known = " or ".join(repr(name) for name in get_args(Convention))
            raise ValueError(f"convention = {self.convention!r} is not {known}")

    def time_per_fluctuation_ms(self, dm_rest: Any) -> Array:
        """Scattering time (ms) of a layer with F~ G = 1; its DM is in the rest frame, pc/cc."""
        dm = value_in(dm_rest, DM, "dm_rest")
        if self.convention == "layer":
            stretch = (1 + self.z) ** 3
        else:
            dm, stretch = dm / (1 + self.z), 1.0
        scale = scattering_constant_ns() * 1e-6 * self.a_tau
        return scale * dm**2 / (self.freq_ghz**4 * stretch)


def scattering_time(fluctuation: Any, dm_rest: Any, layer: ScatteringLayer) -> Array:
    """Observed scattering time of a layer.

    Parameters
    ----------
    fluctuation : array_like or Quantity
        F~ G, (pc^2 km)^-1/3.
    dm_rest : array_like or Quantity
        DM of the layer in its *rest* frame, pc/cc.
    layer : ScatteringLayer

    Returns
    -------
    tau_ms : array
    """
    fluctuation = value_in(fluctuation, FLUCTUATION, "fluctuation")
    return fluctuation * layer.time_per_fluctuation_ms(dm_rest)


def fluctuation_parameter(tau_ms: Any, dm_rest: Any, layer: ScatteringLayer) -> Array:
    """F~ G of a layer that broadens pulses by tau: the inverse of `scattering_time`.

    Parameters
    ----------
    tau_ms : array_like or Quantity
        Observed scattering time.
    dm_rest : array_like or Quantity
        DM of the layer in its *rest* frame, pc/cc. Without electrons (0 or less, as a draw of what
        is left of a DM budget can be) no F~ G will do: infinite.
    layer : ScatteringLayer

    Returns
    -------
    fluctuation : array
        (pc^2 km)^-1/3.
    """
    tau = value_in(tau_ms, units.ms, "tau_ms")
    dm = value_in(dm_rest, DM, "dm_rest")
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(dm > 0, tau / layer.time_per_fluctuation_ms(dm), np.inf)


def sample_fluctuation_parameter(
    rng: np.random.Generator,
    tau_ms: tuple[float, float],
    dm_rest: Any,
    layer: ScatteringLayer,
) -> Array:
    """F~ G for every draw of a DM, with the error of the scattering time in it.

    Parameters
    ----------
    rng : numpy.random.Generator
    tau_ms : (float, float)
        Observed scattering time and its standard error. Draws are Gaussian; those below 0 are
        drawn anew.
    dm_rest : array_like or Quantity
        Draws of the DM of the layer in its *rest* frame, pc/cc.
    layer : ScatteringLayer

    Returns
    -------
    fluctuation : array, the shape of dm_rest
        (pc^2 km)^-1/3; infinite where a draw of DM is 0 or less, so that quantiles stay right.

    Raises
    ------
    ValueError
        tau is not above 0, or its error is negative.
    """
    tau, error = tau_ms
    if not (tau > 0 and 0 <= error < np.inf):
        raise ValueError(f"tau_ms = {tau} +- {error} is no time with its error")
    dm = value_in(dm_rest, DM, "dm_rest")
    draws = rng.normal(tau, error, dm.shape)
    while (negative := draws <= 0).any():
        draws = np.where(negative, rng.normal(tau, error, dm.shape), draws)
    return fluctuation_parameter(draws, dm, layer)
