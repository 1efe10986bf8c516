"""What is put in, as users say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.config import ConfigProblem

Range = tuple[float, float]


@dataclass(frozen=True)
class InjectionSettings:
    """Declared priors of pulses that are put into a recording.

    Places are uniform over the image and times over the recording, so that pulses lie on and
    between pixels, samples and trials, and across the edges of frames, files and the recording.

    Attributes
    ----------
    n : int
        Pulses in all.
    seed : int
    snr : (float, float)
        Log-uniform; S/N is that of the best that any estimate could reach, see
        :func:`pipeline.injection.ideal.ideal_snr`.
    fluence_jy_ms : (float, float), optional
        Log-uniform at the centre of the band, instead of ``snr``; in the unit of the data
        times milliseconds where that is not Jy.
    width_s : (float, float), optional
        Log-uniform; from a sample to the widest boxcar without it.
    dm : (float, float), optional
        Uniform, pc cm^-3; from 0 to the largest trial without it.
    spectral_index : (float, float)
        Uniform.
    profile : str
        ``"tophat"`` or ``"gaussian"``.
    filling : float
        Share of the image and of time that pulses and what is around them fill in one pass.
    n_refined : int
        Candidates of each pass, at most, whose positions, widths and fluences are fitted, and
        that are classified.
    least_p_real : float
        Probability from which a pulse counts as classified.
    level : str
        ``"images"``, or ``"visibilities"`` where these are recorded: seen through the primary
        beam, with all of their sidelobes, flagged and imaged as everything else.
    """

    n: int = 1000
    seed: int = 0
    snr: Range = (5.0, 25.0)
    fluence_jy_ms: Range | None = None
    width_s: Range | None = None
    dm: Range | None = None
    spectral_index: Range = (0.0, 0.0)
    profile: Literal["tophat", "gaussian"] = "tophat"
    filling: float = 0.2
    n_refined: int = 1000
    least_p_real: float = 0.5
    level: Literal["images", "visibilities"] = "images"

    def __post_init__(self) -> None:
        for name, least, most in (
            ("n", 1, 10_000_000),
            ("seed", 0, (1 << 63) - 1),
            ("filling", 1e-3, 0.3),
            ("n_refined", 0, 100_000),
            ("least_p_real", 0.0, 1.0),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ConfigProblem(name, f"is {value}", f"give {least:g} to {most:g}")
        for name, least in (
            ("snr", 1e-3),
            ("fluence_jy_ms", 1e-12),
            ("width_s", 1e-12),
            ("dm", 0.0),
            ("spectral_index", -20.0),
        ):
            given = getattr(self, name)
            if given is not None and not least <= given[0] <= given[1] <= 1e12:
                problem = f"is {given[0]:g} to {given[1]:g}"
                raise ConfigProblem(name, problem, f"give the lower end first, {least:g} or more")
