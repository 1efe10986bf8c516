"""What is observed and measured: the file of ``slowburst sizes``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from surveys.errors import SettingProblem, check_ranges, unknown
from surveys.images.fits_stacks import FitsSettings
from surveys.images.particle_files import ParticleSettings
from surveys.images.particle_images import ParticleImageSettings
from surveys.images.synthetic_settings import SyntheticSettings
from surveys.interferometer.uv_sizes import FitSettings
from surveys.mock_sizes.fits import FITS, SERSIC, VISIBILITIES
from surveys.mock_sizes.observation import ObservationSettings
from surveys.scheduling import Workers
from surveys.sizes.estimators import ESTIMATORS
from surveys.sizes.segmentation import DetectionSettings
from surveys.sizes.sersic_fit import SersicSettings

KNOWN = (*ESTIMATORS, *FITS)


@dataclass(frozen=True)
class InputSettings:
    """The galaxies.

    Attributes
    ----------
    kind : str
        Made up, images in files, or particles in a file.
    files : tuple of Path
        Images: one HDF5 stack, or FITS files, or SKIRT's cubes. Particles: one file.
    n : int, optional
        No more than so many galaxies.
    cosmology : str
        Of astropy: angles and distances.
    population : Path, optional
        Grid of starlight for particles; approximate stars of our own without.
    own_light : bool
        Whether particles have their light in the file.
    synthetic : SyntheticSettings
    fits : FitsSettings
    particles : ParticleSettings
    render : ParticleImageSettings
        Of particles.
    """

    kind: Literal["synthetic", "images", "particles"] = "synthetic"
    files: tuple[Path, ...] = ()
    n: int | None = None
    cosmology: str = "Planck18"
    population: Path | None = None
    own_light: bool = False
    synthetic: SyntheticSettings = field(default_factory=SyntheticSettings)
    fits: FitsSettings = field(default_factory=FitsSettings)
    particles: ParticleSettings = field(default_factory=ParticleSettings)
    render: ParticleImageSettings = field(default_factory=ParticleImageSettings)

    def __post_init__(self) -> None:
        check_ranges(self, {"n": (1, 10_000_000)})
        if (self.kind == "synthetic") == bool(self.files):
            if self.files:
                remedy = 'leave it out, or give kind = "images" or "particles"'
                raise SettingProblem("files", "is given for made-up galaxies", remedy)
            raise SettingProblem("files", "is empty", 'give files, or kind = "synthetic"')
        if self.kind == "particles" and len(self.files) > 1:
            raise SettingProblem("files", f"has {len(self.files)}", "give one file of particles")


@dataclass(frozen=True)
class MeasureSettings:
    """How sizes are measured.

    Attributes
    ----------
    estimators : tuple of str
        The first is that of figures and relations.
    structure : bool
        Whether concentration, asymmetry, Gini and M20 are measured as well.
    corrections : Path, optional
        Table that was made for these instruments; the one that ships without.
    detection : DetectionSettings
    sersic : SersicSettings
        Of the estimator of that name.
    visibilities : FitSettings
        Of the estimator of that name.
    """

    estimators: tuple[str, ...] = tuple(ESTIMATORS)
    structure: bool = False
    corrections: Path | None = None
    detection: DetectionSettings = field(default_factory=DetectionSettings)
    sersic: SersicSettings = field(default_factory=SersicSettings)
    visibilities: FitSettings = field(default_factory=FitSettings)

    def __post_init__(self) -> None:
        if not self.estimators:
            raise SettingProblem("estimators", "is empty", f"give some of {', '.join(KNOWN)}")
        for i, name in enumerate(self.estimators):
            if name not in KNOWN:
                error = unknown("", "estimators", name, KNOWN)
                raise SettingProblem("estimators", error.problem, error.remedy)
            if name in self.estimators[:i]:
                raise SettingProblem("estimators", f"has {name!r} twice", "give each once")


@dataclass(frozen=True)
class OutputSettings:
    """What is written beside tables.

    Attributes
    ----------
    gallery : int
        Galaxies whose stamps are drawn.
    draws : bool
        Whether the sizes of every realisation of the noise are written, to draws.h5.
    """

    gallery: int = 4
    draws: bool = False

    def __post_init__(self) -> None:
        check_ranges(self, {"gallery": (0, 20)})


@dataclass(frozen=True)
class RunSettings:
    """Who computes, and what is random.

    Attributes
    ----------
    seed : int
    batch : int
        Galaxies that are read and kept at a time.
    scheduler : str
        "threads", "processes" or "synchronous" of Dask, or the address of a cluster.
    workers : int, optional
        As many as processors without.
    """

    seed: int = 0
    batch: int = 8
    scheduler: str = "threads"
    workers: int | None = None

    def __post_init__(self) -> None:
        check_ranges(self, {"seed": (0, (1 << 63) - 1), "batch": (1, 10_000)})
        Workers(self.scheduler, self.workers)


@dataclass(frozen=True)
class SizesSettings:
    """Mock observations of galaxies, and their sizes.

    Attributes
    ----------
    observation : tuple of ObservationSettings
    input : InputSettings
    measure : MeasureSettings
    output : OutputSettings
    run : RunSettings
    """

    observation: tuple[ObservationSettings, ...]
    input: InputSettings = field(default_factory=InputSettings)
    measure: MeasureSettings = field(default_factory=MeasureSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    run: RunSettings = field(default_factory=RunSettings)

    def __post_init__(self) -> None:
        if not self.observation:
            raise SettingProblem("observation", "is empty", "give an [[observation]]")
        labels = [o.label for o in self.observation]
        for i, label in enumerate(labels):
            if label in labels[:i]:
                problem = f"{label!r} is that of another observation"
                raise SettingProblem(f"observation[{i}].name", problem, "give each its own name")
        self._check_fits()

    def _check_fits(self) -> None:
        wanted = self.measure.estimators
        if wanted[0] in FITS:
            remedy = f"give one of {', '.join(ESTIMATORS)} first"
            raise SettingProblem("measure.estimators", f"begins with {wanted[0]!r}", remedy)
        arrays = [o.instrument == "ALMA" for o in self.observation]
        if VISIBILITIES in wanted and not any(arrays):
            remedy = "leave it out, or observe with ALMA"
            raise SettingProblem("measure.estimators", f"has {VISIBILITIES!r}", remedy)
        images = [a and not o.dirty for a, o in zip(arrays, self.observation, strict=True)]
        if SERSIC in wanted and all(images):
            remedy = "leave it out, or give dirty = true: cleaned images cannot be fitted"
            raise SettingProblem("measure.estimators", f"has {SERSIC!r}", remedy)
