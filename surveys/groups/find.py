"""Groups of galaxies of a redshift survey: members, centres, dispersions and masses.

Groups are found by anisotropic friends-of-friends (:mod:`surveys.groups.linking`); their masses are
those of :mod:`surveys.groups.masses`. :func:`group_catalog` puts groups and single galaxies
together, so that no satellite is counted beside the halo that it lives in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from astropy.cosmology import FLRW, Planck18
from numpy.typing import NDArray

from surveys.catalogs.halo_catalog import (
    Floats,
    HaloCatalog,
    concatenate,
    left_out,
    unit_vectors,
    without_members,
)
from surveys.catalogs.masses import Masses
from surveys.groups.linking import C_KMS, Distances, Linking, friends_of_friends

CENTRES = ("mean", "weighted", "brightest")


@dataclass(frozen=True)
class Groups:
    """Groups, the largest first.

    Attributes
    ----------
    label : (galaxy,) int64
        Number of the group that a galaxy is in; -1: in none.
    name : (group,) str
    n_members : (group,) int64
    ra_deg, dec_deg : (group,) float64
        The centre.
    z, z_err : (group,) float64
        Mean of the members' redshifts, and its standard error.
    dispersion_kms : (group,) float64
        Velocity dispersion along the line of sight in the group's frame, by the gapper,
        less the errors of the redshifts; 0 where they explain all of it.
    centring_kpc : (group,) float64
        Standard error of the centre on each axis, proper kpc; NaN for the brightest galaxy.
    """

    label: NDArray[np.int64]
    name: NDArray[np.str_]
    n_members: NDArray[np.int64]
    ra_deg: Floats
    dec_deg: Floats
    z: Floats
    z_err: Floats
    dispersion_kms: Floats
    centring_kpc: Floats

    def __len__(self) -> int:
        return len(self.name)

    def members(self, group: int) -> NDArray[np.int64]:
        """Row numbers of a group's galaxies."""
        return np.flatnonzero(self.label == group)


def find_groups(
    galaxies: HaloCatalog,
    linking: Linking,
    min_members: int = 3,
    centre: str = "mean",
    weight: Floats | None = None,
    cosmology: FLRW | None = None,
) -> Groups:
    """Find the groups of a redshift survey.

    Parameters
    ----------
    galaxies : HaloCatalog
        With spectroscopic redshifts.
    linking : Linking
    min_members : int
        Smaller groups are single galaxies.
    centre : str
        ``mean`` of the members' directions, ``weighted`` mean, or the ``brightest`` member.
    weight : (galaxy,) float64, optional
        Luminosities for the last two, on any linear scale. Default: those of the magnitudes,
        or where there are none, the stellar masses.
    cosmology : FLRW, optional
        Default: Planck18.

    Raises
    ------
    ValueError
        An argument cannot be.
    """
    if min_members < 2:
        raise ValueError(f"min_members is {min_members}, not at least 2")
    if centre not in CENTRES:
        raise ValueError(f"centre is {centre!r}, not one of {CENTRES}")
    if weight is None:
        bright = np.isfinite(galaxies.magnitude).any()
        weight = 10 ** (-0.4 * galaxies.magnitude if bright else galaxies.log_mstar)
        weight = np.nan_to_num(weight / np.nanmax(weight, initial=1e-300))
    if np.shape(weight) != galaxies.shape:
        raise ValueError(f"weight has shape {np.shape(weight)}, z has {galaxies.shape}")
    distances = Distances(cosmology or Planck18, float(galaxies.z.max(initial=0.1)))
    distance = distances(galaxies.z)
    across, along = linking.lengths_mpc(galaxies.z, distances)
    linked = friends_of_friends(galaxies.ra_deg, galaxies.dec_deg, distance, across, along)
    label, n_members = _by_size(linked, min_members)
    inside = label >= 0
    n_groups, own = len(n_members), label[inside]
    z, z_err = galaxies.z[inside], galaxies.z_err[inside]
    mean_z = _sum(z, own, n_groups) / n_members
    velocity = C_KMS * (z - mean_z[own]) / (1 + mean_z[own])
    error_kms = C_KMS * z_err / (1 + mean_z[own])
    error2 = _sum(error_kms**2, own, n_groups) / n_members
    observed = gapper(velocity, own, n_groups)
    weights = weight[inside] if centre != "mean" else np.ones(len(own))
    places = unit_vectors(galaxies.ra_deg[inside], galaxies.dec_deg[inside])
    proper_mpc = distances(mean_z) / (1 + mean_z)
    middle, scatter = _centres(places, own, n_members, weights)
    if centre == "brightest":
        middle, scatter = places[_brightest(weights, own)], np.full(n_groups, np.nan)
    return Groups(
        label=label,
        name=np.array([f"group-{i + 1:06d}" for i in range(n_groups)], dtype=str),
        n_members=n_members,
        ra_deg=np.rad2deg(np.arctan2(middle[:, 1], middle[:, 0])) % 360.0,
        dec_deg=np.rad2deg(np.arctan2(middle[:, 2], np.hypot(middle[:, 0], middle[:, 1]))),
        z=mean_z,
        z_err=observed / C_KMS * (1 + mean_z) / np.sqrt(n_members),
        dispersion_kms=np.sqrt(np.maximum(observed**2 - error2, 0.0)),
        centring_kpc=scatter * proper_mpc * 1e3,
    )


