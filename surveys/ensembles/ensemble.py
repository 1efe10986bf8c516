r"""One likelihood for the gas between halos, in halos and in hosts, given many bursts.

The measured DM of burst i is

.. math:: DM_i = MW_i + f_{igm} K_i \Delta_i + f_{hot} \sum_h \frac{D_h(\theta)}{1 + z_h}
          + \frac{H_i}{1 + z_i} + noise

with :math:`K_i` the mean DM of all baryons to there, :math:`\ln \Delta_i` normal with mean of
:math:`\Delta_i` 1, :math:`D_h` what a halo would have were all its baryons hot gas of shape
:math:`\theta`, and :math:`\ln H_i` normal: the population of hosts.
:math:`\Delta_i` and :math:`H_i` are integrated over. All else that is unknown is a smooth function
of standard normal variables, so that the prior of those is the same for all, and the posterior
of what is known badly is not far from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import ndtr, ndtri
from jax.typing import ArrayLike

from cosmo.lognormal import Lognormal, log_density_of_sum
from cosmo.profiles import Gas
from surveys.catalogs.halo_catalog import Floats
from surveys.ensembles.halos import HaloGroup
from surveys.ensembles.settings import EnsembleSettings, Priors

SHAPE = ("alpha", "y0", "r_max")
"""Parameters of the gas of halos that may be free, beside how much of it there is."""

CALIBRATIONS = ("mass_dex", "concentration_dex")
_IN_LOG = ("host_median",)

Unknowns = Mapping[str, Array]
"""Standard normal variables by name."""

_FAR = 6.0
"""Standard deviations from 0 beyond which a Gaussian needs no cut there."""


class Bursts(NamedTuple):
    """What is known of each burst, (n,) each; DMs in pc cm^-3 as observed.

    Attributes
    ----------
    z, dm, dm_err, ism, ism_err, mw_halo, mw_halo_err
    all_baryons : (n,)
        Mean DM to there, were all baryons between halos.
    scatter : (n,)
        Of the logarithm of what the IGM has of its mean.
    known_halos : (n,)
        Of halos of which all is known, were all their baryons hot gas.
    """

    z: Floats
    dm: Floats
    dm_err: Floats
    ism: Floats
    ism_err: Floats
    mw_halo: Floats
    mw_halo_err: Floats
    all_baryons: Floats
    scatter: Floats
    known_halos: Floats


class Terms(NamedTuple):
    """Dispersion measures of a set of unknowns, (n,) each, observed; and lognormal populations."""

    milky_way: Array
    halos: Array
    left: Array
    igm: Lognormal
    host: Lognormal


@dataclass(frozen=True)
class Ensemble:
    """Bursts and the halos before them.

    Attributes
    ----------
    names : tuple of str
    bursts : Bursts
    halos : tuple of HaloGroup
        Those of which something is unknown.
    n_halos : int
        All of them.
    gas : Gas
        Where no parameter of it is free.
    settings : EnsembleSettings
    calibration_dex : (mass, concentration)
        Errors that all halos share.
    nodes : (k,)
        For the integral over the IGM and the hosts.
    notes : tuple of str

    All arrays are leaves of a pytree, for jax to take as arguments.
    """

    names: tuple[str, ...]
    bursts: Bursts
    halos: tuple[HaloGroup, ...]
    n_halos: int
    gas: Gas
    settings: EnsembleSettings
    calibration_dex: tuple[float, float]
    nodes: Floats
    notes: tuple[str, ...] = ()

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the unknowns."""
        priors, bursts, n = self.settings.priors, self.bursts, len(self.names)
        shapes: dict[str, tuple[int, ...]] = {
            name: () for name in vars(priors) if getattr(priors, name) is not None
        }
        if bursts.mw_halo_err.any():
            shapes["mw_halo"] = () if self.settings.milky_way_halo == "shared" else (n,)
        for name, spread in (("ism", bursts.ism_err), ("noise", bursts.dm_err)):
            if spread.any():
                shapes[name] = (n,)
        for name, spread in zip(CALIBRATIONS, self.calibration_dex, strict=True):
            if spread > 0 and self.halos:
                shapes[name] = ()
        for i, group in enumerate(self.halos):
            if group.unknown:
                shapes[f"halos_{i}"] = group.shape
        return shapes

    def parameters(self, unknowns: Unknowns) -> dict[str, Array]:
        """Values of what all bursts have in common."""
        named = _between(self.settings.priors, unknowns)
        if "mw_halo" in unknowns and self.settings.milky_way_halo == "shared":
            named["mw_halo"] = self._milky_way(unknowns)[1, 0]
        for name, spread in zip(CALIBRATIONS, self.calibration_dex, strict=True):
            if name in unknowns:
                named[name] = spread * unknowns[name]
        return named

    def terms(self, unknowns: Unknowns) -> Terms:
        """What each burst's DM is made of."""
        bursts, named = self.bursts, self.parameters(unknowns)
        n = len(self.names)
        milky_way = self._milky_way(unknowns).sum(axis=0)
        halos = named["f_hot"] * self.halos_all_hot(unknowns, named)
        measured = bursts.dm - bursts.dm_err * unknowns.get("noise", jnp.zeros(n))
        # The mean of the IGM is what is given, not its median.
        igm = jnp.log(named["f_igm"] * bursts.all_baryons) - bursts.scatter**2 / 2
        host = jnp.log(named["host_median"]) - jnp.log1p(bursts.z)
        return Terms(
            milky_way,
            halos,
            jnp.asarray(measured - milky_way - halos),
            Lognormal(igm, bursts.scatter),
            Lognormal(host, jnp.broadcast_to(named["host_width"], host.shape)),
        )

    def halos_all_hot(self, unknowns: Unknowns, named: Mapping[str, Array]) -> Array:
        """Observed DM of the halos before each burst, (n,), were all their baryons hot."""
        total, zero = jnp.asarray(self.bursts.known_halos), jnp.zeros(())
        free = {name: named[name] for name in SHAPE if name in named}
        gas = replace(self.gas, r_max=free.pop("r_max", self.gas.r_max))
        if free:
            gas = replace(gas, profile=gas.profile._replace(**free))  # type: ignore[attr-defined]
        dex = named.get("mass_dex", zero), named.get("concentration_dex", zero)
        for i, group in enumerate(self.halos):
            own = unknowns.get(f"halos_{i}", jnp.zeros(group.shape))
            total = total.at[group.burst].add(group.observed(gas, own, *dex))
        return total

    def log_likelihood(self, unknowns: Unknowns) -> Array:
        """Natural logarithm of the density of each burst's DM, (n,), in 1 / (pc cm^-3)."""
        found = self.terms(unknowns)
        return log_density_of_sum(found.left, found.igm, found.host, self.nodes)

    def log_posterior(self, unknowns: Unknowns) -> Array:
        """Up to a constant."""
        prior = sum(jnp.sum(value**2) for value in unknowns.values())
        return jnp.sum(self.log_likelihood(unknowns)) - 0.5 * prior

    def _milky_way(self, unknowns: Unknowns) -> Array:
        """Disc and halo before each burst, (2, n)."""
        bursts, zero = self.bursts, jnp.zeros(len(self.names))
        value = jnp.stack([bursts.ism, bursts.mw_halo])
        error = jnp.stack([bursts.ism_err, bursts.mw_halo_err])
        normal = jnp.stack([zero + unknowns.get(name, 0.0) for name in ("ism", "mw_halo")])
        return above_zero(value, error, normal)


