"""Galaxies of snapshots of EAGLE and SWIFT: ``PartType4`` (stars) and ``PartType0`` (gas).

A value of EAGLE is, in proper CGS, the one stored times ``CGSConversionFactor`` a^x h^y, with the
exponents that are its attributes; one of SWIFT likewise, without h. The galaxies are those that the
snapshot numbers, and their middle is where their stars are densest. Stars know the scale factor at
which they were born.

``SmoothingLength`` of EAGLE is where the kernel ends. That of SWIFT is 2 sigma of the kernel, which
ends at ``Kernel gamma`` times it (1.936492 for the C2 kernel of Wendland).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import h5py
import numpy as np
from astropy import units as u
from astropy.cosmology import FLRW
from numpy.typing import NDArray

from surveys.errors import InputError
from surveys.images.particle_files import Galaxies, ParticleSettings
from surveys.images.particles import Gas, Particles, Stars

Array = NDArray[Any]
_KPC, _MSUN, _KM_S = (
    float(unit.to(cgs)) for unit, cgs in ((u.kpc, u.cm), (u.Msun, u.g), (u.km, u.cm))
)
_SFR = float((1 * u.Msun / u.yr).to_value(u.g / u.s))
_WENDLAND_C2 = 1.936492
_NO_SUBGROUP = 1 << 30


@dataclass(frozen=True)
class _Layout:
    """What a code calls things. Names are tried one after another."""

    position: str
    smoothing: str
    initial_mass: str
    mass: str
    born: tuple[str, ...]
    metallicity: tuple[str, ...]
    velocity: str
    rate: str
    group: tuple[str, ...]


_EAGLE = _Layout(
    "Coordinates", "SmoothingLength", "InitialMass", "Mass", ("StellarFormationTime",),
    ("SmoothedMetallicity", "Metallicity"), "Velocity", "StarFormationRate", ("GroupNumber",),
)  # fmt: skip
_SWIFT = _Layout(
    "Coordinates", "SmoothingLengths", "InitialMasses", "Masses",
    ("BirthScaleFactors",), ("SmoothedMetalMassFractions", "MetalMassFractions"), "Velocities",
    "StarFormationRates", ("GroupNr_bound", "FOFGroupIDs"),
)  # fmt: skip


def is_eagle(file: h5py.File) -> bool:
    """Whether values have the attributes of EAGLE."""
    stored = file.get("PartType4/Coordinates")
    return stored is not None and "CGSConversionFactor" in stored.attrs


def is_swift(file: h5py.File) -> bool:
    """Whether SWIFT wrote a file."""
    code = file["Header"].attrs.get("Code", b"") if "Header" in file else b""
    return (
        b"SWIFT" in np.atleast_1d(np.asarray(code, "S"))[0] or "PartType4/SmoothingLengths" in file
    )


def eagle_galaxies(file: h5py.File, settings: ParticleSettings, cosmology: FLRW) -> Galaxies:
    """Galaxies of a snapshot of EAGLE, by group and subgroup, and how each is read."""
    return _galaxies(_Snapshot(file, _EAGLE, cosmology), settings)


def swift_galaxies(file: h5py.File, settings: ParticleSettings, cosmology: FLRW) -> Galaxies:
    """Galaxies of a snapshot of SWIFT, by the number of their group, and how each is read."""
    return _galaxies(_Snapshot(file, _SWIFT, cosmology), settings)


class _Snapshot:
    """An open snapshot, whose values come in proper kpc, Msun and km/s."""

    def __init__(self, file: h5py.File, layout: _Layout, cosmology: FLRW) -> None:
        self.file, self.layout, self.cosmology = file, layout, cosmology
        self.where = str(file.filename)
        header = file["Header"].attrs
        self.swift = layout is _SWIFT
        self.z = _scalar(header, "Redshift", self.where)
        self.a = 1 / (1 + self.z)
        self.h = 1.0 if self.swift else _scalar(header, "HubbleParam", self.where)

    def stored(self, kind: int, *names: str) -> h5py.Dataset:
        for name in names:
            found = self.file.get(f"PartType{kind}/{name}")
            if isinstance(found, h5py.Dataset):
                return found
        field = f"PartType{kind}/{names[0]}"
        raise InputError(self.where, field, "is missing", "give a whole snapshot")

    def factor(self, dataset: h5py.Dataset) -> float:
        """From what is stored to proper CGS."""
        attrs, name = dataset.attrs, str(dataset.name)
        if not self.swift:
            cgs = _scalar(attrs, "CGSConversionFactor", self.where, name)
            of_a = _scalar(attrs, "aexp-scale-exponent", self.where, name)
            of_h = _scalar(attrs, "h-scale-exponent", self.where, name)
            return cgs * self.a**of_a * self.h**of_h
        keys = (
            "Conversion factor to CGS (not including cosmological corrections)",
            "CGS conversion factor",
        )
        key = next((key for key in keys if key in attrs), keys[0])
        cgs = _scalar(attrs, key, self.where, name)
        if "Value stored as physical" in attrs and _scalar(attrs, "Value stored as physical", ""):
            return cgs
        return cgs * self.a ** _scalar(attrs, "a-scale exponent", self.where, name)

    def values(self, chosen: Array, unit: float, kind: int, *names: str) -> NDArray[np.float64]:
        dataset = self.stored(kind, *names)
        return np.asarray(dataset[()], np.float64)[chosen] * (self.factor(dataset) / unit)

    def support(self) -> float:
        """Where the kernel ends, over the smoothing length."""
        if not self.swift:
            return 1.0
        scheme = self.file["HydroScheme"].attrs if "HydroScheme" in self.file else {}
        return _scalar(scheme, "Kernel gamma", "") if "Kernel gamma" in scheme else _WENDLAND_C2

    def numbers(self, kind: int) -> NDArray[np.int64]:
        """Number of the galaxy of each particle, 0 or less for none."""
        group = np.asarray(self.stored(kind, *self.layout.group)[()], np.int64)
        if self.swift:
            # No group has the number 2^31 - 1 or -1.
            return np.where((group < 0) | (group >= (1 << 31) - 1), 0, group)
        sub = np.asarray(self.stored(kind, "SubGroupNumber")[()], np.int64)
        free = (group <= 0) | (sub < 0) | (sub >= _NO_SUBGROUP)
        return np.where(free, 0, (group << 31) + sub)

    def name(self, number: int) -> str:
        return str(number) if self.swift else f"{number >> 31}-{number & ((1 << 31) - 1)}"


def _galaxies(snapshot: _Snapshot, settings: ParticleSettings) -> Galaxies:
    numbers = snapshot.numbers(4)
    found, counts = np.unique(numbers[numbers > 0], return_counts=True)
    chosen = found[counts >= settings.least_stars]
    return [
        (
            snapshot.name(int(number)),
            snapshot.z,
            partial(_read, int(number), snapshot.layout, snapshot.cosmology),
        )
        for number in chosen
    ]


def _read(number: int, layout: _Layout, cosmology: FLRW, file: h5py.File) -> Particles:
    snapshot = _Snapshot(file, layout, cosmology)
    stars = snapshot.numbers(4) == number
    place = snapshot.values(stars, _KPC, 4, layout.position)
    box = _box(snapshot)
    place = _unwrapped(place, place[0], box)
    middle = densest(place)
    support = snapshot.support()
    born = np.asarray(snapshot.stored(4, *layout.born)[()], np.float64)[stars]
    has_speed = f"PartType4/{layout.velocity}" in file
    return Particles(
        snapshot.name(number),
        snapshot.z,
        Stars(
            position_kpc=place - middle,
            smoothing_kpc=snapshot.values(stars, _KPC, 4, layout.smoothing) * support,
            initial_mass=snapshot.values(stars, _MSUN, 4, layout.initial_mass),
            age_yr=_ages(born, snapshot),
            metallicity=_plain(snapshot, stars, 4),
            velocity_km_s=snapshot.values(stars, _KM_S, 4, layout.velocity) if has_speed else None,
        ),
        _gas(snapshot, number, middle, box) if "PartType0" in file else Gas(),
    )


def _gas(snapshot: _Snapshot, number: int, middle: Array, box: float) -> Gas:
    layout, chosen = snapshot.layout, snapshot.numbers(0) == number
    place = snapshot.values(chosen, _KPC, 0, layout.position)
    rate = np.zeros(len(place))
    if f"PartType0/{layout.rate}" in snapshot.file:
        # SWIFT keeps the time of the last star formation in gas that forms none, below 0.
        rate = np.maximum(snapshot.values(chosen, _SFR, 0, layout.rate), 0.0)
    return Gas(
        position_kpc=_unwrapped(place, middle, box) - middle,
        smoothing_kpc=snapshot.values(chosen, _KPC, 0, layout.smoothing) * snapshot.support(),
        mass=snapshot.values(chosen, _MSUN, 0, layout.mass),
        metallicity=_plain(snapshot, chosen, 0),
        star_formation_rate=rate,
    )


def _plain(snapshot: _Snapshot, chosen: Array, kind: int) -> NDArray[np.float64]:
    """Mass fractions of metals; particles may have less than none by a rounding."""
    values = np.asarray(snapshot.stored(kind, *snapshot.layout.metallicity)[()], np.float64)
    return np.maximum(values[chosen], 0.0)


def _ages(born: Array, snapshot: _Snapshot) -> NDArray[np.float64]:
    if not np.all((born > 0) & (born <= snapshot.a * (1 + 1e-6))):
        field = f"PartType4/{snapshot.layout.born[0]}"
        problem = f"has {born.min():g} to {born.max():g} in a snapshot at a = {snapshot.a:g}"
        raise InputError(snapshot.where, field, problem, "give scale factors of birth")
    # The age of the universe is smooth: a table of it is exact enough, and quick.
    grid = np.linspace(born.min() * (1 - 1e-9), snapshot.a, 512)
    since = snapshot.cosmology.age(1 / grid - 1).to_value(u.yr)
    return np.maximum(since[-1] - np.interp(born, grid, since), 0.0)


def _box(snapshot: _Snapshot) -> float:
    """Side of the periodic box, proper kpc; infinite if it is not known."""
    header = snapshot.file["Header"].attrs
    if "BoxSize" not in header:
        return np.inf
    side = float(np.max(header["BoxSize"]))
    return side * snapshot.factor(snapshot.stored(4, snapshot.layout.position)) / _KPC


def _unwrapped(place: Array, about: Array, box: float) -> Array:
    """Places on the near side of a periodic box."""
    if not np.isfinite(box):
        return place
    return about + (place - about + box / 2) % box - box / 2


def densest(place: Array) -> NDArray[np.float64]:
    """The middle of the densest part, by spheres that shrink around the mean of what they hold."""
    middle = np.median(place, axis=0)
    first = radius = float(np.quantile(np.linalg.norm(place - middle, axis=1), 0.9))
    while radius > 1e-6 * first:
        inside = place[np.linalg.norm(place - middle, axis=1) <= radius]
        if len(inside) < 32:
            break
        middle, radius = inside.mean(0), radius * 0.9
    return np.asarray(middle, np.float64)


def _scalar(attrs: Any, key: str, where: str, at: str = "Header") -> float:
    if key not in attrs:
        raise InputError(where, f"{at.lstrip('/')}.{key}", "is missing", "give a whole snapshot")
    return float(np.atleast_1d(attrs[key])[0])
