"""Grouping: one pulse is one candidate, two pulses are two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from pipeline.block import StreamHeader
from pipeline.candidates import DetectionTable, summarise_groups
from pipeline.grouping import GroupingRules, delay_samples_per_dm, group_detections

DSA_FREQ = np.linspace(1288.0, 1522.0, 16)
ASKAP_FREQ = np.arange(1465.0, 1129.0, -1.0)


def header(freq=DSA_FREQ, tsamp_s=0.1342182159, shape=(175, 175), beam=3.0):
    return StreamHeader(
        "test", freq, tsamp_s, Time(61000.0, format="mjd"), 20_000, shape, beam_fwhm_px=beam
    )


def table(rows):
    """Detections from (start, width, dm, y, x, snr)."""
    start, width, dm, y, x, snr = (np.array(c) for c in zip(*rows, strict=True))
    n = len(rows)
    return DetectionTable(start, width, dm, np.zeros(n, int), y, x, snr, np.ones(n))


def groups_of(rows, head=None, rules=None):
    return group_detections(table(rows), head or header(), rules)


def halo(start, width, dm, y, x, snr, head, rng, threshold=7.0):
    """What a search sees of a pulse: the matched-filter response over all trials.

    The S/N of a boxcar on a pulse smeared by the wrong DM is its share of the energy
    over the root of its width; written out independently of the rules under test.
    """
    per_dm = delay_samples_per_dm(head)
    rows = [(start, width, dm, y, x, snr)]
    for w in 2 ** np.arange(12):
        for offset in np.linspace(-6 * width, 6 * width, 25):
            smear = width + abs(offset)
            peak = snr * np.sqrt(width / w) * min(1.0, w / smear)
            trial = dm + offset / per_dm
            for dy, dx in [(0, 0), (0, 1), (1, 0), (-1, -1)]:
                got = peak * np.exp(-4 * np.log(2) * (dx**2 + dy**2) / head.beam_fwhm_px**2)
                got += rng.normal(0, 0.3)
                if got < threshold or trial < 0 or got >= snr:
                    continue
                swept = start + width / 2 - offset / 2
                slack = max(w - width, 0) / 2
                first = round(swept - w / 2 + rng.uniform(-slack, slack))
                rows.append((first, int(w), trial, y + dy, x + dx, got))
    return rows


def test_no_detections_give_no_labels():
    assert group_detections(DetectionTable.empty(), header()).shape == (0,)


def test_one_detection_is_a_group():
    assert groups_of([(10, 1, 0.0, 3, 4, 9.0)]).tolist() == [0]


@pytest.mark.parametrize(("width", "snr"), [(1, 30.0), (2, 150.0), (25, 60.0), (200, 40.0)])
@pytest.mark.parametrize("dm", [0.0, 500.0, 3000.0])
def test_a_bright_pulse_is_one_candidate(width, snr, dm):
    rows = halo(5000, width, dm, 80, 80, snr, header(), np.random.default_rng(1))
    assert len(rows) > 10
    labels = groups_of(rows)
    assert set(labels.tolist()) == {0}
    found = summarise_groups(table(rows), labels)
    assert (found.best.tolist(), found.count.tolist()) == ([0], [len(rows)])


@pytest.mark.parametrize("snr", [15.0, 80.0, 400.0])
def test_a_bright_pulse_in_a_filterbank_is_one_candidate(snr):
    head = header(ASKAP_FREQ, 1.26646e-3, (1, 1), 1.0)
    rows = [
        (s, w, d, 0, 0, q)
        for s, w, d, y, x, q in halo(3000, 2, 475.0, 0, 0, snr, head, np.random.default_rng(2))
        if (y, x) == (0, 0)
    ]
    assert set(groups_of(rows, head).tolist()) == {0}


def test_narrow_band_interference_is_one_candidate_at_all_dms():
    # Energy in one channel keeps its S/N at every trial DM, along a slanted track.
    head = header(ASKAP_FREQ, 1.26646e-3, (1, 1), 1.0)
    delay = 1.0 / 2.41e-4 * (1200.0**-2 - 1465.0**-2) / 1.26646e-3
    dms = np.arange(0.0, 1000.0, 1.0)
    rng = np.random.default_rng(0)
    rows = [(round(8000 - d * delay), 4, d, 0, 0, 20 + rng.normal(0, 1)) for d in dms]
    assert set(groups_of(rows, head).tolist()) == {0}


def test_pulses_seconds_apart_in_one_pixel_stay_two():
    rng = np.random.default_rng(3)
    first = halo(1000, 1, 300.0, 50, 50, 60.0, header(), rng)
    second = halo(1030, 1, 300.0, 50, 50, 45.0, header(), rng)
    labels = groups_of(first + second)
    assert set(labels.tolist()) == {0, 1}
    assert labels[0] == 0
    assert labels[len(first)] == 1


def test_a_wide_boxcar_over_both_is_no_bridge():
    rows = [(1000, 1, 0.0, 9, 9, 60.0), (1025, 1, 0.0, 9, 9, 50.0), (996, 32, 0.0, 9, 9, 19.0)]
    assert groups_of(rows).tolist() == [0, 1, 0]


def test_pulses_several_beams_apart_stay_two():
    rows = [(1000, 2, 100.0, 50, 50, 40.0), (1000, 2, 100.0, 50, 66, 30.0)]
    assert groups_of(rows).tolist() == [0, 1]


def test_pixels_of_one_beam_are_one():
    rows = [(1000, 2, 100.0, 50, 50, 40.0), (1001, 2, 100.0, 52, 53, 9.0)]
    assert groups_of(rows).tolist() == [0, 0]


def test_sidelobes_anywhere_at_the_same_time_belong_to_the_bright_pulse():
    rng = np.random.default_rng(4)
    lobes = [
        (1000 + rng.integers(-1, 2), 2, 200.0, *rng.integers(0, 175, 2), rng.uniform(7, 20))
        for _ in range(200)
    ]
    rows = [(1000, 2, 200.0, 90, 90, 120.0), *lobes]
    assert set(groups_of(rows).tolist()) == {0}


@pytest.mark.parametrize(
    "other",
    [
        (1400, 2, 200.0, 20, 20, 9.0),  # at another time
        (1000, 2, 200.0, 20, 20, 50.0),  # too bright to be a sidelobe
        (500, 1200, 0.0, 20, 20, 20.0),  # holds far more than a sidelobe of the pulse
    ],
)
def test_what_is_no_sidelobe_is_its_own_candidate(other):
    assert groups_of([(1000, 2, 200.0, 90, 90, 120.0), other]).tolist() == [0, 1]


def _with_grating_lobes():
    """A beam of 3 pixels with lobes of half its height, 17 pixels to either side."""
    x, y = np.meshgrid(np.arange(175) - 87, np.arange(175) - 87)
    psf = sum(
        height * np.exp(-4 * np.log(2) * ((x - at) ** 2 + y**2) / 9)
        for at, height in [(-17, 0.5), (0, 1.0), (17, 0.5)]
    )
    return replace(header(), psf=psf.astype(np.float32))


@pytest.mark.parametrize(
    ("dy", "dx", "snr", "is_sidelobe"),
    [
        (0, 17, 9.5, True),
        (0, -16, 8.0, True),
        (17, 0, 8.0, True),  # The Earth has turned the lobe there.
        (0, 17, 15.0, False),  # Brighter than the PSF and noise would have it.
        (0, 30, 8.0, False),  # There is no lobe.
        (2, 0, 8.0, True),  # The pulse itself.
    ],
)
def test_sidelobes_are_those_of_the_psf(dy, dx, snr, is_sidelobe):
    rows = [(1000, 64, 0.0, 87, 87, 17.0), (1003, 64, 0.0, 87 + dy, 87 + dx, snr)]
    groups = groups_of(rows, _with_grating_lobes())
    assert groups.tolist() == ([0, 0] if is_sidelobe else [0, 1])


def test_a_sidelobe_may_have_more_than_the_best_boxcar_leaves_in_its_trial():
    """A pulse wider than the ladder's best: neighbours in width and DM see nearly as much."""
    per_dm = delay_samples_per_dm(header())
    rows = [(1000, 3, 253.0, 87, 87, 25.0), (1000, 4, 253.0 + 3 / per_dm, 87, 104, 15.5)]
    assert groups_of(rows, _with_grating_lobes()).tolist() == [0, 0]


