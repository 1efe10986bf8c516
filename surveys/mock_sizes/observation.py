"""One instrument, and how deep it looks: an ``[[observation]]`` of ``slowburst sizes``."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from surveys.errors import SettingProblem, check_ranges
from surveys.interferometer.clean import CleanSettings

_POSITIVE = math.ulp(0.0), math.inf


@dataclass(frozen=True)
class ObservationSettings:
    """One instrument, and how deep it looks.

    Attributes
    ----------
    instrument : str
    name : str, optional
        Of the band in the results; made from the instrument without.
    filter : str, optional
        Of NIRCam.
    rest_um : float, optional
        Or the wide filter nearest to this wavelength at rest; for ALMA, 157.74 (the line of [CII])
        without.
    configuration : str, optional
        Of ALMA, from C-1 to C-10.
    resolution_arcsec : float, optional
        Or the configuration whose resolution is nearest to it.
    fwhm_arcsec, wavelength_um : float, optional
        Of a telescope with a Gaussian PSF.
    snr : tuple of float
        Signal-to-noise ratios; or depths, noises or times, as the next says.
    snr_kind : str
        What they mean.
    n_noise : int
        Realisations of the noise for each.
    n_pixels : int
        Side of a stamp.
    pixel_arcsec : float, optional
        Of the detector, or a fifth of the beam, without.
    noise_fwhm_pixels : float
        Of a camera: how far the noise of pixels is alike, as after drizzling; 0 for white noise.
    photon_noise : bool
        Whether NIRCam's photons of the source are counted as noise; needs a time.
    psf : Path, optional
        FITS file in place of our PSF of NIRCam.
    dec_deg, hours : float
        Of ALMA's track.
    weighting : str
        Of its visibilities.
    robust : float
        Of Briggs' weights.
    dirty : bool
        Whether ALMA's images are measured without CLEAN.
    clean : CleanSettings
    """

    instrument: Literal["NIRCam", "ALMA", "Gaussian"]
    name: str | None = None
    filter: str | None = None
    rest_um: float | None = None
    configuration: str | None = None
    resolution_arcsec: float | None = None
    fwhm_arcsec: float | None = None
    wavelength_um: float | None = None
    snr: tuple[float, ...] = (5.0, 10.0, 15.0, 20.0)
    snr_kind: Literal["aperture", "peak", "pixel", "depth", "rms", "exposure"] = "aperture"
    n_noise: int = 10
    n_pixels: int = 101
    pixel_arcsec: float | None = None
    noise_fwhm_pixels: float = 0.0
    photon_noise: bool = False
    psf: Path | None = None
    dec_deg: float = -30.0
    hours: float = 1.0
    weighting: Literal["natural", "uniform", "briggs"] = "natural"
    robust: float = 0.5
    dirty: bool = False
    clean: CleanSettings = field(default_factory=CleanSettings)

    def __post_init__(self) -> None:
        check_ranges(
            self,
            {
                "rest_um": _POSITIVE,
                "resolution_arcsec": _POSITIVE,
                "fwhm_arcsec": _POSITIVE,
                "wavelength_um": _POSITIVE,
                "pixel_arcsec": _POSITIVE,
                "n_noise": (1, 100_000),
                "n_pixels": (16, 1024),
                "noise_fwhm_pixels": (0.0, 20.0),
                "dec_deg": (-90.0, 90.0),
                "hours": (1 / 3600, 24.0),
                "robust": (-2.0, 2.0),
            },
        )
        self._check_snr()
        self._check_instrument()
        if self.name is not None and not (
            self.name.strip(" .") and self.name.isprintable() and "/" not in self.name
        ):
            # It is that of a group in draws.h5.
            remedy = "give a word or some, of printable characters other than /"
            raise SettingProblem("name", f"is {self.name!r}", remedy)

    def _check_snr(self) -> None:
        if not self.snr:
            raise SettingProblem("snr", "is empty", "give numbers")
        magnitudes = self.snr_kind == "depth" and self.instrument != "ALMA"
        # Beyond these, squares of the noise are beyond single precision.
        least, most = (0.0, 60.0) if magnitudes else (1e-12, 1e12)
        for value in self.snr:
            if not 0 < value < math.inf:
                raise SettingProblem("snr", f"has {value:g}", "give numbers above 0")
            if not least <= value <= most:
                what = " (magnitudes)" if magnitudes else ""
                remedy = f"give numbers from {least:g} to {most:g}{what}"
                raise SettingProblem("snr", f"has {value:g}", remedy)
        if list(self.snr) != sorted(set(self.snr)):
            raise SettingProblem("snr", f"is {list(self.snr)}", "give rising numbers, each once")

    def _check_instrument(self) -> None:
        needs = {
            "NIRCam": ("filter", "rest_um"),
            "ALMA": ("configuration", "resolution_arcsec"),
            "Gaussian": ("fwhm_arcsec",),
        }[self.instrument]
        given = [name for name in needs if getattr(self, name) is not None]
        if len(given) != 1:
            problem = f"is given beside {given[0]}" if given else "is missing"
            remedy = f"give {' or '.join(needs)} for {self.instrument}"
            raise SettingProblem(needs[-1] if given else needs[0], problem, remedy)
        if self.instrument == "Gaussian":
            for name in ("wavelength_um", "pixel_arcsec"):
                if getattr(self, name) is None:
                    raise SettingProblem(name, "is missing", "a Gaussian telescope needs it")
        own = {
            "filter": "NIRCam",
            "psf": "NIRCam",
            "configuration": "ALMA",
            "resolution_arcsec": "ALMA",
            "fwhm_arcsec": "Gaussian",
            "wavelength_um": "Gaussian",
        }
        for name, instrument in own.items():
            if getattr(self, name) is not None and instrument != self.instrument:
                problem = f"means nothing for {self.instrument}"
                raise SettingProblem(name, problem, f"leave it out, or take {instrument}")
        if self.snr_kind == "exposure" and self.instrument == "Gaussian":
            raise SettingProblem(
                "snr_kind", "is 'exposure'", "give another for a Gaussian telescope"
            )
        if self.photon_noise and (self.instrument != "NIRCam" or self.snr_kind != "exposure"):
            remedy = 'give snr_kind = "exposure" and times in s with NIRCam'
            raise SettingProblem("photon_noise", "needs a time", remedy)

    @property
    def deepest(self) -> int:
        """Place of the entry of ``snr`` that has the least noise: the first or the last."""
        noise = self.snr_kind == "rms" or (self.snr_kind == "depth" and self.instrument == "ALMA")
        return 0 if noise else -1

    def level(self, snr: float) -> str:
        """An entry of ``snr`` in words."""
        array = self.instrument == "ALMA"
        if self.snr_kind == "depth":
            return f"a depth of {snr:g} {'µJy/beam' if array else 'mag'}"
        if self.snr_kind == "rms":
            return f"a noise of {snr:g}"
        if self.snr_kind == "exposure":
            return f"{snr:g} s"
        return f"{self.snr_kind} S/N {snr:g}"

    @property
    def label(self) -> str:
        """What the band is called in the results."""
        if self.name is not None:
            return self.name
        if self.instrument == "NIRCam":
            what = self.filter or f"{self.rest_um:g} um"
        elif self.instrument == "ALMA":
            what = self.configuration or f"{self.resolution_arcsec:g} arcsec"
        else:
            what = f"{self.fwhm_arcsec:g} arcsec"
        return f"{self.instrument} {what}"
