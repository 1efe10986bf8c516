"""Simulated visibilities against formulas of their own, pyuvdata's baselines, and their bytes."""

from __future__ import annotations

import json
import struct
import warnings
from dataclasses import replace

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import TETE, AltAz, EarthLocation, SkyCoord
from astropy.table import Table
from astropy.time import Time

from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded
from pipeline.config import load_config
from pipeline.errors import InputError
from pipeline.imaging.settings import ImagingSettings
from pipeline.readers import open_recording
from pipeline.simulation import SimulationConfig, simulate
from pipeline.simulation.config import Array, Gap, Image, Pulse, Recording, Rfi, Source
from pipeline.simulation.visibilities import VisScene
from pipeline.visibilities.nsfrb import NsfrbReader
from pipeline.visibilities.uvdata import UvdataReader
from surveys.instruments import dsa110

TSAMP = 0.1342182159423828
MJD0 = 60500.0
LIGHT = 299792458.0
SIDEREAL_RAD_S = 2 * np.pi / 86164.0905
ORDER = (24, 101, 7, 60)
SITE = EarthLocation.from_geodetic(
    np.degrees(-2.064427799136453) * units.deg,
    np.degrees(0.6498455107238486) * units.deg,
    1188.0519 * units.m,
)


pytestmark = pytest.mark.usefixtures("offline")


@pytest.fixture
def pyuvdata():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield pytest.importorskip("pyuvdata")


def quiet(n_samples=10, kind="nsfrb", array=None, **parts):
    """A configuration of four antennas without noise."""
    few = {"antenna_order": ORDER, "channels": 1, "sefd_jy": 0.0, "fringe_samples": 4}
    recording = Recording(duration_s=n_samples * TSAMP, tsamp_s=TSAMP, mjd0=MJD0, format=kind)
    values = {"recording": recording, "array": Array(**(few | (array or {})))}
    return SimulationConfig(**(values | parts))


