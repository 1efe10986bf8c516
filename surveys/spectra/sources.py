"""The background and the power spectrum that settings ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from cosmo.angular.observed import Matter, transfer_of
from cosmo.expansion import (
    Background,
    Cosmology,
    background_from_table,
    background_of,
    cosmology_of,
    recombination_redshift,
)
from cosmo.power.eisenstein_hu import transfer as eisenstein_hu_transfer
from cosmo.power.sources import (
    Halofit,
    Power,
    TabulatedPower,
    boltzmann,
    eisenstein_hu,
    emulated,
    tabulated,
)
from cosmo.power.tables import PowerTable, power_table, read_power_table
from surveys.errors import InputError
from surveys.spectra.files import MEND, blamed, column, finite, read
from surveys.spectra.settings import CosmologySettings, SpectraSettings

PLANCK = {"h": 0.6766, "omega_m": 0.3111, "n_s": 0.9665, "sigma8": 0.8102}
"""Of Planck 2018, where nothing else is said."""

_LATE = 12.0
_LARGEST = 1e60
_BEHIND = 1.02
# Of the table of a source that takes long.
_K, _WAVENUMBERS = (1e-5, 1e3), 720
_CAMB_Z, _CAMB_NODES, _CAMB_K = 10.0, 40, 20.0


@dataclass(frozen=True)
class Universe:
    """What tracers are made with.

    Attributes
    ----------
    cosmology : Cosmology
    background : Background
    given : dict of str to float
        What the settings say of h, omega_m and n_s.
    from_file : bool
        Whether the background is that of a file.
    """

    cosmology: Cosmology
    background: Background
    given: dict[str, float]
    from_file: bool

    def parameter(self, name: str, where: str, why: str) -> float:
        """A parameter that a file of the background has not, and has to be given beside it."""
        if self.from_file and name not in self.given:
            problem = f"is missing beside a background; {why}"
            raise InputError(where, f"cosmology.{name}", problem, "give it")
        return float(getattr(self.cosmology, name))


def cosmology_from(settings: CosmologySettings, where: str) -> tuple[Cosmology, dict[str, float]]:
    """The cosmology, and what was given of its parameters that have no default of their own."""
    values = {f.name: getattr(settings, f.name) for f in fields(settings) if f.name != "background"}
    values = {name: value for name, value in values.items() if value is not None}
    given = {name: values[name] for name in PLANCK if name in values}
    for name, value in PLANCK.items():
        if name != "sigma8" or "a_s" not in values:
            values.setdefault(name, value)
    with blamed(where, "cosmology", "give another value"):
        return cosmology_of(values), given


def universe_of(settings: SpectraSettings, z_max: float, where: str, base: Path) -> Universe:
    """The background, at least to a redshift where it is computed.

    Raises
    ------
    InputError
        A parameter makes no sense, or the file of the background cannot be used.
    """
    cosmology, given = cosmology_from(settings.cosmology, where)
    file = settings.cosmology.background
    if file is None:
        if any(t.kind == "cmb-lensing" for t in settings.tracer):
            z_max = max(z_max, _BEHIND * float(recombination_redshift(cosmology)))
        background = background_of(cosmology, max(z_max, _LATE))
        return Universe(cosmology, background, given, False)
    path = base / file
    columns = read(path)
    names = ("z", "chi_mpc_h", "hubble_h_mpc", "growth")
    table = {name: column(columns, path, name, ())[1] for name in names}
    if "growth_rate" in columns:
        table["growth_rate"] = column(columns, path, "growth_rate", ())[1]
    for name, values in table.items():
        finite(values, path, name)
    with blamed(path, "background", MEND):
        background = background_from_table(**table, curvature=float(cosmology.curvature))
    omega_m = given.get("omega_m")
    early = growth_today(cosmology) if "omega_m" in given else None
    background = replace(background, omega_m=omega_m, growth_today=early)
    return Universe(cosmology, background, given, True)


def growth_today(cosmology: Cosmology) -> Array:
    """Growth up to today, of the cosmology's parameters."""
    return background_of(cosmology, 1.0, 16).growth_today


