import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded
from pipeline.config import load_config
from pipeline.errors import InputError
from pipeline.readers import open_recording
from pipeline.simulation import SimulationConfig, forty_minute_config, simulate
from pipeline.simulation.config import (
    Array,
    Band,
    Gap,
    Image,
    Noise,
    Psf,
    Pulsar,
    Pulse,
    Recording,
    Rfi,
    Source,
)
from pipeline.simulation.pulses import pulse_fractions, sample_range
from pipeline.simulation.scene import Scene

K_DM = 1 / 2.41e-4
TSAMP = 0.1342182159
FREQ = np.linspace(1492.90625, 1317.125, 16)
PULSAR = "[[pulsars]]\nperiod_s = 1\nfluence_jy_ms = 1\nx = 1\ny = 1"


def quiet(n_samples=60, shape=(16, 20), **parts):
    """A configuration without noise."""
    values = {
        "recording": Recording(duration_s=n_samples * TSAMP),
        "image": Image(shape=shape),
        "noise": Noise(sigma=0.0),
    }
    return SimulationConfig(**(values | parts))


def cube_of(config, tmp_path, seed=1):
    result = simulate(config, tmp_path / "sim", seed, overwrite=True)
    with open_recording(list(result.recordings)) as reader:
        return reader.read(0, reader.header.n_samples), reader.header, result


def numeric_fractions(pulse, tsamp_s, start, stop, n=20001):
    """Fluence per sample by brute force: many instants of emission, placed one by one."""
    if pulse.profile == "tophat":
        emitted = (np.arange(n) + 0.5) / n * pulse.width_s - pulse.width_s / 2
        weight = np.full(n, 1 / n)
    else:
        emitted = np.linspace(-3, 3, n) * pulse.width_s
        weight = np.exp(-4 * np.log(2) * (emitted / pulse.width_s) ** 2)
        weight /= weight.sum()
    delays = K_DM * pulse.dm * (FREQ**-2 - FREQ[0] ** -2)
    bins = (np.arange(start, stop + 1) - 0.5) * tsamp_s
    columns = [np.histogram(pulse.time_s + emitted + d, bins, weights=weight)[0] for d in delays]
    return np.stack(columns, axis=1)


@given(
    time_s=st.floats(-5, 5),
    width_s=st.floats(0.01, 5.0),
    dm=st.floats(0, 3000),
    profile=st.sampled_from(["tophat", "gaussian"]),
)
def test_a_pulse_is_integrated_over_its_samples(time_s, width_s, dm, profile):
    pulse = Pulse(time_s, width_s, dm, snr=1.0, x=0.0, y=0.0, profile=profile, smearing=False)
    start, stop = sample_range(pulse, FREQ, TSAMP)
    fractions = pulse_fractions(pulse, FREQ, TSAMP, start, stop)
    np.testing.assert_allclose(fractions.sum(axis=0), 1.0, atol=1e-8)
    expected = numeric_fractions(pulse, TSAMP, start, stop)
    np.testing.assert_allclose(fractions, expected, atol=3e-3)


@given(dm=st.floats(50, 4000), width_s=st.floats(0.05, 1.0))
def test_smearing_is_the_mean_over_the_channel(dm, width_s):
    """First and second moment of a smeared pulse against the integral over frequency."""
    fine = 0.002
    pulse = Pulse(3.0, width_s, dm, snr=1.0, x=0.0, y=0.0)
    start, stop = sample_range(pulse, FREQ, fine)
    fractions = pulse_fractions(pulse, FREQ, fine, start, stop)
    times = np.arange(start, stop) * fine
    within = (np.arange(4001) + 0.5) / 4001 - 0.5
    delays = K_DM * dm * ((FREQ + within[:, None] * 11.71875) ** -2 - FREQ[0] ** -2)
    mean = times @ fractions
    np.testing.assert_allclose(mean, 3.0 + delays.mean(axis=0), atol=1e-3)
    variance = (times**2) @ fractions - mean**2
    expected = delays.var(axis=0) + width_s**2 / 12 + fine**2 / 12
    np.testing.assert_allclose(variance, expected, rtol=0.02)