def recorded(folder, number=0, n_antennas=4, n_channels=1):
    """All sub-bands of a number, as bytes are: (time, baseline, channel, polarisation)."""
    shape = (-1, n_antennas * (n_antennas + 1) // 2, n_channels, 2)
    paths = sorted(folder.glob(f"nsfrb_sb??_{number:05d}.out"))
    data = [np.fromfile(p, "<c8", offset=16).reshape(shape) for p in paths]
    return np.concatenate(data, axis=2)


def simulated(config, folder, seed=1):
    n = len(config.array.antenna_order)
    result = simulate(config, folder, seed, overwrite=True)
    return recorded(folder, 0, n, config.array.channels), result


def ends(n_antennas=4):
    pairs = [(i, j) for i in range(n_antennas) for j in range(i + 1)]
    return np.array(pairs).T


def crosses(n_antennas=4):
    i, j = ends(n_antennas)
    return np.flatnonzero(i != j)


def channels(n=1):
    """Centres and width in Hz."""
    fine = 1530 - 250 / 8192 * (1024 + np.arange(16 * 384))
    return fine.reshape(16 * n, -1).mean(1) * 1e6, 250e6 / 8192 * 384 / n


# Geometry by astropy


def positions(order=ORDER):
    rows = {int(r["station"]): r for r in dsa110.stations()}
    at = [
        EarthLocation.from_geodetic(*(rows[a][c] for c in ("lon_deg", "lat_deg", "height_m")))
        for a in order
    ]
    centre = [v.to_value("m") for v in SITE.geocentric]
    return np.array([[v.to_value("m") for v in a.geocentric] for a in at]) - centre


def local_axes():
    lon, lat = SITE.lon.rad, SITE.lat.rad
    east = np.array([-np.sin(lon), np.cos(lon), 0])
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    return np.stack([east, np.cross(up, east), up])


def towards(sky, times):
    """Direction in ITRS, (time, 3)."""
    there = sky.transform_to(AltAz(obstime=times, location=SITE))
    alt, az = there.alt.rad, there.az.rad
    parts = [np.cos(alt) * np.sin(az), np.cos(alt) * np.cos(az), np.sin(alt)]
    return np.stack(parts, axis=-1) @ local_axes()


def times_of(samples):
    return Time(MJD0, format="mjd") + np.asarray(samples) * TSAMP * units.s


def meridian(times, hour_angle, dec_deg):
    """Direction in ITRS of an apparent place."""
    ra = times.sidereal_time("apparent", SITE.lon) - hour_angle * units.rad
    there = TETE(obstime=times, location=SITE)
    return towards(
        SkyCoord(ra=ra, dec=np.full(len(times), dec_deg) * units.deg, frame=there), times
    )


def phased_to(samples, dec_deg, length=4, first=0):
    """Directions that gulps are phased to, of a file that begins with sample ``first``."""
    samples = np.asarray(samples)
    off = (samples - first) % length - (length - 1) / 2
    return meridian(times_of(samples), off * TSAMP * SIDEREAL_RAD_S, dec_deg)


def dec_of(folder, number=0):
    path = next(folder.glob(f"*_{number:05d}.out"))
    return struct.unpack("<dIf", path.read_bytes()[:16])[2]


def beam(direction, dishes, freq_hz):
    """Gaussian of FWHM 1.22 wavelengths a diameter of 4.65 m, (time, channel)."""
    angle = np.arccos(np.clip(np.sum(direction * dishes, axis=1), -1, 1))
    fwhm = 1.22 * LIGHT / freq_hz / 4.65
    return np.exp(-4 * np.log(2) * (angle[:, None] / fwhm) ** 2)


def fringes(path_m, n_channels=1):
    """Mean of exp(-2 pi i path / wavelength) over channels, by summing 500 frequencies."""
    freq, width = channels(n_channels)
    within = ((np.arange(500) + 0.5) / 500 - 0.5) * width
    turn = -2j * np.pi / LIGHT * path_m[..., None]
    out = np.zeros((*path_m.shape, len(freq)), complex)
    for offset in within:
        out += np.exp(turn * (freq + offset)) / 500
    return out


# Noise


def test_noise_is_that_of_the_radiometer(tmp_path):
    order = (24, 101, 7, 60, 33, 50)
    array = {"sefd_jy": 5000.0, "antenna_order": order, "channels": 2}
    data, _ = simulated(quiet(40, array=array), tmp_path)
    counts = channels(2)[1] * TSAMP
    cross = data[:, crosses(6)]
    for part in (cross.real, cross.imag):
        tolerance = 4 / np.sqrt(2 * part.size)
        assert part.std() == pytest.approx(5000 / np.sqrt(2 * counts), rel=tolerance)
        assert abs(part.mean()) < 4 * part.std() / np.sqrt(part.size)
    i, j = ends(6)
    alone = data[:, i == j]
    assert (alone.imag == 0).all()
    scatter = 5000 / np.sqrt(counts)
    assert alone.real.mean() == pytest.approx(5000, abs=4 * scatter / np.sqrt(alone.size))
    assert alone.real.std() == pytest.approx(scatter, rel=4 / np.sqrt(2 * alone.size))


def test_noise_is_independent_from_one_visibility_to_the_next(tmp_path):
    data, _ = simulated(quiet(40, array={"sefd_jy": 1.0, "channels": 8}), tmp_path)
    cross = data[:, crosses()]
    for axis in range(4):
        a = np.take(cross, range(cross.shape[axis] - 1), axis)
        b = np.take(cross, range(1, cross.shape[axis]), axis)
        r = np.vdot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))
        assert abs(r) < 4.5 / np.sqrt(a.size)
    # A gulp of four is what is made at once; no gulp is another one.
    assert len(np.unique(cross.real)) > 0.9 * cross.size


# The sky


@pytest.mark.parametrize("dec", [37.2, -10.0])
def test_a_source_is_a_point_averaged_over_its_channel(tmp_path, dec):
    source = Source(2.0, x=87.0 + 300, y=87.0 - 150, spectral_index=-1.5)
    config = quiet(10, sources=(source,), image=Image(dec_deg=dec))
    data, result = simulated(config, tmp_path)
    truth = Table.read(result.truth)[0]
    sky = SkyCoord(truth["ra"], truth["dec"], unit="deg")
    samples, look = np.arange(10), dec_of(tmp_path)
    direction = towards(sky, times_of(samples))
    path = (direction - phased_to(samples, look)) @ positions().T
    i, j = ends()
    freq, _ = channels()
    dishes = meridian(times_of(samples), 0.0, look)
    flux = 2 * (freq / freq.mean()) ** -1.5 * beam(direction, dishes, freq)
    expected = fringes(path[:, i] - path[:, j]) * flux[:, None]
    # A degree off, 12 MHz: a tenth of the longest baseline's is lost.
    assert np.abs(expected).min() < 0.93 * np.abs(expected).max()
    np.testing.assert_allclose(data, np.repeat(expected[..., None], 2, -1), atol=5e-4)


def test_a_source_varies(tmp_path):
    source = Source(1.0, x=87, y=87, variation="linear", amplitude=0.5, period_s=10 * TSAMP)
    data, _ = simulated(quiet(10, sources=(source,)), tmp_path)
    light = np.abs(data[:, crosses()]).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(light, 1 + 0.05 * np.arange(10), rtol=1e-3)