def matter_of(
    settings: SpectraSettings, universe: Universe, z_end: float, where: str, base: Path
) -> tuple[Matter, Power]:
    """The power spectrum of the settings with the background, and the linear one.

    Parameters
    ----------
    settings : SpectraSettings
    universe : Universe
    z_end : float
        The farthest redshift that counts.
    where : str
        The file of the settings.
    base : Path
        Its folder.

    Raises
    ------
    InputError
        A file cannot be used, a package is missing, or P(k, z) ends before z_end.
    """
    power, cosmology, background = settings.power, universe.cosmology, universe.background
    if power.source == "table":
        linear: Any = tabulated(_table(settings, universe, z_end, base), background)
    elif power.source == "eisenstein-hu":
        linear = eisenstein_hu(cosmology, background)
    else:
        linear = _external(settings, universe, z_end, where)
    source: Any = linear
    if power.nonlinear is not None and power.source != "camb":
        source = _tabulated(Halofit(linear, cosmology), background, z_end)
    return Matter(background, source, _transfer(settings, universe, linear)), linear


def _tabulated(power: Power, background: Background, z_end: float) -> TabulatedPower:
    """A source that takes long, as a table."""
    z = np.expm1(np.linspace(0, np.log1p(1.02 * z_end), 24 + int(12 * np.log1p(z_end))))
    k = np.geomspace(*_K, _WAVENUMBERS)
    return tabulated(power_table(k, power(jnp.asarray(k), jnp.asarray(z)), z), background)


def _external(settings: SpectraSettings, universe: Universe, z_end: float, where: str) -> Any:
    power, cosmology, background = settings.power, universe.cosmology, universe.background
    with blamed(where, f"power.source = {power.source!r}", "mend it, or choose another source"):
        if power.source == "emu":
            return emulated(cosmology, background)
        end = min(max(1.05 * z_end, 0.1), _CAMB_Z)
        z = np.expm1(np.linspace(0, np.log1p(end), _CAMB_NODES))
        return boltzmann(cosmology, background, z, _CAMB_K, power.nonlinear)


def _transfer(
    settings: SpectraSettings, universe: Universe, linear: Any
) -> Callable[[Array], Array]:
    if settings.power.source == "eisenstein-hu":
        return lambda k: eisenstein_hu_transfer(universe.cosmology, k)
    return transfer_of(linear, float(universe.cosmology.n_s))


def _table(settings: SpectraSettings, universe: Universe, z_end: float, base: Path) -> PowerTable:
    assert settings.power.file is not None
    path = base / settings.power.file
    columns = read(path)
    for name in ("k_h_mpc", "pk_mpc_h3", "z"):
        if name in columns:
            finite(column(columns, path, name, ())[1], path, name)
    if "pk_mpc_h3" in columns and (np.abs(columns["pk_mpc_h3"]) > _LARGEST).any():
        raise InputError(str(path), "pk_mpc_h3", f"is above {_LARGEST:g}", MEND)
    with blamed(path, "P(k, z)", MEND):
        table = read_power_table(path, universe.given.get("n_s"))
    first, last = float(table.z[0]), float(table.z[-1])
    if table.z.size == 1 and first > 0:
        problem = f"is of z = {first:g} alone"
        raise InputError(str(path), "z", problem, "give P(k) at z = 0, or at many z")
    if table.z.size > 1 and not settings.power.extend:
        if z_end > last * (1 + 1e-6):
            problem = f"ends at {last:.4g}, and windows reach z = {z_end:.4g}"
            remedy = "give P(k, z) to there, or extend = true in [power] for D(z)^2 beyond"
            raise InputError(str(path), "z", problem, remedy)
        if first > 0.05:
            problem = f"begins at {first:.4g}, not at 0"
            remedy = "give P(k, z) from 0, or extend = true in [power]"
            raise InputError(str(path), "z", problem, remedy)
    return table
