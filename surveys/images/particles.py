"""Stars and gas of one galaxy, as particles."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _none() -> Array:
    return np.zeros(0)


@dataclass(frozen=True)
class Gas:
    """Gas of a galaxy.

    Attributes
    ----------
    position_kpc : array, (particle, 3)
        Proper, from the middle of the galaxy.
    smoothing_kpc : array, (particle,)
        Radius at which the kernel ends.
    mass, metallicity, star_formation_rate : array, (particle,)
        Msun, mass fraction, Msun/yr.
    """

    position_kpc: Array = field(default_factory=lambda: np.zeros((0, 3)))
    smoothing_kpc: Array = field(default_factory=_none)
    mass: Array = field(default_factory=_none)
    metallicity: Array = field(default_factory=_none)
    star_formation_rate: Array = field(default_factory=_none)

    def __post_init__(self) -> None:
        _check(self)

    def __len__(self) -> int:
        return len(self.position_kpc)


@dataclass(frozen=True)
class Stars:
    """Stars of a galaxy.

    Attributes
    ----------
    position_kpc, smoothing_kpc, metallicity
        As in :class:`Gas`.
    initial_mass, age_yr : array, (particle,)
        Msun when born, and yr.
    velocity_km_s : array, (particle, 3), optional
        Only for views along the angular momentum.
    luminosity : array, (particle, wavelength), optional
        erg/s/Hz, before dust.
    """

    position_kpc: Array
    smoothing_kpc: Array
    initial_mass: Array
    age_yr: Array
    metallicity: Array
    velocity_km_s: Array | None = None
    luminosity: Array | None = None

    def __post_init__(self) -> None:
        _check(self)

    def __len__(self) -> int:
        return len(self.position_kpc)


@dataclass(frozen=True)
class Particles:
    """One galaxy.

    Attributes
    ----------
    name : str
    redshift : float
    stars : Stars
    gas : Gas
    """

    name: str
    redshift: float
    stars: Stars
    gas: Gas = field(default_factory=Gas)

    def within(self, radius_kpc: float) -> Particles:
        """Only what is nearer to the middle than a radius."""
        return replace(self, stars=_near(self.stars, radius_kpc), gas=_near(self.gas, radius_kpc))

    def turned(self, rotation: Array) -> Particles:
        """The galaxy after a rotation, (3, 3); it is seen along the third axis, from +z.

        Raises
        ------
        ValueError
            The matrix is no rotation.
        """
        rotation = np.asarray(rotation, np.float64)
        if rotation.shape != (3, 3) or not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6):
            raise ValueError("rotation: is not an orthogonal matrix of 3 x 3")
        stars = replace(self.stars, position_kpc=self.stars.position_kpc @ rotation.T)
        if stars.velocity_km_s is not None:
            stars = replace(stars, velocity_km_s=stars.velocity_km_s @ rotation.T)
        gas = replace(self.gas, position_kpc=self.gas.position_kpc @ rotation.T)
        return replace(self, stars=stars, gas=gas)


def face_on(particles: Particles, within_kpc: float = np.inf) -> Array:
    """The rotation that turns the angular momentum of the stars into the line of sight.

    Raises
    ------
    ValueError
        Velocities are not known, or stars do not turn.
    """
    stars = _near(particles.stars, within_kpc) if np.isfinite(within_kpc) else particles.stars
    if stars.velocity_km_s is None:
        raise ValueError(f"velocity_km_s: is not known of {particles.name}; give an orientation")
    mass = stars.initial_mass[:, None]
    drift = (mass * stars.velocity_km_s).sum(0) / mass.sum()
    spin = (mass * np.cross(stars.position_kpc, stars.velocity_km_s - drift)).sum(0)
    length = np.linalg.norm(spin)
    if not length > 0:
        raise ValueError(f"velocity_km_s: gives {particles.name} no angular momentum")
    z = spin / length
    x = np.cross(np.eye(3)[np.argmin(np.abs(z))], z)
    x /= np.linalg.norm(x)
    return np.array([x, np.cross(z, x), z])


def edge_on(particles: Particles, within_kpc: float = np.inf) -> Array:
    """The rotation that turns the angular momentum of the stars upwards in the image."""
    x, y, z = face_on(particles, within_kpc)
    return np.array([x, z, -y])


def random_rotation(seed: int, index: int) -> Array:
    """A rotation that is uniform among all, for the galaxy of a number."""
    q = np.random.default_rng((seed, index)).normal(size=4)
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _near(part: Any, radius_kpc: float) -> Any:
    chosen = (part.position_kpc**2).sum(1) < radius_kpc**2
    values = {f.name: getattr(part, f.name) for f in fields(part)}
    return type(part)(**{k: None if v is None else v[chosen] for k, v in values.items()})


def _check(part: Gas | Stars) -> None:
    n = len(part.position_kpc)
    for one in fields(part):
        values = getattr(part, one.name)
        if values is None:
            continue
        shape = np.shape(values)
        three = one.name in ("position_kpc", "velocity_km_s")
        if shape[:1] != (n,) or (shape[1:] != (3,) if three else len(shape) > 2):
            raise ValueError(f"{one.name}: has the shape {shape} for {n} particles")
        if not np.isfinite(values).all():
            raise ValueError(f"{one.name}: is not finite in {(~np.isfinite(values)).sum()} places")
        if not three and n and np.min(values) < 0:
            raise ValueError(f"{one.name}: has {np.min(values):g}; give numbers of 0 or more")
