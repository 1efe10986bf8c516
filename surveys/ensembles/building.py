"""Ensembles of bursts from their settings and catalogs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cosmo.background import cosmology_named
from cosmo.dispersion import mean_dm_cosmic
from cosmo.lognormal import nodes
from cosmo.profiles import Gas
from surveys.catalogs.halo_catalog import Floats, HaloCatalog, concatenate, left_out
from surveys.ensembles.ensemble import SHAPE, Bursts, Ensemble
from surveys.ensembles.halos import HaloGroup, halo_groups, mean_observed, only
from surveys.ensembles.settings import EnsembleSettings, Priors
from surveys.errors import SettingProblem
from surveys.sightlines.budget import milky_way_halo, milky_way_ism
from surveys.sightlines.crossing import crossing
from surveys.sightlines.halo_values import gas_of
from surveys.sightlines.settings import SightlineSettings

_LEAST_SCATTER = 0.02


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


def _halo(settings: SightlineSettings) -> tuple[float | None, ...]:
    galaxy = settings.milky_way
    return galaxy.halo, galaxy.halo_err, galaxy.halo_log_mass


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
    galaxy = [milky_way_halo(s) for s in settings]
    return Bursts(
        z=z,
        dm=np.array([s.frb.dm for s in settings]),
        dm_err=np.array([s.frb.dm_err for s in settings]),
        ism=np.array([m.value for m in ism]),
        ism_err=np.array([m.error for m in ism]),
        mw_halo=np.array([m.value for m in galaxy]),
        mw_halo_err=np.array([m.error for m in galaxy]),
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
