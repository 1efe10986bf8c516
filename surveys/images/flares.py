"""Galaxies of a master file of FLARES: ``region/tag/Galaxy`` and ``region/tag/Particle``.

Positions and the centre of potential are comoving Mpc, (3, particle), smoothing lengths proper Mpc,
masses 10^10 Msun, ages Gyr. Particles of a galaxy are beside each other; ``S_Length`` and
``G_Length`` say how many there are.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from surveys.errors import InputError
from surveys.images.particle_files import Galaxies, ParticleSettings, numbers
from surveys.images.particles import Gas, Particles, Stars

_TAG = re.compile(r"^\d+_z(\d+)p(\d+)$")


def is_flares(file: h5py.File) -> bool:
    """Whether a file has regions with snapshots in them."""
    return any(_tags(region) for region in file.values())


def _tags(region: Any) -> list[str]:
    if not isinstance(region, h5py.Group):
        return []
    return [key for key in region if _TAG.match(key) and "Galaxy" in region[key]]


def flares_galaxies(file: h5py.File, settings: ParticleSettings) -> Galaxies:
    """Galaxies of a file, and how each is read.

    Raises
    ------
    InputError
        There are many snapshots and none is chosen, or something is missing.
    """
    where = str(file.filename)
    tags = sorted({tag for region in file.values() for tag in _tags(region)})
    if settings.tag is None and len(tags) > 1:
        problem = f"is one of {', '.join(tags)}"
        raise InputError(where, "snapshot", problem, "say which with tag")
    tag = settings.tag or tags[0]
    if tag not in tags:
        problem = f"{tag!r} is not in the file"
        raise InputError(where, "tag", problem, f"give one of {', '.join(tags)}")
    whole, part = re.findall(_TAG, tag)[0]
    z = float(f"{whole}.{part}")
    galaxies: Galaxies = []
    for name, region in file.items():
        if tag not in _tags(region):
            continue
        group = region[tag]["Galaxy"]
        stars, gas = (numbers(group, f"{kind}_Length", where).astype(int) for kind in "SG")
        ends = np.cumsum(stars), np.cumsum(gas)
        for i in np.flatnonzero(stars >= settings.least_stars):
            of_stars = slice(int(ends[0][i] - stars[i]), int(ends[0][i]))
            of_gas = slice(int(ends[1][i] - gas[i]), int(ends[1][i]))
            read = partial(_read, f"{name}/{tag}", int(i), z, (of_stars, of_gas))
            galaxies.append((f"{name}-{i}", z, read))
    return galaxies


def _read(at: str, i: int, z: float, parts: tuple[slice, slice], file: h5py.File) -> Particles:
    where, group = str(file.filename), file[at]
    centre = _rows(group["Galaxy"], "COP", where, slice(i, i + 1))[0]
    particle = group["Particle"]
    to_kpc = 1e3 / (1 + z)

    def get(key: str, part: slice) -> NDArray[np.float64]:
        found = particle.get(key)
        if not isinstance(found, h5py.Dataset):
            raise InputError(where, f"{at}/Particle/{key}", "is missing", "give a whole file")
        return np.asarray(found[part], np.float64)

    of_stars, of_gas = parts
    velocity = _rows(particle, "S_Vel", where, of_stars) if "S_Vel" in particle else None
    stars = Stars(
        position_kpc=(_rows(particle, "S_Coordinates", where, of_stars) - centre) * to_kpc,
        smoothing_kpc=get("S_sml", of_stars) * 1e3,
        initial_mass=get("S_MassInitial", of_stars) * 1e10,
        age_yr=get("S_Age", of_stars) * 1e9,
        metallicity=get("S_Z_smooth", of_stars),
        velocity_km_s=velocity,
    )
    n_gas = of_gas.stop - of_gas.start
    gas = Gas(
        position_kpc=(_rows(particle, "G_Coordinates", where, of_gas) - centre) * to_kpc,
        smoothing_kpc=get("G_sml", of_gas) * 1e3,
        mass=get("G_Mass", of_gas) * 1e10,
        metallicity=get("G_Z_smooth", of_gas),
        star_formation_rate=get("G_SFR", of_gas) if "G_SFR" in particle else np.zeros(n_gas),
    )
    return Particles(f"{at.split('/')[0]}-{i}", z, stars, gas)


def _rows(group: Any, key: str, where: str, part: slice) -> NDArray[np.float64]:
    """Vectors of some particles, (particle, 3), from (3, particle) or the other way."""
    found = group.get(key)
    if not isinstance(found, h5py.Dataset) or 3 not in found.shape:
        raise InputError(where, f"{group.name}/{key}", "is missing", "give a whole file")
    values = found[:, part].T if found.shape[0] == 3 else found[part]
    return np.asarray(values, np.float64)
