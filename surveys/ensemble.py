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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import ndtr, ndtri
from jax.typing import ArrayLike

from cosmo.background import cosmology_named
from cosmo.dispersion import mean_dm_cosmic
from cosmo.lognormal import Lognormal, log_density_of_sum, nodes
from cosmo.profiles import Gas
from surveys.ensemble_halos import HaloGroup, halo_groups, mean_observed, only
from surveys.ensemble_settings import EnsembleSettings, Priors
from surveys.errors import SettingProblem
from surveys.halo_catalog import Floats, HaloCatalog, concatenate, left_out
from surveys.halo_draws import gas_of
from surveys.sightline_settings import SightlineSettings
from surveys.sightlines import crossing, milky_way_ism

SHAPE = ("alpha", "y0", "r_max")
"""Parameters of the gas of halos that may be free, beside how much of it there is."""

_CALIBRATIONS = ("mass_dex", "concentration_dex")
_IN_LOG = ("host_median",)

Unknowns = Mapping[str, Array]
"""Standard normal variables by name."""

_FAR = 6.0
"""Standard deviations from 0 beyond which a Gaussian needs no cut there."""

_LEAST_SCATTER = 0.02


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
        for name, spread in zip(_CALIBRATIONS, self.calibration_dex, strict=True):
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
        for name, spread in zip(_CALIBRATIONS, self.calibration_dex, strict=True):
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

    The quantile function of :class:`surveys.milky_way.MilkyWayDM`.
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


def ensemble_of(
    settings: EnsembleSettings, bursts: Sequence[tuple[SightlineSettings, HaloCatalog]]
) -> Ensemble:
    """Put bursts and their catalogs together.

    Parameters
    ----------
    settings : EnsembleSettings
    bursts : sequence of (SightlineSettings, HaloCatalog)
        Of the gas and of ``[mc]`` nothing is taken from them where ``settings`` have their own,
        and nothing of ``f_igm``.

    Raises
    ------
    SettingProblem
        The bursts do not go together, or a prior is of something that the gas has not.
    InputError
        A map, table or model of the Milky Way cannot be used.
    """
    one = _common(settings, [b for b, _ in bursts])
    cosmology = cosmology_named(one[0].cosmology)
    r_max = (settings.priors.r_max or (one[0].gas.r_max,))[-1]
    gas = gas_of(one[0].gas, cosmology)
    near = [
        crossing(catalog, sightline, r_max, cosmology)
        for sightline, (_, catalog) in zip(one, bursts, strict=True)
    ]
    notes = [
        f"{sightline.frb.name}: {note}"
        for sightline, (found, _) in zip(one, near, strict=True)
        for note in found.notes
    ]
    burst = np.repeat(np.arange(len(one)), [len(found) for found, _ in near])
    groups: list[HaloGroup] = []
    if len(burst):
        together = concatenate([found for found, _ in near if len(found)])
        separation = np.concatenate([s for _, s in near])
        groups = list(halo_groups(together, separation, burst, tuple(one), cosmology))
    all_hot = replace(gas, f_hot=1.0)
    groups, n_light = _that_matter(groups, replace(all_hot, r_max=r_max), settings)
    if n_light:
        notes.append(left_out(n_light, f"halos with less than {settings.least_dm:g} pc/cc"))
    dex = one[0].gas.mass_err_dex, one[0].gas.concentration_err_dex
    free = any(dex) or any(getattr(settings.priors, name) is not None for name in SHAPE)
    known = np.zeros(len(one))
    for group in groups:
        if not (free or group.unknown):
            np.add.at(known, group.burst, mean_observed(group, all_hot, 0))
    bursts_known = _known(one, known)
    return Ensemble(
        tuple(s.frb.name for s in one),
        bursts_known,
        tuple(group for group in groups if free or group.unknown),
        sum(len(group.burst) for group in groups),
        gas,
        settings,
        dex,
        nodes(min(float(bursts_known.scatter.min()), settings.priors.host_width[0])),
        (*notes, *_unused(one)),
    )