def test_fluence_time_dm_and_spectrum_of_a_pulse_in_a_cube(tmp_path):
    pulse = Pulse(3.21, 0.4, 700.0, fluence_jy_ms=500.0, x=9.0, y=6.0, spectral_index=-2.0,
                  smearing=False)  # fmt: skip
    block, header, _ = cube_of(quiet(pulses=(pulse,)), tmp_path)
    light = block.data[:, :, 6, 9].astype(float)
    fluence = light.sum(axis=0) * TSAMP * 1e3
    np.testing.assert_allclose(fluence, 500 * (FREQ / FREQ.mean()) ** -2, rtol=1e-5)
    centre = (np.arange(60) * TSAMP) @ light / light.sum(axis=0)
    # partial samples keep the centroid to a small part of a sample
    delay = K_DM * 700.0 * (FREQ**-2 - FREQ[0] ** -2)
    np.testing.assert_allclose(centre, 3.21 + delay, atol=0.3 * TSAMP)
    assert np.mean(centre - 3.21 - delay) == pytest.approx(0, abs=0.05 * TSAMP)
    # the PSF integrates to its volume and sits at the pixel
    image = block.data.sum(axis=(0, 1), dtype=float)
    assert image.sum() / image.max() == pytest.approx(np.pi * 9 / (4 * np.log(2)), rel=1e-3)
    assert np.unravel_index(image.argmax(), image.shape) == (6, 9)
    assert header.beam_fwhm_px == pytest.approx(3.0, abs=1e-3)


def test_sub_pixel_and_sky_positions(tmp_path):
    at_pixel = quiet(4, sources=(Source(flux=2.0, x=8.3, y=7.6),))
    block, header, result = cube_of(at_pixel, tmp_path)
    y, x = np.mgrid[:16, :20]
    expected = 2 * np.exp(-4 * np.log(2) * ((x - 8.3) ** 2 + (y - 7.6) ** 2) / 9)
    np.testing.assert_allclose(block.data[2, 5], expected, atol=1e-6)
    truth = Table.read(result.truth)
    ra, dec = truth["ra"][0], truth["dec"][0]
    np.testing.assert_allclose(header.wcs.wcs_world2pix([[ra, dec]], 0), [[8.3, 7.6]], atol=1e-8)
    at_sky = quiet(4, sources=(Source(flux=2.0, ra_deg=ra, dec_deg=dec),))
    np.testing.assert_allclose(cube_of(at_sky, tmp_path)[0].data, block.data, atol=1e-6)
    assert header.wcs.wcs_world2pix([[180.0, 37.2]], 0) == pytest.approx(np.array([[10, 8]]))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"variation": "steady"}, lambda t: np.ones_like(t)),
        (
            {"variation": "sinusoidal", "amplitude": 0.3, "period_s": 5.0, "phase": 0.25},
            lambda t: 1 + 0.3 * np.cos(2 * np.pi * t / 5),
        ),
        (
            {"variation": "linear", "amplitude": -0.5, "period_s": 4.0},
            lambda t: 1 - 0.125 * t,
        ),
    ],
)
def test_light_curves(tmp_path, source, expected):
    config = quiet(sources=(Source(flux=0.7, x=5.0, y=5.0, spectral_index=1.0, **source),))
    light = cube_of(config, tmp_path)[0].data[:, :, 5, 5]
    wanted = 0.7 * np.outer(expected(np.arange(60) * TSAMP), FREQ / FREQ.mean())
    np.testing.assert_allclose(light, wanted, rtol=1e-5)


def test_beam_drift_has_the_width_of_a_transit():
    """At the equator the 3.2 degree beam is crossed in 12.8 sidereal minutes."""
    from pipeline.simulation.scene import variation

    source = Source(1.0, x=0.0, y=0.0, variation="beam_drift", transit_s=100.0)
    half = 12.8 / 2 * 60 * 0.99727
    at = np.array([100.0, 100.0 - half, 100.0 + half])
    np.testing.assert_allclose(variation(source, at, 0.0), [1, 0.5, 0.5], rtol=1e-4)
    at = np.array([100.0 + half / np.cos(np.radians(60.0))])
    assert variation(source, at, 60.0) == pytest.approx(0.5, rel=1e-4)


