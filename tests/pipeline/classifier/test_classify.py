"""Results of searches get probabilities, by command and while they are made."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from astropy.table import Table

from pipeline.candidates import DetectionTable, build_candidates
from pipeline.classifier.classify import classify
from pipeline.classifier.model import SHIPPED, load
from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded
from pipeline.sinks.files import read_results, write_results
from pipeline.sinks.results import Overview, SearchResults
from pipeline.vetting import features


@pytest.fixture
def results(header_of, cutout_of):
    """A point, a level, and a candidate without a cut-out."""
    header = header_of()
    point = cutout_of(header)
    rng = np.random.default_rng(1)
    noise = rng.normal(0, point.detection.sigma, point.image.shape)
    cutouts = {
        1: cutout_of(header, point.image + noise),
        2: cutout_of(header, np.ones_like(point.image) + noise),
    }
    one = np.ones(3)
    detections = DetectionTable(
        np.array([200, 260, 320]), 4 * one, 50 * one, one, 20 * one, 26 * one,
        np.array([20.0, 19, 8]), 0.05 * one,
    )  # fmt: skip
    candidates = build_candidates(detections, np.arange(3), header)
    candidates["sidelobe"] = 0.0
    summary = {"n_candidates": 3, "threshold": 7.0}
    return SearchResults(header, candidates, cutouts, detections, Overview(), summary, {})


def run(*args):
    return run_guarded(build(), ["classify", *map(str, args)], "slowburst")


def test_candidates_with_a_cutout_get_a_probability(results):
    looks = {n: features(cutout, results.header) for n, cutout in results.cutouts.items()}
    found = classify(results.candidates, results.cutouts, looks, results.header, load())
    point, level, none = results.candidates["p_real"]
    assert point > 0.5 > level
    assert np.isnan(none)
    assert found == {"n_candidates": 3, "n_classified": 2, "n_likely_real": 1, "prior": 0.5}


def test_nothing_to_classify(results):
    found = classify(results.candidates, {}, {}, results.header, load())
    assert found["n_classified"] == 0
    assert np.isnan(results.candidates["p_real"]).all()


def test_the_command_rewrites_every_file(results, tmp_path, capsys):
    write_results(tmp_path, results)
    assert run(tmp_path, "--prior", "0.01") == 0
    assert "2 of 3 candidates classified" in capsys.readouterr().out
    table = Table.read(tmp_path / "candidates.ecsv", format="ascii.ecsv")
    with h5py.File(tmp_path / "candidates.h5") as file:
        inside = Table.read(file["candidates"].asstr()[()], format="ascii.ecsv")
    assert np.array_equal(table["p_real"], inside["p_real"], equal_nan=True)
    assert np.isfinite(table["p_real"]).sum() == 2
    assert json.loads((tmp_path / "summary.json").read_text())["classifier"]["prior"] == 0.01
    assert (tmp_path / "report.html").is_file()
    again = read_results(tmp_path)
    assert set(again.cutouts) == {1, 2}
    # Another prior is not on top of the first.
    rare = np.array(table["p_real"])[:2]
    assert run(tmp_path, "--no-report") == 0
    even = np.array(read_results(tmp_path).candidates["p_real"])[:2]
    assert (rare / (1 - rare)) / (even / (1 - even)) == pytest.approx(1 / 99, rel=1e-3)
    assert not list(tmp_path.glob(".*"))


def test_bad_input_is_one_line(results, tmp_path, repository, capsys):
    write_results(tmp_path / "good", results)
    broken = tmp_path / "broken.npz"
    broken.write_bytes((repository / "pipeline" / "classifier" / SHIPPED).read_bytes()[:999])
    for args, says in (
        ((tmp_path / "good", "--model", broken), "is no classifier"),
        ((tmp_path / "good", "--model", tmp_path / "none.npz"), "cannot be read"),
        ((tmp_path / "good", "--prior", "1"), "--prior"),
        ((tmp_path / "absent",), "does not exist"),
    ):
        assert run(*args) == 2
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1
    assert np.isnan(read_results(tmp_path / "good").candidates["p_real"]).all()
