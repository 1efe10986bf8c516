"""Stacks in HDF5, and batches of them."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from surveys.errors import InputError
from surveys.images.fits_stacks import FitsSettings
from surveys.images.galaxies import GalaxyImages, batches
from surveys.images.hdf5_stacks import Hdf5Stack, write_stack
from surveys.images.opening import open_images


@pytest.fixture
def stack(tmp_path, some_galaxies):
    path = tmp_path / "galaxies.h5"
    write_stack(path, [some_galaxies(5)])
    return path


def test_what_is_written_is_read(tmp_path, some_galaxies, planck):
    images = some_galaxies(5)
    path = tmp_path / "galaxies.h5"
    parts = [slice(0, 2), slice(2, 5)]
    write_stack(
        path,
        (
            GalaxyImages(
                images.names[p], images.flux[p], images.rest_um, images.redshift[p],
                images.pixel_kpc[p], images.unit, True, "test",
            )
            for p in parts
        ),
    )  # fmt: skip
    source = open_images([path], FitsSettings(), planck)
    assert (source.names, source.unit, source.synthetic) == (images.names, images.unit, True)
    assert source.n_pixels == 8
    for size in (1, 2, 5, 9):
        got = list(batches(source, size))
        assert len(got[0]) == min(size, 5)
        np.testing.assert_array_equal(np.concatenate([b.flux for b in got]), images.flux)
        np.testing.assert_array_equal(np.concatenate([b.redshift for b in got]), images.redshift)
    assert list(tmp_path.iterdir()) == [path]


def test_planes_are_sorted_and_images_made_square(tmp_path, some_galaxies):
    path = tmp_path / "g.h5"
    images = some_galaxies(2, (0.4, 0.15))
    write_stack(path, [images])
    with h5py.File(path, "r+") as file:
        del file["flux"]
        file["flux"] = images.flux[:, :, :, 1:7]
    read = Hdf5Stack(path).read(0, 2)
    np.testing.assert_array_equal(read.rest_um, [0.15, 0.4])
    assert read.flux.shape == (2, 2, 8, 8)
    np.testing.assert_array_equal(read.flux[:, 0, :, 1:7], images.flux[:, 1, :, 1:7])
    assert not read.flux[..., [0, 7]].any()


def test_nothing_is_left_of_a_file_that_failed(tmp_path, some_galaxies):
    with pytest.raises(ValueError, match="differ in wavelengths"):
        write_stack(tmp_path / "g.h5", [some_galaxies(2), some_galaxies(2, (0.2,))])
    with pytest.raises(ValueError, match="batches: is empty"):
        write_stack(tmp_path / "g.h5", [])
    assert not list(tmp_path.iterdir())


def test_galaxies_that_are_not_there(stack):
    source = Hdf5Stack(stack)
    for start, stop in ((0, 6), (2, 2), (-1, 2)):
        with pytest.raises(IndexError, match="of 5 in"):
            source.read(start, stop)
    with pytest.raises(ValueError, match="size: is 0"):
        next(batches(source, 0))


def test_shapes_that_do_not_go_together(some_galaxies):
    with pytest.raises(ValueError, match=r"flux: has the shape .* give \(galaxy, wavelength"):
        some_galaxies(3, flux=np.zeros((3, 8, 8)))
    with pytest.raises(ValueError, match="not one for each of 3"):
        some_galaxies(3, redshift=np.zeros(2))
    with pytest.raises(ValueError, match="unit: is 'Jy'"):
        some_galaxies(3, unit="Jy")


def wrong(key, value=None):
    def edit(file):
        del file[key]
        if value is not None:
            file[key] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (wrong("flux"), "flux: is missing"),
        (wrong("flux", np.zeros((5, 8, 8))), r"flux: has the shape \(5, 8, 8\)"),
        (wrong("flux", np.zeros((5, 2, 2, 2))), "has 2 pixels along a side"),
        (wrong("rest_um", [0.1]), r"rest_um: has the shape \(1,\), beside 2"),
        (wrong("rest_um", [0.1, 0.1]), "has a wavelength twice"),
        (wrong("redshift", [5.0, 5, 5, 5, np.nan]), "redshift: has values that are not above 0"),
        (wrong("pixel_kpc", ["a"] * 5), "pixel_kpc: is not an array of numbers"),
        (wrong("name", [1, 2, 3, 4, 5]), "name: is not text"),
        (wrong("name", ["a", "b", "c", "b", "d"]), "name: has 'b' 2 times; give each galaxy its"),
        (lambda f: f.attrs.pop("unit"), 'unit: is missing; set the attribute unit to "nJy"'),
        (wrong("flux", np.full((5, 2, 8, 8), b"a")), "flux: is not an array of numbers"),
        (lambda f: f.attrs.update(unit=[1, 2]), "unit: is array"),
        (lambda f: f.attrs.update(unit="Jy"), "unit: is 'Jy'"),
        (lambda f: f.attrs.update(format="other/2"), "format: is 'other/2'"),
        (lambda f: f.attrs.pop("format"), "format: is missing"),
    ],
)
def test_wrong_files(stack, edit, says):
    with h5py.File(stack, "r+") as file:
        edit(file)
    with pytest.raises(InputError, match=says) as error:
        Hdf5Stack(stack)
    assert "\n" not in str(error.value)
    assert str(stack) in str(error.value)


def test_pixels_that_are_no_numbers(stack):
    with h5py.File(stack, "r+") as file:
        file["flux"][3, 1, 2, 2] = np.nan
    assert Hdf5Stack(stack).read(0, 3)
    with pytest.raises(InputError, match="flux of g3: has 1 of 128 pixels that are not finite"):
        Hdf5Stack(stack).read(2, 5)
    read = Hdf5Stack(stack, "zero").read(3, 4)
    assert read.flux[0, 1, 2, 2] == 0
    with h5py.File(stack, "r+") as file:
        file["flux"][1] = 0
    with pytest.raises(InputError, match="flux of g1: has no light in any pixel"):
        Hdf5Stack(stack).read(1, 2)


def test_files_that_are_none(tmp_path, stack, planck):
    def says(path, text):
        with pytest.raises(InputError, match=text):
            open_images([path], FitsSettings(), planck)

    says(tmp_path / "absent.h5", "No such file")
    (tmp_path / "empty.h5").write_bytes(b"")
    says(tmp_path / "empty.h5", "is empty")
    (tmp_path / "text.txt").write_text("galaxies")
    says(tmp_path / "text.txt", "is neither HDF5 nor FITS")
    (tmp_path / "cut.h5").write_bytes(stack.read_bytes()[:2000])
    says(tmp_path / "cut.h5", "is no whole HDF5 file")
    with pytest.raises(InputError, match="is a second stack"):
        open_images([stack, stack], FitsSettings(), planck)
    with pytest.raises(InputError, match="number: is 0"):
        open_images([], FitsSettings(), planck)