def test_a_field_is_on_the_meridian_in_the_middle_of_the_recording(tmp_path):
    _, result = simulated(quiet(100, sources=(Source(1.0, x=87, y=87),)), tmp_path)
    truth = Table.read(result.truth)[0]
    sky = SkyCoord(truth["ra"], truth["dec"], unit="deg")
    middle = times_of([49.5])
    there = sky.transform_to(TETE(obstime=middle, location=SITE))
    lst = middle.sidereal_time("apparent", SITE.lon)
    # To half a sample.
    assert abs((lst - there.ra).wrap_at("180d").rad[0]) < 0.51 * TSAMP * SIDEREAL_RAD_S + 3e-6
    assert there.dec.deg[0] == pytest.approx(dec_of(tmp_path), abs=2e-4)
    assert truth["dec"] == pytest.approx(37.2)


@pytest.mark.parametrize(("altitude", "seen"), [(5.0, True), (-5.0, False)])
def test_a_field_below_the_horizon_is_refused(tmp_path, altitude, seen):
    made = simulate(quiet(20), tmp_path)
    there = SkyCoord(
        alt=altitude * units.deg,
        az=200 * units.deg,
        frame=AltAz(obstime=times_of([10])[0], location=SITE),
    ).icrs
    settings = ImagingSettings(size=16, ra_deg=there.ra.deg, dec_deg=there.dec.deg)
    if seen:
        open_recording(made.recordings, settings).close()
        return
    with pytest.raises(InputError, match="centre of the images: is 5 degrees below the horizon"):
        open_recording(made.recordings, settings)


def test_images_are_not_written_over_their_recording(tmp_path, capsys):
    made = simulate(quiet(20), tmp_path / "recording")
    path = made.recordings[0]
    before = path.read_bytes()
    for given in (path, path.parent):
        code = run_guarded(build(), ["image", str(given), "--out", str(path)], "slowburst")
        assert code == 2
        assert "--out: is a part of the recording; give another" in capsys.readouterr().err
    assert path.read_bytes() == before


def turned(reader, centre):
    """Visibilities by baseline, the first antenna of the lower number, turned to a centre."""
    n = reader.header.n_samples
    uvw, path = reader.uvw(0, n, centre)
    wavenumber = reader.header.freq_mhz * 1e6 / LIGHT
    block = reader.read(0, n)
    assert (block.weights == 1).all()
    data = block.data * np.exp(2j * np.pi * path[..., None] * wavenumber)
    found = {}
    for b, (first, second) in enumerate(reader.header.baselines.tolist()):
        if first < second:
            found[first, second] = data[:, b], uvw[:, b]
        else:
            found[second, first] = data[:, b].conj(), -uvw[:, b]
    return found


@pytest.mark.parametrize("dec", [37.2, -10.0])
def test_a_drift_scan_and_a_tracked_field_are_the_same_sky(tmp_path, pyuvdata, dec):
    source = Source(1.0, x=87.0 + 40, y=87.0 - 25)
    config = quiet(10, sources=(source,), image=Image(dec_deg=dec))
    simulate(config, tmp_path / "drift", 1)
    tracked = replace(config, recording=replace(config.recording, format="uvh5"))
    simulate(tracked, tmp_path / "tracked", 1)
    path = tmp_path / "tracked" / "recording.uvh5"
    field = UvdataReader(path)
    drift = NsfrbReader(sorted((tmp_path / "drift").glob("*.out")))
    np.testing.assert_allclose(field.header.freq_mhz, np.sort(drift.header.freq_mhz))
    assert abs(field.header.start - drift.header.start) < 2 * units.us
    truth = Table.read(tmp_path / "drift" / "truth.ecsv")[0]
    np.testing.assert_allclose(Table.read(tmp_path / "tracked" / "truth.ecsv")["ra"], truth["ra"])
    centre = field.header.centre
    a, b = turned(drift, centre), turned(field, centre)
    assert set(a) == set(b)
    assert len(a) == 6
    for pair in a:
        np.testing.assert_allclose(a[pair][0][..., ::-1], b[pair][0], atol=2e-3)
        np.testing.assert_allclose(a[pair][1], b[pair][1], atol=1e-2)
    # pyuvdata's own baselines, of the other sign, and where the source is.
    data = pyuvdata.UVData.from_file(path)
    there = SkyCoord(truth["ra"], truth["dec"], unit="deg")
    towards_it, at = there.cartesian.xyz.value, centre.cartesian.xyz.value
    east = np.array([-np.sin(centre.ra.rad), np.cos(centre.ra.rad), 0])
    l, m, n = np.stack([east, np.cross(at, east), at]) @ towards_it
    cycles = np.outer(data.uvw_array @ [l, m, n - 1], data.freq_array / LIGHT)
    plain = np.exp(2j * np.pi * cycles)[..., None]
    np.testing.assert_allclose(np.angle(data.data_array / plain), 0, atol=5e-3)


