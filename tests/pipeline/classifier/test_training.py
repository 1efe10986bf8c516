"""Networks learn what can be learned, the same every time, and say how sure they are."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

from pipeline.classifier.metrics import kept_at, metrics, reliability
from pipeline.classifier.model import Classifier
from pipeline.classifier.network import Sizes, each_logit, make_networks, mean_logit
from pipeline.classifier.platt import Platt, calibrate
from pipeline.classifier.run import _claim
from pipeline.classifier.settings import TrainSettings
from pipeline.classifier.stamps import CLEANED_NUMBERS, CLEANED_PLANES, Stamps, take
from pipeline.classifier.training import train, turned
from pipeline.config import ConfigProblem
from pipeline.errors import InputError

SIZES = Sizes(first=4, second=4, hidden=8, members=2)
QUICK = TrainSettings(epochs=15, batch=32, learning_rate=1e-2)


@pytest.fixture(scope="module")
def learned(toy):
    return train(*toy, QUICK, SIZES)


def test_points_are_told_from_levels(toy, learned):
    stamps, real = toy
    found = metrics(Classifier(learned, SIZES, Platt(), {}).probabilities(stamps), real, real)
    assert found["auc"] > 0.99
    assert found["real_kept"] > 0.9


def test_training_is_reproducible_bit_for_bit(toy):
    few = TrainSettings(epochs=2, batch=32, seed=3)
    first, second = (train(*toy, few, SIZES) for _ in range(2))
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        assert np.array_equal(a, b)
    other = make_networks(SIZES, jax.random.split(jax.random.PRNGKey(3))[1])
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(other), strict=True)
    assert any(not np.array_equal(a, b) for a, b in pairs)


def test_each_network_has_a_say(toy):
    networks = make_networks(SIZES, jax.random.PRNGKey(0))
    stamps = take(toy[0], slice(0, 7))
    each = np.asarray(each_logit(networks, stamps))
    assert each.shape == (2, 7)
    for block in (1, 7):
        mean = np.asarray(mean_logit(networks, stamps, block))
        assert mean == pytest.approx(each.mean(0), abs=1e-5)
    assert not np.allclose(each[0], each[1])


def test_convolutions_are_those_of_xla():
    from pipeline.classifier.network import Convolution

    for stride in (1, 2):
        layer = Convolution(3, 5, stride, jax.random.PRNGKey(1))
        picture = jax.random.normal(jax.random.PRNGKey(2), (3, 9, 12))
        # Rows of the matrix go through the pixels first, channels last.
        kernel = np.asarray(layer.weight).reshape(5, 3, 3, 3).transpose(0, 3, 1, 2)
        true = jax.lax.conv_general_dilated(
            picture[None], kernel, (stride, stride), ((1, 1), (1, 1)), precision="highest"
        )[0]
        found = layer(jnp.moveaxis(picture, 0, -1)[None])[0].transpose(2, 0, 1)
        assert found.shape == true.shape
        assert np.asarray(found) == pytest.approx(np.asarray(true), abs=1e-4)


def test_turning_leaves_the_middle_and_the_sums(toy):
    stamps = take(toy[0], slice(0, 20))
    moved = turned(stamps, jax.random.PRNGKey(0))
    assert isinstance(moved, Stamps)
    middle, first = stamps.image.shape[-1] // 2, slice(CLEANED_PLANES)
    before, after = stamps.image[:, first], moved.image[:, first]
    assert np.array_equal(after[..., middle, middle], before[..., middle, middle])
    shown = np.asarray(moved.image[:, CLEANED_PLANES:]).any((1, 2, 3))
    whole = take(stamps, np.flatnonzero(shown))
    for a, b in zip(take(moved, np.flatnonzero(shown))[:2], whole[:2], strict=True):
        assert np.asarray(a).sum((-1, -2)) == pytest.approx(b.sum((-1, -2)), rel=1e-3, abs=1e-2)
    assert np.array_equal(moved.numbers[:, :2], stamps.numbers[:, :2])


def test_features_and_the_cleaned_image_are_hidden_of_some(toy):
    stamps = take(toy[0], np.resize(np.arange(len(toy[1])), 2000))
    moved = turned(stamps, jax.random.PRNGKey(4))
    image, numbers = np.asarray(moved.image), np.asarray(moved.numbers)
    features = numbers[:, 2:CLEANED_NUMBERS].any(1)
    cleaned = numbers[:, CLEANED_NUMBERS:].any(1)
    # A tenth of each, on their own; four standard deviations of 2000.
    for shown, share in ((features, 0.1), (cleaned, 0.1), (features | cleaned, 0.01)):
        assert np.mean(~shown) == pytest.approx(share, abs=4 * np.sqrt(share / 2000))
    assert np.array_equal(image[:, CLEANED_PLANES:].any((1, 2, 3)), cleaned)
    assert image[:, :CLEANED_PLANES].any((2, 3)).all()


@pytest.mark.parametrize(("slope", "offset"), [(0.5, -1.0), (2.0, 0.7)])
def test_calibration_finds_the_line_that_is_there(slope, offset):
    rng = np.random.default_rng(1)
    x = rng.normal(0, 2, 40_000)
    real = rng.random(len(x)) < expit(slope * x + offset)
    found = calibrate(x, real)
    # Classes count alike: the odds of the whole are taken out.
    balance = np.log(real.mean() / (1 - real.mean()))
    assert found.slope == pytest.approx(slope, rel=0.05)
    assert found.offset == pytest.approx(offset - balance, abs=0.1)


def test_one_class_calibrates_nothing():
    assert calibrate(np.ones(4), np.ones(4, bool)) == Platt()
    assert calibrate(np.zeros(0), np.zeros(0, bool)) == Platt()
    apart = np.array([-5.0, -4, 4, 5])
    assert 0 < calibrate(apart, apart > 0).slope < 100


def test_reliability_of_probabilities_that_are_ones():
    rng = np.random.default_rng(2)
    p = rng.random(20_000)
    real = rng.random(len(p)) < p
    rows = reliability(p, real)
    assert rows["n"].sum() == len(p)
    # Both classes are as many: what is in a bin scatters by its counting error.
    assert np.abs(rows["share"] - rows["mean"]).max() < 5 * 0.5 / np.sqrt(2000)
    some = slice(0, 2000)
    found = metrics(p[some], real[some], np.arange(2000) % 9)
    assert found["calibration_error"] < 5 * 0.5 / np.sqrt(200)


def test_reliability_counts_classes_alike():
    p = np.array([0.55] * 12)
    real = np.array([True] * 10 + [False] * 2)
    assert reliability(p, real)["share"] == pytest.approx(0.5)


def test_what_is_kept_at_a_share_of_bogus():
    real = np.array([True] * 100 + [False] * 100)
    p = np.r_[np.linspace(0.2, 1, 100), np.linspace(0, 0.4, 100)]
    threshold, kept = kept_at(p, real, 0.02)
    assert np.mean(p[100:] >= threshold) <= 0.02
    assert kept == np.mean(p[:100] >= threshold)
    found = metrics(p, real, np.zeros(200, int))
    assert found["real_kept_low"] < found["real_kept"] < found["real_kept_high"]


def test_settings_are_checked():
    with pytest.raises(ConfigProblem, match="epochs"):
        TrainSettings(epochs=0)


def test_examples_of_other_stamps_are_not_mixed(tmp_path):
    folder = tmp_path / "examples"
    _claim(folder, TrainSettings(seed=1))
    _claim(folder, TrainSettings(seed=1))
    path = folder / "examples.json"
    own = json.loads(path.read_text())
    for other in (own | {"seed": 2}, {k: v for k, v in own.items() if k != "stamps"}):
        path.write_text(json.dumps(other, indent=2) + "\n")
        with pytest.raises(InputError, match="another seed, or of another version"):
            _claim(folder, TrainSettings(seed=1))
