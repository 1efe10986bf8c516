"""Images in a band."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveys.errors import InputError
from surveys.images.bands import Band, band_images, band_weights


@given(
    st.lists(st.floats(0.15, 0.5), min_size=2, max_size=9, unique=True),
    st.floats(0.0, 1.0),
    st.floats(0.0, 0.9),
    st.floats(0.1, 10.0),
)
def test_weights_are_the_mean_of_the_line_between_planes(waves, at, width, z):
    waves = np.sort(waves)
    if np.diff(np.log(waves)).min() < 1e-3:
        return
    rest = np.exp(np.log(waves[0]) + at * np.log(waves[-1] / waves[0]))
    pivot = np.clip(rest, waves[0], waves[-1]) * (1 + z)
    band = Band("b", pivot, width * pivot)
    weights = band_weights(waves, z, band, "w")
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    # A fine mean over ln(lambda) is the oracle.
    low, high = np.log(pivot * (1 - width / 2) / (1 + z)), np.log(pivot * (1 + width / 2) / (1 + z))
    x = np.linspace(*np.clip([low, high], *np.log(waves[[0, -1]])), 20001)
    values = np.sin(7 * waves)
    expected = np.interp(x, np.log(waves), values).mean()
    assert weights @ values == pytest.approx(expected, abs=2e-3)


def test_a_plane_in_a_narrow_band_is_taken_as_it_is(some_galaxies):
    images = some_galaxies(2, (158.0,), redshift=np.array([5.0, 5.0]))
    seen = band_images(images, Band("cii", 948.0))
    np.testing.assert_allclose(seen, images.flux[:, 0])


def test_each_galaxy_has_the_weights_of_its_redshift(some_galaxies):
    images = some_galaxies(3, (0.13, 0.2, 0.3, 0.4))
    band = Band("F200W", 1.99, 0.46)
    seen = band_images(images, band)
    assert seen.dtype == np.float32
    for i, z in enumerate(images.redshift):
        weights = band_weights(images.rest_um, z, band, "w")
        np.testing.assert_allclose(
            seen[i], np.tensordot(weights, images.flux[i], axes=1), rtol=1e-5
        )
    assert not np.allclose(*[band_weights(images.rest_um, z, band, "w") for z in (5, 7)])


def test_a_band_outside_says_so():
    with pytest.raises(InputError) as error:
        band_weights(np.array([0.15, 0.4]), 5.0, Band("F444W", 4.42, 1.0), "file")
    assert str(error.value) == (
        "file: band F444W: is 0.7367 um at rest (z = 5), outside the planes from 0.15 to 0.4 um; "
        "give planes on both sides, or another band"
    )


def test_nothing_is_guessed_between_starlight_and_dust():
    with pytest.raises(InputError, match=r"between planes at 0\.4 and 50 um"):
        band_weights(np.array([0.15, 0.4, 50.0]), 5.0, Band("F444W", 4.42, 1.0), "file")


def test_a_band_on_the_edge_has_the_planes_inside():
    weights = band_weights(np.array([0.3, 0.33, 0.4]), 5.0, Band("b", 1.75, 0.5), "file")
    # Of the band from 0.25 to 0.333 um at rest, 0.3 to 0.333 um is known.
    part = np.log(0.33 / 0.3) / np.log(1 / 0.9)
    assert weights[0] == pytest.approx(part / 2, rel=1e-3)
    assert weights[2] == pytest.approx((1 - part) * np.log(1 / 0.99) / np.log(0.4 / 0.33) / 2)


@pytest.mark.parametrize(("pivot", "width"), [(0.0, 0.1), (np.nan, 0.1), (1.0, 2.0), (1.0, -1.0)])
def test_impossible_bands(pivot, width):
    with pytest.raises(ValueError, match="_um: is"):
        Band("b", pivot, width)


def test_a_plane_that_is_near_is_taken_where_there_is_no_other():
    waves = np.array([0.3, 0.4, 158.0])
    weights = band_weights(waves, 5.0, Band("CII", 157.74 * 6), "w")
    np.testing.assert_array_equal(weights, [0, 0, 1])
    with pytest.raises(InputError, match="between planes"):
        band_weights(waves, 5.0, Band("CII", 150.0 * 6), "w")