# Pulses


def test_fluence_and_dispersion_of_a_pulse_arrive(tmp_path):
    """A degree from the middle of the beam, on baselines too short to notice the bandwidth."""
    pulse = Pulse(1.5, 0.4, 3000.0, fluence_jy_ms=5000.0, x=87.0 + 340, y=87.0, spectral_index=-2.0)
    array = {"antenna_order": (1, 2, 3), "channels": 2}
    data, result = simulated(quiet(40, pulses=(pulse,), array=array), tmp_path)
    light = np.abs(data[:, crosses(3)]).mean(axis=(1, 3))
    truth = Table.read(result.truth)[0]
    sky, look = SkyCoord(truth["ra"], truth["dec"], unit="deg"), dec_of(tmp_path)
    freq, _ = channels(2)
    when = times_of([20])
    gain = beam(towards(sky, when), meridian(when, 0.0, look), freq)[0]
    fluence = light.sum(axis=0) * TSAMP * 1e3
    np.testing.assert_allclose(fluence, 5000 * (freq / freq.mean()) ** -2 * gain, rtol=0.01)
    assert fluence.mean() == pytest.approx(truth["fluence"] * truth["beam"], rel=0.01)
    assert (truth["fluence"], truth["flux"]) == (5000, 12.5)
    assert 0.7 < truth["beam"] < 0.85
    centre = (np.arange(40) * TSAMP) @ light / light.sum(axis=0)
    delay = 3000 / 2.41e-4 * ((freq / 1e6) ** -2 - (freq.max() / 1e6) ** -2)
    np.testing.assert_allclose(centre, 1.5 + delay, atol=0.3 * TSAMP)
    assert np.mean(centre - 1.5 - delay) == pytest.approx(0, abs=0.05 * TSAMP)
    assert delay.max() > 10 * TSAMP


def energy(config, folder):
    """Matched filter's S/N of all pulses: the same noise with and without them."""
    loud, result = simulated(config, folder)
    silent, _ = simulated(replace(config, pulses=()), folder.with_name("silent"))
    n = len(config.array.antenna_order)
    signal = np.nan_to_num((loud - silent)[:, crosses(n)]).astype(complex)
    sigma = config.array.sefd_jy / np.sqrt(2 * channels(config.array.channels)[1] * TSAMP)
    return np.sqrt(np.sum(np.abs(signal) ** 2)) / sigma, result


@pytest.mark.parametrize(
    ("array", "gaps"),
    [
        ({}, ()),
        ({"dropped_subbands": (0, 1, 2, 3, 4)}, ()),
        ({"bad_antennas": (24,)}, ()),
        ({"bad_antennas": (24, 999)}, ()),
        ({"channels": 2}, (Gap(1.45, 1.7, channels=(3, 4, 5, 6)), Gap(1.7, 1.9))),
    ],
    ids=["all", "dropped sub-bands", "a bad antenna", "a bad antenna not there", "gaps"],
)
def test_snr_is_that_of_a_matched_filter_in_what_is_recorded(tmp_path, array, gaps):
    pulse = Pulse(1.5, 0.4, 300.0, snr=15.0, x=87.0 + 20, y=87.0)
    # On short baselines: the truth knows nothing of what the bandwidth takes from long ones.
    settings = {"sefd_jy": 600.0, "antenna_order": (24, 25, 26, 27)} | array
    found, result = energy(quiet(30, pulses=(pulse,), gaps=gaps, array=settings), tmp_path / "sim")
    truth = Table.read(result.truth)[0]
    assert truth["snr_ideal"] == truth["snr_image"] == pytest.approx(15)
    assert found == pytest.approx(15, rel=0.01)


def test_a_pulse_of_a_fluence_has_the_snr_that_the_truth_says(tmp_path):
    pulse = Pulse(1.5, 0.1, 300.0, fluence_jy_ms=900.0, x=87.0, y=87.0)
    array = {"sefd_jy": 600.0, "antenna_order": (24, 25, 26)}
    found, result = energy(quiet(30, pulses=(pulse,), array=array), tmp_path / "sim")
    assert Table.read(result.truth)[0]["snr_ideal"] == pytest.approx(found, rel=0.01)


# Interference


