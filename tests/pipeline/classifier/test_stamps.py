"""Stamps do not depend on what a recording is sampled with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.classifier.stamps import (
    IMAGE_SHAPE,
    N_NUMBERS,
    SPECTRUM_SHAPE,
    join,
    make_stamp,
    stack,
    take,
)
from pipeline.vetting import features


def stamp_of(cutout, header, *sidelobe):
    return make_stamp(cutout, header, features(cutout, header), *sidelobe)


def shapes(stamp):
    return tuple(array.shape for array in stamp)


@given(st.floats(2.6, 5.0), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_a_point_has_the_same_image_whatever_the_pixels(header_of, cutout_of, fwhm, dy, dx):
    header = header_of(fwhm_px=fwhm)
    stamp = stamp_of(cutout_of(header, offset=(dy, dx)), header)
    offset = 0.3 * np.arange(-10, 11)
    true = np.exp(-4 * np.log(2) * (offset[:, None] ** 2 + offset**2))
    seen = stamp.image[3] > 0
    assert seen[5:-5, 5:-5].all()
    # Cubic splines of a Gaussian of 2.6 pixels.
    assert np.abs(stamp.image[0] - true)[seen].max() < 0.03
    assert np.abs(stamp.image[1] - true).max() < 0.03
    assert np.abs(stamp.image[2])[seen].max() < 0.3


@pytest.mark.parametrize("width", [1, 4, 7, 64])
@pytest.mark.parametrize("n_channels", [4, 16, 37])
def test_a_pulse_has_the_same_spectrum_whatever_its_width(header_of, cutout_of, width, n_channels):
    header = header_of(n_channels=n_channels, tsamp_s=0.03)
    flux, seen = stamp_of(cutout_of(header, width=width), header).spectrum
    assert seen[:, 4:-4].all()
    inside = flux[:, 14:18]
    assert inside == pytest.approx(np.arcsinh(1.0), rel=0.15 if width == 7 else 1e-3)
    assert np.abs(flux[:, :10]).max() < 1e-6


def test_a_narrow_band_is_seen_where_it_is(header_of, cutout_of):
    header = header_of()
    band = np.zeros(16)
    band[3] = 16.0
    flux = stamp_of(cutout_of(header, band=band), header).spectrum[0]
    assert flux[3, 16] == pytest.approx(np.arcsinh(16.0), rel=1e-3)
    assert np.abs(np.delete(flux, 3, axis=0)).max() < 1e-6


def test_what_is_missing_is_marked_and_finite(header_of, cutout_of):
    header = header_of()
    whole = cutout_of(header)
    image, spectrum = whole.image.copy(), whole.dedispersed.copy()
    image[:12] = np.nan
    spectrum[:3], spectrum[:, 30:] = np.nan, np.nan
    stamp = stamp_of(replace(whole, image=image, dedispersed=spectrum), header, np.nan)
    assert all(np.isfinite(array).all() for array in stamp)
    assert not stamp.image[3, :3].any()
    assert stamp.image[3, 8:].all()
    assert not stamp.spectrum[1, :3].any()
    # What there is of the rest is as it was.
    seen = stamp.spectrum[1] > 0
    same = stamp_of(whole, header)
    assert stamp.spectrum[0][seen] == pytest.approx(same.spectrum[0][seen], abs=1e-6)


def test_features_that_cannot_be_measured_are_marked(header_of, cutout_of):
    header = header_of(n_channels=2)
    numbers = stamp_of(cutout_of(header), header).numbers
    known = numbers[3::2]
    assert numbers.shape == (N_NUMBERS,)
    assert set(known.tolist()) == {0.0, 1.0}
    assert (numbers[2::2][known == 0] == 0).all()


def test_the_cleaned_image_is_beside_the_first(header_of, cutout_of):
    header = header_of()
    whole = cutout_of(header)
    stamp = stamp_of(whole, header)
    # Without interference both are the same.
    assert stamp.image[4:] == pytest.approx(stamp.image[[0, 2]], abs=1e-4)
    assert stamp.numbers[-14:-12] == pytest.approx([np.arcsinh(3.0), 1], abs=0.02)
    same = np.r_[2:14]
    assert stamp.numbers[-12:] == pytest.approx(stamp.numbers[same], abs=1e-4)
    # Half of it was interference.
    half = stamp_of(replace(whole, cleaned=whole.cleaned / 2), header)
    assert half.image[4] == pytest.approx(stamp.image[4], abs=1e-4)
    assert half.numbers[-14] == pytest.approx(np.arcsinh(1.5), abs=0.02)
    assert half.numbers[:-14] == pytest.approx(stamp.numbers[:-14])
    none = stamp_of(replace(whole, cleaned=np.full_like(whole.cleaned, np.nan)), header)
    assert not none.image[4:].any()
    assert not none.numbers[-14:].any()
    assert none.image[:4] == pytest.approx(stamp.image[:4])


def test_nothing_is_said_of_a_single_pixel_or_of_nothing(header_of, cutout_of):
    header = header_of()
    cutout = cutout_of(header)
    assert stamp_of(replace(cutout, image=cutout.image[:1, :1]), header) is None
    assert stamp_of(replace(cutout, image=np.full_like(cutout.image, np.nan)), header) is None


def test_sets_of_stamps(header_of, cutout_of):
    header = header_of()
    one = stamp_of(cutout_of(header), header)
    assert shapes(one) == (IMAGE_SHAPE, SPECTRUM_SHAPE, (N_NUMBERS,))
    assert [len(array) for array in stack([])] == [0, 0, 0]
    three = join([stack([one]), stack([]), stack([one, one])])
    assert [len(array) for array in three] == [3, 3, 3]
    assert np.array_equal(take(three, 1).image, one.image)
