"""Pulses in visibilities, against the same in images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.imaging.settings import ImagingSettings
from pipeline.injection.pulses import Injection
from pipeline.injection.recording import Recording
from pipeline.search import SearchSettings
from pipeline.simulation import SimulationConfig, simulate
from pipeline.simulation.config import Array, Image, Pulse, Source
from pipeline.simulation.config import Recording as Simulated
from pipeline.simulation.pulses import delays_s, sample_range

pytestmark = pytest.mark.usefixtures("offline")
SEARCH = SearchSettings(max_sources=0, imaging=ImagingSettings(size=48, channels=8))


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Without noise, and without a source."""
    config = SimulationConfig(
        recording=Simulated(duration_s=12.0, format="nsfrb", mjd0=60700.3, seed=2),
        array=Array(n_antennas=12, channels=1, sefd_jy=0.0),
        image=Image(shape=(48, 48)),
        sources=(Source(flux=1e-6, x=24.0, y=24.0),),
    )
    return simulate(config, tmp_path_factory.mktemp("vis")).recordings


def injection(header, **changes):
    values = {
        "time_s": 4.0,
        "width_s": 0.5,
        "dm": 900.0,
        "fluence_jy_ms": 700.0,
        "x": 30.3,
        "y": 17.6,
    }
    pulse = Pulse(**(values | changes))
    return Injection(pulse, sample_range(pulse, header.freq_mhz, header.tsamp_s), 10.0)


def read(recording, ones=(), header=None):
    with recording.opened(ones, header) as reader:
        return reader.read(0, 200).data, reader


@pytest.mark.parametrize("channels", [16, 8])
def test_images_of_a_pulse_in_visibilities_are_those_of_one_in_images(recordings, channels):
    search = replace(SEARCH, imaging=replace(SEARCH.imaging, channels=channels))
    empty, reader = read(Recording(recordings, search))
    header = reader.header
    one = injection(header)
    through = Recording(recordings, search, "visibilities")
    with through.opened() as opened:
        gain = through.beam(opened)(30)[:, 18, 30]
    seen = read(through, [one], header)[0] - empty
    # What enters images is not less by the gain of the beam, and has the mean PSF.
    drawn = read(Recording(recordings, search), [one], header)[0] - empty
    a, b = seen[:, :, 18, 30], gain * drawn[:, :, 18, 30]
    np.testing.assert_allclose(a.sum(0), b.sum(0), rtol=0.02)
    if channels == 16:
        # Each is one of the recording: so is what each is smeared by.
        assert np.abs(a - b).max() < 0.02 * b.max()
    # The sweep through the band begins and ends at the same times.
    sample = np.arange(len(a))[:, None]
    for curve in (a, b):
        middle = (sample * curve).sum(0) / curve.sum(0)
        late = delays_s(900.0, header.freq_mhz, header.freq_mhz.max()) / header.tsamp_s
        np.testing.assert_allclose(middle, 4.0 / header.tsamp_s + late, atol=0.05)
    assert np.abs(seen[one.span[1] + 2 :]).max() < 1e-3 * np.abs(seen).max()


def test_its_fluence_is_that_before_the_beam(recordings):
    through = Recording(recordings, SEARCH, "visibilities")
    with through.opened() as reader:
        header, gain = reader.header, through.beam(reader)(30)
    assert gain is not None
    one = injection(header, dm=0.0, x=24.0, y=24.0, width_s=2.0)
    with through.opened([one], header) as reader:
        data = reader.read(0, 200).data[:, :, 24, 24].mean(1)
    fluence = data.sum() * header.tsamp_s * 1e3
    assert fluence == pytest.approx(700 * gain[:, 24, 24].mean(), rel=3e-3)


def test_images_have_no_visibilities(tmp_path):
    config = SimulationConfig(recording=Simulated(duration_s=3.0), image=Image(shape=(8, 8)))
    cube = simulate(config, tmp_path).recordings[0]
    with pytest.raises(InputError, match="holds no visibilities to inject into"):
        Recording([cube], SEARCH, "visibilities").opened()
