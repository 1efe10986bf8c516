"""Where a power spectrum of matter comes from.

A source is a pytree that gives ``P(k, z)``, (n_z, n_k) in (Mpc/h)^3 at k in h/Mpc. Sources are the
fit of Eisenstein & Hu (`eisenstein_hu`), a table (`tabulated`), the emulator emu-pk (`emulated`,
extra ``emu``) and the Boltzmann code CAMB (`boltzmann`, extra ``camb``). `Halofit` makes a linear
one nonlinear.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer

from cosmo.expansion import Background, growth
from cosmo.parameters import Cosmology
from cosmo.power.amplitude import sigma_of
from cosmo.power.eisenstein_hu import EisensteinHu, eisenstein_hu
from cosmo.power.halofit import Halofit
from cosmo.power.tables import PowerTable, power_table

__all__ = [
    "EisensteinHu",
    "Halofit",
    "Power",
    "TabulatedPower",
    "boltzmann",
    "eisenstein_hu",
    "emulated",
    "growth_of_power",
    "tabulated",
]

Nonlinear = Literal["takahashi", "mead2020"]

_EMULATED_Z = 5.0
_EMULATED_NODES = 41
_TRIAL_A_S = 2.1e-9


class Power(Protocol):
    """A source of P(k, z)."""

    @property
    def separable(self) -> bool:
        """Whether P(k, z) = D(z)^2 P(k, 0)."""
        ...

    def __call__(self, k: Array, z: Array) -> Array:
        """P, (n_z, n_k)."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TabulatedPower:
    """P(k, z) of a table; beyond its redshifts it grows as D(z)^2 does from the nearest of them.

    Attributes
    ----------
    table : PowerTable
    background : Background
        For D(z).
    """

    table: PowerTable
    background: Background

    @property
    def separable(self) -> bool:
        return self.table.z.shape[0] == 1

    @jax.jit
    def __call__(self, k: Array, z: Array) -> Array:
        """P, (n_z, n_k)."""
        z = jnp.atleast_1d(jnp.asarray(z, float))
        nearest = jnp.clip(z, self.table.z[0], self.table.z[-1])
        beyond = z != nearest
        # Within the table D is not asked for, which the background need not have there.
        there = jnp.where(beyond, nearest, 0.0)
        here = jnp.where(beyond, z, 0.0)
        ratio = growth(self.background, here) / growth(self.background, there)
        return ratio[:, None] ** 2 * self.table(k, nearest)


def tabulated(table: PowerTable, background: Background) -> TabulatedPower:
    """A table as a source; one with a single redshift gets D(z) of the background."""
    return TabulatedPower(table, background)


def growth_of_power(power: Power, k0: float, z: Any) -> Array:
    """Growth at one wavenumber, ``sqrt(P(k0, z) / P(k0, 0))``; (n_z,)."""
    z = jnp.atleast_1d(jnp.asarray(z, float))
    values = power(jnp.asarray([k0], float), jnp.concatenate([jnp.zeros(1, z.dtype), z]))[:, 0]
    return jnp.sqrt(values[1:] / values[0])


def emulated(cosmology: Cosmology, background: Background) -> TabulatedPower:
    """Linear spectra by the emulator emu-pk, up to z = 5; beyond, D(z) of the background.

    Raises
    ------
    ValueError
        emu-pk is not installed, or the cosmology is not one that it was trained for. The latter is
        not seen where the cosmology is traced.
    """
    emulator = _emulator()
    k = np.exp(np.asarray(emulator.w["lnk"], float))
    z = np.expm1(np.linspace(0, np.log1p(_EMULATED_Z), _EMULATED_NODES)).clip(0, _EMULATED_Z)
    a_s = _TRIAL_A_S if cosmology.a_s is None else cosmology.a_s
    h2 = cosmology.h**2
    parameters = (
        cosmology.omega_b * h2,
        (cosmology.omega_cb - cosmology.omega_b) * h2,
        cosmology.h,
        cosmology.n_s,
        jnp.log(1e10 * a_s),
        cosmology.m_nu,
        cosmology.w0,
        cosmology.wa,
        cosmology.omega_k,
        1 / 3,
        1 / 3,
    )
    _check_emulated(cosmology)
    try:
        pk = emulator.pk(k, z, jnp.stack([jnp.asarray(p, float) for p in parameters]))
    except ValueError as error:
        raise ValueError(f"emu-pk: {error}") from error
    table = PowerTable(jnp.asarray(k, float), jnp.asarray(z, float), pk, cosmology.n_s)
    return TabulatedPower(_with_sigma8(table, cosmology), background)


