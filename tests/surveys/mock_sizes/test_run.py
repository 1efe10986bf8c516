"""Samples of galaxies, from images to tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from surveys.errors import InputError
from surveys.images.galaxies import GalaxyImages
from surveys.images.hdf5_stacks import write_stack
from surveys.images.synthetic_settings import SyntheticSettings
from surveys.mock_sizes.observation import ObservationSettings
from surveys.mock_sizes.run import run
from surveys.mock_sizes.science import (
    groups_of_redshift,
    ratios_table,
    relations_of,
    relations_table,
    wavelengths_table,
)
from surveys.mock_sizes.settings import (
    InputSettings,
    MeasureSettings,
    RunSettings,
    SizesSettings,
)
from surveys.mock_sizes.statements import compare_statements, statements_table
from surveys.mock_sizes.tables import observations_table, sizes_table
from surveys.sizes.flags import Flag

HERE = Path("sizes.toml")
SIDE = 56
CAMERA = ObservationSettings(
    "NIRCam",
    name="UV",
    rest_um=0.15,
    snr=(5.0, 30.0),
    snr_kind="peak",
    n_noise=4,
    n_pixels=SIDE,
)
ARRAY = ObservationSettings(
    "ALMA", name="FIR", resolution_arcsec=0.3, snr=(5.0, 50.0), snr_kind="peak", n_noise=4,
    n_pixels=SIDE,
)  # fmt: skip


def settings(*observations, **run):
    galaxies = SyntheticSettings(
        (5.0, 7.0), 10, rest_um=(0.1, 0.15, 0.2, 0.4, 158.0), n_pixels=64, pixel_kpc=0.15
    )
    return SizesSettings(
        observations or (CAMERA,),
        InputSettings(synthetic=galaxies),
        MeasureSettings(("pixel", "kron")),
        run=RunSettings(**({"scheduler": "synchronous"} | run)),
    )


@pytest.fixture(scope="module")
def sample():
    return run(settings(CAMERA, ARRAY), HERE)


def test_one_row_for_everything(sample):
    table = sizes_table(sample)
    assert len(table) == 20 * 2 * 2 * 2
    assert set(table["estimator"]) == {"pixel", "kron"}
    row = table[0]
    assert row["r_arcsec"] == pytest.approx(row["r_pixel"] * sample.seen[0].pixel_arcsec)
    assert row["ratio"] == pytest.approx(row["r_kpc"] / row["r_intrinsic_kpc"])
    assert (np.asarray(table["n_used"]) <= 4).all()


def test_more_light_is_seen_at_a_higher_snr(sample):
    table = sizes_table(sample)
    rows = table[(table["band"] == "UV") & (table["estimator"] == "pixel")]
    faint, bright = (np.asarray(rows["ratio"][rows["snr"] == s]) for s in (5.0, 30.0))
    assert np.nanmedian(faint) < np.nanmedian(bright)
    assert np.nanmedian(bright) == pytest.approx(1.1, abs=0.2)


def test_every_kind_of_snr_is_said(sample):
    table = observations_table(sample)
    np.testing.assert_allclose(table["snr_peak"], table["snr"], rtol=1e-4)
    assert (np.asarray(table["snr_aperture"]) > 0).all()
    fir = table[table["band"] == "FIR"]
    assert {str(name) for name in fir["instrument"]} == {"ALMA C-4", "ALMA C-5"}


def test_any_batch_and_any_scheduler_gives_the_same():
    one = sizes_table(run(settings(batch=3), HERE))
    for how in ({"batch": 20}, {"scheduler": "threads", "batch": 5}):
        other = sizes_table(run(settings(**how), HERE))
        # But for rounding: how transforms are divided among threads depends on how many are free.
        np.testing.assert_allclose(one["r_kpc"], other["r_kpc"], rtol=1e-6)
    assert (sizes_table(run(settings(seed=1), HERE))["r_kpc"] != one["r_kpc"]).any()


def test_ratios_and_relations(sample):
    sizes = sizes_table(sample)
    ratios = ratios_table(sizes)
    assert len(ratios) == 2 * 2 * 2 * 2
    row = ratios[(ratios["band"] == "UV") & (ratios["estimator"] == "pixel")][-1]
    mine = sizes[
        (sizes["band"] == "UV")
        & (sizes["estimator"] == "pixel")
        & (sizes["snr"] == 30.0)
        & (sizes["z"] == 7.0)
    ]
    good = (np.asarray(mine["flags"]) & int(Flag.EDGE | Flag.NEIGHBOUR)) == 0
    assert row["median"] == pytest.approx(np.median(np.asarray(mine["ratio"])[good]))
    relations = relations_of(sample, sizes)
    kinds = {(r.band, r.what, np.isnan(r.z)) for r in relations}
    assert ("UV", "intrinsic", False) in kinds
    assert ("UV", "observed", True) in kinds
    table = relations_table(relations)
    assert {"r0_kpc", "beta", "m"} <= set(table["parameter"])


def test_sizes_fall_with_wavelength(sample):
    table = wavelengths_table(sample)
    at = table[(table["z"] == 5.0) & (table["rest_um"] == 0.4)]
    assert at["median"][0] == pytest.approx(0.6, abs=0.15)


def test_statements_are_compared_where_they_apply(sample):
    sizes = sizes_table(sample)
    compared = compare_statements(sample, ratios_table(sizes))
    keys = {c.statement.key for c in compared}
    # There is nothing at z = 9, and no S/N of 15 or 20.
    assert keys == {"optical", "fir", "all_snr", "snr5", "alma"}
    assert len(statements_table(compared)) == len(compared)


def test_depth_and_time(tmp_path):
    deep = replace(CAMERA, snr_kind="depth", snr=(28.0, 30.0))
    timed = replace(
        CAMERA, name="timed", snr_kind="exposure", snr=(1000.0, 4000.0), photon_noise=True
    )
    found = run(settings(deep, timed), HERE)
    depth = found.seen[0].sigma
    assert depth[0] / depth[1] == pytest.approx(10**0.8, rel=1e-4)
    time = found.seen[1].sigma
    assert time[0] / time[1] == pytest.approx(2.0, rel=0.1)


def test_images_of_arbitrary_units_from_a_file(tmp_path):
    """A Gaussian of known size, by a telescope with a small PSF at a high S/N."""
    pixel, sigma = 0.05, 8.0
    y, x = np.mgrid[:81, :81] - 40.0
    flux = np.exp(-0.5 * (y**2 + x**2) / sigma**2).astype(np.float32)
    images = GalaxyImages(
        ("one",), flux[None, None], np.array([0.2]), np.array([6.0]), np.array([pixel]), "", False,
        "file",
    )  # fmt: skip
    write_stack(tmp_path / "one.h5", [images])
    telescope = ObservationSettings(
        "Gaussian", fwhm_arcsec=0.02, wavelength_um=1.4, pixel_arcsec=0.01, snr=(3000.0,),
        snr_kind="peak", n_noise=2, n_pixels=64,
    )  # fmt: skip
    asked = SizesSettings(
        (telescope,),
        InputSettings("images", (Path("one.h5"),)),
        MeasureSettings(("pixel", "kron")),
        run=RunSettings(scheduler="synchronous"),
    )
    row = sizes_table(run(asked, tmp_path / "sizes.toml"))[0]
    true = np.sqrt(2 * np.log(2)) * sigma * pixel
    assert row["r_intrinsic_kpc"] == pytest.approx(true, rel=0.01)
    # The PSF adds in squares: 0.01 arcsec of half-light radius at 5.85 kpc an arcsec.
    assert row["r_kpc"] == pytest.approx(np.hypot(true, 0.0585), rel=0.02)


def test_a_band_outside_of_the_images():
    with pytest.raises(InputError, match="between planes at 0"):
        run(settings(replace(CAMERA, rest_um=0.6)), HERE)


def test_noise_alone_is_no_silent_number():
    faint = replace(CAMERA, snr=(0.01,))
    sample = run(settings(faint), HERE)
    flags = np.concatenate([seen.measured.flags for seen in sample.seen])
    silent = (flags & int(Flag.NOT_DETECTED | Flag.FAINT)) == 0
    # 80 stamps, of which one in a hundred may have a peak of 4 sigma near its middle.
    assert silent.sum() <= 4
    table = sizes_table(sample)
    assert np.isnan(np.asarray(table["r_kpc"])[np.asarray(table["n_used"]) == 0]).all()


def test_many_redshifts_are_grouped():
    z = np.linspace(5, 8, 40)
    assert set(groups_of_redshift(z)) == {5.0, 6.0, 7.0, 8.0}
    assert set(groups_of_redshift(np.array([5.0, 6.5]))) == {5.0, 6.5}
