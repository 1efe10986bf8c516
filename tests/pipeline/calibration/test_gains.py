"""Files of gains: what is written is read, what is damaged is named."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time

from pipeline.calibration.gains import Gains, correction, read_gains, write_gains
from pipeline.errors import InputError
from pipeline.visibilities.block import VisHeader

FREQ = 1400.0 + 2.0 * np.arange(5)
ANTENNAS = np.array([3, 5, 8, 13])


def gains():
    rng = np.random.default_rng(1)
    gain = rng.standard_normal((4, 5, 2, 2)) @ [1, 1j]
    weight = rng.uniform(1, 2, gain.shape).astype(np.float32)
    weight[2, 1, 0] = 0
    return Gains(
        ANTENNAS, FREQ, 2.0, ("XX", "YY"), gain.astype(np.complex64), weight, "Jy", "rec", "3C", 6e4
    )


def header(stations=(3, 5, 8, 13), freq=FREQ, polarisations=("XX", "YY")):
    i, j = np.triu_indices(len(stations), 1)
    baselines = np.asarray(stations)[np.stack([i, j], 1)]
    start, centre = Time(60000, format="mjd"), SkyCoord(1, 2, unit="deg")
    return VisHeader(
        "vis",
        np.asarray(freq, float),
        2.0,
        1.0,
        start,
        1,
        baselines,
        centre,
        "",
        polarisations=polarisations,
    )


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "new" / "gains.h5"
    write_gains(path, gains(), {"program": "test"})
    found = read_gains(path)
    for name in ("antennas", "freq_mhz", "gain", "weight"):
        np.testing.assert_array_equal(getattr(found, name), getattr(gains(), name))
    for name in ("channel_width_mhz", "polarisations", "unit", "source", "model", "mjd"):
        assert getattr(found, name) == getattr(gains(), name)
    with h5py.File(path) as file:
        assert file.attrs["format"] == "slowburst-gains/1"
        assert file.attrs["program"] == "test"
        assert file.attrs["slowburst_version"]
    assert [p.name for p in path.parent.iterdir()] == ["gains.h5"]


def test_corrections_undo_gains():
    """Channels in another order, within half a channel; hands in another order."""
    made = gains()
    freq = FREQ[::-1] + 0.9
    found = correction(made, header(freq=freq, polarisations=("YY", "XX")), "gains.h5")
    assert found.lost == ()
    i, j = np.triu_indices(4, 1)
    expected = made.gain[i] * made.gain[j].conj()
    expected = expected[:, ::-1, ::-1]
    there = ((made.weight[i] > 0) & (made.weight[j] > 0))[:, ::-1, ::-1]
    np.testing.assert_allclose(found.factor[there] * expected[there], 1, rtol=1e-5)
    assert not found.factor[~there].any()
    assert not found.weight[~there].any()
    assert (~there).sum() == 3
    assert found.weight[there].mean() == pytest.approx(1, rel=1e-5)
    ratio = found.weight[there] / np.abs(expected[there]) ** 2
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)


def test_antennas_without_gains_are_named():
    made = gains()
    weight = made.weight.copy()
    weight[1] = 0
    made = replace(made, weight=weight)
    assert made.bad_antennas == (5,)
    found = correction(made, header((3, 5, 8, 13, 21)), "gains.h5")
    assert found.lost == (5, 21)
    used = found.weight.any(axis=(1, 2))
    assert used.tolist() == [not {5, 21} & set(b) for b in header((3, 5, 8, 13, 21)).baselines]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"stations": (1, 2, 3)}, "antenna: have solutions for 1 antennas of vis"),
        ({"freq": FREQ + 1.1}, r"freq_mhz: none is within half a channel of 1409\.1"),
        ({"polarisations": ("RR", "LL")}, "polarisation: are of XX and YY, vis has RR and LL"),
    ],
)
def test_gains_of_another_recording_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        correction(gains(), header(**options), "gains.h5")


def test_files_that_are_none(tmp_path):
    with pytest.raises(InputError, match=r"none\.h5: file: does not exist"):
        read_gains(tmp_path / "none.h5")
    for name, content in (("empty.h5", b""), ("text.h5", b"no gains")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name}: file: cannot be read"):
            read_gains(tmp_path / name)
    path = tmp_path / "gains.h5"
    write_gains(path, gains())
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"gains\.h5: file: cannot be read"):
        read_gains(path)


def _remove(name):
    def change(file):
        del file[name]

    return change


def _set(name, value):
    def change(file):
        del file[name]
        file[name] = value

    return change


def _attribute(name, value):
    def change(file):
        file.attrs[name] = value

    return change


def _nan(file):
    file["gain"][1, 2, 0] = np.nan


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_attribute("format", "slowburst-cube/1"), "format: is 'slowburst-cube/1'"),
        (_remove("weight"), "weight: is missing"),
        (lambda f: f.attrs.__delitem__("mjd"), "mjd: the attribute is missing"),
        (_set("gain", np.ones((3, 5, 2), np.complex64)), r"gain: has the shape \(3, 5, 2\)"),
        (_set("weight", np.zeros((4, 5, 2), np.float32)), "weight: is 0 throughout"),
        (_set("antenna", [3, 5, 5, 8]), "antenna: is not rising"),
        (_set("freq_mhz", FREQ * 0), "freq_mhz: channel 0 is at 0"),
        (_attribute("unit", "K"), "unit: is 'K'"),
        (_attribute("mjd", -1.0), "mjd: is -1"),
        (_attribute("channel_width_mhz", 0.0), "channel_width_mhz: is 0"),
        (_nan, "gain: of antenna 5 is not finite"),
    ],
)
def test_what_cannot_be_is_named(tmp_path, change, words):
    path = tmp_path / "gains.h5"
    write_gains(path, gains())
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(InputError, match=words):
        read_gains(path)
