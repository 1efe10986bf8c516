"""Tracers of what is observed: galaxies, lensing, the late Sachs-Wolfe effect.

All are functions of a `cosmo.expansion.Background` that JAX differentiates, with respect to what
made the background, to n(z), to biases. Weights come without growth, which is multiplied
afterwards (`with_growth`), so that the growth may be that of any power spectrum.

The distances of a tracer's grid are fixed numbers: they follow n(z) and the background in value,
not in slope. A plan is made for one grid. What is to be used with it in another cosmology is
computed with ``chi`` the grid of the plan's tracer, which has to hold the window there as well.
n(chi) is n(z) H.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.core import Tracer as Traced

from cosmo.angular.efficiency import lensing, matter, poisson
from cosmo.angular.redshifts import NEAREST, Redshifts, of_redshift, towards_zero
from cosmo.angular.tracers import Tracer
from cosmo.expansion import (
    Background,
    comoving,
    growth,
    growth_rate,
    hubble,
    redshift,
    transverse,
)

C1_RHO_CRITICAL = 0.0134
"""C1 = 5e-14 Mpc^3 / (h^2 M_sun) times the critical density (Joachimi et al. 2011), as usual."""

_ISW_PLACES, _CMB_PLACES = 256, 384


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LocalNonGaussianity:
    """Primordial non-Gaussianity of the local kind, and how tracers answer to it.

    Attributes
    ----------
    f_nl : float
        In the convention of the CMB: of the potential early on, not of today's.
    delta_c : float
        Threshold of collapse.
    p : float
        Bias of tracers that do not answer: 1 for haloes by mass, 1.6 for recent mergers.
    """

    f_nl: Any
    delta_c: Any = 1.686
    p: Any = 1.0


def with_growth(tracer: Tracer, growth_at_chi: Array) -> Tracer:
    """A tracer with growth at its distances, (n,), in all its weights."""
    terms = {kind: weight * growth_at_chi for kind, weight in tracer.terms.items()}
    return Tracer(tracer.chi, terms, tracer.factor)


def clustering(
    background: Background,
    nz: Redshifts,
    bias: Any,
    rsd: bool = False,
    magnification: Any = None,
    chi: Any = None,
) -> Tracer:
    """Numbers of galaxies.

    Parameters
    ----------
    background : Background
    nz : Redshifts
    bias : float, callable or (z, b)
        Weight b n(chi) of the density.
    rsd : bool
        Kaiser's distortions too, with f n(chi).
    magnification : float, callable or (z, s), optional
        s = d log10 N / d m at the limiting magnitude: numbers change by (5 s - 2) kappa, with
        5 s - 2 under the integral of q.
    chi : (n,) array, optional
        The grid; that of the window, from near zero with magnification, if none is given.

    Raises
    ------
    ValueError
        bias or magnification is not as above, or the background ends too early or has no omega_m.
    """
    of_z = of_redshift(bias, "bias")
    chi, z = _grid(background, nz, chi, to_zero=magnification is not None)
    numbers = nz(z) * hubble(background, z)
    terms = {"density": of_z(z) * numbers}
    if rsd:
        terms["rsd"] = growth_rate(background, z) * numbers
    if magnification is not None:
        slope = of_redshift(magnification, "magnification")
        terms["lensing"] = lensing(background, chi, lambda z: (5 * slope(z) - 2) * nz(z))
    return Tracer(chi, terms)


def galaxy_lensing(
    background: Background,
    nz: Redshifts,
    intrinsic_alignment: tuple[Any, Any, Any] | None = None,
    quantity: Literal["shear", "kappa"] = "shear",
    chi: Any = None,
) -> Tracer:
    """Shear (E modes) or convergence of sources.

    Parameters
    ----------
    background, nz, chi
        As for `clustering`.
    intrinsic_alignment : (A, eta, z0), optional
        The nonlinear alignment model: -A C1 rho_crit Omega_m / D ((1 + z) / (1 + z0))^eta times
        density, D the background's growth, 1 today.
    quantity : str

    Raises
    ------
    ValueError
        As `clustering`, or the quantity is another.
    """
    factors = {"shear": "shear", "kappa": "none"}
    if quantity not in factors:
        raise ValueError(f"quantity = {quantity!r} is neither 'shear' nor 'kappa'")
    chi, z = _grid(background, nz, chi, to_zero=True)
    weight = lensing(background, chi, nz)
    if intrinsic_alignment is not None:
        if len(intrinsic_alignment) != 3:
            raise ValueError(f"intrinsic_alignment = {intrinsic_alignment} is not (A, eta, z0)")
        amplitude, eta, z0 = intrinsic_alignment
        answer = -amplitude * C1_RHO_CRITICAL * matter(background) / growth(background, z)
        answer *= ((1 + z) / (1 + z0)) ** eta
        weight = weight + answer * nz(z) * hubble(background, z)
    return Tracer(chi, {"lensing": weight}, factors[quantity])


def cmb_lensing(
    background: Background,
    chi_star: Any,
    quantity: Literal["kappa", "phi"] = "kappa",
    chi: Any = None,
) -> Tracer:
    """Convergence, or potential phi = 2 kappa / (l (l + 1)), of lensing of a plane.

    Parameters
    ----------
    background : Background
        To chi_star at least.
    chi_star : float
        Distance of the plane, Mpc/h.
    quantity : str
    chi : (n,) array, optional
        The grid.

    Raises
    ------
    ValueError
        The quantity is another, or the background ends before chi_star or has no omega_m.
    """
    factors = {"kappa": "none", "phi": "potential"}
    if quantity not in factors:
        raise ValueError(f"quantity = {quantity!r} is neither 'kappa' nor 'phi'")
    if not _traced(chi_star) and not chi_star > 0:
        raise ValueError(f"chi_star = {chi_star} is not above 0")
    if chi is None:
        # Denser towards early times, when 1 + z changes within a few per cent of the distance.
        t = np.linspace(0, 1, _CMB_PLACES)
        chi = lax.stop_gradient(jnp.asarray(chi_star, float)) * (3e-4 + (1 - 3e-4) * t * (2 - t))
    chi = jnp.asarray(chi, float)
    z = _redshifts(background, chi)
    behind = transverse(background, jnp.maximum(chi_star - chi, 0.0))
    near = transverse(background, chi) / transverse(background, chi_star)
    weight = poisson(background) * (1 + z) * near * behind
    return Tracer(chi, {"lensing": weight}, factors[quantity])


def isw(background: Background, z_max: float = 10.0, chi: Any = None) -> Tracer:
    """The late integrated Sachs-Wolfe effect, Delta T / T.

    Of a potential -3/2 Omega_m H0^2 (1 + z) D delta_0 / k^2, twice the change on the way is

        integral dchi 3 Omega_m H0^2 H (1 - f) D delta_0 / k^2.

    f is the background's, also where the power does not grow by D alone, and Poisson's equation
    is that of flat space. Times T_cmb it is in kelvin.

    Parameters
    ----------
    background : Background
    z_max : float
        Where it begins, or the end of the background if that is nearer.
    chi : (n,) array, optional
        The grid.
    """
    if not _traced(z_max) and not z_max > NEAREST:
        raise ValueError(f"z_max = {z_max} is not above {NEAREST:g}")
    if chi is None:
        end = jnp.log1p(jnp.minimum(z_max, background.z[-1]))
        x = jnp.linspace(np.log1p(NEAREST), end, _ISW_PLACES)
        chi = lax.stop_gradient(comoving(background, jnp.expm1(x)))
    chi = jnp.asarray(chi, float)
    z = _redshifts(background, chi)
    slowing = hubble(background, z) * (1 - growth_rate(background, z))
    return Tracer(chi, {"potential": 2 * poisson(background) * slowing})


def primordial_bias(
    tracer: Tracer, background: Background, nz: Redshifts, bias: Any, local: LocalNonGaussianity
) -> Tracer:
    """Galaxies with the bias that local non-Gaussianity adds.

    It is 2 f_nl (b - p) delta_c 3/2 Omega_m H0^2 / (k^2 T(k) D), with D = 1 / (1 + z) while matter
    alone counts (Dalal et al. 2008; Slosar et al. 2008).

    Parameters
    ----------
    tracer : Tracer
        Of `clustering`.
    background, nz, bias
        As there.
    local : LocalNonGaussianity

    Raises
    ------
    ValueError
        As `clustering`, or the background has no growth_today.
    """
    if background.growth_today is None:
        raise ValueError("background has no growth_today; dataclasses.replace adds it")
    z = _redshifts(background, tracer.chi)
    excess = of_redshift(bias, "bias")(z) - local.p
    amplitude = 2 * local.f_nl * local.delta_c * poisson(background)
    early = background.growth_today * growth(background, z)
    weight = amplitude * excess / early * nz(z) * hubble(background, z)
    return Tracer(tracer.chi, tracer.terms | {"primordial": weight}, tracer.factor)


def _traced(*values: Any) -> bool:
    return any(isinstance(value, Traced) for value in values)


def _grid(background: Background, nz: Redshifts, chi: Any, to_zero: bool) -> tuple[Array, Array]:
    """Distances that do not change in slopes, and their redshifts."""
    if chi is None:
        z = nz.grid
        if to_zero:
            z = towards_zero(z, 0.3 * jnp.minimum(z[0], NEAREST))
        if not _traced(z, background.z) and z[-1] > background.z[-1]:
            end = float(background.z[-1])
            raise ValueError(f"background ends at z = {end:.4g} and n(z) at {float(z[-1]):.4g}")
        chi = lax.stop_gradient(comoving(background, z))
    chi = jnp.asarray(chi, float)
    return chi, _redshifts(background, chi)


def _redshifts(background: Background, chi: Array) -> Array:
    if not _traced(chi, background.chi) and chi[-1] > background.chi[-1] * (1 + 1e-9):
        ends = float(background.chi[-1]), float(chi[-1])
        raise ValueError(f"background ends at {ends[0]:.5g} Mpc/h, and {ends[1]:.5g} is needed")
    return redshift(background, chi)