def _that_matter(
    groups: Sequence[HaloGroup], gas: Gas, settings: EnsembleSettings
) -> tuple[list[HaloGroup], int]:
    """The groups without the halos that add next to nothing, and how many those are."""
    kept, n_light = [], 0
    for group in groups:
        enough = mean_observed(group, gas, settings.sampling.seed) >= settings.least_dm
        n_light += int((~enough).sum())
        if enough.any():
            kept.append(only(group, enough))
    return kept, n_light


def _common(
    settings: EnsembleSettings, given: Sequence[SightlineSettings]
) -> list[SightlineSettings]:
    """The bursts with the one gas that they have in common."""
    if not given:
        raise SettingProblem("sightlines", "is empty", "add a table [[sightlines]] per burst")
    first = given[0]
    shared_halo = settings.milky_way_halo == "shared"
    for i, other in enumerate(given):
        here = f"sightlines[{i}]"
        if any(other.frb.name == earlier.frb.name for earlier in given[:i]):
            problem = f"has the burst {other.frb.name} again"
            raise SettingProblem(here, problem, "name each burst once")
        for what, same, remedy in (
            ("cosmology", other.cosmology == first.cosmology, "give one for all"),
            ("[gas]", settings.gas is not None or other.gas == first.gas,
             "put one [gas] for all in the list"),
            ("halo of [milky_way]", not shared_halo or _halo(other) == _halo(first),
             'give one for all, or milky_way_halo = "own" in the list'),
        ):  # fmt: skip
            if not same:
                problem = f"{other.frb.name} has another {what} than {first.frb.name}"
                raise SettingProblem(here, problem, remedy)
        if other.igm.scatter < _LEAST_SCATTER:
            problem = f"{other.frb.name} has [igm] scatter = {other.igm.scatter:g}"
            raise SettingProblem(here, problem, f"give {_LEAST_SCATTER:g} or more")
    gas = settings.gas or first.gas
    gas = gas if gas.edge is not None else replace(gas, edge=settings.edge)
    _check_shape(settings.priors, gas.profile, type(gas.shape()))
    return [replace(s, gas=gas) for s in given]


def _halo(settings: SightlineSettings) -> tuple[float, float]:
    return settings.milky_way.halo, settings.milky_way.halo_err


def _check_shape(priors: Priors, name: str, profile: Any) -> None:
    has = () if name in ("nfw", "table") else profile._fields
    for parameter in ("alpha", "y0"):
        if getattr(priors, parameter) is not None and parameter not in has:
            remedy = f"leave it out; the profile has {', '.join(has) or 'none'}"
            raise SettingProblem(f"priors.{parameter}", f"is no parameter of {name}", remedy)


def _known(settings: Sequence[SightlineSettings], halos: Floats) -> Bursts:
    cosmology = cosmology_named(settings[0].cosmology)
    z = np.array([s.frb.z for s in settings])
    ism = [milky_way_ism(s.milky_way, s.frb) for s in settings]
    galaxy = np.array([_halo(s) for s in settings])
    return Bursts(
        z=z,
        dm=np.array([s.frb.dm for s in settings]),
        dm_err=np.array([s.frb.dm_err for s in settings]),
        ism=np.array([m.value for m in ism]),
        ism_err=np.array([m.error for m in ism]),
        mw_halo=galaxy[:, 0],
        mw_halo_err=galaxy[:, 1],
        all_baryons=np.asarray(mean_dm_cosmic(z, cosmology, f_d=1.0)),
        scatter=np.array([s.igm.scatter for s in settings]),
        known_halos=halos,
    )


def _unused(settings: Sequence[SightlineSettings]) -> list[str]:
    """Settings of single bursts that have no meaning here."""
    notes = []
    if any(s.unseen.log_mass_limit is not None for s in settings):
        notes.append("[unseen] is not used: gas of halos in no catalog counts as the IGM's")
    if any(s.igm.f_parameter is not None for s in settings):
        notes.append(
            "f_parameter is not used: the scatter of the IGM is lognormal, by [igm] scatter"
        )
    return notes
