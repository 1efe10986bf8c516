"""Scenes and the examples that they give, on something small."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.classifier.arrays import LAYOUTS, draw_psf
from pipeline.classifier.examples import Examples, Task, join_examples, make, read_examples
from pipeline.classifier.families import HELD_OUT, TRAINING, Seen
from pipeline.classifier.held import HeldReader
from pipeline.classifier.interference import FOOTPRINTS, PATTERNS, add_interference
from pipeline.classifier.model import load
from pipeline.errors import InputError
from pipeline.readers.wcs import psf_fwhm_px

SMALL = replace(TRAINING[1], name="small", dm_max=100.0, max_width_s=2.0, n_channels=8)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_beams_are_as_wide_as_was_asked(layout):
    psf = draw_psf(np.random.default_rng(1), layout, 20, 3.3, 32)
    assert psf.shape == (63, 63)
    assert psf.argmax() == psf.size // 2
    assert psf.max() == 1
    assert psf_fwhm_px(psf) == pytest.approx(3.3, rel=0.03)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("footprint", FOOTPRINTS)
def test_interference_has_the_strength_that_was_drawn(pattern, footprint):
    rng = np.random.default_rng(3)
    data = np.zeros((200, 16, 24, 24), np.float32)
    psf = draw_psf(rng, "disc", 20, 3.0, 24)
    add_interference(data, rng, [(pattern, footprint)], np.ones(16, np.float32), (psf, 3.0))
    assert np.isfinite(data).all()
    # S/N of the brightest pixel, all of it summed with its own weights.
    snr = np.sqrt((data.astype(float) ** 2).sum((0, 1)).max())
    assert 6.9 < snr < 61


def test_held_out_interference_is_of_other_kinds():
    def kinds(families):
        return {k for f in families if not isinstance(f, Seen) for k in f.interference}

    assert not kinds(TRAINING) & kinds(HELD_OUT)
    seen = [f for f in TRAINING + HELD_OUT if isinstance(f, Seen)]
    assert not set(seen[0].footprints) & set(seen[1].footprints)
    assert seen[0].stations != seen[1].stations
    assert not set(TRAINING[1].layouts) & set(HELD_OUT[1].layouts)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("examples") / "scene.npz"
    return make(Task(SMALL, 0, 7, path))


def test_examples_of_a_scene(made):
    examples, cpu_s = read_examples(made)
    assert cpu_s > 0
    assert examples.real.sum() >= 20
    assert (~examples.real).sum() >= 10
    assert all(np.isfinite(array).all() for array in examples.stamps)
    assert len(join_examples([examples, examples])) == 2 * len(examples)
    # A scene that is there is not made again.
    before = made.stat().st_mtime_ns
    make(Task(SMALL, 0, 7, made))
    assert made.stat().st_mtime_ns == before


def test_the_classifier_of_the_program_knows_pulses_of_a_new_scene(made):
    examples, _ = read_examples(made)
    bright = examples.of(np.flatnonzero(examples.snr >= 7))
    p_real = load().probabilities(bright.stamps)
    assert isinstance(bright, Examples)
    assert np.mean(p_real[bright.real] >= 0.5) > 0.85
    assert np.mean(p_real[~bright.real] >= 0.5) < 0.15


def test_a_damaged_file_of_examples(made, tmp_path):
    path = tmp_path / "scene.npz"
    path.write_bytes(made.read_bytes()[:3000])
    with pytest.raises(InputError, match="remove it"):
        read_examples(path)


def test_held_recordings_are_read_and_cut(made):
    rng = np.random.default_rng(0)
    from pipeline.classifier.scenes import _header

    header = replace(_header(SMALL, None, 3.0), n_samples=30, shape=(6, 5))
    data = rng.normal(size=(30, 8, 6, 5)).astype(np.float32)
    weights = rng.random((30, 8)).astype(np.float32)
    reader = HeldReader.of(HeldReader(header, data, weights), piece=7)
    part = reader.cropped(slice(1, 4), slice(2, 5)).read(3, 9)
    assert np.array_equal(part.data, data[3:9, :, 1:4, 2:5])
    assert np.array_equal(part.weights, weights[3:9])
