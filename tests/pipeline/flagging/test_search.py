"""A recording with interference, searched with flags and without."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table

from pipeline.config import ConfigProblem
from pipeline.flagging.images import ImageFlags
from pipeline.imaging.settings import ImagingSettings
from pipeline.readers import open_recording
from pipeline.report import make_report
from pipeline.search import SearchSettings, search
from pipeline.simulation import SimulationConfig, simulate
from pipeline.simulation.config import Array, Image, Pulse, Recording, Rfi
from pipeline.sinks.files import read_results
from pipeline.visibilities.flags import FlagSettings

NO_FLAGS = FlagSettings(sum_threshold=0, channel_excess=0, antenna_ratio=0)
# Overhead, where the path to all antennas is nearly the same: channels do not average it away.
NEAR = (60.0, 80.0, 1500.0)
PULSE = Pulse(time_s=20.0, width_s=0.27, dm=300.0, snr=60.0, x=100.0, y=90.0)


def searched(paths, out, flags, everywhere):
    imaging = ImagingSettings(size=48, flags=flags)
    settings = SearchSettings(
        imaging=imaging,
        flags=ImageFlags(everywhere),
        dm_max=400,
        threshold=9,
        max_width=1.0,
        max_cutouts=3,
    )
    with open_recording(paths, imaging) as reader:
        summary = search(reader, out, settings)
    return Table.read(out / "candidates.ecsv"), summary


def test_interference_is_no_candidate_and_the_pulse_is(tmp_path, offline):
    config = SimulationConfig(
        recording=Recording(duration_s=40.0, format="nsfrb", seed=1),
        array=Array(n_antennas=16, channels=1),
        pulses=(PULSE,),
        rfi=(
            Rfi(time_s=10.0, duration_s=0.3, flux=60.0, channels=(7,), place_m=NEAR),
            Rfi(time_s=30.0, duration_s=0.4, flux=25.0, place_m=NEAR),
        ),
    )
    paths = list(simulate(config, tmp_path / "in").recordings)
    before, _ = searched(paths, tmp_path / "off", NO_FLAGS, 0.0)
    after, summary = searched(paths, tmp_path / "on", FlagSettings(), 7.0)
    assert len(before) > 1
    (row,) = after
    assert row["verdict"] == "point source"
    assert row["psf_match"] > 0.8
    flagging = summary["flagging"]
    # 3 or 4 samples of a channel and of 16, of 298 samples and 16 channels.
    assert 0.008 < flagging["visibilities"]["share"] < 0.02
    assert flagging["visibilities"]["by_flagger"]["power"] > 0.008
    assert flagging["images"]["share"] < 0.005
    saved = json.loads((tmp_path / "on" / "summary.json").read_text())
    assert saved["flagging"] == flagging
    history = read_results(tmp_path / "on").overview.flagged["visibilities"]
    assert np.max(history.shares["power"]) > 0.02
    make_report(tmp_path / "on")
    assert (tmp_path / "on" / "figures" / "overview_flagged_time.png").stat().st_size > 5000


def test_images_that_rise_are_no_candidates_and_a_bright_pulse_is(tmp_path):
    pulse = replace(PULSE, x=20.0, y=30.0, snr=800.0)
    rises = (
        Rfi(time_s=10.0, duration_s=0.3, flux=0.05),
        Rfi(time_s=30.0, duration_s=0.3, flux=0.3, channels=(4, 5), pattern="noise"),
    )
    config = SimulationConfig(
        recording=Recording(duration_s=40.0, seed=1),
        image=Image(shape=(48, 48)),
        pulses=(pulse,),
        rfi=rises,
    )
    paths = list(simulate(config, tmp_path / "in").recordings)
    before, _ = searched(paths, tmp_path / "off", NO_FLAGS, 0.0)
    after, summary = searched(paths, tmp_path / "on", NO_FLAGS, 7.0)
    assert len(before) > 2
    (row,) = after
    assert row["snr"] == pytest.approx(800, rel=0.15)
    assert set(summary["flagging"]) == {"images"}


def test_settings_out_of_range_are_refused():
    for name in ("sum_threshold", "spectral_kurtosis", "channel_excess"):
        with pytest.raises(ConfigProblem, match=name):
            FlagSettings(**{name: 2.0})
    with pytest.raises(ConfigProblem, match="antenna_ratio: is 1"):
        FlagSettings(antenna_ratio=1.0)
