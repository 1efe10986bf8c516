"""Recordings of images that are made of visibilities, without a file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.time import Time

from pipeline.candidates import Detection
from pipeline.errors import InputError, NoDataError
from pipeline.imaging.cube import write_cube
from pipeline.imaging.geometry import LIGHT_M_S
from pipeline.imaging.gridding import Grid
from pipeline.imaging.imager import (
    ImagedReader,
    ImagingSettings,
    _grouped,
    averaging_of,
    group_images,
)
from pipeline.imaging.weighting import Weighting
from pipeline.positions import refine_position
from pipeline.readers.cube import CubeReader
from pipeline.visibilities.block import VisBlock, VisHeader

CENTRE = SkyCoord(120.0, 30.0, unit="deg")


class Sky:
    """Visibilities of a source at (l, m) on baselines that turn slowly."""

    def __init__(self, place=(2e-3, -1e-3), n_samples=20, n_channels=8, step_mhz=1.0):
        rng = np.random.default_rng(8)
        self.antennas, self.place = rng.uniform(-500, 500, (12, 2)), place
        pairs = np.stack(np.triu_indices(12, 1), axis=1)
        freq = 1400 + step_mhz * np.arange(n_channels)
        start = Time("2025-01-01")
        self.header = VisHeader("sky", freq, step_mhz, 1.0, start, n_samples, pairs, CENTRE, "Jy")
        self.gap: list[int] = []
        self.weight = np.ones(n_channels, np.float32)
        self.closed = False

    def uvw(self, start, stop, centre):
        start, stop = max(0, start), min(stop, self.header.n_samples)
        first, second = self.header.baselines.T
        flat = self.antennas[first] - self.antennas[second]
        angle = 7.3e-5 * np.arange(start, stop)[:, None]
        u = flat[:, 0] * np.cos(angle) - flat[:, 1] * np.sin(angle)
        v = flat[:, 0] * np.sin(angle) + flat[:, 1] * np.cos(angle)
        uvw = np.stack([u, v, 0.1 * u], axis=-1)
        return uvw, uvw[..., 2]

    def pointing(self, start, stop, centre):
        return np.tile([0.0, 0.0, 1.0], (stop - start, 1))

    def read(self, start, stop):
        uvw, path = self.uvw(start, stop, CENTRE)
        l, m = self.place
        along = uvw @ [l, m, np.sqrt(1 - l * l - m * m) - 1] + path
        cycles = along[..., None] * (self.header.freq_mhz * 1e6 / LIGHT_M_S)
        weights = np.ones(cycles.shape, np.float32) * self.weight
        for t in self.gap:
            if start <= t < start + len(weights):
                weights[t - start] = 0
        return VisBlock(start, np.exp(-2j * np.pi * cycles).astype(np.complex64), weights)

    def close(self):
        self.closed = True


def brightest(image):
    return np.unravel_index(np.nanargmax(image), image.shape)


def test_a_source_is_in_its_pixel_with_its_flux():
    reader = ImagedReader(Sky(), ImagingSettings(size=150, pixel_arcsec=10))
    block = reader.read(0, 20)
    pixel = np.radians(10 / 3600)
    expected = (75 + round(-1e-3 / pixel), 75 - round(2e-3 / pixel))
    for images in block.data:
        assert brightest(images.mean(0)) == expected
        assert images.mean(0).max() == pytest.approx(1, abs=0.05)
    there = reader.header.wcs.pixel_to_world(*expected[::-1])
    l = np.cos(there.dec.rad) * np.sin((there.ra - CENTRE.ra).rad)
    assert l == pytest.approx(2e-3, abs=pixel)


@pytest.mark.parametrize("n_channels", [8, 17, 30])
def test_the_psf_is_the_image_of_a_source_in_the_centre(n_channels):
    sky = Sky(place=(0.0, 0.0), n_channels=n_channels)
    reader = ImagedReader(sky, ImagingSettings(size=64))
    block, psf = reader.read(10, 11), reader.header.psf
    assert psf.shape == (127, 127)
    assert brightest(psf) == (63, 63)
    assert np.abs(block.data[0].mean(0) - psf[31:95, 31:95]).max() < 2e-3
    assert 2.5 < reader.header.beam_fwhm_px < 5


def assert_same_images(images, others):
    """To rounding: a GPU adds visibilities to the grid in any order."""
    np.testing.assert_allclose(images, others, rtol=0, atol=2e-6 * np.nanmax(np.abs(others)))


def test_samples_do_not_depend_on_how_they_are_asked_for():
    sky = Sky()
    reader = ImagedReader(sky, ImagingSettings(size=48))
    whole = reader.read(0, 20)
    for start, stop in [(0, 1), (3, 9), (7, 20), (19, 99)]:
        part = reader.read(start, stop)
        assert_same_images(part.data, whole.data[start:stop])
        np.testing.assert_array_equal(part.weights, whole.weights[start:stop])


@pytest.mark.parametrize("scheme", ["natural", "uniform"])
def test_some_pixels_are_those_of_the_whole(scheme):
    weighting = Weighting(scheme)
    settings = ImagingSettings(size=150, pixel_arcsec=10, error=1e-4, weighting=weighting)
    reader = ImagedReader(Sky(), settings)
    whole, pixels = reader.read(3, 9), (slice(110, 150), slice(2, 35))
    part = reader.cropped(*pixels)
    block = part.read(3, 9)
    assert np.abs(block.data - whole.data[..., *pixels]).max() < 5e-4
    np.testing.assert_array_equal(block.weights, whole.weights)
    there, here = reader.header.wcs.pixel_to_world(2, 110), part.header.wcs.pixel_to_world(0, 0)
    assert there.separation(here).arcsec < 1e-6


def test_what_the_whole_accepts_a_part_accepts():
    """Pixels of 0.47 fringes, where a small grid of its usual size would be too coarse."""
    longest = Sky().header.freq_mhz.max() * 1e6 / LIGHT_M_S
    uvw = Sky().uvw(0, 20, CENTRE)[0]
    pixel = np.degrees(0.47 / (np.linalg.norm(uvw, axis=-1).max() * longest)) * 3600
    with ImagedReader(Sky(), ImagingSettings(size=150, pixel_arcsec=pixel)) as reader:
        whole, pixels = reader.read(3, 5), (slice(60, 93), slice(110, 143))
        part = reader.cropped(*pixels)
        assert np.abs(part.read(3, 5).data - whole.data[..., *pixels]).max() < 4e-3


def test_a_part_leaves_the_recording_open():
    sky = Sky()
    with ImagedReader(sky, ImagingSettings(size=32)) as reader:
        reader.cropped(slice(0, 9), slice(0, 9)).close()
        assert not sky.closed
    assert sky.closed


def test_gaps_have_no_weight():
    sky = Sky()
    sky.gap = [4, 5]
    block = ImagedReader(sky, ImagingSettings(size=32)).read(0, 10)
    assert (block.weights > 0).all(1).tolist() == [True] * 4 + [False] * 2 + [True] * 4
    assert np.isnan(block.data[4:6]).all()


def test_the_middle_of_a_recording_may_be_missing():
    class Gap(Sky):
        def uvw(self, start, stop, centre):
            uvw, path = super().uvw(start, stop, centre)
            uvw[max(0, 10 - start) : max(0, 11 - start)] = np.nan
            return uvw, path

    whole, gap = (ImagedReader(sky, ImagingSettings(size=32)) for sky in (Sky(), Gap()))
    assert np.abs(whole.header.psf - gap.header.psf).max() < 0.01


@pytest.mark.parametrize("n_fine", [1, 7, 16, 64, 109])
@pytest.mark.parametrize("widest", [0.5, 2.0, 30.0])
def test_every_fine_channel_is_in_one_group_no_wider_than_allowed(n_fine, widest):
    freq_mhz = 1400 + np.arange(n_fine) * 1.0
    table = averaging_of(freq_mhz, 16, widest)
    number = _grouped(np.arange(1, n_fine + 1), table.members, table.in_group)
    assert number[number > 0].tolist() == list(range(1, n_fine + 1))
    assert table.in_group <= max(1, widest)
    assert len(table.freq_hz) <= 16
    assert table.count.tolist() == (number > 0).sum(2).tolist()
    of_channel = [freq_mhz[n[n > 0] - 1].mean() for n in number]
    np.testing.assert_allclose(table.centre_mhz, of_channel)


@pytest.mark.parametrize("flagged", [slice(0, 4), slice(1, 8), slice(3, 5)])
def test_flagged_channels_do_not_move_a_source(flagged):
    """Eight channels in one group, as if those left were imaged one by one."""
    found = []
    for most in (0.3, 0.0):
        sky = Sky(place=(4e-3, -4e-3), n_samples=4, step_mhz=3.0)
        sky.weight[flagged] = 0
        settings = ImagingSettings(
            size=128, pixel_arcsec=15, channels=1, max_smearing=most, error=1e-4
        )
        reader = ImagedReader(sky, settings)
        assert reader.n_groups == (1 if most else 8)
        image = reader.read(0, 4).data[0, 0]
        y, x = (int(i) for i in brightest(image))
        found.append(refine_position(image, (0, 0), Detection(0, 1, 0.0, 0, y, x, 9.0, 1.0)))
    np.testing.assert_allclose(found[0], found[1], atol=0.02)


def test_averaging_channels_costs_no_more_at_the_edge_than_allowed():
    """A source in the corner of one side, channels as wide as they may be."""
    settings = ImagingSettings(size=101, pixel_arcsec=12, channels=1, max_smearing=0.02)
    edge = 50 * np.radians(12 / 3600)
    lost = []
    for allowed in (0.02, 0.0):
        sky = Sky(place=(edge, 0.0), n_samples=1, n_channels=40, step_mhz=0.25)
        chosen = ImagingSettings(**{**vars(settings), "max_smearing": allowed})
        image = ImagedReader(sky, chosen).read(0, 1).data[0, 0]
        lost.append(1 - image[50, 0])
    assert 0.001 < lost[0] - lost[1] < 0.02


@pytest.mark.parametrize("scheme", ["natural", "uniform", "briggs"])
def test_weighting_narrows_the_beam_at_the_cost_of_noise(scheme):
    rng = np.random.default_rng(1)
    uvw = rng.normal(size=(4000, 3)) * 1000
    data = np.ones(4000)
    weights = Weighting(scheme).weights(Grid((100, 100), 5e-5), uvw, data)
    spread = np.sqrt(np.average((uvw[:, :2] ** 2).sum(1), weights=weights))
    noise = np.sqrt((weights**2).sum()) / weights.sum()
    natural = np.sqrt((uvw[:, :2] ** 2).sum(1).mean()), 1 / np.sqrt(4000)
    if scheme == "natural":
        assert (spread, noise) == pytest.approx(natural)
    else:
        assert spread > 1.05 * natural[0]
        assert noise > 1.01 * natural[1]


def test_robust_goes_from_uniform_to_natural():
    rng = np.random.default_rng(1)
    uvw = rng.normal(size=(3000, 3)) * 1000

    def ratio(weighting):
        weights = weighting.weights(Grid((100, 100), 5e-5), uvw, np.ones(3000))
        return weights.max() / weights.min()

    steps = [ratio(Weighting("briggs", robust)) for robust in (-2.0, 0.0, 2.0)]
    assert steps[0] > steps[1] > steps[2]
    assert steps[0] == pytest.approx(ratio(Weighting("uniform")), rel=0.2)
    assert steps[2] < 1.2


def test_a_taper_widens_the_beam():
    plain, tapered = (
        ImagedReader(Sky(), ImagingSettings(size=64, weighting=Weighting(taper_arcsec=taper)))
        for taper in (0.0, 60.0)
    )
    pixel = np.sqrt(abs(np.linalg.det(plain.header.wcs.pixel_scale_matrix))) * 3600
    before, after = (r.header.beam_fwhm_px * pixel for r in (plain, tapered))
    assert after == pytest.approx(np.hypot(before, 60.0), rel=0.1)  # it is not quite Gaussian


def test_a_weighting_without_baselines_is_refused():
    with pytest.raises(InputError, match="baselines: none is as long as the weighting asks for"):
        ImagedReader(Sky(), ImagingSettings(weighting=Weighting(uv_min_m=1e6)))


def test_a_cube_holds_what_was_imaged(tmp_path):
    path, sky = tmp_path / "cube.h5", Sky()
    with ImagedReader(sky, ImagingSettings(size=40)) as reader:
        summary = write_cube(reader, path)
        block = reader.read(0, 20)
    assert sky.closed
    assert (summary["n_samples"], summary["bunit"]) == (20, "Jy/beam")
    with CubeReader(path) as cube:
        assert_same_images(cube.read(0, 20).data, block.data)
        np.testing.assert_allclose(cube.header.psf, reader.header.psf)
        assert abs(cube.header.start - reader.header.start) < 1 * units.us
        here = cube.header.wcs.pixel_to_world(20, 20)
        assert here.separation(CENTRE).arcsec < 1e-6


def test_a_cube_of_nothing_is_not_written(tmp_path):
    sky = Sky(n_samples=3)
    sky.gap = [0, 1, 2]
    with pytest.raises(NoDataError, match="every sample is flagged"):
        write_cube(ImagedReader(sky, ImagingSettings(size=16)), tmp_path / "cube.h5")
    assert not list(tmp_path.iterdir())


def test_groups_do_not_straddle_a_gap_in_frequency():
    freq = np.r_[1400 + np.arange(6), 1450 + np.arange(6)].astype(float)
    averaging = averaging_of(freq, 1, 3.0)
    first = np.arange(12) // averaging.in_group
    spans = [np.ptp(freq[first == group]) for group in np.unique(first)]
    assert max(spans) <= 2.0
    assert averaging.count.sum() == 12


def test_images_anywhere_in_a_field_share_what_is_compiled():
    reader = ImagedReader(Sky(), ImagingSettings(size=150, pixel_arcsec=10))
    images = []
    before = None
    for row, column in ((3, 5), (40, 90), (110, 20)):
        part = reader.cropped(slice(row, row + 33), slice(column, column + 33))
        images.append(part.read(0, 20).data)
        before = before or group_images._cache_size()
    assert group_images._cache_size() == before
    whole = reader.read(0, 20).data
    np.testing.assert_allclose(images[1], whole[..., 40:73, 90:123], atol=2e-3)


class Dish(Sky):
    """Looks so many radians north of the field."""

    def __init__(self, away):
        super().__init__()
        self.header = replace(self.header, dish_m=5.0)
        self.away = away

    def pointing(self, start, stop, centre):
        return np.tile([0.0, np.sin(self.away), np.cos(self.away)], (stop - start, 1))


def test_a_field_where_no_dish_looks_is_told():
    settings = ImagingSettings(size=50, pixel_arcsec=10)
    assert not ImagedReader(Dish(0.02), settings).header.notes
    (note,) = ImagedReader(Dish(0.2), settings).header.notes
    assert "is 11.5 degrees from where the dishes look" in note
