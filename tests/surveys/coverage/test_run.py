"""Many searches into one map: folders, increments, interruptions, errors."""

from __future__ import annotations

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

from surveys.coverage import run as running
from surveys.coverage.coverage_file import fill, read_coverage
from surveys.coverage.pointings import Pointings
from surveys.coverage.run import cover
from surveys.coverage.search_results import read_search
from surveys.coverage.settings import BeamSettings, CoverageSettings, SiteSettings
from surveys.errors import InputError

SETTINGS = CoverageSettings(nside=64)
TSAMP, FRAME = 0.5, 64


def write_search(folder, mjd=60000.0, noise=(0.04,) * 5, share=(1.0,) * 5, **sky):
    """What a search leaves behind, as far as maps need it."""
    folder.mkdir(parents=True, exist_ok=True)
    n_samples = FRAME * (len(noise) - 1) + 17
    summary = {"start_mjd": mjd, "n_samples": n_samples, "threshold": 7.0, "max_width_s": 20.0}
    summary["n_candidates"] = 3
    summary["sky"] = {
        "tsamp_s": TSAMP, "freq_mhz": 1400.0, "unit": "Jy/beam", "ra_deg": 30.0, "dec_deg": 20.0,
        "field_deg": [3.0, 3.0], "primary_beam": None,
    } | sky  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(summary))
    starts = FRAME * np.arange(len(noise))
    n = np.minimum(FRAME, n_samples - starts)
    with h5py.File(folder / "candidates.h5", "w") as file:
        file.create_group("recording").attrs["tsamp_s"] = TSAMP
        file["overview/noise_time_s"] = (starts + n // 2) * TSAMP
        file["overview/noise"] = np.array(noise, float)
        file["overview/live"] = np.array(share, float)
    return folder


@pytest.fixture
def save(tmp_path):
    """Save to a file, as the command does."""

    def write(coverage):
        with h5py.File(tmp_path / "coverage.h5", "w") as file:
            fill(file, coverage)

    return write


def same(a, b):
    np.testing.assert_array_equal(a.pixel, b.pixel)
    np.testing.assert_array_equal(a.columns.keys(), b.columns.keys())
    np.testing.assert_allclose(a.columns.sigma_1s, b.columns.sigma_1s, rtol=1e-5)
    np.testing.assert_allclose(a.seconds, b.seconds, rtol=1e-5)


def test_a_search_is_read(tmp_path):
    folder = write_search(tmp_path / "one", share=(1.0, 0.5, 1.0, 1.0, 1.0))
    one = read_search(folder, SETTINGS)
    n_samples = 4 * FRAME + 17
    assert len(one) == 1
    assert one.duration_s[0] == pytest.approx(n_samples * TSAMP)
    assert one.searched_s[0] == pytest.approx((n_samples - FRAME / 2) * TSAMP)
    assert one.start_mjd[0] == pytest.approx(60000 - TSAMP / 2 / 86400, abs=1e-11)
    assert (one.ra[0], one.dec[0], one.field_deg[0]) == pytest.approx((30, 20, 3))
    assert np.isinf(one.beam_fwhm_deg[0])
    assert (one.threshold[0], one.max_width_s[0], one.noise_jy[0]) == (7.0, 20.0, 0.04)


def test_noise_that_changes_and_frames_without_any_part_a_search(tmp_path):
    folder = write_search(tmp_path / "one", noise=(0.04, 0.041, 0.06, np.nan, 0.04))
    parts = read_search(folder, SETTINGS)
    np.testing.assert_allclose(parts.duration_s, TSAMP * np.array([128, 64, 17]))
    power = (0.04**-2 + 0.041**-2) / 2
    np.testing.assert_allclose(parts.noise_jy, [power**-0.5, 0.06, 0.04])
    begin = (parts.start_mjd - parts.start_mjd[0]) * 86400 / TSAMP
    np.testing.assert_allclose(begin, [0, 128, 256], atol=1e-4)


def test_a_beam_that_drifts_over_the_image_goes_on_from_part_to_part(tmp_path):
    beam = {"ra_deg": 29.0, "dec_deg": 20.0, "fwhm_deg": 3.2, "drift": True}
    folder = write_search(tmp_path / "one", noise=(0.04, 0.06, 0.04, 0.06, 0.04), primary_beam=beam)
    parts = read_search(folder, SETTINGS)
    assert len(parts) == 5
    first = parts.chosen([0] * 5)
    ra, dec = first.at((parts.start_mjd - parts.start_mjd[0]) * 86400)
    np.testing.assert_allclose(parts.ra, ra, atol=1e-7)
    np.testing.assert_allclose(parts.dec, dec, atol=1e-7)
    assert parts.ra[4] - parts.ra[0] == pytest.approx(4 * 32 * 15.04 / 3600, rel=3e-3)
    assert (parts.field_ra == 30.0).all()
    assert (parts.beam_fwhm_deg == 3.2).all()


def test_settings_say_what_a_search_does_not(tmp_path):
    folder = write_search(tmp_path / "one", unit="K")
    with pytest.raises(InputError, match="unit: is 'K', not Jy; calibrate, or give jy_per_unit"):
        read_search(folder, SETTINGS)
    dish = replace(SETTINGS, jy_per_unit=2.0, beam=BeamSettings(dish_m=4.65, drift=True))
    one = read_search(folder, dish)
    assert one.noise_jy[0] == pytest.approx(0.08)
    wavelength = 299792458 / 1400e6
    assert one.beam_fwhm_deg[0] == pytest.approx(np.degrees(1.22 * wavelength / 4.65))
    assert one.drift[0]


def damaged(folder, **changes):
    summary = json.loads((folder / "summary.json").read_text())
    summary.update(changes)
    (folder / "summary.json").write_text(json.dumps(summary))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda f: damaged(f, sky=None), "sky: is missing"),
        (lambda f: damaged(f, threshold="seven"), "threshold: is 'seven'"),
        (lambda f: (f / "summary.json").write_text("{"), "summary.json: file: cannot be read"),
        (lambda f: (f / "candidates.h5").write_bytes(b""), "candidates.h5: file: cannot be read"),
        (lambda f: (f / "detections.partial").touch(), "did not end"),
        (lambda f: write_search(f, noise=(np.nan,) * 5), "noise: is known nowhere"),
        (lambda f: write_search(f, ra_deg=None, field_deg=None), "ra_deg: is not known"),
    ],
)
def test_searches_that_cannot_be_used_are_told(tmp_path, damage, told):
    folder = write_search(tmp_path / "one")
    damage(folder)
    with pytest.raises(InputError) as error:
        read_search(folder, SETTINGS)
    assert str(folder) in str(error.value)
    assert told in str(error.value)


