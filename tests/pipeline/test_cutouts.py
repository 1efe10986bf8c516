"""Cut-outs: what they show is what was put in, and flags leave no trace."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.block import StreamHeader
from pipeline.candidates import Detection
from pipeline.cutout_sums import delays_s
from pipeline.cutouts import CutoutSettings, make_cutout
from pipeline.matched import MatchedReader
from pipeline.readers.base import BaseReader

TSAMP_S = 0.1


class ArrayReader(BaseReader):
    """A recording in memory that knows how much of it was asked for at a time."""

    def __init__(self, header, data, weights=None):
        self.header, self.data = header, data
        self.weights = np.ones(data.shape[:2], np.float32) if weights is None else weights
        self.longest = 0

    def _read(self, start, stop):
        assert 0 <= start < stop <= self.header.n_samples
        self.longest = max(self.longest, stop - start)
        return self.data[start:stop], self.weights[start:stop]

    def close(self):
        pass


FREQ_MHZ = np.linspace(1300.0, 1500.0, 8)


def recording(n=400, freq=FREQ_MHZ, shape=(24, 32), noise=0.05, seed=0):
    header = StreamHeader(
        "test", freq, TSAMP_S, Time(61000.0, format="mjd"), n, shape, None, "Jy/beam", None, 3.0
    )
    data = np.random.default_rng(seed).normal(0, noise, (n, len(freq), *shape))
    return ArrayReader(header, data.astype(np.float32))


def put_pulse(reader, start, width, dm, y, x, flux):
    """Add a dispersed Gaussian-beam source, by a plain loop over channels."""
    freq = reader.header.freq_mhz
    yy, xx = np.indices(reader.header.shape)
    beam = np.exp(-4 * np.log(2) * ((xx - x) ** 2 + (yy - y) ** 2) / 3.0**2)
    for channel, f in enumerate(freq):
        delay = dm / 2.41e-4 * (f**-2.0 - freq.max() ** -2.0)
        first = start + round(delay / TSAMP_S)
        reader.data[first : first + width, channel] += (flux * beam).astype(np.float32)


def detection(start=200, width=4, dm=1000.0, y=10, x=20, snr=30.0, sigma=0.01):
    return Detection(start, width, dm, 0, y, x, snr, sigma)


DMS = np.arange(0.0, 4000.0, 50.0)
WIDTHS = 2 ** np.arange(8)


def test_delays_are_those_of_the_cold_plasma():
    delay = delays_s(np.array([1200.0, 1400.0]), 500.0)
    assert delay[0] == pytest.approx(500 / 2.41e-4 * (1 / 1200**2 - 1 / 1400**2))
    assert delay[1] == 0


@pytest.mark.parametrize("descending", [False, True])
def test_a_pulse_is_shown_where_it_is(descending):
    reader = recording(freq=FREQ_MHZ[::-1] if descending else FREQ_MHZ)
    put_pulse(reader, 200, 4, 1000.0, 10.3, 19.8, 1.0)
    cut = make_cutout(reader, detection(), DMS, WIDTHS)
    y, x = np.unravel_index(np.argmax(cut.image), cut.image.shape)
    assert (x + cut.image_origin[0], y + cut.image_origin[1]) == (20, 10)
    assert cut.peak_px == pytest.approx((19.8, 10.3), abs=0.1)
    assert cut.image[y, x] == pytest.approx(0.93, abs=0.05)
    on = np.abs(cut.light_curve_time_s) < 2 * TSAMP_S
    assert on.sum() == 4
    assert cut.light_curve[on] == pytest.approx(np.full(4, 0.93), abs=0.08)
    assert np.abs(cut.light_curve[~on]).max() < 0.15
    i, j = np.unravel_index(np.nanargmax(cut.dm_time_snr), cut.dm_time_snr.shape)
    assert cut.dm_axis[i] == pytest.approx(1000.0, abs=150)
    assert cut.dm_time_s[j] == pytest.approx(0.0, abs=1.01 * TSAMP_S)
    best = np.nanargmax(cut.ladder_snr)
    assert cut.ladder_width_s[best] == pytest.approx(0.4)
    assert np.all(np.diff(cut.spectrum_freq_mhz) > 0)
    assert cut.pulse_spectrum == pytest.approx(np.full(8, 0.93), abs=0.12)


def test_dynamic_spectra_before_and_after():
    reader = recording()
    put_pulse(reader, 200, 4, 4000.0, 10, 20, 2.0)
    cut = make_cutout(reader, detection(dm=4000.0), DMS, WIDTHS)
    late = cut.dispersed_time_s[np.nanargmax(cut.dispersed, axis=1)]
    expected = delays_s(cut.spectrum_freq_mhz, 4000.0)
    assert np.ptp(expected) > 20 * TSAMP_S
    assert late == pytest.approx(expected, abs=2.1 * TSAMP_S)
    flat = cut.dedispersed_time_s[np.nanargmax(cut.dedispersed, axis=1)]
    assert np.abs(flat).max() < 2.1 * TSAMP_S


def test_snr_in_the_cutout_agrees_with_the_truth():
    found = []
    for seed in range(10):
        reader = recording(shape=(1, 1), seed=seed)
        put_pulse(reader, 200, 4, 1000.0, 0, 0, 0.2)
        cut = make_cutout(reader, detection(y=0, x=0), DMS, WIDTHS)
        i = np.argmin(abs(cut.dm_axis - 1000.0))
        found.append(cut.dm_time_snr[i, np.argmin(abs(cut.dm_time_s))])
    assert np.mean(found) == pytest.approx(0.2 / 0.05 * np.sqrt(8 * 4), rel=0.06)


def test_wide_pulses_are_read_in_pieces_and_decimated():
    reader = recording(n=3000, shape=(8, 8))
    put_pulse(reader, 1000, 1000, 0.0, 4, 4, 0.02)
    small = CutoutSettings(piece_bytes=8 * 64 * 4 * 50, budget_bytes=8 * 64 * 4 * 2500)
    wide = detection(1000, 1000, 0.0, 4, 4)
    cut = make_cutout(reader, wide, DMS, 2 ** np.arange(11), small)
    assert reader.longest <= 50
    assert len(cut.light_curve) < 250
    on = np.abs(cut.light_curve_time_s) < 49.0
    assert cut.light_curve[on].mean() - cut.light_curve[~on].mean() == pytest.approx(0.02, rel=0.15)
    assert cut.ladder_width_s[np.nanargmax(cut.ladder_snr)] == pytest.approx(100.0, rel=0.1)
    whole = make_cutout(reader, wide, DMS, 2 ** np.arange(11))
    i, j = np.unravel_index(np.nanargmax(whole.image), whole.image.shape)
    assert (i, j) == (4, 4)


def test_pieces_do_not_change_the_result():
    reader = recording()
    put_pulse(reader, 200, 4, 1000.0, 10, 20, 1.0)
    whole = make_cutout(reader, detection(), DMS, WIDTHS)
    cut = make_cutout(reader, detection(), DMS, WIDTHS, CutoutSettings(piece_bytes=1.0))
    for f in fields(whole):
        a, b = getattr(whole, f.name), getattr(cut, f.name)
        if isinstance(a, np.ndarray):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=f.name)


def test_flagged_values_have_no_effect():
    reader = recording()
    put_pulse(reader, 200, 4, 1000.0, 10, 20, 1.0)
    rng = np.random.default_rng(5)
    flags = rng.random(reader.data.shape[:2]) < 0.2
    cuts = []
    for poison in (np.nan, 1e9):
        data = reader.data.copy()
        data[flags] = poison
        weights = np.where(flags, 0, 1).astype(np.float32)
        cuts.append(
            make_cutout(ArrayReader(reader.header, data, weights), detection(), DMS, WIDTHS)
        )
    for f in fields(cuts[0]):
        np.testing.assert_equal(getattr(cuts[0], f.name), getattr(cuts[1], f.name))
    assert np.isfinite(cuts[0].image).all()
    assert np.isfinite(cuts[0].light_curve).mean() > 0.95


def test_a_nan_pixel_and_a_dead_channel():
    reader = recording()
    put_pulse(reader, 200, 4, 1000.0, 10, 20, 1.0)
    reader.data[:, :, 12, 20] = np.nan
    reader.data[:, 3] = 0.0
    cut = make_cutout(reader, detection(), DMS, WIDTHS)
    x0, y0 = cut.image_origin
    assert np.isnan(cut.image[12 - y0, 20 - x0])
    assert np.isfinite(cut.image).sum() == cut.image.size - 1
    assert np.nanmax(cut.ladder_snr) > 20


@settings(max_examples=40)
@given(
    start=st.integers(-3, 59),
    width=st.integers(1, 60),
    dm=st.floats(0, 3000),
    y=st.integers(0, 2),
    x=st.integers(0, 4),
    n_channels=st.integers(1, 5),
    empty=st.booleans(),
)
def test_any_place_in_any_recording_gives_a_cutout(start, width, dm, y, x, n_channels, empty):
    reader = recording(60, np.linspace(1300.0, 1500.0, n_channels), (3, 5))
    if empty:
        reader.data[:] = np.nan
        reader.weights[:] = 0
    at = Detection(max(start, 0), width, dm, 0, y, x, 8.0, 0.1)
    cut = make_cutout(reader, at, np.array([0.0, dm]), np.array([1, 2, 64]))
    assert cut.dm_time_snr.shape == (len(cut.dm_axis), len(cut.dm_time_s))
    assert cut.dispersed.shape == (n_channels, len(cut.dispersed_time_s))
    assert cut.dedispersed.shape == (n_channels, len(cut.dedispersed_time_s))
    assert len(cut.light_curve) == len(cut.light_curve_time_s) > 0
    assert len(cut.ladder_snr) == len(cut.ladder_width_s)
    assert cut.image.shape == cut.cleaned.shape == (3, 5)


def test_a_real_burst(shared_data):
    from pipeline.readers import open_recording

    with open_recording([shared_data("frb180417_askap_beam28.fil")]) as reader:
        start = round(2.0289 / reader.header.tsamp_s) - 1
        burst = Detection(start, 2, 475.28, 0, 0, 0, 15.6, 1.0)
        cut = make_cutout(reader, burst, np.arange(0, 1000, 1.0), 2 ** np.arange(10))
    i, _ = np.unravel_index(np.nanargmax(cut.dm_time_snr), cut.dm_time_snr.shape)
    assert cut.dm_axis[i] == pytest.approx(475.28, abs=5)
    assert np.nanmax(cut.dm_time_snr) == pytest.approx(16.5, abs=1.5)
    assert cut.dispersed.shape[0] == 64


@pytest.mark.parametrize("rows", [slice(0, 5), slice(9, 20), slice(21, 24)])
def test_filtered_pixels_are_those_of_the_whole_image(rows):
    reader, columns = recording(n=6), slice(2, 30)
    template = np.random.default_rng(1).uniform(0, 1, (7, 5)).astype(np.float32)
    matched = MatchedReader(reader, template)
    part = matched.cropped(rows, columns)
    whole = matched.read(1, 5).data[..., rows, columns]
    np.testing.assert_allclose(part.read(1, 5).data, whole, atol=1e-5)
    assert part.header.shape == whole.shape[2:]
