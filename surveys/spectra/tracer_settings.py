"""A tracer of the file of ``slowburst cl``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from surveys.errors import SettingProblem, check_ranges

Kind = Literal["clustering", "galaxy-lensing", "cmb-lensing", "isw"]
OfRedshift = float | tuple[tuple[float, ...], tuple[float, ...]]
"""A number, or a list of redshifts and a list of values."""

_POSITIVE = math.ulp(0.0), math.inf
# What kinds have beside a name, noise, beam and kernel.
_OWN = {
    "clustering": {"bias", "rsd", "magnification", "f_nl", "f_nl_p"},
    "galaxy-lensing": {"alignment", "quantity"},
    "cmb-lensing": {"chi_star", "quantity"},
    "isw": set(),
}
_QUANTITIES = {"galaxy-lensing": ("shear", "kappa"), "cmb-lensing": ("kappa", "phi")}
_KERNEL = ("kernel_units", "kernel_key", "kernel_row", "chi_key")
_NZ = ("z_key", "nz_key", "nz_column")
_OF_BACKGROUND = ("rsd", "magnification", "f_nl", "alignment", "chi_star")


@dataclass(frozen=True)
class Alignment:
    """Intrinsic alignments of galaxies.

    Attributes
    ----------
    a, eta, z0 : float
        Amplitude, its slope in 1 + z, and where it is the amplitude.
    """

    a: float
    eta: float = 0.0
    z0: float = 0.62


@dataclass(frozen=True)
class TracerSettings:
    """What is observed.

    Attributes
    ----------
    name : str
    kind : str
    z, sigma_z : float, optional
        A Gaussian n(z).
    nz_file : Path, optional
        Or a table of it: NPZ, ECSV, or text of two columns.
    z_key, nz_key : str, optional
        Names of its columns.
    nz_column : int, optional
        Of an array of many.
    kernel_file : Path, optional
        Or a weight along the line of sight, without growth: NPZ or ECSV.
    kernel_units : str
        Of its distances, and one over that of its weights.
    chi_key, kernel_key : str, optional
        Names of its columns.
    kernel_row : int, optional
        Of an array of many.
    bias : float or ([z], [b])
    rsd : bool
    magnification : float or ([z], [s]), optional
        s = d log10 N / d m.
    f_nl, f_nl_p : float
        Local primordial non-Gaussianity, and the bias of what does not answer to it.
    alignment : Alignment, optional
    quantity : str, optional
        Of lensing.
    chi_star : float, optional
        Distance of the plane that is lensed, Mpc/h; that of recombination without.
    per_arcmin2 : float, optional
        Galaxies, for noise.
    sigma_e : float, optional
        Scatter of a component of their ellipticities.
    white_noise : float, optional
        Of a map: its unit times arcmin.
    noise_file : Path, optional
        Noise spectrum: ``ell, noise``.
    beam_fwhm_arcmin : float
        Of a map.
    pixel_nside : int, optional
        Of the pixels of a map.
    """

    name: str
    kind: Kind
    z: float | None = None
    sigma_z: float | None = None
    nz_file: Path | None = None
    z_key: str | None = None
    nz_key: str | None = None
    nz_column: int | None = None
    kernel_file: Path | None = None
    kernel_units: Literal["Mpc/h", "Mpc"] = "Mpc/h"
    chi_key: str | None = None
    kernel_key: str | None = None
    kernel_row: int | None = None
    bias: OfRedshift = 1.0
    rsd: bool = False
    magnification: OfRedshift | None = None
    f_nl: float = 0.0
    f_nl_p: float = 1.0
    alignment: Alignment | None = None
    quantity: Literal["shear", "kappa", "phi"] | None = None
    chi_star: float | None = None
    per_arcmin2: float | None = None
    sigma_e: float | None = None
    white_noise: float | None = None
    noise_file: Path | None = None
    beam_fwhm_arcmin: float = 0.0
    pixel_nside: int | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w.+-]+", self.name):
            remedy = "give letters, digits and _.+- without blanks"
            raise SettingProblem("name", f"is {self.name!r}", remedy)
        # An n(z) that is no n(z) is told by who makes it.
        positive = dict.fromkeys(("per_arcmin2", "sigma_e", "white_noise", "chi_star"), _POSITIVE)
        check_ranges(self, positive | {"beam_fwhm_arcmin": (0.0, 1e4)})
        self._check_own()
        self._check_window()
        self._check_noise()
        nside = self.pixel_nside
        if nside is not None and not (1 <= nside <= 8192 and nside & (nside - 1) == 0):
            remedy = "give a power of 2 from 1 to 8192"
            raise SettingProblem("pixel_nside", f"is {nside}", remedy)

    @property
    def of_what(self) -> str:
        """What lensing is measured as."""
        return self.quantity or {"galaxy-lensing": "shear"}.get(self.kind, "kappa")

    def _is_given(self, name: str) -> bool:
        return getattr(self, name) != type(self).__dataclass_fields__[name].default

    def _check_own(self) -> None:
        for kind, names in _OWN.items():
            for name in sorted(names - _OWN[self.kind]):
                if self._is_given(name):
                    problem = f"means nothing for {self.kind}"
                    raise SettingProblem(name, problem, f"leave it out; it is of {kind}")
        known = _QUANTITIES.get(self.kind, (self.quantity,))
        if self.quantity is not None and self.quantity not in known:
            remedy = f"give {' or '.join(map(repr, known))}"
            raise SettingProblem("quantity", f"is {self.quantity!r} of {self.kind}", remedy)

    def _check_window(self) -> None:
        given = {
            "z and sigma_z": self.z is not None or self.sigma_z is not None,
            "nz_file": self.nz_file is not None,
            "kernel_file": self.kernel_file is not None,
        }
        ways = [name for name, there in given.items() if there]
        if len(ways) > 1:
            raise SettingProblem(ways[1], f"is given beside {ways[0]}", "give one of them")
        if (self.z is None) != (self.sigma_z is None):
            missing = "z" if self.z is None else "sigma_z"
            raise SettingProblem(missing, "is missing", "give z and sigma_z, or none of them")
        of_galaxies = self.kind in ("clustering", "galaxy-lensing")
        if of_galaxies and not ways:
            remedy = "give z and sigma_z, nz_file or kernel_file"
            raise SettingProblem("z", f"is missing for {self.kind}", remedy)
        if not of_galaxies and ways and ways != ["kernel_file"]:
            remedy = "leave it out, or give kernel_file"
            raise SettingProblem(ways[0].split()[0], f"means nothing for {self.kind}", remedy)
        for names, file in ((_KERNEL, "kernel_file"), (_NZ, "nz_file")):
            for name in names:
                if self._is_given(name) and getattr(self, file) is None:
                    raise SettingProblem(name, f"is given without {file}", "leave it out")
        if self.kernel_file is not None:
            for name in _OF_BACKGROUND:
                if self._is_given(name):
                    remedy = "leave it out, or put it into the kernel"
                    raise SettingProblem(name, "is given beside kernel_file", remedy)
            if not isinstance(self.bias, float):
                remedy = "give one number, or put it into the kernel"
                raise SettingProblem("bias", "is a table beside kernel_file", remedy)

    def _check_noise(self) -> None:
        ways = ("per_arcmin2", "white_noise", "noise_file")
        given = [name for name in ways if getattr(self, name) is not None]
        if len(given) > 1:
            raise SettingProblem(given[1], f"is given beside {given[0]}", "give one of them")
        if self.sigma_e is not None and self.kind != "galaxy-lensing":
            raise SettingProblem("sigma_e", f"means nothing for {self.kind}", "leave it out")
        if self.kind == "galaxy-lensing" and (self.per_arcmin2 is None) != (self.sigma_e is None):
            missing = "sigma_e" if self.sigma_e is None else "per_arcmin2"
            raise SettingProblem(missing, "is missing", "give per_arcmin2 and sigma_e, or neither")
        if self.per_arcmin2 is not None and self.kind not in ("clustering", "galaxy-lensing"):
            raise SettingProblem("per_arcmin2", f"means nothing for {self.kind}", "leave it out")