jax.tree_util.register_dataclass(
    Ensemble,
    data_fields=["bursts", "halos", "gas", "nodes"],
    meta_fields=["names", "n_halos", "settings", "calibration_dex", "notes"],
)


def above_zero(value: ArrayLike, error: ArrayLike, normal: ArrayLike) -> Array:
    """A Gaussian cut off at 0 as a function of a standard normal variable.

    The quantile function of :class:`surveys.milky_way.terms.MilkyWayDM`.
    """
    known = jnp.asarray(error) <= 0
    ratio = jnp.where(known, jnp.inf, value / jnp.where(known, 1.0, error))
    near = jnp.minimum(ratio, _FAR)
    cut = value - error * ndtri(ndtr(near) * ndtr(-jnp.asarray(normal)))
    return jnp.where(ratio > _FAR, value + error * normal, cut)


def _between(priors: Priors, unknowns: Unknowns) -> dict[str, Array]:
    """Flat priors as functions of standard normal variables."""
    names = [name for name in vars(priors) if name in unknowns]
    limits = [getattr(priors, name) for name in names]
    low, high = np.array(
        [
            np.log(pair) if name in _IN_LOG else pair
            for name, pair in zip(names, limits, strict=True)
        ]
    ).T
    # All in one call: what it becomes is long, and compiled each time it stands there.
    values = low + (high - low) * ndtr(jnp.stack([unknowns[name] for name in names]))
    return {n: jnp.exp(v) if n in _IN_LOG else v for n, v in zip(names, values, strict=True)}
