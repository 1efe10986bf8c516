import struct

import numpy as np
import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.readers.filterbank import FilterbankReader
from pipeline.readers.quality import channel_mask

TSTART = 58682.5
KEYS = {
    "telescope_id": ("i", 7),
    "data_type": ("i", 1),
    "fch1": ("d", 1465.0),
    "foff": ("d", -1.0),
    "nchans": ("i", 8),
    "nbits": ("i", 8),
    "nifs": ("i", 1),
    "tstart": ("d", TSTART),
    "tsamp": ("d", 0.001),
}


def text(value):
    return struct.pack("<i", len(value)) + value.encode()


def write(path, payload, extra=b"", **changes):
    """A filterbank packed by hand; a change to None drops the key."""
    head = text("HEADER_START") + text("source_name") + text("J0000+00") + extra
    for key, (kind, value) in KEYS.items():
        value = changes.pop(key, value)
        if value is not None:
            head += text(key) + struct.pack("<" + kind, value)
    assert not changes
    path.write_bytes(head + text("HEADER_END") + payload)
    return path


def pack(values, n_bits):
    """Bytes of non-negative integers, low-order bits first: bit by bit, in Python."""
    total = 0
    for i, value in enumerate(values):
        total |= int(value) << (i * n_bits)
    return total.to_bytes(-(-len(values) * n_bits // 8), "little")


def open_plain(path, **options):
    return FilterbankReader(path, mask_channels=False, **options)


def test_header(tmp_path):
    path = write(tmp_path / "a.fil", bytes(8 * 5))
    with open_plain(path) as reader:
        header = reader.header
    assert header.freq_mhz.tolist() == list(range(1465, 1457, -1))
    assert (header.n_samples, header.shape, header.tsamp_s) == (5, (1, 1), 0.001)
    start = Time(TSTART, 0.0005 / 86400, format="mjd", scale="utc")
    assert abs((header.start - start).to_value("s")) < 1e-9
    assert header.wcs is None


def test_pointing(tmp_path):
    extra = text("src_raj") + struct.pack("<d", 122637.5)
    extra += text("src_dej") + struct.pack("<d", -135752.0)
    with open_plain(write(tmp_path / "a.fil", bytes(80), extra)) as reader:
        ra, dec = reader.header.wcs.wcs_pix2world([[0, 0]], 0)[0]
    assert ra == pytest.approx(15 * (12 + 26 / 60 + 37.5 / 3600))
    assert dec == pytest.approx(-(13 + 57 / 60 + 52 / 3600))


@given(
    n_bits=st.sampled_from([1, 2, 4, 8, 16]),
    n_channels=st.integers(1, 11),
    n_samples=st.integers(1, 12),
    data=st.data(),
)
def test_any_bits_any_slice(tmp_path_factory, n_bits, n_channels, n_samples, data):
    n = n_channels * n_samples
    numbers = st.integers(0, 2**n_bits - 1)
    values = data.draw(st.lists(numbers, min_size=n, max_size=n))
    path = tmp_path_factory.mktemp("f") / "a.fil"
    # padding bits of the last byte could make one more whole sample
    write(path, pack(values, n_bits), nbits=n_bits, nchans=n_channels)
    n_whole = 8 * (-(-n * n_bits // 8)) // (n_bits * n_channels)
    start = data.draw(st.integers(-2, n_samples))
    stop = data.draw(st.integers(-2, n_samples))
    with open_plain(path) as reader:
        assert reader.header.n_samples == n_whole
        block = reader.read(start, stop)
    lo = min(max(start, 0), n_whole)
    expected = np.reshape(values, (n_samples, n_channels))[lo : max(stop, lo)]
    np.testing.assert_array_equal(block.data[:, :, 0, 0], expected)
    assert block.data.dtype == np.float32
    assert block.data.shape[1:] == (n_channels, 1, 1)
    assert block.start == lo


def test_32_bits_and_flagged_samples(tmp_path):
    values = np.arange(24, dtype="<f4").reshape(3, 8) - 7.5
    values[1, 2], values[2, 3] = np.nan, np.inf
    with open_plain(write(tmp_path / "a.fil", values.tobytes(), nbits=32)) as reader:
        block = reader.read(0, 3)
    good = np.isfinite(values)
    np.testing.assert_array_equal(block.data[:, :, 0, 0][good], values[good])
    assert np.isnan(block.data[:, :, 0, 0][~good]).all()
    np.testing.assert_array_equal(block.weights, good)


def test_signed_8_bits(tmp_path):
    values = np.arange(-8, 8, dtype="i1")
    extra = text("signed") + b"\x01"
    with open_plain(write(tmp_path / "a.fil", values.tobytes(), extra)) as reader:
        np.testing.assert_array_equal(reader.read(0, 2).data.ravel(), values)


@pytest.mark.parametrize(
    ("nifs", "ifs", "expected"),
    [
        (2, "auto", lambda v: v[:, 0] + v[:, 1]),
        (2, "first", lambda v: v[:, 0]),
        (4, "auto", lambda v: v[:, 0]),
        (4, "sum", lambda v: v[:, 0] + v[:, 1]),
        (1, "sum", lambda v: v[:, 0]),
    ],
)
def test_several_ifs(tmp_path, nifs, ifs, expected):
    values = np.random.default_rng(0).integers(0, 255, (5, nifs, 8)).astype("u1")
    path = write(tmp_path / "a.fil", values.tobytes(), nifs=nifs)
    with open_plain(path, ifs=ifs) as reader:
        data = reader.read(0, 5).data[:, :, 0, 0]
    np.testing.assert_array_equal(data, expected(values.astype(float)))


def test_ascending_channels(tmp_path):
    path = write(tmp_path / "a.fil", bytes(range(16)), foff=0.5)
    with open_plain(path) as reader:
        assert reader.header.freq_mhz.tolist() == [1465 + 0.5 * i for i in range(8)]
        np.testing.assert_array_equal(reader.read(1, 2).data.ravel(), range(8, 16))


def test_a_table_of_frequencies(tmp_path):
    extra = text("FREQUENCY_START")
    for f in (1400.0, 1398.0, 1395.0):
        extra += text("fchannel") + struct.pack("<d", f)
    extra += text("FREQUENCY_END")
    path = write(tmp_path / "a.fil", bytes(9), extra, nchans=3, fch1=None, foff=None)
    with open_plain(path) as reader:
        assert reader.header.freq_mhz.tolist() == [1400.0, 1398.0, 1395.0]


@pytest.mark.parametrize("cut", [0, 1, 7])
def test_cut_anywhere_it_is_read_to_its_last_whole_sample(tmp_path, cut):
    path = write(tmp_path / "a.fil", bytes(range(40))[: 32 + cut])
    with open_plain(path) as reader:
        assert reader.header.n_samples == 4
        np.testing.assert_array_equal(reader.read(3, 9).data.ravel(), range(24, 32))


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"nchans": None}, "nchans", "missing"),
        ({"tsamp": None}, "tsamp", "missing"),
        ({"tstart": None}, "tstart", "missing"),
        ({"fch1": None}, "fch1", "missing"),
        ({"nbits": 12}, "nbits", "is 12"),
        ({"nchans": 0}, "nchans", "at least 1"),
        ({"nifs": -1}, "nifs", "at least 1"),
        ({"tsamp": 0.0}, "tsamp", "above 0"),
        ({"tsamp": float("nan")}, "tsamp", "above 0"),
        ({"tstart": float("inf")}, "tstart", "is inf"),
        ({"foff": 0.0}, "foff", "one frequency"),
        ({"foff": float("inf")}, "foff", "is inf"),
        ({"tsamp": 1e300}, "tsamp", "a day at most"),
        ({"nchans": 2**31 - 1}, "data", "less than one sample of 2147483647 channels"),
        ({"fch1": -5.0}, "fch1", "channel 0 is at -5.0"),
        ({"extra": text("wibble") + bytes(4)}, "wibble", "unknown header key 'wibble'"),
        ({"extra": struct.pack("<i", 99999)}, "the key after 'source_name'", "99999 bytes"),
        ({"payload": b""}, "data", "less than one sample"),
        ({"payload": bytes(7)}, "data", "less than one sample"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, changes, field, says):
    payload = changes.pop("payload", bytes(80))
    path = write(tmp_path / "bad.fil", payload, **changes)
    with pytest.raises(InputError) as caught:
        FilterbankReader(path)
    assert caught.value.field == field
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("length", [0, 3, 16, 30, 60])
def test_a_header_cut_short(tmp_path, length):
    path = write(tmp_path / "a.fil", bytes(80))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError, match="ends inside the header"):
        FilterbankReader(path)


def noise(n_samples=8192, n_channels=128, seed=5):
    rng = np.random.default_rng(seed)
    gain = np.linspace(5, 30, n_channels)
    return (rng.normal(size=(n_samples, n_channels)) * gain + 128).astype("<f4")


def mask_of(tmp_path, values):
    n_channels = values.shape[1]
    path = write(tmp_path / "a.fil", values.tobytes(), nbits=32, nchans=n_channels)
    with FilterbankReader(path) as reader:
        weights = reader.read(0, 3).weights
        finite = np.isfinite(values[:3])
        np.testing.assert_array_equal(weights, finite * reader.channel_weights)
        return reader.channel_weights


def test_a_good_band_is_not_masked(tmp_path):
    assert mask_of(tmp_path, noise()).all()


def test_bad_channels_have_weight_zero(tmp_path):
    values = noise()
    values[:, 3] = 17.25
    values[:, 10] = 0.1 * values[:, 10]
    values[:, 20] = 128 + 10 * (values[:, 20] - 128)
    values[::97, 30] += 500
    values[:, 40] = np.nan
    assert np.flatnonzero(mask_of(tmp_path, values) == 0).tolist() == [3, 10, 20, 30, 40]


def test_a_bright_burst_masks_nothing(tmp_path):
    values = noise()
    values[4000:4004, ::2] += 1000
    assert mask_of(tmp_path, values).all()


@pytest.mark.parametrize(("n_samples", "weight"), [(1, 1), (63, 1), (64, 0), (130, 0)])
def test_a_dead_channel_takes_64_samples_to_tell(tmp_path, n_samples, weight):
    values = noise(n_samples)
    values[:, 7] = 0
    mask = mask_of(tmp_path, values)
    assert mask[7] == weight
    assert np.delete(mask, 7).all()


def test_asked_not_to_mask(tmp_path):
    path = write(tmp_path / "a.fil", bytes(8 * 100))
    with FilterbankReader(path) as reader:
        assert not reader.channel_weights.any()
    with open_plain(path) as reader:
        assert reader.read(0, 10).weights.all()


def test_a_real_burst(shared_data):
    with FilterbankReader(shared_data("frb180417_askap_beam28.fil")) as reader:
        header = reader.header
        mask = channel_mask(reader)
        data = reader.read(0, header.n_samples).data[:, :, 0, 0]
    assert (header.n_channels, header.n_samples) == (336, 5120)
    assert header.freq_mhz[[0, -1]].tolist() == [1465.0, 1130.0]
    assert np.mean(mask == 0) < 0.03
    assert not mask[data.std(axis=0) == 0].any()
    # the published burst stands out of a plain sum along its sweep
    good = data[:, mask > 0] - data[:, mask > 0].mean(axis=0)
    freq = header.freq_mhz[mask > 0]
    delay = 475.28 / 2.41e-4 * (freq**-2.0 - 1465.0**-2.0)
    shifts = np.rint(delay / header.tsamp_s).astype(int)
    n = len(good) - shifts.max()
    series = sum(good[s : s + n, c] for c, s in enumerate(shifts))
    pairs = series[1:] + series[:-1]
    best = int(pairs.argmax())
    assert (best + 1) * header.tsamp_s == pytest.approx(2.0289, abs=0.005)
    assert pairs[best] / pairs.std() > 14