def spherical(place_m, samples, dec_deg, order):
    """Paths by which a transmitter is nearer to one antenna of a baseline than to the other."""
    antennas = positions(order)
    distance = np.linalg.norm(antennas - np.asarray(place_m) @ local_axes(), axis=1)
    path = -distance - phased_to(samples, dec_deg) @ antennas.T
    i, j = ends(len(order))
    return path[:, i] - path[:, j]


def test_interference_is_a_spherical_wave(tmp_path):
    place = (80.0, -40.0, 25.0)
    rfi = Rfi(time_s=2.5 * TSAMP, duration_s=4 * TSAMP, flux=300.0, place_m=place)
    order = (24, 26, 55, 30)
    array = {"antenna_order": order, "channels": 8}
    data, _ = simulated(quiet(10, rfi=(rfi,), array=array), tmp_path)
    expected = 300 * fringes(spherical(place, np.arange(10), dec_of(tmp_path), order), 8)
    expected[[0, 1, 2, 7, 8, 9]] = 0
    np.testing.assert_allclose(data, np.repeat(expected[..., None], 2, -1), atol=0.3)


def test_interference_is_as_bright_on_every_baseline_and_does_not_know_the_beam(tmp_path):
    """Beside the array, at the horizon."""
    rfi = Rfi(time_s=2 * TSAMP, duration_s=TSAMP, flux=50.0, place_m=(900.0, 20.0, 0.0))
    array = {"antenna_order": (1, 2, 3), "channels": 128}
    data, _ = simulated(quiet(5, rfi=(rfi,), array=array), tmp_path)
    seen = np.abs(data).max(axis=(1, 2, 3)), np.abs(data).min(axis=(1, 2, 3))
    for value in seen:
        np.testing.assert_allclose(value, [0, 0, 25, 25, 0], rtol=1e-3)


def test_narrow_interference_is_in_its_channels(tmp_path):
    rfi = Rfi(time_s=0.9 * TSAMP, duration_s=1.0, flux=50.0, channels=(2, 7), place_m=(50, 0, 9))
    data, result = simulated(quiet(5, rfi=(rfi,)), tmp_path)
    seen = np.abs(data).max(axis=(0, 1, 3)) > 1
    assert np.flatnonzero(seen).tolist() == [2, 7]
    truth = Table.read(result.truth)[0]
    assert (truth["kind"], truth["flux"]) == ("burst", 50)


# What is wrong with a recording


def test_a_dropped_sub_band_is_not_written_and_told_of(tmp_path):
    config = quiet(6, array={"dropped_subbands": (3, 15)}, sources=(Source(1.0, x=87, y=87),))
    result = simulate(config, tmp_path, 1)
    assert [p.name for p in result.recordings] == [
        f"nsfrb_sb{s:02d}_00000.out" for s in range(15) if s != 3
    ]
    reader = NsfrbReader(result.recordings)
    (note,) = reader.header.notes
    assert "missing" in note
    assert "03, 15" in note
    weights = reader.read(0, 6).weights
    assert np.flatnonzero((weights == 0).all(axis=(0, 1))).tolist() == [3, 15]
    assert (np.delete(weights, [3, 15], axis=2) == 1).all()


def test_gaps_of_nan_have_no_weight(tmp_path, pyuvdata):
    gaps = Gap(2 * TSAMP, 4 * TSAMP), Gap(5 * TSAMP, 6 * TSAMP, channels=(9,))
    expected = np.ones((8, 16))
    expected[2:4] = expected[5, 9] = 0
    config = quiet(8, gaps=gaps, sources=(Source(1.0, x=87, y=87),))
    data, result = simulated(config, tmp_path)
    lost = np.isnan(data)
    assert (lost.all(axis=(1, 3)) == (expected == 0)).all()
    assert (lost.any(axis=(1, 3)) == (expected == 0)).all()
    weights = NsfrbReader(result.recordings).read(0, 8).weights
    np.testing.assert_array_equal(weights, np.repeat(expected[:, None], 6, 1))
    tracked = replace(config, recording=replace(config.recording, format="uvh5"))
    simulate(tracked, tmp_path / "tracked", 1)
    weights = UvdataReader(tmp_path / "tracked" / "recording.uvh5").read(0, 8).weights
    np.testing.assert_array_equal(weights[..., ::-1], np.repeat(expected[:, None], 6, 1))


