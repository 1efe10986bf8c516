"""How images are made of visibilities, as users say it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pipeline.config import ConfigProblem
from pipeline.imaging.weighting import Weighting
from pipeline.visibilities.flags import FlagSettings


@dataclass(frozen=True)
class ImagingSettings:
    """How images are made of visibilities.

    Attributes
    ----------
    size : int
        Pixels along each side; 0 for 175, or fewer where the field would be too large.
    pixel_arcsec : float
        0 for a third of the fringe of the longest baseline.
    ra_deg, dec_deg : float or None
        Centre of the images, ICRS; the phase centre, or the zenith in the middle of the
        recording, unless both are given.
    channels : int
        Channels of the images, at most.
    error : float
        Largest error of gridding relative to the peak of a source, in the inner three
        quarters of the field.
    max_smearing : float
        Largest loss at the edge of the field from averaging channels.
    primary_beam : bool
        Divide fluxes by the gain of the primary beam: those of candidates, and of every pixel
        of a cube, whose noise then grows away from the middle of the beam. Where the gain is
        below a tenth they are NaN.
    gains : Path, optional
        File of gains, that ``slowburst calibrate`` wrote.
    catalog : Path or None
        ECSV table of steady sources to take out beside those that are found: ``ra`` and
        ``dec`` in degrees, ``flux_jy``, and perhaps ``spectral_index``.
    weighting : Weighting
    flags : FlagSettings
    """

    size: int = 0
    pixel_arcsec: float = 0.0
    ra_deg: float | None = None
    dec_deg: float | None = None
    channels: int = 16
    error: float = 1e-3
    max_smearing: float = 0.02
    primary_beam: bool = False
    gains: Path | None = None
    catalog: Path | None = None
    weighting: Weighting = field(default_factory=Weighting)
    flags: FlagSettings = field(default_factory=FlagSettings)

    def __post_init__(self) -> None:
        for name, least, most in (
            ("size", 0, 1 << 14),
            ("pixel_arcsec", 0, 36000),
            ("channels", 1, 1 << 14),
            ("error", 1e-6, 0.1),
            ("max_smearing", 0, 0.5),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ConfigProblem(name, f"is {value}", f"give {least:g} to {most:g}")
        if (self.ra_deg is None) != (self.dec_deg is None):
            raise ConfigProblem("ra_deg", "is given without dec_deg, or the reverse", "give both")
        if self.ra_deg is not None and not -180 <= self.ra_deg <= 360:
            raise ConfigProblem("ra_deg", f"is {self.ra_deg}", "give 0 to 360")
        if self.dec_deg is not None and not -90 <= self.dec_deg <= 90:
            raise ConfigProblem("dec_deg", f"is {self.dec_deg}", "give -90 to 90")
