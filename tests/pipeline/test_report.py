"""The report: complete, self-contained, sortable in a browser, for any search."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from astropy.time import Time
from astropy.wcs import WCS
from matplotlib.image import imread

from pipeline.block import StreamHeader
from pipeline.candidates import DetectionTable, build_candidates
from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded
from pipeline.cutouts import make_cutout
from pipeline.errors import InputError
from pipeline.readers.base import BaseReader
from pipeline.report import make_report
from pipeline.report.figures import candidate_figure
from pipeline.report.style import (
    edges,
    format_duration,
    log_ticks,
    new_figure,
    time_unit,
    to_png,
)
from pipeline.sinks.files import write_results
from pipeline.sinks.results import Overview, SearchResults


class NoiseReader(BaseReader):
    """Noise of any shape; the same at each read."""

    def __init__(self, header):
        self.header = header
        shape = (header.n_samples, header.n_channels, *header.shape)
        self.data = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)

    def _read(self, start, stop):
        data = self.data[start:stop]
        return data, np.ones(data.shape[:2], np.float32)

    def close(self):
        pass


def make_header(shape, n_channels=4):
    wcs = None
    if shape != (1, 1):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---SIN", "DEC--SIN"]
        wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [150.0, 16.0], [3, 3], [-0.005, 0.005]
    return StreamHeader(
        "night <1> & co.h5", np.linspace(1300, 1500, n_channels), 0.1342182159,
        Time(61000.0, format="mjd"), 300, shape, wcs, "Jy/beam", None, 3.0,
    )  # fmt: skip


def make_results(n=4, shape=(24, 24), n_cutouts=None, n_channels=4):
    header = make_header(shape, n_channels)
    rng = np.random.default_rng(2)
    table = DetectionTable(
        rng.integers(20, 250, n), 2 ** rng.integers(0, 5, n), rng.uniform(0, 3000, n),
        np.zeros(n), rng.integers(0, shape[0], n), rng.integers(0, shape[1], n),
        7 + 20 * rng.random(n), np.full(n, 0.01),
    )  # fmt: skip
    candidates = build_candidates(table, np.arange(n), header)
    order = np.lexsort((table.start, -table.snr))
    reader = NoiseReader(header)
    cutouts = {
        i + 1: make_cutout(
            reader, table.row(int(order[i])), np.arange(0, 3000, 50.0), 2 ** np.arange(6)
        )
        for i in range(n if n_cutouts is None else n_cutouts)
    }
    width_s = np.geomspace(0.13, 160, 20)
    overview = Overview(
        noise_map=np.ones(shape), noise_time_s=np.arange(40.0), noise=np.ones(40),
        quality_time_s=np.arange(40.0), quality=np.ones(40), live=np.ones(40),
        snr_edges=np.linspace(-6, 6, 25), snr_counts=np.full(24, 100),
        efficiency={"width_s": width_s, "DM 0": 0.9 + 0 * width_s},
    )  # fmt: skip
    summary = {
        "threshold": 7.0, "false_alarms_expected": 0.0312, "n_candidates": n, "n_samples": 300,
        "data_seconds": 40.27, "wall_seconds": 2.0, "realtime_factor": 20.1, "n_dm": 60,
        "n_width": 11, "dropped_samples": 0, "dropped_detections": 0,
        "versions": {"slowburst": "0.1.0"},
    }  # fmt: skip
    return SearchResults(header, candidates, cutouts, table, overview, summary, {"dm_max": 3000.0})


class Page(HTMLParser):
    """Checks that tags are closed, and collects sources and rows."""

    def __init__(self, text):
        super().__init__()
        self.open, self.sources, self.n_rows = [], [], 0
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.n_rows += tag == "tr"
        self.sources += [attrs[k] for k in ("src", "href") if k in attrs]
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def report_text(tmp_path, results, **options):
    write_results(tmp_path, results)
    return make_report(tmp_path, **options).read_text(encoding="utf-8")


def test_the_page_is_complete_and_stands_alone(tmp_path):
    text = report_text(tmp_path, make_results())
    page = Page(text)
    assert page.n_rows == 1 + 4
    assert all(s.startswith(("data:image/png;base64,", "#")) for s in page.sources)
    assert "http" not in text.replace("http-equiv", "")
    assert "night &lt;1&gt; &amp; co.h5" in text
    assert "0.031" in text
    assert 'role="alert"' not in text
    files = sorted(p.name for p in (tmp_path / "figures").iterdir())
    assert files == [
        *(f"candidate_{i:04d}.png" for i in range(1, 5)),
        "overview_dm_time.png", "overview_efficiency.png", "overview_histogram.png",
        "overview_noise_history.png", "overview_noise_map.png", "overview_snr_time.png",
    ]  # fmt: skip
    assert len([s for s in page.sources if s.startswith("data:")]) == len(files)


@pytest.mark.parametrize("shape", [(24, 24), (1, 1)])
@pytest.mark.parametrize("n", [0, 1])
def test_few_candidates_and_single_pixels(tmp_path, shape, n):
    text = report_text(tmp_path, make_results(n, shape))
    Page(text)
    assert ("No candidates" in text) == (n == 0)
    assert ("overview_noise_map.png" in {p.name for p in (tmp_path / "figures").iterdir()}) == (
        shape != (1, 1)
    )


def test_nothing_known_but_the_recording(tmp_path):
    bare = make_results(0, (1, 1))
    bare = replace(bare, overview=Overview(), summary={}, config={})
    Page(report_text(tmp_path, bare))


def test_one_channel_and_no_data(tmp_path):
    results = make_results(1, n_channels=1)
    blank = replace(
        results.cutouts[1],
        **{
            name: np.full_like(getattr(results.cutouts[1], name), np.nan)
            for name in ("image", "light_curve", "dm_time_snr", "ladder_snr", "dispersed",
                         "dedispersed", "pulse_spectrum")
        },
    )  # fmt: skip
    figure = candidate_figure(results.candidates[0], blank, results.header)
    assert len(to_png(figure)) > 1000
    Page(report_text(tmp_path, results))


def test_many_candidates_figures_for_the_best(tmp_path):
    text = report_text(tmp_path, make_results(12), most_figures=3)
    assert Page(text).n_rows == 13
    assert re.search(r"Figures are shown for the\s+3 candidates .* of 12", text)
    assert len(list((tmp_path / "figures").glob("candidate_*.png"))) == 3
    assert 'href="#candidate-3"' in text
    assert 'href="#candidate-4"' not in text


def test_the_best_are_those_of_highest_snr_whatever_the_order(tmp_path):
    results = make_results(5)
    results = replace(results, candidates=results.candidates[::-1])
    report_text(tmp_path, results, most_figures=2)
    found = sorted(p.name for p in (tmp_path / "figures").glob("candidate_*.png"))
    assert found == ["candidate_0001.png", "candidate_0002.png"]


def test_a_remade_report_has_no_old_figures(tmp_path):
    report_text(tmp_path, make_results(2))
    keep = tmp_path / "figures" / "mine.png"
    keep.write_bytes(b"")
    report_text(tmp_path, make_results(1))
    assert len(list((tmp_path / "figures").glob("candidate_*.png"))) == 1
    assert keep.exists()


def test_losses_are_said(tmp_path):
    results = make_results(1)
    summary = {**results.summary, "dropped_detections": 37, "dropped_samples": 25,
               "interrupted": True, "warnings": ["the clock stood still"]}  # fmt: skip
    text = report_text(tmp_path, replace(results, summary=summary))
    assert text.count('role="alert"') == 4
    assert "37 detections were dropped" in text
    assert "25 samples were dropped" in text
    assert "the clock stood still" in text


def test_notes_of_the_recording_are_said(tmp_path):
    results = make_results(1)
    notes = ["missing sub-bands: 05", "<b> is left out"]
    text = report_text(tmp_path, replace(results, summary={**results.summary, "notes": notes}))
    assert "Note: missing sub-bands: 05</p>" in text
    assert "Note: &lt;b&gt; is left out</p>" in text


def test_figures_are_pictures_of_the_right_size(tmp_path):
    report_text(tmp_path, make_results(1))
    picture = imread(tmp_path / "figures" / "candidate_0001.png")
    assert picture.shape[:2] == (770, 1496)
    assert picture[..., :3].std() > 0.1


def test_no_results_is_one_clear_line(tmp_path):
    with pytest.raises(InputError, match=r"candidates\.h5: file: does not exist"):
        make_report(tmp_path)


def test_the_command(tmp_path, capsys):
    write_results(tmp_path, make_results(1))
    assert run_guarded(build(), ["report", str(tmp_path), "--most-figures", "0"], "slowburst") == 0
    assert capsys.readouterr().out.strip() == f"report: {tmp_path / 'report.html'}"
    assert run_guarded(build(), ["report", str(tmp_path / "no")], "slowburst") == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0.00 s"), (2.5e-6, "2.50 µs"), (0.00253, "2.53 ms"), (3.36, "3.36 s"),
     (120.0, "120 s"), (2400.0, "40.0 min"), (86400.0, "24.0 h")],
)  # fmt: skip
def test_durations_are_readable(seconds, text):
    assert format_duration(seconds) == text


def test_axes_helpers():
    assert edges(np.array([1.0, 2.0, 4.0])).tolist() == [0.5, 1.5, 3.0, 5.0]
    assert len(edges(np.array([0.0]))) == 2
    assert time_unit(0.5) == (1e3, "ms")


CLICK = """<script>
var heads = document.querySelectorAll('#table th button');
function column(name, i) {
  var rows = document.querySelectorAll('#table tbody tr');
  var out = []; rows.forEach(function (r) { out.push(r.cells[i].dataset.key); });
  var p = document.createElement('p'); p.id = name; p.textContent = out.join('|');
  document.body.appendChild(p);
}
heads[8].click(); heads[8].click(); column('snr-up', 8);
heads[8].click(); column('snr-down', 8);
heads[6].click(); column('dm-down', 6);
heads[1].click(); column('mjd-up', 1);
heads[13].click(); column('p-real', 13);
</script></body>"""


def test_the_table_sorts_in_a_browser(tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("no chromium on this machine")
    results = make_results(12, n_cutouts=1)
    p_real = np.array([np.nan, 0.9, 0.1, *[0.5] * 8, np.nan])
    results.candidates["p_real"] = p_real
    text = report_text(tmp_path, results)
    (tmp_path / "clicked.html").write_text(text.replace("</body>", CLICK), encoding="utf-8")
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom",
         (tmp_path / "clicked.html").as_uri()],
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-500:]

    def shown(name):
        found = re.search(rf'<p id="{name}">(.*?)</p>', done.stdout)
        assert found, done.stderr[-500:]
        return [float(v) if v else np.nan for v in found[1].split("|")]

    snr = results.candidates["snr"]
    np.testing.assert_allclose(shown("snr-up"), np.sort(snr), rtol=1e-3)
    np.testing.assert_allclose(shown("snr-down"), np.sort(snr)[::-1], rtol=1e-3)
    np.testing.assert_allclose(shown("dm-down"), np.sort(results.candidates["dm"])[::-1], atol=1e-3)
    np.testing.assert_allclose(shown("mjd-up"), np.sort(results.candidates["mjd"]), rtol=1e-14)
    # Unknown probabilities stay at the end.
    np.testing.assert_array_equal(shown("p-real"), [0.9, *[0.5] * 8, 0.1, np.nan, np.nan])


@pytest.mark.parametrize(("low", "high"), [(0.054, 0.132), (0.3, 0.9), (0.02, 3.0), (1e-3, 1e3)])
def test_logarithmic_axes_have_some_numbers_and_none_twice(low, high):
    figure = new_figure(4, 3)
    axes = figure.subplots()
    axes.set_ylim(low, high)
    log_ticks(axes, "y")
    figure.canvas.draw()
    shown = [
        tick.label1.get_text() for tick in axes.yaxis.get_major_ticks()
        if low <= tick.get_loc() <= high
    ]  # fmt: skip
    assert 3 <= len(shown) <= 8
    assert len(set(shown)) == len(shown)
