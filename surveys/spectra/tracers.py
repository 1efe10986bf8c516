"""Tracers that settings describe, and their noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from cosmo.angular.observables import (
    LocalNonGaussianity,
    clustering,
    cmb_lensing,
    galaxy_lensing,
    isw,
    primordial_bias,
)
from cosmo.angular.redshifts import Redshifts, gaussian_nz, tabulated_nz
from cosmo.angular.tabulated import from_kernel, kernel_notes
from cosmo.angular.tracers import Tracer
from cosmo.beams import gaussian_beam, pixel_window
from cosmo.expansion import comoving, recombination_redshift, redshift
from cosmo.spectra_noise import shape_noise, shot_noise, tabulated_noise, white_noise
from surveys.errors import InputError
from surveys.spectra.files import MEND, blamed, column, finite, one_of_many, read
from surveys.spectra.sources import Universe
from surveys.spectra.tracer_settings import TracerSettings

Real = NDArray[np.float64]

_Z = ("z", "Z", "redshift")
_DENSITY = ("nz", "n_z", "n", "dndz", "dNdz", "n(z)", "1")
_CHI, _WEIGHT = ("chi_mpc_h", "chi", "chi_mpc", "0"), ("kernel", "weight", "1")
_KINDS = {
    "clustering": "density",
    "galaxy-lensing": "lensing",
    "cmb-lensing": "lensing",
    "isw": "potential",
}
_FACTORS = {"shear": "shear", "kappa": "none", "phi": "potential"}


@dataclass(frozen=True)
class Windows:
    """What is read of a tracer before there is a background.

    Attributes
    ----------
    nz : Redshifts, optional
    kernel : (chi, weight), optional
        In the units of the file.
    z_max : float
        The farthest redshift of n(z), or 0.
    """

    nz: Redshifts | None
    kernel: tuple[Real, Real] | None
    z_max: float


def windows_of(tracer: TracerSettings, where: str, field: str, base: Path) -> Windows:
    """Read n(z) or the kernel of a tracer.

    Parameters
    ----------
    tracer : TracerSettings
    where, field : str
        The file of the settings, and the place of the tracer in it.
    base : Path
        The folder of files.

    Raises
    ------
    InputError
        A file or a number makes no n(z) and no kernel.
    """
    if tracer.kernel_file is not None:
        return Windows(None, _kernel(tracer, base / tracer.kernel_file), 0.0)
    if tracer.nz_file is not None:
        nz: Redshifts = _table_nz(tracer, base / tracer.nz_file)
    elif tracer.z is not None:
        with blamed(where, field, "give z and sigma_z above 0"):
            nz = gaussian_nz(tracer.z, tracer.sigma_z)
    else:
        return Windows(None, None, 0.0)
    return Windows(nz, None, float(np.asarray(nz.grid)[-1]))


def _table_nz(tracer: TracerSettings, path: Path) -> Redshifts:
    columns = read(path, text=True)
    z_name, z = column(columns, path, tracer.z_key, _Z)
    name, density = column(columns, path, tracer.nz_key, _DENSITY)
    finite(z, path, z_name)
    finite(density, path, name)
    density = one_of_many(density, path, name, "nz_column", tracer.nz_column, z.size)
    with blamed(path, "n(z)", MEND):
        return tabulated_nz(z, density)


def _kernel(tracer: TracerSettings, path: Path) -> tuple[Real, Real]:
    columns = read(path)
    chi_name, chi = column(columns, path, tracer.chi_key, _CHI)
    name, weight = column(columns, path, tracer.kernel_key, _WEIGHT)
    finite(chi, path, chi_name)
    finite(weight, path, name)
    weight = one_of_many(weight, path, name, "kernel_row", tracer.kernel_row, chi.size)
    return chi, weight


@dataclass(frozen=True)
class Made:
    """A tracer without growth, and what is to be told of it."""

    tracer: Tracer
    notes: tuple[str, ...]


def made(
    settings: TracerSettings,
    windows: Windows,
    universe: Universe,
    where: str,
    base: Path,
    chi: Any = None,
) -> Made:
    """A tracer of settings and what was read for them.

    Parameters
    ----------
    settings : TracerSettings
    windows : Windows
    universe : Universe
    where : str
        The file of the settings.
    base : Path
        The folder of files.
    chi : array, optional
        The grid of distances, Mpc/h, where there is no kernel; that of the window without.

    Raises
    ------
    InputError
        The window is beyond the background, or a parameter of the cosmology is missing.
    """
    field = f"tracer {settings.name!r}"
    if windows.kernel is not None:
        assert settings.kernel_file is not None
        return _from_kernel(settings, windows.kernel, universe, where, base / settings.kernel_file)
    file = base / settings.nz_file if settings.nz_file is not None else where
    if settings.kind != "clustering" or settings.magnification is not None or settings.f_nl:
        universe.parameter("omega_m", where, f"{field} needs it")
    with blamed(file, field, "mend its tables, or choose windows within the background"):
        return Made(_builders[settings.kind](settings, windows.nz, universe, chi), ())


def _from_kernel(
    settings: TracerSettings, kernel: tuple[Real, Real], universe: Universe, where: str, path: Path
) -> Made:
    chi, weight = kernel
    if settings.kernel_units == "Mpc":
        h = universe.parameter("h", where, 'kernel_units = "Mpc" needs it')
        chi, weight = chi * h, weight / h
    kind = _KINDS[settings.kind]
    factor = _FACTORS[settings.of_what] if kind == "lensing" else "none"
    assert isinstance(settings.bias, float)
    with blamed(path, "kernel", MEND):
        tracer = from_kernel(chi, settings.bias * weight, kind, factor)
    end, used = float(universe.background.chi[-1]), chi[np.nonzero(weight)[0][-1]]
    if used > end:
        problem = f"reaches {used:.5g} Mpc/h, and the background {end:.5g}"
        remedy = "give a background to there, or a kernel that ends before"
        raise InputError(str(path), "kernel", problem, remedy)
    kept = np.asarray(tracer.chi) <= end
    tracer = Tracer(tracer.chi[kept], {kind: tracer.terms[kind][kept]}, factor)
    notes = tuple(f"{settings.name}: {note}" for note in kernel_notes(chi, weight, kind))
    return Made(tracer, notes)


def _given(value: Any) -> Any:
    """A table as arrays, a number as it is."""
    return tuple(np.asarray(v) for v in value) if isinstance(value, tuple) else value


def _clustering(settings: TracerSettings, nz: Any, universe: Universe, chi: Any) -> Tracer:
    background, bias = universe.background, _given(settings.bias)
    slope = _given(settings.magnification)
    tracer = clustering(background, nz, bias, settings.rsd, slope, chi)
    if settings.f_nl:
        local = LocalNonGaussianity(settings.f_nl, p=settings.f_nl_p)
        tracer = primordial_bias(tracer, background, nz, bias, local)
    return tracer


def _galaxy_lensing(settings: TracerSettings, nz: Any, universe: Universe, chi: Any) -> Tracer:
    a = settings.alignment
    alignment = None if a is None else (a.a, a.eta, a.z0)
    quantity: Any = settings.of_what
    return galaxy_lensing(universe.background, nz, alignment, quantity, chi)


def _cmb_lensing(settings: TracerSettings, nz: Any, universe: Universe, chi: Any) -> Tracer:
    background, chi_star = universe.background, settings.chi_star
    if chi_star is None:
        z = float(recombination_redshift(universe.cosmology))
        if z > float(background.z[-1]):
            end = float(background.z[-1])
            raise ValueError(f"background ends at z = {end:.4g}, before recombination at {z:.5g}")
        chi_star = float(comoving(background, z))
    quantity: Any = settings.of_what
    return cmb_lensing(background, chi_star, quantity, chi)


def _isw(settings: TracerSettings, nz: Any, universe: Universe, chi: Any) -> Tracer:
    return isw(universe.background, chi=chi)


_builders: dict[str, Callable[[TracerSettings, Any, Universe, Any], Tracer]] = {
    "clustering": _clustering,
    "galaxy-lensing": _galaxy_lensing,
    "cmb-lensing": _cmb_lensing,
    "isw": _isw,
}


def farthest(tracers: list[Tracer], universe: Universe) -> float:
    """The redshift beyond which no weight is worth anything."""
    z = 0.0
    for tracer in tracers:
        weight = np.sum([np.abs(np.asarray(w)) for w in tracer.terms.values()], axis=0)
        chi = np.asarray(tracer.chi)
        seen = np.cumsum(weight * np.gradient(chi))
        last = chi[np.searchsorted(seen, (1 - 1e-6) * seen[-1])]
        z = max(z, float(redshift(universe.background, jnp.asarray(last))))
    return z


def noise_of(settings: TracerSettings, ell: Any, base: Path) -> Real:
    """Noise spectrum over the square of the beam, (n_ell,); zero if none is given.

    Raises
    ------
    InputError
        The table of the noise cannot be used, or does not reach all multipoles.
    """
    ell = np.asarray(ell, np.float64)
    if settings.per_arcmin2 is not None:
        noise: Any = shot_noise(settings.per_arcmin2)
        if settings.sigma_e is not None:
            noise = shape_noise(settings.sigma_e, settings.per_arcmin2)
    elif settings.white_noise is not None:
        noise = white_noise(settings.white_noise)
    elif settings.noise_file is not None:
        path = base / settings.noise_file
        columns = read(path, text=True)
        names = (("ell", "l", "L", "0"), ("noise", "nl", "N", "1"))
        table = [finite(column(columns, path, None, n)[1], path, n[0]) for n in names]
        with blamed(path, "noise", "give it at all multipoles"):
            noise = tabulated_noise(ell, *table)
    else:
        return np.zeros_like(ell)
    return np.broadcast_to(noise, ell.shape) / beam_of(settings, ell) ** 2


def beam_of(settings: TracerSettings, ell: Any) -> Real:
    """The beam and the pixels of a map, (n_ell,)."""
    ell = np.asarray(ell, np.float64)
    beam = gaussian_beam(ell, settings.beam_fwhm_arcmin)
    if settings.pixel_nside is not None:
        last, most = int(np.ceil(ell.max())), 4 * settings.pixel_nside
        if last > most:
            problem = f"is {settings.pixel_nside}, whose pixels are known to ell = {most}"
            raise InputError(f"tracer {settings.name!r}", "pixel_nside", problem,
                             "give more, or fewer multipoles")  # fmt: skip
        window = pixel_window(settings.pixel_nside, last)
        beam = beam * np.interp(ell, np.arange(last + 1), window)
    return beam
