"""The whole search: a recording in, candidates out."""

import json
import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest
from astropy.table import Table

from pipeline.block import Block
from pipeline.classifier.settings import ClassifierSettings
from pipeline.config import ConfigProblem
from pipeline.engine import _read_ahead
from pipeline.errors import InputError
from pipeline.readers import open_recording
from pipeline.search import SearchSettings, plan_for, search
from pipeline.simulation import forty_minute_config, simulate
from pipeline.simulation.config import Image, Pulse
from pipeline.sinks.files import read_results
from surveys.coverage.exposure import expose
from surveys.coverage.search_results import read_search
from surveys.coverage.settings import CoverageSettings

# 133 s of 16 x 16 pixels: not a whole number of frames.
PULSES = (
    Pulse(time_s=40.0, width_s=0.54, dm=500.0, snr=30.0, x=4, y=9),
    Pulse(time_s=90.0, width_s=5.4, dm=0.0, snr=30.0, x=11, y=5),
)
# No wider and no more dispersed than what is there.
SETTINGS = SearchSettings(max_width=20.0, dm_max=600.0)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recording")
    forty = forty_minute_config()
    config = replace(
        forty,
        recording=replace(forty.recording, duration_s=133.0),
        image=Image(shape=(16, 16)),
        sources=(),
        pulses=PULSES,
    )
    return simulate(config, folder, 3)