def test_rfi_is_where_it_should_be_and_nowhere_else(tmp_path):
    rfi = (
        Rfi(time_s=9.5 * TSAMP, duration_s=TSAMP, flux=3.0),
        Rfi(time_s=20 * TSAMP, duration_s=2 * TSAMP, flux=5.0, channels=(2, 7)),
    )
    data = cube_of(quiet(rfi=rfi), tmp_path)[0].data
    expected = np.zeros((60, 16))
    expected[10] = 3.0
    expected[20:23, [2, 7]] = np.array([2.5, 5.0, 2.5])[:, None]
    assert np.ptp(data, axis=(2, 3)).max() == 0
    np.testing.assert_allclose(data[:, :, 0, 0], expected, atol=1e-4)


def test_an_rfi_pattern_is_random_in_space_and_the_same_in_time(tmp_path):
    rfi = Rfi(time_s=9.5 * TSAMP, duration_s=2 * TSAMP, flux=3.0, pattern="noise")
    data = cube_of(quiet(rfi=(rfi,), shape=(64, 64)), tmp_path)[0].data
    np.testing.assert_allclose(data[10], data[11], rtol=1e-5)
    assert data[10, 0].std() == pytest.approx(3.0, rel=0.05)


def test_gaps_of_nan_and_missing_samples(tmp_path):
    gaps = (
        Gap(5 * TSAMP, 8 * TSAMP),
        Gap(10 * TSAMP, 11 * TSAMP, channels=(3,)),
        Gap(20 * TSAMP, 30 * TSAMP, kind="missing"),
    )
    config = quiet(gaps=gaps, sources=(Source(1.0, x=3.0, y=3.0),), shape=(8, 8))
    block, header, result = cube_of(config, tmp_path)
    assert [p.name for p in result.recordings] == ["recording_000.h5", "recording_001.h5"]
    weights = np.ones((60, 16))
    weights[5:8] = weights[10, 3] = weights[20:30] = 0
    assert header.n_samples == 60
    np.testing.assert_array_equal(block.weights, weights)
    with h5py.File(result.recordings[1]) as file:
        later = file.attrs["mjd0"] - config.recording.mjd0
    assert later * 86400 == pytest.approx(30 * TSAMP, abs=1e-6)


def test_white_noise_has_its_variance_and_no_correlation(tmp_path):
    factors = tuple(np.linspace(0.5, 2.0, 16))
    config = quiet(noise=Noise(0.03, factors), shape=(50, 50))
    data = cube_of(config, tmp_path)[0].data
    n = data[:, 0].size
    variance = data.var(axis=(0, 2, 3)) / (0.03 * np.array(factors)) ** 2
    assert np.abs(variance - 1).max() < 4.5 * np.sqrt(2 / n)
    for a, b in ((data[1:], data[:-1]), (data[..., 1:], data[..., :-1])):
        r = np.corrcoef(a.ravel(), b.ravel())[0, 1]
        assert abs(r) < 4.5 / np.sqrt(a.size)


def test_correlated_noise_has_unit_variance_and_the_psf_as_its_correlation(tmp_path):
    config = quiet(noise=Noise(1.0, correlated=True), shape=(64, 48))
    data = cube_of(config, tmp_path)[0].data
    independent = data.size / (np.pi * 9 / (8 * np.log(2)))
    assert abs(data.var() - 1) < 4.5 * np.sqrt(2 / independent)
    for lag in (1, 2, 4):
        for a, b in ((data[..., lag:], data[..., :-lag]), (data[:, :, lag:], data[:, :, :-lag])):
            expected = np.exp(-4 * np.log(2) * lag**2 / 9)
            assert np.mean(a * b) == pytest.approx(expected, abs=0.01)


