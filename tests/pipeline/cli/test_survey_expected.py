"""``slowburst survey expected``: of a search and of a recording, and what it says."""

import json
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from astropy.time import Time
from astropy.wcs import WCS

from pipeline.block import StreamHeader
from pipeline.candidates import DetectionTable, build_candidates
from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded
from pipeline.cli.survey_expected_field import look, seen_of
from pipeline.simulation import forty_minute_config, simulate
from pipeline.simulation.config import Image
from pipeline.sinks.files import write_results
from pipeline.sinks.results import Overview, SearchResults
from surveys.known_sources.read import read_known
from surveys.known_sources.sources import KnownSources

RA, DEC = 279.7583333, -10.5303806
TSAMP, N = 0.1342182159, 9000
NOISE = 0.01


def run(*words):
    return run_guarded(build(), ["survey", "expected", *map(str, words)], "slowburst")


def header(wcs=True, shape=(48, 64)):
    sky = WCS(naxis=2)
    sky.wcs.ctype = ["RA---SIN", "DEC--SIN"]
    sky.wcs.crval, sky.wcs.crpix = [RA, DEC], [20, 30]
    sky.wcs.cdelt = [-10 / 3600, 10 / 3600]
    return StreamHeader(
        "run.h5", np.linspace(1492.90625, 1317.125, 16), TSAMP,
        Time(60500.0, format="mjd", scale="utc"), N, shape, sky if wcs else None, "Jy/beam",
    )  # fmt: skip


def searched(folder, beam=None, head=None, noise=NOISE):
    head = head or header()
    noise_map = np.full(head.shape, noise)
    noise_map[0, 0] = np.nan
    results = SearchResults(
        head,
        build_candidates(DetectionTable.empty(), np.zeros(0, int), head),
        {},
        DetectionTable.empty(),
        Overview(
            noise_map=noise_map,
            quality_time_s=np.array([0.0, 600.0]),
            quality=np.array([1.0, 0.7]),
            live=np.array([1.0, 0.8]),
        ),
        {"n_samples": N, "max_width_s": 160.8, "sky": {"primary_beam": beam}},
        {},
    )
    write_results(folder, results)
    return folder


def test_a_search_says_how_many_pulses_and_how_strong(tmp_path, capsys):
    folder = searched(tmp_path / "results")
    mine = tmp_path / "mine.csv"
    mine.write_text(
        "name,ra,dec,period,width,flux_mjy,freq_mhz,spectral_index,dm,epoch\n"
        f"mine,{RA},{DEC},100,2.0,50,1405,0,100,60400\nfar,{RA},{DEC + 1},100,2,50,1405,0,100,\n"
    )
    assert run(folder, "--out", tmp_path / "out", "--known", "lpt", "--known", mine) == 0
    printed = capsys.readouterr().out
    assert "2 of 18 known sources are in the field" in printed
    table = Table.read(tmp_path / "out" / "expected.ecsv", format="ascii.ecsv")
    assert list(table["name"]) == ["GPM J1839-10", "mine"]
    seconds = 0.9 * N * TSAMP
    assert np.allclose(table["seconds"], seconds)
    assert table["p_pulse"][0] == pytest.approx(seconds / 1318.1957, rel=1e-3)
    assert (table["pulses_least"][1], table["pulses_most"][1]) == (10, 11)
    assert table["snr_hi"][1] == pytest.approx(0.05 / NOISE * np.sqrt(2 / TSAMP), rel=1e-3)
    arriving = Table.read(tmp_path / "out" / "arrivals.ecsv", format="ascii.ecsv")
    assert set(arriving["name"]) == {"mine"}
    assert len(arriving) == 12
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["n_known"], summary["n_inside"], summary["n_arrivals"]) == (18, 2, 12)
    assert "GPM J1839-10: 0 or 1 pulses" in printed