@pytest.fixture(scope="module")
def searched(recording, tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    with open_recording(recording.recordings) as reader:
        summary = search(reader, out, SETTINGS)
    return out, summary


def test_the_table_is_that_of_the_results(searched):
    """Positions and fluxes between pixels, as well in a search that ends with a detection."""
    table = Table.read(searched[0] / "candidates.ecsv", format="ascii.ecsv")
    with h5py.File(searched[0] / "candidates.h5") as file:
        kept = Table.read(file["candidates"].asstr()[()], format="ascii.ecsv")
    assert (table["x"] % 1 != 0).all()
    for name in ("x", "y", "flux", "fluence"):
        np.testing.assert_array_equal(table[name], kept[name])


def test_a_map_of_what_was_searched_knows_where_and_how_deep(searched):
    out, summary = searched
    found = read_search(out, CoverageSettings())
    sky, seconds = summary["sky"], summary["data_seconds"]
    assert found.duration_s.sum() == pytest.approx(seconds)
    assert found.searched_s.sum() == pytest.approx(seconds, rel=0.01)
    np.testing.assert_allclose(found.field_ra, sky["ra_deg"])
    np.testing.assert_allclose(found.field_deg**2, np.prod(sky["field_deg"]))
    assert set(found.tsamp_s) == {sky["tsamp_s"]}
    assert set(found.threshold) == {summary["threshold"]}
    results = read_results(out)
    np.testing.assert_allclose(
        np.average(found.noise_jy, weights=found.duration_s), np.median(results.overview.noise),
        rtol=0.05,
    )  # fmt: skip
    after = (found.start_mjd - summary["start_mjd"]) * 86400 / sky["tsamp_s"]
    assert after[0] == pytest.approx(-0.5, abs=1e-3)
    ends = after + found.duration_s / sky["tsamp_s"]
    np.testing.assert_allclose(after[1:], ends[:-1], atol=1e-3)
    pixel = sky["field_deg"][0] / 16
    nside = 2 ** int(np.ceil(np.log2(60 / pixel)))
    area = expose(found, min(nside, 8192)).area_deg2
    assert area == pytest.approx(np.prod(sky["field_deg"]), rel=0.2)


def test_a_real_burst_is_the_only_candidate(shared_data, tmp_path):
    path = shared_data("frb180417_askap_beam28.fil")
    with open_recording([path]) as reader:
        start = reader.header.start.utc.mjd
        half_sample = reader.header.tsamp_s / 2
        search(reader, tmp_path, SearchSettings(dm_max=1000.0))
    table = Table.read(tmp_path / "candidates.ecsv", format="ascii.ecsv")
    assert len(table) == 1
    assert table["dm"][0] == pytest.approx(475.28, abs=5)
    assert table["snr"][0] >= 15.5
    time_s = (table["mjd"][0] - start) * 86400 + half_sample
    assert time_s == pytest.approx(2.0289, abs=0.005)


def test_pulses_are_found_where_they_were_put(recording, searched):
    out, summary = searched
    found = Table.read(out / "candidates.ecsv", format="ascii.ecsv")
    truth = Table.read(recording.truth, format="ascii.ecsv")
    assert len(found) == len(PULSES)
    for pulse in truth:
        near = found[np.argmin(np.abs(found["mjd"] - pulse["mjd"]))]
        assert abs(near["mjd"] - pulse["mjd"]) * 86400 < pulse["width"] / 2 + 0.1342
        assert np.hypot(near["x"] - pulse["x"], near["y"] - pulse["y"]) < 1.5
        # Expected S/N: noise of one sigma about what the trials keep at the worst.
        assert 0.85 * pulse["snr_ideal"] - 3 < near["snr"] < pulse["snr_ideal"] + 4
    assert summary["n_candidates"] == len(PULSES)


def test_candidates_are_classified(recording, searched, tmp_path):
    out, summary = searched
    found = Table.read(out / "candidates.ecsv", format="ascii.ecsv")
    assert (found["p_real"] > 0.5).all()
    assert summary["classifier"]["n_likely_real"] == len(PULSES)
    # A model that cannot be used is an error before anything is searched.
    settings = SearchSettings(classifier=ClassifierSettings(model=tmp_path / "none.npz"))
    with open_recording(recording.recordings) as reader, pytest.raises(InputError, match="model"):
        search(reader, tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()


def test_summary_holds_what_the_design_promises(recording, searched):
    out, _ = searched
    summary = json.loads((out / "summary.json").read_text())
    for name in (
        *("n_samples", "data_seconds", "wall_seconds", "realtime_factor", "peak_rss_mb"),
        *("n_dm", "n_width", "threshold", "false_alarms_expected", "n_candidates"),
        *("dropped_samples", "versions"),
    ):
        assert name in summary
    with open_recording(recording.recordings) as reader:
        assert summary["n_samples"] == reader.header.n_samples
    assert summary["dropped_samples"] == 0
    assert (out / "candidates.h5").is_file()
    assert not list(out.glob("*.partial"))


def test_what_was_found_before_an_interrupt_is_on_disk(recording, tmp_path):
    def stop(progress, _):
        if progress.n_samples > 700:
            raise KeyboardInterrupt

    with open_recording(recording.recordings) as reader, pytest.raises(KeyboardInterrupt):
        search(reader, tmp_path, SETTINGS, stop)
    table = Table.read(tmp_path / "candidates.ecsv", format="ascii.ecsv")
    assert len(table) >= 1
    assert table["dm"][0] > 0
    assert json.loads((tmp_path / "summary.json").read_text())["interrupted"]


def test_frames_come_in_order_padded_and_whole(recording):
    with open_recording(recording.recordings) as reader:
        plan = plan_for(reader.header, SETTINGS)
        # An array is used again once the next frame is asked for.
        ahead = _read_ahead(reader, plan, range(0, reader.header.n_samples, plan.frame))
        frames = [replace(f, data=f.data.copy()) for f in ahead]
        everything = reader.read(0, reader.header.n_samples)
    assert [f.start for f in frames] == list(range(0, reader.header.n_samples, plan.frame))
    last = frames[-1]
    assert 0 < last.n_samples < plan.frame
    assert np.isnan(last.data[last.n_samples :]).all()
    assert not last.weights[last.n_samples :].any()
    joined = np.concatenate([f.data[: f.n_samples, :, : plan.n_pixels] for f in frames])
    np.testing.assert_array_equal(joined, everything.data.reshape(joined.shape))


def test_a_failure_of_the_reader_reaches_the_caller(recording):
    class Broken:
        def __init__(self, reader):
            self.header, self._reader = reader.header, reader

        def read(self, start: int, stop: int) -> Block:
            if start >= 128:
                raise InputError("file.h5", "/image", "is truncated", "record it again")
            return self._reader.read(start, stop)

    with open_recording(recording.recordings) as reader:
        plan = plan_for(reader.header, SETTINGS)
        with pytest.raises(InputError, match="truncated"):
            list(_read_ahead(Broken(reader), plan, range(0, reader.header.n_samples, plan.frame)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("threshold", v) for v in (0, -1, np.nan, np.inf, 1e308)),
        *(("dm_max", v) for v in (-1, np.nan, np.inf, 1e308)),
        *(("max_width", v) for v in (0, -1, np.nan, np.inf, 1e308)),
        *(("max_loss", v) for v in (0, 1e-9, 0.5, np.nan)),
        *(("block", v) for v in (-1, 1, 48, 1 << 40)),
        *(("max_detections", v) for v in (0, 10**9)),
        ("max_cutouts", -1),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(name, value):
    with pytest.raises(ConfigProblem) as caught:
        SearchSettings(**{name: value})
    assert caught.value.field == name


def test_a_search_larger_than_the_machine_is_not_begun(recording, tmp_path, monkeypatch):
    monkeypatch.setattr("os.sysconf", lambda _: 64)
    with (
        open_recording(recording.recordings) as reader,
        pytest.raises(MemoryError, match=r"GiB, this machine has .* lower dm_max"),
    ):
        search(reader, tmp_path / "out", SETTINGS)
    assert not (tmp_path / "out").exists()


def test_an_interrupt_while_candidates_are_drawn_leaves_the_results(
    recording, tmp_path, monkeypatch
):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.search.make_cutouts", stop)
    with open_recording(recording.recordings) as reader, pytest.raises(KeyboardInterrupt):
        search(reader, tmp_path, SETTINGS)
    assert len(read_results(tmp_path).candidates) == len(PULSES)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "candidates.ecsv", "candidates.h5", "summary.json",
    ]  # fmt: skip


def test_samples_too_small_for_single_precision_are_no_silence(recording, tmp_path):
    path = shutil.copy(recording.recordings[0], tmp_path / "tiny.h5")
    with h5py.File(path, "r+") as file:
        file["image"][...] *= np.float32(1e-15)
    with (
        open_recording([path]) as reader,
        pytest.raises(InputError, match=r"tiny\.h5: data: has a noise of .*scale the samples"),
    ):
        search(reader, tmp_path / "out", SETTINGS)


def test_flags_raise_the_noise_and_gaps_take_time(recording, tmp_path):
    """The noise of a frame is the scatter of the mean of its channels that were not flagged."""
    path = shutil.copy(recording.recordings[0], tmp_path / "flagged.h5")
    with h5py.File(path, "r+") as file:
        image = file["image"]
        n = len(image)
        image[n // 2 :, :8] = np.nan
        image[n - 100 : n - 20] = np.nan
        data = image[()]
    with open_recording([path]) as reader:
        summary = search(reader, tmp_path / "out", SETTINGS)
    overview = read_results(tmp_path / "out").overview
    middle = np.rint(overview.noise_time_s / summary["sky"]["tsamp_s"]).astype(int)
    edges = np.append(2 * middle[0], 2 * middle[0] * np.arange(2, len(middle) + 1))
    assert edges[-2] < n <= edges[-1]
    for i, stop in enumerate(edges):
        frame = data[stop - edges[0] : stop]
        there = np.isfinite(frame).any(axis=(1, 2, 3))
        assert overview.live[i] == pytest.approx(there.mean(), abs=1e-6)
        assert overview.quality[i] == pytest.approx(np.isfinite(frame).mean(), abs=1e-6)
        # Halfway between the two numbers of channels weights are added, not noise.
        kept = np.isfinite(frame[there]).any(axis=(2, 3)).sum(axis=1)
        if there.sum() > 20 and len(set(kept)) == 1:
            scatter = np.median(np.nanstd(np.nanmean(frame[there], axis=1), axis=0))
            assert overview.noise[i] == pytest.approx(scatter, rel=0.1)
    before, after = (middle < n // 2 - 64), (middle > n // 2 + 64) & (overview.live > 0)
    ratio = overview.noise[after].mean() / overview.noise[before].mean()
    assert ratio == pytest.approx(np.sqrt(2), rel=0.03)
    found = read_search(tmp_path / "out", CoverageSettings())
    assert found.searched_s.sum() == pytest.approx((n - 80) * summary["sky"]["tsamp_s"], rel=1e-3)


@pytest.mark.parametrize("value", [np.nan, 3.0])
def test_a_recording_without_noise_is_said_to_be_none(recording, tmp_path, value):
    path = shutil.copy(recording.recordings[0], tmp_path / "empty.h5")
    with h5py.File(path, "r+") as file:
        file["image"][...] = value
    with (
        open_recording([path]) as reader,
        pytest.raises(InputError, match=r"empty\.h5: data: holds no noise"),
    ):
        search(reader, tmp_path / "out", SETTINGS)
    assert (tmp_path / "out" / "summary.json").exists()


def test_the_matched_filter_finds_what_single_pixels_do_not(recording, tmp_path):
    """A pulse at S/N 5 in its brightest pixel; noise is white over the image."""
    config = forty_minute_config()
    faint = replace(PULSES[0], snr=5.0, x=7.0, y=8.0)
    config = replace(
        config,
        recording=replace(config.recording, duration_s=133.0),
        image=Image(shape=(16, 16)),
        noise=replace(config.noise, correlated=False),
        sources=(),
        pulses=(faint,),
    )
    made = simulate(config, tmp_path / "recording")
    settings = SearchSettings(max_width=2.0, dm_max=600.0, matched_filter=True)
    with open_recording(made.recordings) as reader:
        summary = search(reader, tmp_path / "out", settings)
        plain = search(reader, tmp_path / "plain", replace(settings, matched_filter=False))
        gain = np.sqrt(np.sum(reader.header.psf.astype(float) ** 2))
    assert plain["n_candidates"] == 0
    assert summary["n_candidates"] == 1
    found = Table.read(tmp_path / "out" / "candidates.ecsv", format="ascii.ecsv")[0]
    assert 0.85 * 5 * gain - 3 < found["snr"] < 5 * gain + 4
    assert np.hypot(found["x"] - 7, found["y"] - 8) < 1
    truth = Table.read(made.truth, format="ascii.ecsv")
    flux = truth[truth["kind"] == "pulse"]["fluence"][0] / truth["width"][0] / 1e3
    assert found["flux"] == pytest.approx(flux, rel=0.35)


def test_a_matched_filter_needs_a_psf(recording, tmp_path):
    path = shutil.copy(recording.recordings[0], tmp_path / "bare.h5")
    with h5py.File(path, "r+") as file:
        del file["psf"]
    settings = SearchSettings(matched_filter=True)
    with open_recording([path]) as reader, pytest.raises(InputError, match=r"bare\.h5: /psf"):
        search(reader, tmp_path / "out", settings)