@pytest.mark.parametrize(("width", "snr", "of_lead"), [(1, 7.3, 60.0), (1024, 7.1, 60.0)])
def test_sidelobes_are_found_in_boxcars_of_all_widths(width, snr, of_lead):
    lead = (1000, 64 if width == 1 else 16, 0.0, 87, 87, of_lead)
    rows = [lead, (1008 if width == 1 else 500, width, 0.0, 87, 104, snr)]
    assert groups_of(rows, _with_grating_lobes()).tolist() == [0, 0]


def test_the_sidelobe_level_is_a_parameter():
    rows = [(1000, 2, 200.0, 90, 90, 40.0), (1000, 2, 200.0, 20, 20, 9.0)]
    assert groups_of(rows).tolist() == [0, 0]
    assert groups_of(rows, rules=GroupingRules(sidelobe_level=0.1)).tolist() == [0, 1]


def test_shoulders_of_a_bright_pulse_are_merged():
    # Wide boxcars that only touch it, and one that starts just behind it.
    rows = [
        (1000, 1, 0.0, 9, 9, 300.0),
        (1000, 64, 0.0, 9, 9, 36.0),
        (938, 64, 0.0, 9, 9, 35.0),
        (1001, 4, 0.0, 9, 9, 12.0),
        (1003, 16, 0.0, 9, 9, 9.0),
    ]
    assert groups_of(rows).tolist() == [0] * 5