def test_snr_of_the_truth_is_that_of_a_matched_filter(tmp_path):
    """The filter applied to many noise realisations: its output has the stated S/N."""
    pulse = Pulse(3.0, 0.5, 300.0, snr=12.0, x=7.0, y=8.0)
    factors = tuple(np.linspace(0.5, 2.0, 16))
    noisy = quiet(pulses=(pulse,), noise=Noise(0.03, factors), shape=(40, 40))
    silent = replace(noisy, pulses=(replace(pulse, snr=None, fluence_jy_ms=1.0),),
                     noise=Noise(0.0))  # fmt: skip
    data, _, result = cube_of(noisy, tmp_path)
    truth = Table.read(result.truth)[0]
    template = cube_of(silent, tmp_path)[0].data[:, :, 8, 7].astype(float)
    sigma = 0.03 * np.array(factors)
    weights = template / sigma**2
    score = np.einsum("tcyx,tc->yx", data.data, weights) / np.sqrt((template * weights).sum())
    far = np.ones((40, 40), bool)
    far[:18, :18] = False
    assert score[far].std() == pytest.approx(1.0, abs=0.1)
    assert score[8, 7] == pytest.approx(12.0, abs=4.0)
    assert truth["snr_ideal"] == pytest.approx(12.0)
    assert truth["snr_image"] == pytest.approx(12 * np.sqrt(np.pi * 9 / (8 * np.log(2))), rel=1e-3)
    ideal = truth["fluence"] * np.sqrt(((template / sigma) ** 2).sum())
    assert ideal == pytest.approx(12.0, rel=1e-4)


def test_the_same_seed_the_same_samples_whatever_the_cuts(tmp_path):
    config = quiet(
        noise=Noise(0.1),
        pulses=(Pulse(3.0, 0.5, 300.0, snr=50.0, x=7.0, y=8.0),),
        sources=(Source(1.0, x=3.0, y=3.0, variation="linear", amplitude=1.0),),
    )
    whole = cube_of(config, tmp_path)[0].data
    np.testing.assert_array_equal(cube_of(config, tmp_path)[0].data, whole)
    assert not np.array_equal(cube_of(config, tmp_path, seed=2)[0].data, whole)
    scene = Scene(config, 1)
    for start, stop in ((0, 60), (7, 8), (13, 59), (59, 60)):
        piece = np.concatenate(list(scene.samples(start, stop)))
        np.testing.assert_array_equal(piece, whole[start:stop])
    split = replace(config, gaps=(Gap(45 * TSAMP, 50 * TSAMP, kind="missing"),))
    block = cube_of(split, tmp_path)[0]
    np.testing.assert_array_equal(block.data[50:], whole[50:])
    np.testing.assert_array_equal(block.data[:45], whole[:45])


def test_a_psf_from_a_file(tmp_path):
    y, x = np.mgrid[-10:11, -10:11]
    psf = np.exp(-4 * np.log(2) * (x**2 / 16 + y**2 / 9))
    fits.PrimaryHDU(psf[None, None]).writeto(tmp_path / "psf.fits")
    np.save(tmp_path / "psf.npy", 7 * psf)
    for name in ("psf.fits", "psf.npy"):
        config = quiet(
            2, psf=Psf(file=tmp_path / name), sources=(Source(1.0, x=9.25, y=7.5),), shape=(16, 20)
        )
        block, header, _ = cube_of(config, tmp_path)
        gy, gx = np.mgrid[:16, :20]
        r = (gx - 9.25) ** 2 / 16 + (gy - 7.5) ** 2 / 9
        np.testing.assert_allclose(block.data[0, 0], np.exp(-4 * np.log(2) * r), atol=5e-3)
        assert header.beam_fwhm_px == pytest.approx(np.sqrt(12), rel=1e-3)