def test_missing_samples_go_on_in_another_number_that_is_phased_anew(tmp_path):
    gap = Gap(5 * TSAMP, 7 * TSAMP, kind="missing")
    config = quiet(14, gaps=(gap,), sources=(Source(1.0, x=87 + 200, y=87),))
    simulated(config, tmp_path)
    truth = Table.read(tmp_path / "truth.ecsv")[0]
    sky = SkyCoord(truth["ra"], truth["dec"], unit="deg")
    i, j = ends()
    for number, first, stop in ((0, 0, 5), (1, 7, 14)):
        data, samples = recorded(tmp_path, number), np.arange(first, stop)
        assert len(data) == stop - first
        direction = towards(sky, times_of(samples))
        path = (direction - phased_to(samples, dec_of(tmp_path, number), 4, first)) @ positions().T
        phase = np.angle(data[..., 0] / fringes(path[:, i] - path[:, j]))
        np.testing.assert_allclose(phase, 0, atol=2e-3)
        head = (tmp_path / f"nsfrb_sb00_{number:05d}.out").read_bytes()[:16]
        late = (struct.unpack("<dIf", head)[0] - MJD0) * 86400
        assert late == pytest.approx((first - 0.5) * TSAMP, abs=2e-6)
    reader = NsfrbReader(sorted(tmp_path.glob("*.out")))
    there = (reader.read(0, 99).weights == 1).all(axis=(1, 2))
    assert there.tolist() == [*[True] * 5, False, False, *[True] * 7]
    # Turned to the source by the reader, nothing is left of the phases.
    _, path = reader.uvw(0, 99, sky)
    wavenumber = reader.header.freq_mhz * 1e6 / LIGHT
    left = reader.read(0, 99).data * np.exp(2j * np.pi * path[..., None] * wavenumber)
    np.testing.assert_allclose(np.angle(left[there]), 0, atol=2e-3)


def test_missing_samples_of_a_tracked_field_are_between_two_files(tmp_path, pyuvdata):
    gap = Gap(5 * TSAMP, 7 * TSAMP, kind="missing")
    result = simulate(quiet(14, "uvh5", gaps=(gap,)), tmp_path, 1)
    assert [p.name for p in result.recordings] == ["recording_000.uvh5", "recording_001.uvh5"]
    for path, first, n in zip(result.recordings, (0, 7), (5, 7), strict=True):
        header = UvdataReader(path).header
        assert header.n_samples == n
        assert abs((header.start - times_of([first])[0]).to_value("s")) < 1e-4


def test_errors_of_gains_are_of_antennas_and_stay(tmp_path):
    n = 80
    order = tuple(range(1, n + 1))
    wrong = {"antenna_order": order, "gain_error": 0.1, "phase_error_deg": 20.0}
    rfi = Rfi(time_s=-1.0, duration_s=10.0, flux=1.0, place_m=(0.0, 0.0, 1e5), channels=(4,))
    config = quiet(5, rfi=(rfi,), array=wrong)
    plain = quiet(5, rfi=(rfi,), array={"antenna_order": order})
    data, ideal = (simulated(c, tmp_path / str(k))[0] for k, c in enumerate((config, plain)))
    # What the transmitter does to the phases is the same without errors.
    ratio = data[:, :, 4, 0] / ideal[:, :, 4, 0]
    np.testing.assert_allclose(ratio, np.repeat(ratio[:1], 5, 0), rtol=1e-4)
    i, j = ends(n)
    matrix = np.zeros((n, n), complex)
    matrix[i, j] = ratio[0]
    amplitude = np.sqrt(np.diag(matrix).real)
    assert amplitude.std() == pytest.approx(0.1, rel=4 / np.sqrt(2 * n))
    assert amplitude.mean() == pytest.approx(1, abs=4 * 0.1 / np.sqrt(n))
    other, _ = simulated(config, tmp_path / "other", seed=2)
    assert np.abs(other[0, :, 4, 0] - data[0, :, 4, 0]).mean() > 0.1
    # Relative to the first antenna, whose own error is the same in all.
    phase = np.angle(matrix[:, 0])
    assert phase[1:].std() == pytest.approx(np.radians(20), rel=4 / np.sqrt(2 * n))
    gains = amplitude * np.exp(1j * phase)
    np.testing.assert_allclose(matrix[i, j], gains[i] * gains[j].conj(), rtol=1e-4)


def test_a_bad_antenna_sees_nothing(tmp_path):
    sources = (Source(1.0, x=87, y=87),)
    data, result = simulated(quiet(4, array={"bad_antennas": (7,)}, sources=sources), tmp_path)
    i, j = ends()
    bad = (i == 2) | (j == 2)
    assert (data[:, bad] == 0).all()
    assert (np.abs(data[:, ~bad]) > 0.9).all()
    assert NsfrbReader(result.recordings).header.baselines.tolist() == [
        [101, 24], [60, 24], [60, 101]
    ]  # fmt: skip


# Files


