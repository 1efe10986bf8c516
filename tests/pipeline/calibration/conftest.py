"""A drift scan of four sources whose antennas have gains, and one of which is dead."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from pipeline.calibration.calibrate import CalibrationSettings, calibrate
from pipeline.calibration.gains import write_gains
from pipeline.catalog import read_catalog
from pipeline.simulation import SimulationConfig, simulate
from pipeline.simulation.config import Array, Image, Recording, Source
from pipeline.simulation.visibilities import VisScene
from pipeline.visibilities.nsfrb import NsfrbReader

SEED, SEFD = 4, 6000.0
FLUXES = ((5.0, 45.3, 20.6), (2.0, 14.2, 40.1), (1.0, 30.0, 52.7), (3.0, 20.5, 14.1))


@dataclass(frozen=True)
class Field:
    """A recording, its catalog, gains solved on that, and the gains that were put in."""

    paths: list[Path]
    catalog: Path
    gains: Path
    truth: np.ndarray
    summary: dict


@pytest.fixture(scope="session")
def field(tmp_path_factory):
    folder = tmp_path_factory.mktemp("field")
    config = SimulationConfig(
        recording=Recording(duration_s=20.0, format="nsfrb", mjd0=60700.3),
        image=Image(shape=(64, 64), pixel_arcsec=16.0),
        array=Array(n_antennas=24, channels=1, gain_error=0.2, phase_error_deg=100.0),
        sources=tuple(Source(flux, x=x, y=y) for flux, x, y in FLUXES),
    )
    made = simulate(config, folder / "recording", seed=SEED)
    _deaden(folder / "recording")
    scene = VisScene(config, SEED, [0])
    table = Table.read(made.truth, format="ascii.ecsv")
    names = [f"S{i}" for i in range(len(table))]
    catalog = Table({"name": names, "ra": table["ra"], "dec": table["dec"]})
    catalog["flux_jy"] = table["flux"]
    catalog.write(folder / "catalog.ecsv", format="ascii.ecsv")
    sky = read_catalog(folder / "catalog.ecsv")
    found = calibrate(NsfrbReader(made.recordings), sky, CalibrationSettings(reference=5))
    write_gains(folder / "gains.h5", found.gains)
    truth = np.asarray(scene._gains)
    return Field(
        made.recordings, folder / "catalog.ecsv", folder / "gains.h5", truth, found.summary
    )


def _deaden(folder):
    """One antenna records noise alone."""
    rng = np.random.default_rng(9)
    i, j = np.tril_indices(24)
    rows = np.flatnonzero((i != j) & ((i == 6) | (j == 6)))
    sigma = SEFD / np.sqrt(2 * 11.71875e6 * 0.1342182159)
    for path in folder.glob("nsfrb_*.out"):
        data = np.memmap(path, "<c8", "r+", 16).reshape(-1, len(i), 1, 2)
        noise = rng.standard_normal((len(data), len(rows), 1, 2, 2)) @ [1, 1j]
        data[:, rows] = (sigma * noise).astype(np.complex64)
        data.flush()