@pytest.mark.parametrize("n_bits", [8, 32])
@pytest.mark.parametrize("band", [Band(1465.0, 1430.0, 36), Band(1430.0, 1465.0, 36)])
def test_filterbanks(tmp_path, n_bits, band):
    pulse = Pulse(0.4, 0.01, 100.0, fluence_jy_ms=2000.0, x=0.0, y=0.0)
    config = SimulationConfig(
        recording=Recording(duration_s=1.0, tsamp_s=0.001, format="filterbank", n_bits=n_bits),
        band=band,
        image=Image(shape=(1, 1)),
        noise=Noise(20.0),
        pulses=(pulse,),
    )
    block, header, result = cube_of(config, tmp_path)
    assert result.recordings[0].name == "recording.fil"
    assert abs(header.start.mjd - 60500.0) * 86400 < 1e-5
    np.testing.assert_allclose(header.freq_mhz, np.linspace(band.first_mhz, band.last_mhz, 36))
    assert header.wcs.wcs_pix2world([[0, 0]], 0) == pytest.approx(np.array([[180.0, 37.2]]))
    data = block.data[:, :, 0, 0]
    if n_bits == 8:
        data = (data - 96) / 16 * 20.0
    assert data[:300].std() == pytest.approx(20.0, rel=0.03)
    top = int(header.freq_mhz.argmax())
    assert data[395:405, top].mean() == pytest.approx(200.0, abs=30)
    delay = K_DM * 100 * (1430.0**-2 - 1465.0**-2)
    late = round((0.4 + delay) / 0.001)
    assert data[late - 4 : late + 5, 35 - top].mean() == pytest.approx(200.0, abs=30)


def test_presets(tmp_path):
    forty = forty_minute_config(64)
    assert [(p.width_s, p.dm) for p in forty.pulses] == [
        (0.27, 500), (3.4, 150), (27, 0), (120, 0)
    ]  # fmt: skip
    assert forty.recording.n_samples * TSAMP == pytest.approx(2400, abs=0.1)
    steady = forty.sources[0].flux * np.sqrt(16) / forty.noise.sigma
    assert steady == pytest.approx(100.0)
    for config in (forty, forty_minute_config(32)):
        scene = Scene(config, 0)
        spots = [(p.x, p.y) for p in scene.pulses] + scene.source_pixels
        apart = [np.hypot(a[0] - b[0], a[1] - b[1]) for a in spots for b in spots if a is not b]
        assert min(apart) > 2 * 3.0
        assert all(15 <= p.snr_ideal <= 20 for p in scene.pulses)
        assert all(p.span[1] < config.recording.n_samples for p in scene.pulses)


