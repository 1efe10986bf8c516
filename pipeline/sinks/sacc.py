"""Angular power spectra in the SACC format, which likelihood codes of large surveys read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sacc
from numpy.typing import NDArray

from pipeline.sinks.atomic import write_atomically

Array = NDArray[np.float64]

_AUTO = {
    "galaxy_density": "galaxy_density_cl",
    "galaxy_shear": "galaxy_shear_cl_ee",
    "galaxy_convergence": "galaxy_convergence_cl",
    "cmb_convergence": "cmb_convergence_cl",
    "cmb_temperature": "cmb_temperature_cl",
}
# First and second tracer are in the order of the name, which is that of likelihood codes.
_CROSS = {
    ("galaxy_shear", "galaxy_density"): "galaxy_shearDensity_cl_e",
    ("galaxy_convergence", "galaxy_density"): "galaxy_convergenceDensity_cl",
    ("galaxy_shear", "galaxy_convergence"): "galaxy_shearConvergence_cl_e",
    ("cmb_convergence", "galaxy_density"): "cmbGalaxy_convergenceDensity_cl",
    ("cmb_convergence", "galaxy_shear"): "cmbGalaxy_convergenceShear_cl_e",
    ("cmb_convergence", "galaxy_convergence"): "cmbGalaxy_convergence_cl",
    ("cmb_temperature", "cmb_convergence"): "cmb_temperatureConvergence_cl",
    ("cmb_temperature", "galaxy_density"): "cmbGalaxy_temperatureDensity_cl",
    ("cmb_temperature", "galaxy_shear"): "cmbGalaxy_temperatureShear_cl_e",
    ("cmb_temperature", "galaxy_convergence"): "cmbGalaxy_temperatureConvergence_cl",
}
QUANTITIES = (*_AUTO, "generic")
"""What a tracer can be of."""
_SHEAR = "galaxy_shear"


@dataclass(frozen=True)
class SaccTracer:
    """A tracer, with what is known of it.

    Attributes
    ----------
    name : str
        Unique in the file.
    quantity : str
        One of `QUANTITIES`.
    n_of_z : (redshifts, densities), optional
        Of galaxies; written as an NZ tracer.
    beam : (ell, beam), optional
        Of a map; written as a Map tracer. With neither it becomes a Misc tracer.
    metadata : mapping
        Numbers and words.
    """

    name: str
    quantity: str
    n_of_z: tuple[Any, Any] | None = None
    beam: tuple[Any, Any] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.quantity not in QUANTITIES:
            known = ", ".join(QUANTITIES)
            raise ValueError(f"quantity = {self.quantity!r} of {self.name} is none of {known}")
        if self.n_of_z is not None and self.beam is not None:
            raise ValueError(f"tracer {self.name} has both n_of_z and beam; a tracer has one kind")


@dataclass(frozen=True)
class SaccSpectra:
    """Spectra of pairs of tracers.

    Attributes
    ----------
    pairs : sequence of (int, int)
        Places in the list of tracers.
    ell : (point,)
        Multipole of each point, or the effective one of each band.
    cl : (pair, point)
    covariance : (pair * point, pair * point), optional
        The points of the first pair come first, then those of the second.
    windows : (ell (n_ell,), weights (point, n_ell)), optional
        Of the bands.
    """

    pairs: Sequence[tuple[int, int]]
    ell: Any
    cl: Any
    covariance: Any = None
    windows: tuple[Any, Any] | None = None

    def __post_init__(self) -> None:
        shape = (len(self.pairs), len(self.ell))
        if np.shape(self.cl) != shape:
            raise ValueError(f"cl {np.shape(self.cl)} are not {shape[0]} pairs at {shape[1]} ell")
        size = shape[0] * shape[1]
        if self.covariance is not None and np.shape(self.covariance) != (size, size):
            got = np.shape(self.covariance)
            raise ValueError(f"covariance {got} is not that of {size} points")
        if self.windows is not None:
            wanted = (shape[1], len(self.windows[0]))
            if np.shape(self.windows[1]) != wanted:
                raise ValueError(f"windows {np.shape(self.windows[1])} are not {wanted}")


def data_type(first: str, second: str) -> tuple[str, bool]:
    """SACC's name of the spectra of two quantities, and whether the name has the second one first.

    Pairs that SACC has no name of their own for get its plain names by spin: cl_00 or cl_0e.
    """
    if first == second and first in _AUTO:
        return _AUTO[first], False
    if (first, second) in _CROSS:
        return _CROSS[first, second], False
    if (second, first) in _CROSS:
        return _CROSS[second, first], True
    if _SHEAR in (first, second):
        return "cl_0e", first == _SHEAR
    return "cl_00", False


def write_sacc(
    path: Path,
    tracers: Sequence[SaccTracer],
    spectra: SaccSpectra,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a SACC file (FITS).

    Parameters
    ----------
    path : Path
    tracers : sequence of SaccTracer
    spectra : SaccSpectra
        Of a pair of different quantities, the tracer that the data type names first comes first
        (the shear before the density, the CMB before galaxies, spin 0 before E in cl_0e).
    metadata : mapping, optional
        Numbers, truth values and words: versions, settings, seeds.

    Raises
    ------
    ValueError
        Two tracers have one name, a pair is of tracers that are not there, or a number is not
        finite.
    InputError, OSError
        See :func:`pipeline.sinks.atomic.write_atomically`.
    """
    contents = _contents(tracers, spectra, metadata or {})
    write_atomically(path, lambda temporary: contents.save_fits(str(temporary), overwrite=True))