def _by_size(
    linked: NDArray[np.int64], min_members: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the components with enough members by their size; the others are -1."""
    size = np.bincount(linked)
    order = np.argsort(-size, kind="stable")
    order = order[size[order] >= min_members]
    number = np.full(len(size), -1)
    number[order] = np.arange(len(order))
    return number[linked], size[order]


def _sum(values: Floats, label: NDArray[np.int64], n_groups: int) -> Floats:
    return np.bincount(label, values, minlength=n_groups).astype(np.float64)


def _centres(
    places: Floats, label: NDArray[np.int64], n_members: NDArray[np.int64], weights: Floats
) -> tuple[Floats, Floats]:
    """Weighted mean directions, and their standard error on each axis, radians."""
    n_groups = len(n_members)
    total = _sum(weights, label, n_groups)
    # A group without any weight has the plain mean.
    weights = np.where(total[label] > 0, weights, 1.0)
    axes = [_sum(weights * places[:, k], label, n_groups) for k in range(3)]
    middle = np.stack(axes, axis=-1)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    offset2 = np.sum((places - middle[label]) ** 2, axis=1)
    spread2 = _sum(offset2, label, n_groups) / 2 / np.maximum(n_members - 1, 1)
    effective = _sum(weights, label, n_groups) ** 2 / _sum(weights**2, label, n_groups)
    return middle, np.sqrt(spread2 / effective)


def _brightest(weights: Floats, label: NDArray[np.int64]) -> NDArray[np.int64]:
    """Row of the heaviest member of each group."""
    order = np.lexsort((-weights, label))
    return order[np.unique(label[order], return_index=True)[1]]


def gapper(
    values: Floats, label: NDArray[np.int64] | None = None, n_groups: int | None = None
) -> Floats:
    """Standard deviations by the gapper, unbiased for Gaussians of any number of values.

    Beers, Flynn & Gebhardt 1990 (AJ 100, 32), eq. 7: sqrt(pi) / (n (n - 1)) times the sum of
    i (n - i) times the gap between the i-th and the next of the sorted values.

    Parameters
    ----------
    values : (n,) float64
    label : (n,) int64, optional
        The group of each value, from 0 on. Default: all are of one.
    n_groups : int, optional
        Default: as many as there are labels.

    Returns
    -------
    (group,) float64
        NaN for groups of one value.
    """
    label = np.zeros(len(values), np.int64) if label is None else label
    n_groups = int(label.max(initial=-1)) + 1 if n_groups is None else n_groups
    order = np.lexsort((values, label))
    values, label = values[order], label[order]
    size = np.bincount(label, minlength=n_groups)
    rank = np.arange(len(values)) - (np.cumsum(size) - size)[label] + 1
    inner = rank[:-1] < size[label[:-1]]
    rank, own = rank[:-1][inner], label[:-1][inner]
    weighted = rank * (size[own] - rank) * np.diff(values)[inner]
    pairs = np.where(size > 1, size * (size - 1.0), np.nan)
    return np.sqrt(np.pi) * _sum(weighted, own, n_groups) / pairs


def group_catalog(
    galaxies: HaloCatalog, groups: Groups, masses: Masses, mass_definition: str
) -> HaloCatalog:
    """The groups as halos, and the galaxies that are in none of them.

    Groups without a mass are dissolved: their galaxies stay single. Single galaxies without a
    mass are left out.
    """
    has_mass = np.isfinite(masses.log)
    names = np.append(np.where(has_mass, groups.name, ""), "")
    halos = HaloCatalog.of(
        name=groups.name,
        ra_deg=groups.ra_deg,
        dec_deg=groups.dec_deg,
        z=groups.z,
        z_err=groups.z_err,
        log_mass=masses.log,
        log_mass_err_lo=masses.err_lo,
        log_mass_err_hi=masses.err_hi,
        mass_definition=mass_definition,
        richness=groups.n_members.astype(float),
        centring_kpc=groups.centring_kpc,
        source=galaxies.source,
    ).select(has_mass)
    both = without_members(concatenate([halos, replace(galaxies, group=names[groups.label])]))
    if not has_mass.all():
        both = both.noted(
            f"{np.sum(~has_mass)} groups without a mass are counted as single galaxies"
        )
    if both.has_mass.all():
        return both
    note = left_out(int(np.sum(~both.has_mass)), "galaxies in no group, without a mass")
    return both.select(both.has_mass).noted(note)
