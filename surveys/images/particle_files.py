"""Particles of galaxies in files, and our own layout in HDF5.

The root has the attribute ``format`` = "slowburst-particles/1" and a group for each galaxy, with
the attribute ``redshift`` and the groups ``stars`` and ``gas``, whose datasets are the attributes
of :class:`Stars` and :class:`Gas`; ``velocity_km_s`` and ``luminosity`` may be left out, and so
may ``gas``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from surveys.errors import InputError, check_ranges
from surveys.images.particles import Gas, Particles, Stars

FORMAT = "slowburst-particles/1"
KNOWN = "give particles of FLARES, EAGLE, SWIFT or slowburst-particles/1"


@dataclass(frozen=True)
class ParticleSettings:
    """Which galaxies of a file of particles are taken.

    Attributes
    ----------
    least_stars : int
        Galaxies of fewer star particles are left out.
    aperture_kpc : float
        Particles further from the middle, proper, are left out.
    tag : str, optional
        Snapshot of a FLARES file, such as 010_z005p000, where there are many.
    """

    least_stars: int = 100
    aperture_kpc: float = 30.0
    tag: str | None = None

    def __post_init__(self) -> None:
        check_ranges(self, {"least_stars": (1, 1_000_000_000), "aperture_kpc": (1e-6, 1e6)})


Galaxies = list[tuple[str, float, Callable[[h5py.File], Particles]]]
"""Name, redshift, and what reads the particles from the open file."""


class ParticleSource(Protocol):
    """Galaxies of particles, read one at a time."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def redshift(self) -> NDArray[np.float64]: ...
    @property
    def source(self) -> str: ...
    def __len__(self) -> int: ...
    def read(self, index: int) -> Particles:
        """A galaxy by its place."""
        ...


class GalaxyFile:
    """Galaxies of a file that is opened anew for each; how one is read is given.

    Parameters
    ----------
    path : Path
    galaxies : list
    settings : ParticleSettings

    Raises
    ------
    InputError
        There are none.
    """

    def __init__(
        self,
        path: Path,
        galaxies: Galaxies,
        settings: ParticleSettings,
    ) -> None:
        if not galaxies:
            problem = f"has no galaxy of {settings.least_stars} stars or more"
            raise InputError(str(path), "stars", problem, "give another, or lower least_stars")
        self.source = str(path)
        self.names = tuple(name for name, _, _ in galaxies)
        self.redshift = np.array([z for _, z, _ in galaxies])
        self._path, self._settings = path, settings
        self._read = [read for _, _, read in galaxies]

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> Particles:
        """A galaxy by its place."""
        with opened(self._path) as file:
            try:
                galaxy = self._read[index](file)
            except InputError:
                raise
            except (ValueError, TypeError) as error:
                where = f"galaxy {self.names[index]}"
                raise InputError(self.source, where, str(error), "mend the file") from error
        return galaxy.within(self._settings.aperture_kpc)


def opened(path: Path) -> h5py.File:
    """An HDF5 file, or one clear error."""
    try:
        return h5py.File(path, "r")
    except OSError as error:
        problem = "is not there" if not Path(path).exists() else "is no whole HDF5 file"
        raise InputError(str(path), "file", problem, KNOWN) from error


def numbers(group: Any, key: str, where: str) -> NDArray[np.float64]:
    """A dataset of numbers.

    Raises
    ------
    InputError
        It is missing.
    """
    found = group.get(key)
    if not isinstance(found, h5py.Dataset):
        raise InputError(where, f"{group.name}/{key}".lstrip("/"), "is missing", KNOWN)
    return np.asarray(found[()], np.float64)


def own_galaxies(file: h5py.File, settings: ParticleSettings) -> Galaxies:
    """Galaxies of a file of our own layout, and how each is read."""
    where, galaxies = str(file.filename), []
    for name, group in file.items():
        stars = group.get("stars") if isinstance(group, h5py.Group) else None
        if not isinstance(stars, h5py.Group):
            continue
        z = group.attrs.get("redshift")
        if z is None or not 0 < float(z) < np.inf:
            problem = "is missing" if z is None else f"is {z}"
            raise InputError(where, f"{name}.redshift", problem, "give a number above 0")
        if len(numbers(stars, "age_yr", where)) >= settings.least_stars:
            galaxies.append((name, float(z), _reader(name, float(z))))
    return galaxies


def _reader(name: str, z: float) -> Callable[[h5py.File], Particles]:
    def read(file: h5py.File) -> Particles:
        group, where = file[name], str(file.filename)
        parts = []
        for key, kind in (("stars", Stars), ("gas", Gas)):
            values = {}
            for one in fields(kind):
                may_lack = one.default is not MISSING or (key == "gas" and key not in group)
                if may_lack and (key not in group or one.name not in group[key]):
                    continue
                values[one.name] = numbers(group[key], one.name, where)
            parts.append(kind(**values))
        return Particles(name, z, *parts)

    return read


def write_particles(path: Path, galaxies: Iterable[Particles]) -> None:
    """Write galaxies in our own layout."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with h5py.File(temporary, "w") as file:
            file.attrs["format"] = FORMAT
            for galaxy in galaxies:
                group = file.create_group(galaxy.name)
                group.attrs["redshift"] = galaxy.redshift
                for key, part in (("stars", galaxy.stars), ("gas", galaxy.gas)):
                    for one in fields(part):
                        values = getattr(part, one.name)
                        if values is not None:
                            group[f"{key}/{one.name}"] = values
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