def test_places_are_inside_where_their_pixels_are(tmp_path):
    """A grid of sources over the sky, against the projection of the pixels themselves."""
    field = look([searched(tmp_path)])
    sky = field.header.wcs
    x, y = (a.ravel() for a in np.meshgrid(np.arange(-3, 67), np.arange(-3, 51)))
    ra, dec = sky.all_pix2world(x, y, 0)
    rows, stay = seen_of(field, KnownSources.of("", ra, dec))
    inside = (x >= 0) & (x < 64) & (y >= 0) & (y < 48)
    assert np.array_equal(rows, np.flatnonzero(inside))
    # That pixel has no noise.
    assert np.isnan(stay.sigma_1s).sum() == 1
    # Nor is the other side of the sky in the field, which the projection has pixels of.
    rows, _ = seen_of(field, KnownSources.of("", [(RA + 180) % 360], [-DEC]))
    assert len(rows) == 0


def test_the_primary_beam_takes_from_the_time_and_from_the_signal(tmp_path):
    """A Gaussian whose middle is on the source, or two degrees off, and one that drifts."""
    source = read_known("lpt").chosen([1])
    full = NOISE * np.sqrt(TSAMP)
    for away, gain in ((0.0, 1.0), (1.5, 2 ** -((2 * 1.5 / 3.0) ** 2))):
        beam = {"ra_deg": RA, "dec_deg": DEC + away, "fwhm_deg": 3.0, "drift": False}
        _, stay = seen_of(look([searched(tmp_path / f"{away}", beam)]), source)
        assert stay.sigma_1s[0] == pytest.approx(full / gain, rel=1e-4)
        assert stay.seconds[0] == pytest.approx(0.9 * N * TSAMP)
    # In 1208 s the sky moves by 5 degrees: the source leaves the gain of 0.1 at 2.7 degrees.
    beam = {"ra_deg": RA, "dec_deg": DEC, "fwhm_deg": 3.0, "drift": True}
    _, stay = seen_of(look([searched(tmp_path / "drift", beam)]), source)
    edge = 1.5 * np.sqrt(np.log2(10))
    seconds = edge / np.cos(np.radians(DEC)) / 15 * 3600 / 1.0027379
    assert stay.seconds[0] == pytest.approx(0.9 * seconds, rel=2e-3)
    angle = np.linspace(0, edge, 2001)
    gain2 = np.mean(2.0 ** (-2 * (2 * angle / 3.0) ** 2))
    assert stay.sigma_1s[0] == pytest.approx(full / np.sqrt(gain2), rel=2e-3)


def test_a_recording_with_the_noise_that_is_given(tmp_path, capsys):
    forty = forty_minute_config()
    config = replace(
        forty,
        recording=replace(forty.recording, duration_s=20.0),
        image=Image(shape=(16, 16), ra_deg=RA, dec_deg=DEC),
        sources=(),
        pulses=(),
    )
    (recording,) = simulate(config, tmp_path / "recording", 3).recordings
    assert run(recording, "--out", tmp_path / "a") == 0
    captured = capsys.readouterr()
    assert "give --noise" in captured.err
    assert "1 of 16 known sources is in the field" in captured.out
    assert (
        run(recording, "--out", tmp_path / "b", "--noise", "0.005", "--activity", "0", "--json")
        == 0
    )
    assert json.loads(capsys.readouterr().out)["n_inside"] == 1
    table = Table.read(tmp_path / "b" / "expected.ecsv", format="ascii.ecsv")
    assert table["p_pulse"][0] == 0


def test_data_units_are_no_noise_in_jy(tmp_path):
    field = look([searched(tmp_path, head=replace(header(), bunit=""))])
    assert np.isnan(field.noise_jy).all()
    assert any("--noise" in note for note in field.notes)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--noise", "0"], "--noise: is 0.0; give a number above 0"),
        (["--noise", "nan"], "--noise: is nan"),
        (["--activity", "2"], "--activity: is 2.0; give 0 to 1"),
        (["--known", "none"], "--known: is none; give a catalog"),
        (["--known", "no.csv"], "no.csv: file: does not exist"),
    ],
)
def test_wrong_options(tmp_path, capsys, options, wanted):
    folder = searched(tmp_path / "results")
    assert run(folder, "--out", tmp_path / "out", *options) == 2
    assert wanted in capsys.readouterr().err


def test_wrong_inputs(tmp_path, capsys):
    assert run(tmp_path / "none.h5", "--out", tmp_path / "out") == 2
    assert "none.h5" in capsys.readouterr().err
    flat = searched(tmp_path / "flat", head=header(wcs=False))
    assert run(flat, "--out", tmp_path / "out") == 2
    assert "has no positions on the sky" in capsys.readouterr().err
