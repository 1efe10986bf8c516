"""Stacks of galaxies in HDF5: our own layout, read and written.

==============  =================================  ==========================================
``/flux``       (galaxy, wavelength, y, x)         light in each pixel, chunked by galaxy
``/rest_um``    (wavelength,)                      in the frame of the galaxies
``/redshift``   (galaxy,)
``/pixel_kpc``  (galaxy,)                          proper
``/name``       (galaxy,), optional                text
attributes      ``format``, ``unit``               "slowburst-galaxies/1"; "nJy", "erg s-1 Hz-1"
                                                   or "" for no known scale
                ``synthetic``, ``source``          optional
==============  =================================  ==========================================
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from surveys.errors import InputError
from surveys.images.galaxies import UNITS, GalaxyImages, check_interval, images_of
from surveys.images.pixels import OnNan, check_side, clean, square

FORMAT = "slowburst-galaxies/1"
_REWRITE = "write it as docs/sizes_galaxies.md says"


class Hdf5Stack:
    """Galaxies of an HDF5 file.

    Parameters
    ----------
    path : Path
    nan : "error" or "zero"
        What pixels that are no numbers are.

    Raises
    ------
    InputError
        The file is not of this layout.
    """

    def __init__(self, path: Path, nan: OnNan = "error") -> None:
        self.source = str(path)
        self._path = Path(path)
        self._nan: OnNan = nan
        with _opened(self._path) as file:
            flux = self._dataset(file, "flux")
            if flux.dtype.kind not in "fiu":
                raise InputError(self.source, "flux", "is not an array of numbers", _REWRITE)
            if flux.ndim != 4 or 0 in flux.shape:
                problem = f"has the shape {flux.shape}"
                remedy = "give (galaxy, wavelength, y, x)"
                raise InputError(self.source, "flux", problem, remedy)
            n, n_waves = flux.shape[:2]
            self.n_pixels = max(flux.shape[2:])
            check_side(self.n_pixels, self.source, "flux")
            waves = self._numbers(file, "rest_um", n_waves)
            self._order = np.argsort(waves)
            self.rest_um = waves[self._order]
            if np.any(np.diff(self.rest_um) == 0):
                raise InputError(self.source, "rest_um", "has a wavelength twice", _REWRITE)
            self.redshift = self._numbers(file, "redshift", n)
            self.pixel_kpc = self._numbers(file, "pixel_kpc", n)
            self.names = self._names(file, n)
            self.unit = self._unit(file)
            self.synthetic = bool(file.attrs.get("synthetic", False))

    def __len__(self) -> int:
        return len(self.names)

    def read(self, start: int, stop: int) -> GalaxyImages:
        """Images of the galaxies from `start` to before `stop`."""
        check_interval(self, start, stop)
        with _opened(self._path) as file:
            flux = np.asarray(self._dataset(file, "flux")[start:stop], np.float32)
        flux = flux[:, self._order]
        flux = np.stack(
            [
                clean(one, self.source, f"flux of {name}", self._nan)
                for one, name in zip(flux, self.names[start:stop], strict=True)
            ]
        )
        return images_of(self, start, square(flux, self.n_pixels))

    def _dataset(self, file: h5py.File, key: str) -> h5py.Dataset:
        found = file.get(key)
        if not isinstance(found, h5py.Dataset):
            raise InputError(self.source, key, "is missing", _REWRITE)
        return found

    def _numbers(self, file: h5py.File, key: str, n: int) -> NDArray[np.float64]:
        try:
            values = np.asarray(self._dataset(file, key)[()], np.float64)
        except (TypeError, ValueError):
            raise InputError(self.source, key, "is not an array of numbers", _REWRITE) from None
        if values.shape != (n,):
            problem = f"has the shape {values.shape}, beside {n} in flux"
            raise InputError(self.source, key, problem, "give one for each")
        if not np.all(np.isfinite(values) & (values > 0)):
            raise InputError(self.source, key, "has values that are not above 0", "mend them")
        return values

    def _names(self, file: h5py.File, n: int) -> tuple[str, ...]:
        if "name" not in file:
            return tuple(f"{self._path.stem}-{i}" for i in range(n))
        try:
            names = self._dataset(file, "name").asstr()[()]
        except TypeError:
            raise InputError(self.source, "name", "is not text", _REWRITE) from None
        if np.shape(names) != (n,):
            problem = f"has the shape {np.shape(names)}, beside {n} in flux"
            raise InputError(self.source, "name", problem, "give one for each")
        known = tuple(str(name) for name in names)
        name, times = Counter(known).most_common(1)[0]
        if times > 1:
            problem = f"has {name!r} {times} times"
            raise InputError(self.source, "name", problem, "give each galaxy its own")
        return known

    def _unit(self, file: h5py.File) -> str:
        unit = file.attrs.get("unit")
        unit = unit.decode(errors="replace") if isinstance(unit, bytes) else unit
        if not isinstance(unit, str) or unit not in UNITS:
            problem = "is missing" if unit is None else f"is {unit!r}"
            remedy = 'set the attribute unit to "nJy", "erg s-1 Hz-1" or "" for no known scale'
            raise InputError(self.source, "unit", problem, remedy)
        return unit


def _opened(path: Path) -> h5py.File:
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        problem = "is not there" if not path.exists() else "is no whole HDF5 file"
        raise InputError(str(path), "file", problem, f"give a file of {FORMAT}") from error
    found = file.attrs.get("format")
    if found != FORMAT:
        file.close()
        problem = "is missing" if found is None else f"is {found!r}"
        raise InputError(str(path), "format", problem, f"give a file of {FORMAT}")
    return file


def write_stack(path: Path, batches: Iterable[GalaxyImages]) -> None:
    """Write galaxies as one file, a batch at a time.

    Parameters
    ----------
    path : Path
    batches : iterable of GalaxyImages
        Of the same wavelengths, pixels and unit.

    Raises
    ------
    ValueError
        There are none, or they do not go together.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with h5py.File(temporary, "w") as file:
            first = None
            for images in batches:
                first = first or images
                _append(file, images, first)
            if first is None:
                raise ValueError("batches: is empty; give galaxies")
            file["rest_um"] = np.asarray(first.rest_um, np.float64)
            file.attrs["format"], file.attrs["unit"] = FORMAT, first.unit
            file.attrs["synthetic"], file.attrs["source"] = first.synthetic, first.source
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _append(file: h5py.File, images: GalaxyImages, first: GalaxyImages) -> None:
    same = (
        images.unit == first.unit
        and images.flux.shape[1:] == first.flux.shape[1:]
        and np.array_equal(images.rest_um, first.rest_um)
    )
    if not same:
        raise ValueError("batches: differ in wavelengths, pixels or unit; write a file of each")
    columns: dict[str, Any] = {
        "flux": np.asarray(images.flux, np.float32),
        "redshift": np.asarray(images.redshift, np.float64),
        "pixel_kpc": np.asarray(images.pixel_kpc, np.float64),
        "name": np.array(images.names, dtype=h5py.string_dtype()),
    }
    for key, values in columns.items():
        if key not in file:
            chunks = (1, *values.shape[1:]) if key == "flux" else (256,)
            limits = (None, *values.shape[1:])
            file.create_dataset(key, data=values, maxshape=limits, chunks=chunks)
        else:
            dataset = file[key]
            dataset.resize(len(dataset) + len(values), axis=0)
            dataset[-len(values) :] = values