def test_a_map_grows_as_if_it_were_made_at_once(tmp_path, save, pointed):
    for day in range(4):
        write_search(tmp_path / "searches" / str(day), 60000.0 + day, dec_deg=20.0 + day)
    pointed(start_mjd=60010.0).write(tmp_path / "table.ecsv")
    everything = [tmp_path / "searches", tmp_path / "table.ecsv"]
    whole = cover(everything, SETTINGS, None, save).coverage
    assert len(whole.sources) == 5
    assert whole.sources["seconds"].sum() == pytest.approx(whole.pointings.searched_s.sum())
    # Nothing is known of what a table of pointings found.
    assert sorted(whole.sources["n_candidates"].tolist()) == [-1, 3, 3, 3, 3]
    assert read_coverage(tmp_path / "coverage.h5").n_candidates == whole.n_candidates == 12
    first = cover([tmp_path / "searches" / "0", tmp_path / "searches" / "2"], SETTINGS, None, save)
    assert (first.n_added, first.n_known) == (2, 0)
    then = cover(everything, SETTINGS, read_coverage(tmp_path / "coverage.h5"), save)
    assert (then.n_added, then.n_known) == (3, 2)
    same(then.coverage, whole)
    again = cover(everything, SETTINGS, read_coverage(tmp_path / "coverage.h5"), save)
    assert (again.n_added, again.n_known) == (0, 5)
    same(again.coverage, whole)