def boltzmann(
    cosmology: Cosmology,
    background: Background,
    z: Any,
    k_max: float = 20.0,
    nonlinear: Nonlinear | None = None,
) -> TabulatedPower:
    """Spectra by CAMB, computed here and now: nothing that can be differentiated or traced.

    Parameters
    ----------
    cosmology : Cosmology
    background : Background
    z : array_like
        Redshifts of the table, ascending from 0.
    k_max : float
        h/Mpc.
    nonlinear : {"takahashi", "mead2020"}, optional
        Takahashi et al. (2012) or HMcode-2020 (Mead et al. 2021); linear without.

    Raises
    ------
    ValueError
        CAMB is not installed, or it refuses.
    """
    camb = _optional("camb", "camb")
    z = np.atleast_1d(np.asarray(z, float))
    if z[0] != 0 or (np.diff(z) <= 0).any():
        raise ValueError(f"z has to ascend from 0; it begins with {z[:3]}")
    if nonlinear is not None and nonlinear not in get_args(Nonlinear):
        known = " or ".join(repr(name) for name in get_args(Nonlinear))
        raise ValueError(f"nonlinear = {nonlinear!r} is not {known}")
    a_s = cosmology.a_s
    try:
        if a_s is None:
            trial = _camb_results(camb, cosmology, _TRIAL_A_S, np.zeros(1), 20.0)
            a_s = _TRIAL_A_S * (cosmology.sigma8 / float(trial.get_sigma8_0())) ** 2
        results = _camb_results(camb, cosmology, a_s, z, k_max, nonlinear)
        get = (
            results.get_nonlinear_matter_power_spectrum
            if nonlinear
            else results.get_linear_matter_power_spectrum
        )
        k, z_out, pk = get(hubble_units=True, k_hunit=True)
    except camb.baseconfig.CAMBError as error:
        raise ValueError(f"camb: {error}") from error
    return TabulatedPower(power_table(k, pk, z_out, float(cosmology.n_s)), background)


def _check_emulated(cosmology: Cosmology) -> None:
    """What the emulator was trained with and takes no other value of."""
    for name, trained in (("n_eff", 3.044), ("t_cmb", 2.7255)):
        value = getattr(cosmology, name)
        if not isinstance(value, Tracer) and not np.allclose(value, trained, 1e-3, 0):
            raise ValueError(f"{name} = {value}: emu-pk knows only {trained}")


def _camb_results(
    camb: Any,
    cosmology: Cosmology,
    a_s: float,
    z: Any,
    k_max: float,
    nonlinear: str | None = None,
) -> Any:
    h2 = cosmology.h**2
    settings = camb.set_params(
        H0=100 * cosmology.h,
        ombh2=cosmology.omega_b * h2,
        omch2=float(cosmology.omega_cb - cosmology.omega_b) * h2,
        omk=cosmology.omega_k,
        mnu=cosmology.m_nu,
        nnu=cosmology.n_eff,
        num_massive_neutrinos=3 if cosmology.m_nu else 0,
        neutrino_hierarchy="degenerate",
        TCMB=cosmology.t_cmb,
        w=cosmology.w0,
        wa=cosmology.wa,
        dark_energy_model="ppf",
        As=float(a_s),
        ns=cosmology.n_s,
        WantCls=False,
    )
    settings.set_matter_power(redshifts=list(z[::-1]), kmax=k_max * cosmology.h, nonlinear=False)
    settings.NonLinear = camb.model.NonLinear_none
    if nonlinear:
        settings.NonLinear = camb.model.NonLinear_pk
        settings.NonLinearModel.set_params(halofit_version=nonlinear)
    return camb.get_results(settings)


def _with_sigma8(table: PowerTable, cosmology: Cosmology) -> PowerTable:
    """The table, scaled to the cosmology's sigma8 if it has one."""
    if cosmology.sigma8 is None:
        return table
    unit = sigma_of(lambda k: table(k, 0.0)[0])
    pk = table.pk * (cosmology.sigma8 / unit) ** 2
    return PowerTable(table.k, table.z, pk, table.n_s)


def _emulator() -> Any:
    return _optional("emu_pk", "emu").PkEmulator()


def _optional(module: str, extra: str) -> Any:
    """A package that an extra of this distribution brings."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = module.replace("_", "-")
        raise ValueError(f"{name} is not installed: pip install 'slowburst[{extra}]'") from error
