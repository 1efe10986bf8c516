"""The matched filter against the sums that define it, and what it gains."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerberus import SearchConfig, make_plan
from cerberus.kernels.spatial import matched_filter


def gaussian(reach: tuple[int, int], fwhm: float) -> np.ndarray:
    y, x = np.ogrid[-reach[0] : reach[0] + 1, -reach[1] : reach[1] + 1]
    return np.exp(-4 * np.log(2) * (x**2 + y**2) / fwhm**2).astype(np.float32)


def plain(image: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Least-squares flux pixel by pixel."""
    (ny, nx), (ry, rx) = image.shape, (n // 2 for n in template.shape)
    out = np.full(image.shape, np.nan)
    for y, x in np.argwhere(np.isfinite(image)):
        flux = power = could = 0.0
        for dy in range(-ry, ry + 1):
            for dx in range(-rx, rx + 1):
                if 0 <= y + dy < ny and 0 <= x + dx < nx:
                    k = float(template[dy + ry, dx + rx])
                    could += k * k
                    if np.isfinite(image[y + dy, x + dx]):
                        flux += k * image[y + dy, x + dx]
                        power += k * k
        if power >= 0.5 * could:
            out[y, x] = flux / power
    return out


def lopsided(reach: tuple[int, int]) -> np.ndarray:
    """No symmetry hides a flipped axis."""
    template = gaussian(reach, 2.3)
    template[:, 0] *= 0.7
    return template


@partial(jax.jit, static_argnames="reach")
def filtered(data: jax.Array, reach: tuple[int, int]) -> jax.Array:
    return matched_filter(data, lopsided(reach))


@given(
    # Each pair of shapes is a program of its own.
    sizes=st.sampled_from(
        [((1, 1), (0, 0)), ((9, 6), (3, 1)), ((5, 8), (0, 2)), ((1, 7), (2, 3)), ((3, 2), (3, 3))]
    ),
    flagged=st.sampled_from([0.0, 0.2, 0.6, 1.0]),
    seed=st.integers(0, 1000),
)
@settings(deadline=None, max_examples=25)
def test_it_is_the_least_squares_flux(sizes, flagged, seed):
    (shape, reach), rng = sizes, np.random.default_rng(seed)
    data = rng.normal(size=(2, 3, *shape)).astype(np.float32)
    data[rng.random(data.shape) < flagged] = np.nan
    got = np.asarray(filtered(data, reach))
    for t in range(2):
        for c in range(3):
            np.testing.assert_allclose(got[t, c], plain(data[t, c], lopsided(reach)), atol=2e-5)


def test_a_point_source_keeps_its_flux():
    template = gaussian((4, 4), 3.0)
    image = np.zeros((1, 1, 21, 21), np.float32)
    image[0, 0, 6:15, 6:15] = 5 * template
    got = np.asarray(matched_filter(jnp.asarray(image), template))
    assert got[0, 0, 10, 10] == pytest.approx(5, rel=1e-5)
    assert np.unravel_index(got[0, 0].argmax(), (21, 21)) == (10, 10)


def search_of(search, data: np.ndarray, template: np.ndarray | None):
    config = SearchConfig(
        freq_mhz=(1500.0, 1400.0),
        tsamp_s=0.1,
        shape=data.shape[2:],
        dm_max=100.0,
        max_width_s=0.8,
        threshold=5.0,
        beam_fwhm_px=3 * 2**0.5 if template is not None else 3.0,
        frame=32,
        template=template,
        max_detections=64,
    )
    plan, weights = make_plan(config), np.ones(data.shape[:2], np.float32)
    return search.blocks(plan, data, weights, [plan.frame] * (len(data) // plan.frame))


def test_a_search_gains_the_root_of_the_templates_power(search):
    """Against the brightest pixel alone; the mean over twelve pulses of S/N 20 and 20 / gain."""
    template, rng = gaussian((4, 4), 3.0), np.random.default_rng(2)
    gain = np.sqrt((template.astype(float) ** 2).sum())
    data = rng.normal(size=(640, 2, 24, 24)).astype(np.float32)
    places = [(60 + 45 * i, 6 + 4 * (i % 4), 7 + 3 * (i // 3)) for i in range(12)]
    for t, y, x in places:
        data[t : t + 4, :, y - 4 : y + 5, x - 4 : x + 5] += 20 / gain / 8**0.5 * template
    # A flagged neighbour, and a pixel that never has data.
    data[:, :, 3, 3] = np.nan
    data[::50, :, 12, 12] = np.nan
    filtered, raw = search_of(search, data, template), search_of(search, data, None)

    def mean_snr(table) -> float:
        near = [
            table["snr"][
                (np.abs(table["start"] - t) < 5) & (np.hypot(table["y"] - y, table["x"] - x) < 2)
            ].max(initial=0)
            for t, y, x in places
        ]
        return float(np.mean(near))

    # The best of some neighbouring trials is a little above the truth.
    assert mean_snr(filtered) == pytest.approx(20, abs=3 / np.sqrt(12) + 0.5)
    # Of the pixels near the peak, some of those below 5 are missing.
    assert mean_snr(raw) < 20 / gain + 2
    strong = filtered["snr"] > 7
    assert strong.sum() == len(places)


@pytest.mark.parametrize(
    "template",
    [
        np.ones((2, 3)),
        np.full((3, 3), np.nan),
        np.ones(3),
        -np.ones((1, 1)),
        np.eye(3)[::-1] * [1, 2, 3],
    ],
)
def test_a_template_that_is_none_is_refused(template):
    config = SearchConfig((1400.0, 1300.0), 0.1, shape=(8, 8), template=template)
    with pytest.raises(ValueError, match=r"^template:"):
        make_plan(config)
