r"""Galaxies that are made up, with the trends of simulated ones: dust that hides a bright core.

Light of a core, a disc and clumps, all of one flat spectrum, is behind a screen of dust

    tau(r, lambda) = tau(r) (0.55 um / lambda),   tau(r) = tau_0 exp(-r / h) + 0.05 exp(-r / r_d)

and what the dust takes is given back, where it is taken, as a modified blackbody. The disc shrinks
with redshift and grows with luminosity; the core, of which the dust is, does not change. So the
galaxy in the UV is its disc and clumps, at longer wavelengths more and more its core, and in the
far infrared the core alone.

This is a population for trying things out. It was made to follow published trends, and says nothing
about the sky.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from surveys.images.emission import (
    LIGHT_UM_HZ,
    LONGEST_STARLIGHT_UM,
    LYMAN_UM,
    SOFTENING_CKPC,
    UV_UM,
    V_UM,
    dust_spectrum,
)
from surveys.images.galaxies import LUMINOSITY, GalaxyImages, check_interval, images_of
from surveys.images.synthetic_settings import LOG_L_STAR, SyntheticSettings

CORE_LIGHT, DISC_LIGHT, CLUMP_LIGHT = 0.55, 0.30, 0.15
CORE_KPC = 0.3
"""Half-light radius of the core at L*."""

DISC_KPC, DISC_EVOLUTION = 2.2, 2.0
"""Half-light radius of the disc at L* and z = 5, and how it shrinks: (1 + z)^-2."""

DISC_SLOPE, CORE_SLOPE = 0.42, 0.10
"""Radii grow as this power of the luminosity."""

DUST_KPC = 0.7
"""The h of the screen."""

DISC_TAU = 0.05
CLUMPS = 6, 14
FINEST_KPC = 0.1
"""Light is computed on points that are no further apart."""

CHUNK = 8
"""Galaxies that are computed together."""

_HALF_LIGHT = 1.67835
"""Half-light radius of an exponential disc over its scale length."""

_N_TAU = 1024


class _Tables(NamedTuple):
    """What all galaxies of a population share; leaves of a pytree.

    ``luminosity`` is log10 L, and ``share`` that of the galaxies below it; ``absorbed``, (tau,), is
    the power that dust takes out of light, over that at the greatest tau, and ``ratio`` the L_nu of
    dust at each wavelength where it takes all of that out of light of unit L_nu.
    """

    luminosity: Array
    share: Array
    absorbed: Array
    ratio: Array
    scatter: Array
    tau: Array
    most_tau: Array


class _Galaxy(NamedTuple):
    """Parameters of one galaxy: kpc, radians, erg/s/Hz."""

    luminosity: Array
    disc: Array
    core: Array
    axis_ratio: Array
    angle: Array
    clump_x: Array
    clump_y: Array
    clump_sigma: Array
    clump_share: Array
    tau: Array


class SyntheticGalaxies:
    """A population of made-up galaxies; each depends on the seed and its place only.

    Parameters
    ----------
    settings : SyntheticSettings
    """

    unit = LUMINOSITY
    synthetic = True
    source = "synthetic"

    def __init__(self, settings: SyntheticSettings | None = None) -> None:
        self.settings = settings = settings or SyntheticSettings()
        self.rest_um = np.array(settings.rest_um)
        self.n_pixels = settings.n_pixels
        n, n_z = settings.number, len(settings.redshifts)
        self.redshift = np.repeat(np.array(settings.redshifts, np.float64), n)
        softening = SOFTENING_CKPC / (1 + self.redshift)
        given = settings.pixel_kpc
        self.pixel_kpc = softening if given is None else np.full(n * n_z, given)
        self._oversample = int(np.ceil(self.pixel_kpc.max() / FINEST_KPC - 1e-9))
        self.names = tuple(
            f"z{z:g}-{i}" for z in settings.redshifts for i in range(settings.number)
        )
        self._tables = _tables(settings)

    def __len__(self) -> int:
        return len(self.names)

    def read(self, start: int, stop: int) -> GalaxyImages:
        """Images of the galaxies from `start` to before `stop`."""
        check_interval(self, start, stop)
        n = stop - start
        flux = np.empty((n, len(self.rest_um), self.n_pixels, self.n_pixels), np.float32)
        for first in range(0, n, CHUNK):
            last = min(first + CHUNK, n)
            chosen = np.minimum(np.arange(start + first, start + first + CHUNK), len(self) - 1)
            flux[first:last] = self._chunk(chosen)[: last - first]
        return images_of(self, start, flux)

    def luminosities(self) -> NDArray[np.float64]:
        """Observed luminosity of each galaxy at 1500 A, erg/s/Hz."""
        index = jnp.arange(len(self))
        keys = _keys(jax.random.key(self.settings.seed), index)
        drawn = jax.jit(jax.vmap(_draw, in_axes=(0, 0, None)))(
            keys, jnp.asarray(self.redshift, jnp.float32), self._tables
        )
        return np.asarray(drawn.luminosity, np.float64)

    def _chunk(self, index: NDArray[np.int64]) -> Array:
        starlight = self.rest_um[self.rest_um <= LONGEST_STARLIGHT_UM]
        return _images(
            jax.random.key(self.settings.seed),
            jnp.asarray(index),
            jnp.asarray(self.redshift[index], jnp.float32),
            jnp.asarray(self.pixel_kpc[index], jnp.float32),
            self._tables,
            static=(self.n_pixels, self._oversample, tuple(starlight.tolist())),
        )


def _keys(key: Array, index: Array) -> Array:
    return jax.vmap(partial(jax.random.fold_in, key))(index)


@partial(jax.jit, static_argnames=("static",))
def _images(
    key: Array,
    index: Array,
    redshift: Array,
    pixel_kpc: Array,
    tables: _Tables,
    static: tuple[int, int, tuple[float, ...]],
) -> Array:
    """Images of some galaxies, (galaxy, wavelength, y, x), erg/s/Hz."""

    def one(inputs: tuple[Array, Array, Array]) -> Array:
        own_key, z, pixel = inputs
        return _render(_draw(own_key, z, tables), pixel, tables, static)

    return jax.lax.map(one, (_keys(key, index), redshift, pixel_kpc))


def _draw(key: Array, z: Array, tables: _Tables) -> _Galaxy:
    """A galaxy at random."""
    most = CLUMPS[1]
    # One call for all: each would compile a generator of its own. None is 0, whose log is infinite.
    uniform = jax.random.uniform(key, (6 + 5 * most,), minval=2.0**-24)
    of_l, of_size, of_axis, of_angle, of_clumps, of_tau = uniform[:6]
    near, far, of_turn, of_share, of_sigma = uniform[6:].reshape(5, most)
    normal = jax.scipy.special.ndtri
    # Luminosities over L* are near 1, which single precision can raise to powers.
    ratio = 10.0 ** (jnp.interp(of_l, tables.share, tables.luminosity) - LOG_L_STAR)
    scatter = 10.0 ** (tables.scatter * normal(of_size))
    disc = DISC_KPC * ((1 + z) / 6) ** -DISC_EVOLUTION * ratio**DISC_SLOPE * scatter
    axis_ratio, angle = 0.4 + 0.6 * of_axis, jnp.pi * of_angle
    here = jnp.arange(most) < CLUMPS[0] + jnp.floor(of_clumps * (most + 1 - CLUMPS[0]))
    # The radii of an exponential disc are sums of two exponential variables.
    radius = -jnp.log(near * far) * disc / _HALF_LIGHT
    along = radius * jnp.cos(2 * jnp.pi * of_turn) / jnp.sqrt(axis_ratio)
    across = radius * jnp.sin(2 * jnp.pi * of_turn) * jnp.sqrt(axis_ratio)
    share = here * jnp.exp(0.5 * normal(of_share))
    return _Galaxy(
        luminosity=ratio * 10.0**LOG_L_STAR,
        disc=disc,
        core=CORE_KPC * ratio**CORE_SLOPE,
        axis_ratio=axis_ratio,
        angle=angle,
        clump_x=along * jnp.cos(angle) - across * jnp.sin(angle),
        clump_y=along * jnp.sin(angle) + across * jnp.cos(angle),
        clump_sigma=disc * (0.04 + 0.08 * of_sigma),
        clump_share=share / share.sum(),
        tau=tables.tau[0] + of_tau * (tables.tau[1] - tables.tau[0]),
    )


def _render(
    galaxy: _Galaxy, pixel: Array, tables: _Tables, static: tuple[int, int, tuple[float, ...]]
) -> Array:
    """Images of a galaxy, (wavelength, y, x)."""
    n, fine, starlight = static
    side = pixel / fine
    x = (jnp.arange(n * fine, dtype=jnp.float32) - (n * fine - 1) / 2) * side
    radius = jnp.sqrt(x[None, :] ** 2 + x[:, None] ** 2)
    cos, sin = jnp.cos(galaxy.angle), jnp.sin(galaxy.angle)
    along = x[None, :] * cos + x[:, None] * sin
    across = x[:, None] * cos - x[None, :] * sin
    in_disc = jnp.sqrt(along**2 * galaxy.axis_ratio + across**2 / galaxy.axis_ratio)
    disc = jnp.exp(-_HALF_LIGHT * in_disc / galaxy.disc)
    core = jnp.exp(-_HALF_LIGHT * radius / galaxy.core)
    light = CORE_LIGHT * core / core.sum() + DISC_LIGHT * disc / disc.sum()
    light += CLUMP_LIGHT * _clumps(galaxy, x, side)
    tau = galaxy.tau * jnp.exp(-radius / DUST_KPC) + DISC_TAU * disc

    def seen(wave: float) -> Array:
        return light * jnp.exp(tau * (-V_UM / wave))

    def in_pixels(image: Array) -> Array:
        return image.reshape(n, fine, n, fine).sum((1, 3))

    scale = galaxy.luminosity / seen(UV_UM).sum()
    planes = [in_pixels(seen(wave)) for wave in starlight]
    place = jnp.sqrt(tau / tables.most_tau) * (_N_TAU - 1)
    low = jnp.clip(place.astype(jnp.int32), 0, _N_TAU - 2)
    step = tables.absorbed[1:] - tables.absorbed[:-1]
    absorbed = in_pixels(light * (tables.absorbed[low] + (place - low) * step[low]))
    planes += [absorbed * ratio for ratio in tables.ratio]
    return scale * jnp.stack(planes)


def _clumps(galaxy: _Galaxy, x: Array, side: Array) -> Array:
    """Gaussians of unit light in all, with the light of each in each point."""
    edges = jnp.append(x - side / 2, x[-1] + side / 2)

    def along(middle: Array) -> Array:
        width = np.sqrt(2.0) * galaxy.clump_sigma[:, None]
        below = jax.scipy.special.erf((edges[None, :] - middle[:, None]) / width)
        return (below[:, 1:] - below[:, :-1]) / 2

    gx, gy = along(galaxy.clump_x), along(galaxy.clump_y)
    return (gy * galaxy.clump_share[:, None]).T @ gx


def _tables(settings: SyntheticSettings) -> _Tables:
    """Tables of a population, in double precision before they become single."""
    low, high = settings.log_luminosity
    log_l = np.linspace(low, high, 512) if high > low else np.array([low, low])
    ratio = 10.0 ** (log_l - LOG_L_STAR)
    numbers = ratio ** (settings.faint_slope + 1) * np.exp(-ratio)
    below = np.concatenate([[0.0], np.cumsum((numbers[1:] + numbers[:-1]) / 2)])
    most = settings.tau[1] + DISC_TAU
    tau = np.linspace(0.0, 1.0, _N_TAU) ** 2 * most
    dust = np.array([wave for wave in settings.rest_um if wave > LONGEST_STARLIGHT_UM])
    emitted = dust_spectrum(dust, settings.dust_k)
    absorbed = absorbed_hz(tau)
    # Absorbed power overflows single precision; its product with the spectrum does not.
    unit = absorbed[-1]
    return _Tables(
        luminosity=jnp.asarray(log_l, jnp.float32),
        share=jnp.asarray(below / below[-1], jnp.float32),
        absorbed=jnp.asarray(absorbed / unit, jnp.float32),
        ratio=jnp.asarray(emitted * unit, jnp.float32),
        scatter=jnp.float32(settings.size_scatter_dex),
        tau=jnp.asarray(settings.tau, jnp.float32),
        most_tau=jnp.float32(most),
    )


def absorbed_hz(tau: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power that a screen takes out of light of unit L_nu between the Lyman limit and 3 um, Hz."""
    waves = np.geomspace(LYMAN_UM, LONGEST_STARLIGHT_UM, 1001)
    taken = -np.expm1(-np.asarray(tau)[:, None] * V_UM / waves)
    return np.trapezoid(taken * LIGHT_UM_HZ / waves, np.log(waves), axis=1)