def test_a_faint_long_pulse_under_a_narrow_one_is_kept():
    rows = [(1000, 1, 0.0, 9, 9, 30.0), (400, 1200, 0.0, 9, 9, 20.0)]
    assert groups_of(rows).tolist() == [0, 1]


def test_a_burst_in_the_shadow_of_interference_is_kept():
    head = header(ASKAP_FREQ, 1.26646e-3, (1, 1), 1.0)
    sweep = delay_samples_per_dm(head) * 900.0
    rows = [(3000, 2, 0.0, 0, 0, 50.0), (round(3000 - sweep / 2), 2, 900.0, 0, 0, 20.0)]
    assert groups_of(rows, head).tolist() == [0, 1]


@given(seed=st.integers(0, 10_000), n_pulses=st.integers(1, 6))
def test_well_separated_pulses_are_counted_whatever_the_order(seed, n_pulses):
    rng = np.random.default_rng(seed)
    rows, truth = [], []
    for i in range(n_pulses):
        width = int(2 ** rng.integers(0, 5))
        pulse = halo(
            1000 + 3000 * i,
            width,
            rng.uniform(0, 3000),
            *rng.integers(5, 170, 2),
            rng.uniform(15, 60),
            header(),
            rng,
        )
        rows += pulse
        truth += [i] * len(pulse)
    shuffled = rng.permutation(len(rows))
    labels = groups_of([rows[i] for i in shuffled])
    truth = np.array(truth)[shuffled]
    assert len({*zip(labels.tolist(), truth.tolist(), strict=True)}) == n_pulses
    assert labels.max() == n_pulses - 1


@given(seed=st.integers(0, 10_000))
def test_labels_rank_by_snr_and_cover_all(seed):
    rng = np.random.default_rng(seed)
    n = 300
    detections = DetectionTable(
        rng.integers(0, 3000, n), 2 ** rng.integers(0, 9, n), rng.uniform(0, 3000, n),
        np.zeros(n), rng.integers(0, 175, n), rng.integers(0, 175, n),
        7 + rng.exponential(3, n), np.ones(n),
    )  # fmt: skip
    labels = group_detections(detections, header())
    assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))
    best = [detections.snr[labels == i].max() for i in range(labels.max() + 1)]
    assert (np.diff(best) <= 0).all()


def test_too_many_leaders_still_gives_every_detection_a_group():
    rng = np.random.default_rng(0)
    n = 400
    rows = [(100 * i, 1, 0.0, 50, 50, 7 + rng.random()) for i in range(n)]
    rows += [(100 * i, 1, 0.0, 51, 50, 7.0) for i in range(n)]
    labels = groups_of(rows, rules=GroupingRules(max_work=50 * 2 * n))
    assert labels.max() + 1 == n
    assert np.array_equal(labels[:n], labels[n:])


def test_a_hundred_thousand_detections_of_bright_pulses():
    rng = np.random.default_rng(5)
    rows = []
    for i in range(20):
        rows += halo(900 * i + 400, 2, 500.0, 50 + 4 * i, 90, 300.0, header(), rng)
    detections = DetectionTable.concat([table(rows)] * (100_000 // len(rows) + 1))
    labels = group_detections(detections, header())
    assert labels.max() + 1 == 20