def test_a_file_is_sixteen_bytes_and_2250_samples(tmp_path):
    n = 2250 + 130
    array = {"antenna_order": (24, 101), "fringe_samples": 25, "sefd_jy": 100.0}
    result = simulate(quiet(n, array=array, image=Image(dec_deg=37.25)), tmp_path, 1)
    names = [f"nsfrb_sb{s:02d}_{k:05d}.out" for k in range(2) for s in range(16)]
    assert [p.name for p in result.recordings] == names
    size = 3 * 1 * 2 * 8
    decs = set()
    for path in result.recordings:
        subband, number = int(path.name[8:10]), int(path.name[11:16])
        assert path.stat().st_size == 16 + size * (130 if number else 2250)
        mjd, there, dec = struct.unpack("<dIf", path.read_bytes()[:16])
        assert there == subband
        # Of the beginning of the first sample; mjd0 is its centre.
        assert (mjd - MJD0) * 86400 == pytest.approx((2250 * number - 0.5) * TSAMP, abs=2e-6)
        decs.add(dec)
    (dec,) = decs
    # ICRS to the equator of date.
    assert abs(dec - 37.25) < 0.2
    assert (result.summary["n_samples"], result.summary["n_channels"]) == (n, 16)
    header = NsfrbReader(result.recordings).header
    assert (header.n_samples, header.notes, header.unit) == (n, (), "Jy")
    assert abs(header.start.mjd - MJD0) * 86400 < 2e-6


def test_the_folder_tells_what_was_done(tmp_path):
    calls = []
    config = quiet(6, array={"bad_antennas": (7,)}, sources=(Source(1.5, x=80, y=90),))
    result = simulate(config, tmp_path, 4, progress=lambda *a: calls.append(a))
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix != ".out") == [
        "config.toml", "observation.toml", "summary.json", "truth.ecsv"
    ]  # fmt: skip
    assert json.loads((tmp_path / "summary.json").read_text()) == result.summary
    assert calls[-1] == (6, 6)
    written = load_config(tmp_path / "config.toml", SimulationConfig)
    assert written == replace(config, recording=replace(config.recording, seed=4))
    text = (tmp_path / "observation.toml").read_text()
    assert "antenna_order = [24, 101, 7, 60]" in text
    assert "bad_antennas = [7]" in text


def test_the_same_seed_the_same_bytes(tmp_path):
    pulse = Pulse(1.2, 0.3, 100.0, fluence_jy_ms=1e5, x=87.0, y=80.0)
    noisy = {"sefd_jy": 100.0, "gain_error": 0.1, "phase_error_deg": 5.0}
    config = quiet(12, array=noisy, pulses=(pulse,), sources=(Source(1.0, x=87, y=87),))
    results = [simulate(config, tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1))]
    for a, b in zip(*(r.recordings for r in results), strict=True):
        assert a.read_bytes() == b.read_bytes()
    other = simulate(config, tmp_path / "c", 2)
    for a, c in zip(results[0].recordings, other.recordings, strict=True):
        assert a.read_bytes()[:16] == c.read_bytes()[:16]
        assert a.read_bytes() != c.read_bytes()
    # Whole gulps that are not recorded change nothing in the others.
    gap = Gap(4 * TSAMP, 8 * TSAMP, kind="missing")
    simulate(replace(config, gaps=(gap,)), tmp_path / "d", 1)
    whole = recorded(tmp_path / "a")
    np.testing.assert_array_equal(recorded(tmp_path / "d"), whole[:4])
    np.testing.assert_array_equal(recorded(tmp_path / "d", 1), whole[8:])


def test_samples_do_not_depend_on_how_they_are_asked_for():
    config = quiet(12, array={"sefd_jy": 100.0}, sources=(Source(1.0, x=87, y=87),))
    scene = VisScene(config, 1, [0])
    whole = np.concatenate(list(scene.samples(0, 12)))
    for start, stop in ((0, 1), (3, 9), (11, 12)):
        piece = np.concatenate(list(scene.samples(start, stop)))
        np.testing.assert_array_equal(piece, whole[start:stop])


def test_an_occupied_folder_is_left_alone_unless_asked(tmp_path):
    long = quiet(10, array={"sefd_jy": 1.0}, gaps=(Gap(0.5, 0.9, kind="missing"),))
    short = quiet(4, array={"sefd_jy": 1.0, "dropped_subbands": (2,)})
    simulate(long, tmp_path, 1)
    (tmp_path / "notes.txt").write_text("mine")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(InputError, match=r"exists already; choose another folder or --overwrite"):
        simulate(short, tmp_path, 1)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    simulate(short, tmp_path, 1, overwrite=True)
    left = {p.name for p in tmp_path.glob("*.out")}
    assert left == {f"nsfrb_sb{s:02d}_00000.out" for s in range(16) if s != 2}
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_sub_bands_alone_make_a_folder_occupied(tmp_path):
    """They would be read as part of the new recording."""
    (tmp_path / "nsfrb_sb03_00042.out").write_bytes(b"recorded")
    with pytest.raises(InputError, match=r"nsfrb_sb03_00042\.out exists already"):
        simulate(quiet(4), tmp_path, 1)
    assert (tmp_path / "nsfrb_sb03_00042.out").read_bytes() == b"recorded"