def test_a_recording_and_its_summary(tmp_path):
    calls, forty = [], forty_minute_config()
    pulse = Pulse(time_s=60.3, width_s=0.27, dm=500.0, snr=18.0, x=20.2, y=40.6)
    config = replace(
        forty,
        recording=replace(forty.recording, duration_s=180.0, name="short"),
        pulses=(pulse, replace(pulse, time_s=100.0), replace(pulse, time_s=140.0)),
    )
    result = simulate(config, tmp_path, 3, progress=lambda *a: calls.append(a))
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "config.toml", "short.h5", "summary.json", "truth.ecsv"
    ]  # fmt: skip
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary == result.summary
    assert (summary["seed"], summary["n_samples"], summary["n_pulses"]) == (3, 1341, 3)
    assert calls[-1] == (1341, 1341)
    written = load_config(tmp_path / "config.toml", SimulationConfig)
    assert replace(written.recording, seed=0) == config.recording
    assert written.pulses == config.pulses
    with h5py.File(tmp_path / "short.h5") as file:
        assert file.attrs["seed"] == 3
        assert file.attrs["config"] == (tmp_path / "config.toml").read_text()
        assert "numpy" in json.loads(file.attrs["versions"])
        assert file["image"].shape == (1341, 16, 64, 64)
    truth = Table.read(result.truth)
    assert truth["kind"].tolist() == ["pulse"] * 3 + ["source"]
    assert truth["mjd"][0] == pytest.approx(60500 + 60.3 / 86400, abs=1e-9)
    assert truth.meta["seed"] == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[pulses]]\ntime_s = 1\nwidth_s = 1\nx = 1\ny = 1", "pulses[0].fluence_jy_ms"),
        ("[[pulses]]\ntime_s = 1\nwidth_s = 1\nx = 1\nsnr = 5", "pulses[0].x: the position"),
        ("[[pulses]]\ntime_s = 1\nwidth_s = 0\nx = 1\ny = 1\nsnr = 5", "pulses[0].width_s: is 0.0"),
        ("[[pulses]]\ntime_s = 1\nwidth_s = 1\nx = 99\ny = 1\nsnr = 5", "pulses[0].x: the posi"),
        ("[[pulses]]\ntime_s = 99\nwidth_s = 1\nx = 1\ny = 1\nsnr = 5", "pulses[0].time_s: no sam"),
        ("[[sources]]\nflux = 1\nra_deg = 10\ndec_deg = 1", "sources[0].ra_deg"),
        (f"{PULSAR}\nwidth_s = 2", "pulsars[0].width_s: is 2.0, above period_s"),
        (f"{PULSAR}\nwidth_s = 0", "pulsars[0].width_s: is 0.0"),
        (f"{PULSAR}\nwidth_s = 1\nmodulation = -1", "pulsars[0].modulation: is -1.0; give 0 to 10"),
        (f"{PULSAR}\nwidth_s = 1\nepoch_s = 1e300", "pulsars[0].epoch_s: is 1e+300"),
        (PULSAR.replace("1", "1e-9", 1) + "\nwidth_s = 1e-9", "pulsars[0].period_s: makes"),
        (f"{PULSAR.replace('x = 1', 'x = 99')}\nwidth_s = 1", "pulsars[0].x: the position"),
        (PULSAR, "pulsars[0].width_s: is missing"),
        ("[[rfi]]\ntime_s = 1\nduration_s = 1\nflux = 1\nchannels = [16]", "rfi[0].channels"),
        ("[[gaps]]\nstart_s = 2\nstop_s = 1", "gaps[0].stop_s"),
        ("[[gaps]]\nstart_s = 0\nstop_s = 99\nkind = 'missing'", "gaps: all samples"),
        ("[noise]\nsigma = -1", "noise.sigma: is -1.0"),
        ("[noise]\nchannel_factors = [1]", "noise.channel_factors: has 1 entries for 16"),
        ("[psf]\nfile = 'no.fits'", "no.fits: psf: cannot be read"),
        ("[band]\nlast_mhz = 1492.90625", "band.last_mhz: equals"),
        ("[recording]\nformat = 'filterbank'", "image.shape"),
        ("[recording]\nduration_s = 1e12", "recording.duration_s: is 7.45e+12 samples"),
        ("[recording]\nduration_s = 1\nseed = 9223372036854775808", "recording.seed"),
        ('[recording]\nduration_s = 1\nname = "a\\u0000b"', "recording.name"),
        ("[band]\nfirst_mhz = 1.4e9", "band.first_mhz: is 1400000000.0; give 1 to 1e6 MHz"),
        ("[band]\nn_channels = 1000000000", "band.n_channels"),
        ("[psf]\nfwhm_px = 1e9", "psf.fwhm_px"),
        ("[noise]\nsigma = 1e300", "noise.sigma"),
        ("[[gaps]]\nstart_s = -inf\nstop_s = 1", "gaps[0].start_s: is -inf"),
        ("[[sources]]\nflux = 1\nx = 1\ny = 1\nspectral_index = 1e9", "sources[0].spectral_ind"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path, capsys, text, says):
    path = tmp_path / "c.toml"
    path.write_text("image.shape = [8, 8]\n" + text.replace("[recording]", "[recording]"))
    if "[recording]" not in text:
        path.write_text("recording.duration_s = 3\n" + path.read_text())
    code = run_guarded(build(), ["simulate", str(path), "--out", str(tmp_path / "o")], "slowburst")
    error = capsys.readouterr().err
    assert code == 2
    assert says in error
    assert error.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_the_command_writes_and_does_not_overwrite(tmp_path, capsys):
    path, out = tmp_path / "c.toml", tmp_path / "out"
    path.write_text("image.shape = [8, 8]\nrecording.duration_s = 3\nrecording.seed = 5\n")
    arguments = ["simulate", str(path), "--out", str(out)]
    assert run_guarded(build(), [*arguments, "--json"], "slowburst") == 0
    assert json.loads(capsys.readouterr().out)["seed"] == 5
    assert run_guarded(build(), arguments, "slowburst") == 2
    assert "choose another folder or --overwrite" in capsys.readouterr().err
    assert run_guarded(build(), [*arguments, "--overwrite", "--seed", "6"], "slowburst") == 0
    assert "3 s of data" in capsys.readouterr().out
    with h5py.File(out / "recording.h5") as file:
        assert file.attrs["seed"] == 6


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--out: cannot be used"):
        simulate(quiet(2), tmp_path / "file" / "out", 1)