def test_an_interrupted_run_goes_on(tmp_path, save, monkeypatch):
    for day in range(6):
        write_search(tmp_path / "searches" / str(day), 60000.0 + day)
    whole = cover([tmp_path / "searches"], SETTINGS, None, lambda _: None).coverage
    monkeypatch.setattr(running, "_AT_ONCE", 2)
    saved = 0

    def interrupted(coverage):
        nonlocal saved
        save(coverage)
        saved += 1
        if saved == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cover([tmp_path / "searches"], SETTINGS, None, interrupted)
    before = read_coverage(tmp_path / "coverage.h5")
    assert len(before.sources) == 4
    rest = cover([tmp_path / "searches"], SETTINGS, before, save)
    assert (rest.n_added, rest.n_known) == (2, 4)
    same(rest.coverage, whole)


def test_a_source_that_was_renamed_is_known_and_one_given_twice_counts_once(tmp_path, save):
    write_search(tmp_path / "one")
    first = cover([tmp_path / "one", tmp_path / "one"], SETTINGS, None, save)
    assert first.n_added == 1
    (tmp_path / "one").rename(tmp_path / "two")
    again = cover([tmp_path / "two"], SETTINGS, first.coverage, save)
    assert (again.n_added, again.n_known) == (0, 1)


def test_overlaps_with_what_is_in_the_map_are_told(tmp_path, save):
    first = cover([write_search(tmp_path / "one")], SETTINGS, None, save).coverage
    other = write_search(tmp_path / "two", 60000.0 + 60 / 86400)
    with pytest.raises(InputError, match="pointing two:1: overlaps pointing one:1"):
        cover([other], SETTINGS, first, save)


def test_maps_are_added_and_those_that_do_not_fit_refused(tmp_path, save):
    for day in range(2):
        write_search(tmp_path / f"s{day}", 60000.0 + day)
        part = cover([tmp_path / f"s{day}"], SETTINGS, None, save)
        (tmp_path / f"m{day}").mkdir()
        (tmp_path / "coverage.h5").rename(tmp_path / f"m{day}" / "coverage.h5")
        assert part.n_added == 1
    whole = cover([tmp_path / "s0", tmp_path / "s1"], SETTINGS, None, save).coverage
    both = [tmp_path / "m0", tmp_path / "m1" / "coverage.h5"]
    summed = cover(both, SETTINGS, None, save)
    same(summed.coverage, whole)
    same(cover(both, SETTINGS, summed.coverage, save).coverage, whole)
    with pytest.raises(InputError, match="nside: is 64, that of the settings is 128"):
        cover(both, replace(SETTINGS, nside=128), None, save)
    assert cover(both, CoverageSettings(), None, save).coverage.nside == 64
    with pytest.raises(InputError, match="was counted already"):
        cover([both[0], *both], SETTINGS, None, save)


def test_pointings_below_the_horizon_are_left_out_and_counted(tmp_path, save):
    for hour in range(0, 24, 6):
        write_search(tmp_path / "s" / str(hour), 60000.0 + hour / 24)
    site = SiteSettings(lon_deg=0.0, lat_deg=0.0, leave_out=True)
    made = cover([tmp_path / "s"], replace(SETTINGS, site=site), None, save)
    assert 0 < made.n_below < 4
    assert made.n_added == 4 - made.n_below
    with pytest.raises(InputError, match="is at an altitude"):
        cover([tmp_path / "s"], replace(SETTINGS, site=replace(site, leave_out=False)), None, save)


def test_inputs_that_hold_nothing_are_told(tmp_path, save):
    with pytest.raises(InputError, match="holds no search"):
        cover([tmp_path], SETTINGS, None, save)
    with pytest.raises(InputError, match="does not exist"):
        cover([tmp_path / "no"], SETTINGS, None, save)
    (tmp_path / "a.txt").write_text("hello\n")
    with pytest.raises(InputError, match=r"a\.txt"):
        cover([tmp_path / "a.txt"], SETTINGS, None, save)


def test_pointings_of_a_map_are_those_of_its_sources(tmp_path, save, pointed):
    pointed(start_mjd=[60010.0, 60011.0], name=["x", "y"]).write(tmp_path / "table.ecsv")
    found = cover([tmp_path / "table.ecsv"], SETTINGS, None, save).coverage
    assert found.pointings.name.tolist() == ["table:x", "table:y"]
    assert isinstance(read_coverage(tmp_path / "coverage.h5").pointings, Pointings)
