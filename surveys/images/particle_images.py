"""Images of galaxies of particles: starlight behind dust, and what the dust gives back.

Each star shines as its population does, behind the dust along its own line of sight. What dust
takes from a star is given back where that star is, as a modified blackbody: where along the line of
sight it was taken is not followed, and its temperature is one for all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from surveys.errors import InputError, SettingProblem, check_ranges
from surveys.images.dust import DustSettings, DustToMetal, absorbed_power, attenuated, optical_depth
from surveys.images.emission import (
    LONGEST_STARLIGHT_UM,
    LYMAN_UM,
    SOFTENING_CKPC,
    check_planes,
    dust_spectrum,
)
from surveys.images.galaxies import LUMINOSITY, GalaxyImages, check_interval, images_of
from surveys.images.particle_files import ParticleSource
from surveys.images.particles import Particles, edge_on, face_on, random_rotation
from surveys.images.populations import PopulationGrid
from surveys.images.projection import Grid, project

View = Literal["z", "random", "face-on", "edge-on"]
_POWER_WAVES = 24


@dataclass(frozen=True)
class ParticleImageSettings:
    """How particles become images.

    Attributes
    ----------
    rest_um : tuple of float
        Wavelengths of the planes: starlight to 3, dust from 8 microns.
    n_pixels : int
        Along a side.
    pixel_kpc : float, optional
        Without, 2.66 kpc / (1 + z), the softening of FLARES.
    view : "z", "random", "face-on" or "edge-on"
        From +z, from anywhere, or by the angular momentum of the stars.
    seed : int
        Of random views.
    dust_k : float
        Temperature of the dust.
    dust : DustSettings, optional
        None for starlight without dust.
    """

    rest_um: tuple[float, ...] = (0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.9, 50.0, 158.0)
    n_pixels: int = 256
    pixel_kpc: float | None = None
    view: View = "z"
    seed: int = 0
    dust_k: float = 45.0
    dust: DustSettings | None = field(default_factory=DustSettings)

    def __post_init__(self) -> None:
        ranges = {"n_pixels": (8, 4096), "pixel_kpc": (1e-6, 1e3), "dust_k": (10.0, 150.0)}
        check_ranges(self, ranges)
        check_planes(self.rest_um)
        if self.dust is None and max(self.rest_um) > LONGEST_STARLIGHT_UM:
            raise SettingProblem("dust", "is none, but rest_um has its light", "give both, or none")


class ParticleImages:
    """Galaxies of particles as images.

    Parameters
    ----------
    particles : ParticleSource
    settings : ParticleImageSettings
    population : PopulationGrid, optional
        Light of stars. Without, theirs is in the file, at the wavelengths of starlight of the
        settings.
    dust_to_metal : callable, optional
        Of a galaxy, instead of the number of the settings.
    """

    unit = LUMINOSITY
    synthetic = False

    def __init__(
        self,
        particles: ParticleSource,
        settings: ParticleImageSettings,
        population: PopulationGrid | None,
        dust_to_metal: DustToMetal | None = None,
    ) -> None:
        self._dust_to_metal = dust_to_metal
        self._particles, self._settings, self._population = particles, settings, population
        self.names, self.redshift = particles.names, particles.redshift
        self.source, self.n_pixels = particles.source, settings.n_pixels
        self.rest_um = np.array(settings.rest_um)
        soft = SOFTENING_CKPC / (1 + self.redshift)
        given = settings.pixel_kpc
        self.pixel_kpc = soft if given is None else np.full(len(soft), given)
        if population is None and self.rest_um[-1] > LONGEST_STARLIGHT_UM:
            problem = f"has {self.rest_um[-1]:g} um, and the light that dust takes is not known"
            raise SettingProblem("rest_um", problem, "give a population, or starlight only")

    def __len__(self) -> int:
        return len(self.names)

    def read(self, start: int, stop: int) -> GalaxyImages:
        """Images of the galaxies from `start` to before `stop`."""
        check_interval(self, start, stop)
        n = self.n_pixels
        flux = np.empty((stop - start, len(self.rest_um), n, n), np.float32)
        for i in range(start, stop):
            grid = Grid(n, float(self.pixel_kpc[i]))
            flux[i - start] = self._image(self._turned(i), grid)
        return images_of(self, start, flux)

    def _turned(self, index: int) -> Particles:
        galaxy, view = self._particles.read(index), self._settings.view
        if view == "z":
            return galaxy
        try:
            if view == "random":
                return galaxy.turned(random_rotation(self._settings.seed, index))
            return galaxy.turned((face_on if view == "face-on" else edge_on)(galaxy))
        except ValueError as error:
            problem, remedy = str(error), 'set view to "z" or "random"'
            raise InputError(self.source, "view", problem, remedy) from error

    def _image(self, galaxy: Particles, grid: Grid) -> NDArray[np.float32]:
        settings, stars = self._settings, galaxy.stars
        starlight = self.rest_um[self.rest_um <= LONGEST_STARLIGHT_UM]
        bare = self._starlight(galaxy, starlight)
        if settings.dust is None:
            return project(stars.position_kpc, stars.smoothing_kpc, bare, grid)
        tau = optical_depth(galaxy, settings.dust, self._dust_to_metal)
        light = attenuated(bare, starlight, tau)
        far = self.rest_um[self.rest_um > LONGEST_STARLIGHT_UM]
        if len(far):
            waves = np.geomspace(LYMAN_UM, LONGEST_STARLIGHT_UM, _POWER_WAVES)
            power = absorbed_power(self._starlight(galaxy, waves), waves, tau)
            emitted = power[:, None] * dust_spectrum(far, settings.dust_k)
            light = np.concatenate([light, emitted], axis=1)
        return project(stars.position_kpc, stars.smoothing_kpc, light, grid)

    def _starlight(self, galaxy: Particles, waves: NDArray[np.float64]) -> NDArray[np.float64]:
        stars = galaxy.stars
        if self._population is not None:
            return self._population.luminosity(
                stars.age_yr, stars.metallicity, stars.initial_mass, waves
            )
        light = stars.luminosity
        if light is None or light.shape[1:] != (len(waves),):
            problem = "is missing" if light is None else f"has the shape {light.shape}"
            remedy = f"give (star, wavelength) for {len(waves)} wavelengths, or a population"
            raise InputError(self.source, f"{galaxy.name}.luminosity", problem, remedy)
        return np.asarray(light, np.float64)
