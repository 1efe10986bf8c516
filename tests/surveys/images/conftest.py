"""Galaxies and files for tests of images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from cosmo.background import cosmology_named
from surveys.images.galaxies import GalaxyImages


@pytest.fixture(scope="session")
def planck():
    return cosmology_named("Planck18")


@pytest.fixture(scope="session")
def some_galaxies() -> Callable[..., GalaxyImages]:
    """Galaxies of random pixels."""

    def of(n: int = 3, rest_um: Any = (0.15, 0.4), side: int = 8, **other: Any) -> GalaxyImages:
        rng = np.random.default_rng(n)
        flux = rng.exponential(size=(n, len(rest_um), side, side)).astype(np.float32)
        values = {
            "names": tuple(f"g{i}" for i in range(n)),
            "flux": flux,
            "rest_um": np.array(rest_um, float),
            "redshift": np.linspace(5, 7, n),
            "pixel_kpc": np.full(n, 0.2),
            "unit": "erg s-1 Hz-1",
            "synthetic": True,
            "source": "test",
        }
        return GalaxyImages(**(values | other))

    return of


@pytest.fixture
def fits_file(tmp_path) -> Callable[..., Path]:
    """Write an array and header keys as FITS, with a table of wavelengths if there are any."""

    def write(data: Any, name: str = "a.fits", table: Any = None, **header: Any) -> Path:
        hdu = fits.PrimaryHDU(np.asarray(data, np.float32))
        hdu.header.update({key: value for key, value in header.items() if value is not None})
        hdus = [hdu]
        if table is not None:
            column, values, unit = table
            columns = [fits.Column(name=column, format="D", array=np.array(values), unit=unit)]
            hdus.append(fits.BinTableHDU.from_columns(columns))
        path = tmp_path / name
        fits.HDUList(hdus).writeto(path, overwrite=True)
        return path

    return write


@pytest.fixture
def skirt_file(tmp_path) -> Callable[..., Path]:
    """A data cube in the layout that SKIRT 9 writes."""

    def write(data: Any, grid: Any, name: str = "i_total.fits", **header: Any) -> Path:
        data = np.asarray(data, np.float32)
        keys: dict[str, Any] = {
            "ORIGIN": "SKIRT simulation",
            "BUNIT": "W/m2/micron/arcsec2",
            "CRPIX1": (data.shape[2] + 1) / 2,
            "CRVAL1": 0.0,
            "CDELT1": 0.01,
            "CUNIT1": "arcsec",
            "CTYPE1": " ",
            "CRPIX2": (data.shape[1] + 1) / 2,
            "CRVAL2": 0.0,
            "CDELT2": 0.01,
            "CUNIT2": "arcsec",
            "CTYPE2": " ",
            "CUNIT3": "micron",
            "CROTA1": 30.0,
            "CROTA2": 60.0,
            "REDSHIFT": 0.0,
            "DISTLUMI": 10.0,
            "DISTANGD": 10.0,
            "DISTUNIT": "Mpc",
        } | header
        hdu = fits.PrimaryHDU(data)
        hdu.header.update({key: value for key, value in keys.items() if value is not None})
        column = fits.Column(
            "GRID_POINTS", format="E16.9", array=np.array(grid), unit=keys["CUNIT3"]
        )
        table = fits.TableHDU.from_columns([column], name="Z-axis coordinate values")
        path = tmp_path / name
        fits.HDUList([hdu, table]).writeto(path, overwrite=True)
        return path

    return write
