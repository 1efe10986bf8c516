"""Fluxes, positions and noise of recordings whose sky and antennas are known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.time import Time

from pipeline.block import StreamHeader
from pipeline.catalog import Catalog, read_catalog
from pipeline.checks.check import CheckSettings, check, predicted_noise_jy
from pipeline.checks.mean import MeanImage, mean_image
from pipeline.checks.sources import astrometry, flux_scale, measure
from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded
from pipeline.errors import InputError, NoDataError
from pipeline.imaging.imager import ImagedReader
from pipeline.imaging.settings import ImagingSettings
from pipeline.imaging.weighting import Weighting
from pipeline.readers import open_recording
from pipeline.readers.cube import CubeReader
from pipeline.readers.cube_writer import CubeWriter
from pipeline.simulation import SimulationConfig, simulate
from pipeline.simulation.config import Array, Image, Recording
from pipeline.simulation.sky import image_wcs
from pipeline.visibilities.nsfrb import NsfrbReader

SIZE = ImagingSettings(size=64, pixel_arcsec=16.0)


def test_a_calibrated_field_has_its_fluxes_and_places(field, tmp_path):
    """To what is left of sidelobes: 1.5 % of the brightest source, a fiftieth of a beam."""
    catalog = read_catalog(field.catalog)
    settings = ImagingSettings(size=64, pixel_arcsec=16.0, gains=field.gains, primary_beam=True)
    with open_recording(field.paths, settings) as reader:
        summary = check(reader, catalog, tmp_path / "out", CheckSettings(sefd_jy=6000.0))
    assert (summary["n_catalog"], summary["n_inside"], summary["n_detected"]) == (4, 4, 4)
    assert summary["bunit"] == "Jy/beam"
    assert summary["flux_ratio"] == pytest.approx(1, abs=0.015)
    assert max(map(abs, summary["median_beams"])) < 0.02
    table = Table.read(tmp_path / "out" / "sources.ecsv", format="ascii.ecsv")
    assert list(table["name"]) == ["S0", "S1", "S2", "S3"]
    assert np.abs(np.asarray(table["flux"] - table["flux_jy"])).max() < 0.015 * 5
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["n_detected"] == 4
    for name in ("flux.png", "offsets.png"):
        assert (tmp_path / "out" / name).read_bytes()[:4] == b"\x89PNG"
    # Without gains nothing is where it belongs.
    with open_recording(field.paths, SIZE) as reader:
        try:
            raw = check(reader, catalog, tmp_path / "raw")
        except NoDataError:
            return
    assert raw["flux_ratio"] < 0.5


@pytest.mark.parametrize(
    "weighting", [Weighting(), Weighting(scheme="uniform"), Weighting(scheme="briggs", robust=-0.5)]
)
def test_noise_is_what_the_radiometer_says(tmp_path, weighting):
    """Images of noise of a known SEFD: 100 samples of 60 beams are known to 1 %."""
    config = SimulationConfig(
        recording=Recording(duration_s=13.5, format="nsfrb"),
        array=Array(n_antennas=24, channels=1, sefd_jy=7000.0, dropped_subbands=(2, 9)),
    )
    made = simulate(config, tmp_path, seed=8)
    settings = ImagingSettings(size=64, pixel_arcsec=16.0, weighting=weighting)
    reader = ImagedReader(NsfrbReader(made.recordings), settings)
    mean = mean_image(reader)
    predicted = predicted_noise_jy(reader, mean.share, 7000.0)
    assert mean.sample_noise == pytest.approx(predicted, rel=0.03)
    if weighting.scheme == "natural":
        # Two polarisations, 14 channels of 11.7 MHz.
        n = 2 * 14 * 24 * 23 / 2
        known = 7000 / np.sqrt(2 * 11.71875e6 * 0.1342182159 * n)
        assert predicted == pytest.approx(known, rel=1e-4)
    else:
        assert (reader.n_independent < 0.9 * 24 * 23 / 2).all()
    assert np.nanstd(mean.image) == pytest.approx(np.nanmedian(mean.noise), rel=0.2)


def gaussian_cube(path, offset, scale, sigma, fluxes, n_samples=20):
    """Sources of a beam of 4 pixels on noise that is correlated as the beam is."""
    rng = np.random.default_rng(5)
    n = 96
    wcs = image_wcs(Image(shape=(n, n), pixel_arcsec=10.0, ra_deg=150.0, dec_deg=30.0))
    places = np.array([(20.3, 30.8), (70.1, 22.6), (45.7, 75.2), (60.4, 55.5), (25.9, 60.1)])
    y, x = np.mgrid[:n, :n]

    def beam(px, py):
        return np.exp(-4 * np.log(2) * ((x - px) ** 2 + (y - py) ** 2) / 16)

    sky = sum(
        scale * f * beam(px + offset[0], py + offset[1])
        for f, (px, py) in zip(fluxes, places, strict=True)
    )
    transfer = np.sqrt(np.abs(np.fft.fft2(beam(n // 2, n // 2))))
    noise = np.fft.ifft2(np.fft.fft2(rng.standard_normal((n_samples, 2, n, n))) * transfer).real
    noise *= sigma / noise.std()
    psf = beam(n // 2, n // 2)[n // 2 - 12 : n // 2 + 13, n // 2 - 12 : n // 2 + 13]
    header = StreamHeader(
        source=str(path),
        freq_mhz=np.array([1400.0, 1410.0]),
        tsamp_s=1.0,
        start=Time(60000, format="mjd"),
        n_samples=n_samples,
        shape=(n, n),
        wcs=wcs,
        bunit="Jy/beam",
        psf=psf.astype(np.float32),
    )
    with CubeWriter(path, header) as writer:
        writer.append((sky + noise).astype(np.float32))
    ra, dec = wcs.wcs_pix2world(places, 0).T
    names = [f"s{i}" for i in range(len(places))]
    return Table({"name": names, "ra": ra, "dec": dec, "flux_jy": list(map(float, fluxes))})


def test_scale_offset_and_noise_of_a_cube(tmp_path):
    """All of them within 4 of their own errors, and the errors as noise predicts."""
    sigma, scale = 0.05, 0.9
    fluxes = (0.5, 1.0, 0.3, 2.0, 0.7)
    table = gaussian_cube(tmp_path / "cube.h5", (0.3, -0.2), scale, sigma, fluxes)
    table.write(tmp_path / "catalog.ecsv", format="ascii.ecsv")
    with CubeReader(tmp_path / "cube.h5") as reader:
        summary = check(reader, read_catalog(tmp_path / "catalog.ecsv"), tmp_path / "out")
    assert summary["n_detected"] == 5
    # Twenty samples of two channels; 500 beams each.
    assert summary["noise"] == pytest.approx(sigma / np.sqrt(2), rel=0.03)
    error = sigma / np.sqrt(40) / np.sqrt(np.sum(np.square(fluxes)))
    assert error <= summary["flux_ratio_error"] * 1.05
    assert abs(summary["flux_ratio"] - scale) < 4 * summary["flux_ratio_error"]
    assert summary["beam_arcsec"] == pytest.approx(40, rel=0.02)
    # A pixel of x is 10 arcsec to the west.
    found = Table.read(tmp_path / "out" / "sources.ecsv", format="ascii.ecsv")
    for name, expected in (("east_arcsec", -3.0), ("north_arcsec", -2.0)):
        pull = (found[name] - expected) / found["offset_error_arcsec"]
        assert np.abs(pull).max() < 4
    assert summary["median_arcsec"] == pytest.approx([-3, -2], abs=0.3)


def test_errors_of_fits_are_those_of_noise():
    """120 sources of 20 sigma, each alone on noise of its own: pulls have unit variance."""
    rng = np.random.default_rng(6)
    n, fwhm = 48, 4.0
    wcs = image_wcs(Image(shape=(n, n), pixel_arcsec=10.0, ra_deg=150.0, dec_deg=30.0))
    y, x = np.mgrid[:n, :n]

    def beam(px, py):
        return np.exp(-4 * np.log(2) * ((x - px) ** 2 + (y - py) ** 2) / fwhm**2)

    transfer = np.sqrt(np.abs(np.fft.fft2(beam(n // 2, n // 2))))
    pulls = []
    header = StreamHeader(
        "image",
        np.array([1400.0]),
        1.0,
        Time(60000, format="mjd"),
        1,
        (n, n),
        wcs,
        psf=beam(24, 24).astype(np.float32),
        beam_fwhm_px=fwhm,
    )
    for _ in range(120):
        px, py = rng.uniform(22, 26, 2)
        noise = np.fft.ifft2(np.fft.fft2(rng.standard_normal((n, n))) * transfer).real
        noise /= np.sqrt(np.mean(transfer**2))
        ra, dec = wcs.wcs_pix2world([[px, py]], 0).T
        catalog = Catalog(("a",), SkyCoord(ra, dec, unit="deg"), np.array([20.0]), np.zeros(1))
        image = MeanImage(20 * beam(px, py) + noise, np.ones((n, n)), 1.0, np.ones(1))
        (row,) = measure(image, header, catalog, 2.0, 5.0)
        pulls.append(
            [
                (row["flux"] - 20) / row["flux_error"],
                row["east_arcsec"] / row["offset_error_arcsec"],
                row["north_arcsec"] / row["offset_error_arcsec"],
            ]
        )
    # The rms of 120 is known to 6.5 %.
    rms = np.sqrt(np.mean(np.square(pulls), axis=0))
    assert rms == pytest.approx(1, abs=0.25)
    assert np.abs(np.mean(pulls, axis=0)).max() < 4 / np.sqrt(120)


def test_the_ratio_is_a_weighted_slope_through_the_origin():
    table = Table({"flux": [1.1, 4.0], "flux_jy": [1.0, 4.0], "flux_error": [0.1, 0.2]})
    scale = flux_scale(table)
    expected = (1.1 / 0.01 + 16 / 0.04) / (1 / 0.01 + 16 / 0.04)
    assert scale.ratio == pytest.approx(expected)
    assert scale.error == pytest.approx(1 / np.sqrt(500))
    assert np.isnan(flux_scale(table[:1]).chi2)
    offsets = {"east_arcsec": [1.0, 2.0, 9.0], "north_arcsec": [0.0] * 3}
    places = astrometry(Table({**offsets, "offset_error_arcsec": [1.0] * 3}))
    assert places.median_arcsec == (2.0, 0.0)
    assert places.scatter_arcsec == pytest.approx((1.4826, 0))
    assert places.error_arcsec == pytest.approx((1.2533 * 1.4826 / 3**0.5, 1.2533 / 3**0.5))


def test_what_cannot_be_checked(tmp_path, capsys):
    def run(*args):
        return run_guarded(build(), [str(a) for a in args], "slowburst")

    table = gaussian_cube(tmp_path / "cube.h5", (0, 0), 0.0, 1.0, (1.0,) * 5, n_samples=2)
    table.write(tmp_path / "catalog.ecsv", format="ascii.ecsv")
    args = ("check", tmp_path / "cube.h5", "--catalog", tmp_path / "catalog.ecsv")
    args += ("--out", tmp_path / "out")
    assert run(*args) == 1
    assert "none of 5 sources of the catalog is above S/N 7" in capsys.readouterr().err
    assert run(*args, "--sefd", 6000) == 2
    assert "does not say which baselines" in capsys.readouterr().err
    assert run(*args, "--sefd", -1) == 2
    assert "--sefd: is -1" in capsys.readouterr().err
    table["dec"] = -table["dec"]
    table.write(tmp_path / "catalog.ecsv", format="ascii.ecsv", overwrite=True)
    assert run(*args) == 2
    assert "none of the 5 sources of the catalog is in it" in capsys.readouterr().err


def test_images_without_positions_are_refused(tmp_path):
    header = StreamHeader("x", np.array([1.0]), 1.0, Time(60000, format="mjd"), 1, (4, 4))
    mean = MeanImage(np.ones((4, 4)), np.ones((4, 4)), 1.0, np.ones(1))
    catalog = Catalog(("a",), SkyCoord([1], [2], unit="deg"), np.ones(1), np.zeros(1))
    with pytest.raises(InputError, match="wcs: there is none"):
        measure(mean, header, catalog, 2.0, 5.0)
