"""Files of classifiers, and that which comes with the program."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest

from pipeline.classifier.model import FORMAT, SHIPPED, Classifier, load, save
from pipeline.classifier.network import Sizes, make_networks
from pipeline.classifier.platt import Platt
from pipeline.classifier.stamps import take, turns
from pipeline.errors import InputError

SIZES = Sizes(first=4, second=4, hidden=8, members=2)


@pytest.fixture(scope="module")
def classifier():
    networks = make_networks(SIZES, jax.random.PRNGKey(1))
    return Classifier(networks, SIZES, Platt(1.5, -0.25), {"what": "a test"})


def test_what_is_written_is_read(classifier, toy, tmp_path):
    save(classifier, tmp_path / "c.npz")
    again = load(tmp_path / "c.npz")
    assert again.card == {"what": "a test"}
    assert again.platt == Platt(1.5, -0.25)
    assert np.array_equal(again.probabilities(toy[0]), classifier.probabilities(toy[0]))


def test_padding_and_batches_change_nothing(classifier, toy):
    whole = classifier.logits(toy[0])
    parts = [classifier.logits(take(toy[0], slice(i, i + 50))) for i in range(0, 96, 50)]
    assert np.concatenate(parts) == pytest.approx(whole, abs=1e-5)
    assert classifier.logits(take(toy[0], slice(0, 0))).shape == (0,)


def test_doubtful_candidates_look_the_same_from_all_sides(classifier, toy):
    """Those whose mean over all sides stays doubtful from each of them."""
    noise = np.random.default_rng(0).normal(size=toy[0].spectrum.shape).astype(np.float32)
    stamps = toy[0]._replace(spectrum=noise)
    sides = [stamps, *turns(stamps)]
    assert len({side.image.tobytes() + side.spectrum.tobytes() for side in sides}) == 8
    odds = np.array([classifier.logits(side) for side in sides])
    # Networks that have not learned are sure of nothing.
    assert np.abs(odds).max() < 4
    for turned in odds:
        assert turned == pytest.approx(odds[0], abs=1e-4)
    once = np.array([classifier._seen_once(side) for side in sides])
    assert np.ptp(once, axis=0).max() > 1e-2


def test_a_prior_moves_the_odds(classifier, toy):
    even, rare = (classifier.probabilities(toy[0], prior) for prior in (0.5, 0.1))
    odds = (rare / (1 - rare)) / (even / (1 - even))
    assert odds == pytest.approx(1 / 9, rel=1e-6)


def rewritten(path, **changes):
    with np.load(path) as file:
        arrays = dict(file)
    about = json.loads(str(arrays.pop("about")))
    arrays |= {k: v for k, v in changes.items() if k.startswith("weights")}
    about |= {k: v for k, v in changes.items() if not k.startswith("weights")}
    with path.open("wb") as file:
        np.savez(file, about=np.array(json.dumps(about)), **arrays)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": "slowburst-classifier/0"}, "slowburst-classifier/0"),
        ({"sizes": {"first": 5}}, "shape"),
        ({"sizes": {"width": 5}}, "width"),
        ({"weights_00": np.full((2, 4, 54), np.nan, np.float32)}, "finite"),
        ({"platt": {"slope": "x"}}, "float"),
    ],
)
def test_files_of_something_else(classifier, tmp_path, changes, says):
    path = tmp_path / "c.npz"
    save(classifier, path)
    rewritten(path, **changes)
    with pytest.raises(InputError, match=says) as error:
        load(path)
    assert error.value.where == str(path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x03\x04 and no more"])
def test_broken_files(tmp_path, content):
    path = tmp_path / "c.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="slowburst train"):
        load(path)


def test_cut_and_missing_files(classifier, tmp_path):
    path = tmp_path / "c.npz"
    save(classifier, path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match="no classifier"):
        load(path)
    with pytest.raises(InputError, match="No such file"):
        load(tmp_path / "absent.npz")


def test_the_classifier_of_the_program(repository):
    size = (repository / "pipeline" / "classifier" / SHIPPED).stat().st_size
    assert size <= 1_000_000
    card = load().card
    held_out = card["metrics"]["held_out"]
    assert held_out["n_real"] >= 500
    assert held_out["n_bogus"] >= 500
    assert {"data", "limits", "settings", "versions", "prior"} <= set(card)
    assert FORMAT.endswith("/2")


def test_it_knows_points_from_levels(toy):
    stamps, real = toy
    p_real = load().probabilities(stamps)
    assert np.median(p_real[real]) > 0.8
    assert np.median(p_real[~real]) < 0.2
