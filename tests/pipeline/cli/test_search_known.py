"""``slowburst search --known``: candidates at known sources are marked, in all that is written."""

import json
from dataclasses import replace

import pytest
from astropy.table import Table

from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded
from pipeline.errors import InputError
from pipeline.simulation import forty_minute_config, simulate
from pipeline.simulation.config import Image, Pulse
from pipeline.sinks.files import read_results

# GPM J1839-10 is in the middle; a second pulse is 75 arcsec from it or more. The shape is that of
# other tests, so that programs are compiled once.
RA, DEC = 279.7583333, -10.5303806


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    forty = forty_minute_config()
    config = replace(
        forty,
        recording=replace(forty.recording, duration_s=133.0),
        image=Image(shape=(16, 16), ra_deg=RA, dec_deg=DEC),
        sources=(),
        pulses=(
            Pulse(time_s=40.0, width_s=0.54, dm=273.0, snr=30.0, ra_deg=RA, dec_deg=DEC),
            Pulse(time_s=90.0, width_s=5.4, dm=0.0, snr=25.0, x=2, y=3),
        ),
    )
    return simulate(config, tmp_path_factory.mktemp("recording"), 3)


def run(recording, out, *options):
    settings = ["--max-width", "20", "--dm-max", "600"]
    words = ["search", *recording.recordings, "--out", out, *settings, *options]
    return run_guarded(build(), [str(w) for w in words], "slowburst")


def test_a_candidate_at_a_known_source_is_marked(recording, tmp_path, capsys):
    assert run(recording, tmp_path, "--report") == 0
    assert "near known sources: GPM J1839-10 (" in capsys.readouterr().out
    results = read_results(tmp_path)
    assert list(results.candidates["known"]) == ["GPM J1839-10", ""]
    assert results.candidates["known_sep"][0] < 5
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["n_known"], summary["known_catalogs"]) == (1, "lpt")
    page = (tmp_path / "report.html").read_text()
    assert "GPM J1839-10" in page
    assert "known source" in page


def test_catalogs_of_users_and_none(recording, tmp_path, capsys):
    catalog = tmp_path / "mine.csv"
    # 60 arcsec north of the field's middle.
    catalog.write_text(f"name,ra,dec\nfar,10,20\nmine,{RA},{DEC + 60 / 3600}\n")
    options = ["--no-report", "--known", catalog, "--known-radius", "40", "--json"]
    assert run(recording, tmp_path / "a", *options) == 0
    assert json.loads(capsys.readouterr().out)["n_known"] == 1
    table = read_results(tmp_path / "a").candidates
    assert list(table["known"]) == ["mine", ""]
    assert table["known_sep"][0] == pytest.approx(60, abs=4)
    assert run(recording, tmp_path / "b", "--no-report", "--known", "none", "--json") == 0
    assert json.loads(capsys.readouterr().out)["n_known"] == 0


def test_the_table_of_a_search_that_broke_has_its_marks(recording, tmp_path, monkeypatch):
    def broken(*_):
        raise InputError("a.h5", "image", "is truncated", "record it again")

    monkeypatch.setattr("pipeline.search.candidates_of", broken)
    assert run(recording, tmp_path) == 2
    assert not (tmp_path / "candidates.h5").exists()
    table = Table.read(tmp_path / "candidates.ecsv")
    assert list(table["known"].filled("")) == ["GPM J1839-10", ""]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--known", "nowhere.csv"], "nowhere.csv: file: does not exist"),
        (["--known", "none", "--known", "lpt"], "--known: is none and something"),
        (["--known-radius", "-1"], "--known-radius: is -1.0"),
    ],
)
def test_what_cannot_be_used_is_told_before_the_search(
    recording, tmp_path, capsys, options, wanted
):
    assert run(recording, tmp_path / "out", *options) == 2
    assert wanted in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