BELOW = "ra_deg = 350.0\ndec_deg = 0.0"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[band]\nn_channels = 8", "band: is that of DSA-110; leave it out"),
        (
            "[[rfi]]\ntime_s = 0\nduration_s = 1\nflux = 1",
            "rfi[0].place_m: is missing",
        ),
        (f"[image]\n{BELOW}", "image.ra_deg: 350.00, 0.00 deg is below the horizon"),
        (f"[[sources]]\nflux = 1\n{BELOW}", "sources[0].ra_deg"),
        ("[[sources]]\nflux = 1\nra_deg = 1\ndec_deg = -85", "sources[0].ra_deg"),
        (
            f"[[pulses]]\ntime_s = 0.5\nwidth_s = 0.1\nfluence_jy_ms = 1\n{BELOW}",
            "pulses[0].ra_deg",
        ),
        ("[[sources]]\nflux = 1\nx = 1e6\ny = 1", "sources[0].x: (1000000.0, 1.0) px is beyond"),
        (
            "[[pulses]]\ntime_s = 99\nwidth_s = 0.1\nsnr = 5\nx = 87\ny = 87",
            "pulses[0].time_s: no sample",
        ),
        (
            "[[pulses]]\ntime_s = 0.5\nwidth_s = 0.1\nsnr = 5\nx = 87\ny = 87\n"
            "[array]\nsefd_jy = 0",
            "pulses[0].snr: means nothing without noise",
        ),
        ("[array]\nn_antennas = 1", "array.n_antennas: is 1 antennas"),
        ("[array]\nantenna_order = [5]", "array.antenna_order: is 1 antennas"),
        ("[array]\nantenna_order = [5, 999]", "array.antenna_order: station 999 is not in the"),
        ("[array]\nantenna_order = [5, 5]", "array.antenna_order: names a station twice"),
        ("[array]\nantenna_order = [5, 6]\nbad_antennas = [5]", "array.bad_antennas"),
        ("[array]\nchannels = 5", "array.channels: is 5"),
        ("[array]\nfringe_samples = 0", "array.fringe_samples: is 0"),
        ("[array]\ndropped_subbands = [16]", "array.dropped_subbands: holds [16]"),
        (f"[array]\ndropped_subbands = {list(range(16))}", "array.dropped_subbands: leaves none"),
        ("[array]\ngain_error = 1", "array.gain_error: is 1"),
        ("[[gaps]]\nstart_s = -1\nstop_s = 9\nkind = 'missing'", "gaps: all samples are missing"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path, capsys, text, says):
    path = tmp_path / "c.toml"
    head = 'recording.format = "nsfrb"\nrecording.duration_s = 1\n'
    small = "" if "[array]" in text else "array.n_antennas = 4\narray.channels = 1\n"
    path.write_text(head + small + text + "\n")
    code = run_guarded(build(), ["simulate", str(path), "--out", str(tmp_path / "o")], "slowburst")
    error = capsys.readouterr().err
    assert code == 2
    assert says in error
    assert error.count("\n") == 1
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("mjd0", [30000.0, 200000.0])
def test_a_date_that_no_header_can_hold_is_refused(tmp_path, capsys, mjd0):
    """A reader tells a header by its date."""
    path = tmp_path / "c.toml"
    path.write_text(f'[recording]\nformat = "nsfrb"\nduration_s = 1\nmjd0 = {mjd0}\n')
    code = run_guarded(build(), ["simulate", str(path), "--out", str(tmp_path / "o")], "slowburst")
    assert code == 2
    assert "recording.mjd0" in capsys.readouterr().err


def test_interference_in_images_has_no_place(tmp_path, capsys):
    path = tmp_path / "c.toml"
    rfi = "[[rfi]]\ntime_s = 0\nduration_s = 1\nflux = 1\nplace_m = [1, 2, 3]\n"
    path.write_text(f"recording.duration_s = 1\n{rfi}")
    code = run_guarded(build(), ["simulate", str(path), "--out", str(tmp_path / "o")], "slowburst")
    assert code == 2
    assert "rfi[0].place_m" in capsys.readouterr().err