def test_a_pulsar_is_a_train_of_pulses(tmp_path):
    """Period, phase, fluences and places of the truth, and the flux in the cube."""
    pulsar = Pulsar(0.7145, 0.0065, fluence_jy_ms=145.0, epoch_s=2.0, dm=26.76, x=9.0, y=6.0)
    block, _, result = cube_of(quiet(pulsars=(pulsar,)), tmp_path)
    truth = Table.read(result.truth)
    assert result.summary["n_pulses"] == len(truth)
    number = (truth["time_s"] - 2.0) / 0.7145
    np.testing.assert_allclose(
        number, np.arange(round(number[0]), round(number[-1]) + 1), atol=1e-9
    )
    # Of the first and the last at least a part is there, of the ones beyond nothing.
    assert -0.5 * TSAMP - 0.025 < truth["time_s"][0] < -0.5 * TSAMP + 0.7145
    assert 59.5 * TSAMP - 0.7145 < truth["time_s"][-1] < 59.5 * TSAMP + 0.025
    assert set(truth["fluence"]) == {145.0}
    light = block.data[:, :, 6, 9].astype(float)
    fluence = light.sum() / 16 * TSAMP * 1e3
    assert fluence == pytest.approx(145.0 * len(truth), abs=145.0)
    # A pulse is in one sample or two.
    assert len(truth) <= np.count_nonzero(light.max(axis=1)) <= 2 * len(truth)
    one = replace(pulsar.pulse(3, 145.0))
    alone = cube_of(quiet(pulses=(one,)), tmp_path)[0].data[:, :, 6, 9]
    there = alone.max(axis=1) > 0
    np.testing.assert_allclose(light[there], alone[there], rtol=1e-5)


def test_fluences_of_a_pulsar_are_log_normal(tmp_path):
    pulsar = Pulsar(0.01, 0.001, fluence_jy_ms=20.0, modulation=0.8, x=1.0, y=1.0)
    scenes = [Scene(quiet(300, (4, 4), pulsars=(pulsar, pulsar)), seed) for seed in (1, 1, 2)]
    first, again, other = (np.array([p.fluence_jy_ms for p in s.pulses]) for s in scenes)
    np.testing.assert_array_equal(first, again)
    n = len(first) // 2
    # Two pulsars, and two seeds, have fluences of their own.
    assert not np.any(first[:n] == first[n:])
    assert not np.any(first == other)
    log = np.log(first[:n] / 20.0)
    spread = np.sqrt(np.log(1.64))
    assert abs(log.mean() + spread**2 / 2) < 4.5 * spread / np.sqrt(n)
    assert abs(log.std() / spread - 1) < 4.5 / np.sqrt(2 * n)
    assert abs(first[:n].mean() / 20 - 1) < 4.5 * 0.8 / np.sqrt(n)


def test_a_pulsar_of_visibilities_is_in_the_truth():
    from pipeline.simulation.visibilities import VisScene

    config = SimulationConfig(
        recording=Recording(duration_s=5.0, format="nsfrb"),
        array=Array(n_antennas=4, channels=1),
        pulsars=(Pulsar(1.0, 0.01, fluence_jy_ms=145.0, epoch_s=0.5, dm=50.0, x=88.0, y=79.0),),
    )
    scene = VisScene(config, 1, [0])
    assert [p.pulse.time_s for p in scene.pulses] == [0.5, 1.5, 2.5, 3.5, 4.5]
    assert len({(p.x, p.y) for p in scene.pulses}) == 1
    with_pulses = np.concatenate(list(scene.samples(0, 37)))
    without = np.concatenate(list(VisScene(replace(config, pulsars=()), 1, [0]).samples(0, 37)))
    lit = np.flatnonzero(np.abs(with_pulses - without).max(axis=(1, 2, 3)) > 0.01)
    assert {4, 11, 19, 26, 34} <= set(lit)