def _contents(
    tracers: Sequence[SaccTracer], spectra: SaccSpectra, metadata: Mapping[str, Any]
) -> sacc.Sacc:
    names = [tracer.name for tracer in tracers]
    if len(set(names)) != len(names):
        raise ValueError(f"tracers {names} need names of their own")
    cl = np.asarray(spectra.cl, dtype=np.float64)
    _check_finite(cl, "cl")
    contents = sacc.Sacc()
    for tracer in tracers:
        _add_tracer(contents, tracer)
    window = _window(spectra)
    ell = np.asarray(spectra.ell, dtype=np.float64)
    for (i, j), values in zip(spectra.pairs, cl, strict=True):
        if not (0 <= i < len(names) and 0 <= j < len(names)):
            raise ValueError(f"pairs has {(i, j)}, and there are {len(names)} tracers")
        kind, swapped = data_type(tracers[i].quantity, tracers[j].quantity)
        first, second = (names[j], names[i]) if swapped else (names[i], names[j])
        contents.add_ell_cl(kind, first, second, ell, values, window=window)
    if spectra.covariance is not None:
        covariance = np.asarray(spectra.covariance, dtype=np.float64)
        _check_finite(covariance, "covariance")
        contents.add_covariance(covariance)
    contents.metadata.update(metadata)
    return contents


def _add_tracer(contents: sacc.Sacc, tracer: SaccTracer) -> None:
    about = {"quantity": tracer.quantity, "metadata": dict(tracer.metadata)}
    if tracer.n_of_z is not None:
        z, n = (np.asarray(v, dtype=np.float64) for v in tracer.n_of_z)
        contents.add_tracer("NZ", tracer.name, z, n, **about)
    elif tracer.beam is not None:
        ell, beam = (np.asarray(v, dtype=np.float64) for v in tracer.beam)
        spin = 2 if tracer.quantity == _SHEAR else 0
        contents.add_tracer("Map", tracer.name, spin, ell, beam, **about)
    else:
        contents.add_tracer("Misc", tracer.name, **about)


def _window(spectra: SaccSpectra) -> sacc.BandpowerWindow | None:
    """One object for all pairs, so that the file holds the windows once."""
    if spectra.windows is None:
        return None
    ell, weights = (np.asarray(v, dtype=np.float64) for v in spectra.windows)
    return sacc.BandpowerWindow(ell, weights.T)


def _check_finite(values: Array, name: str) -> None:
    if not np.isfinite(values).all():
        place = np.argwhere(~np.isfinite(values))[0].tolist()
        raise ValueError(f"{name} at {place} is {values[tuple(place)]}")
