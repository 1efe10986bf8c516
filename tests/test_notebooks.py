"""The notebooks run from the first cell to the last, and find what they promise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
TIMEOUT_S = 300

# Asserted in the kernel, after the last cell of the notebook.
REAL_BURST = """
assert len(candidates) == 1
assert abs(burst["dm"] - 475.28) < 5, burst["dm"]
assert abs(seconds - 2.0289) < 5e-3, seconds
assert burst["snr"] >= 15.5, burst["snr"]
assert abs(burst["width"] - 2 * header.tsamp_s) < 1.01 * header.tsamp_s, burst["width"]
assert half.min() < 475.28 < half.max()
"""

VISIBILITIES = """
beam_arcsec = sky.beam_fwhm_px * arcsec
assert len(pulses) == 3
assert sorted(nearest) == [0, 1, 2], nearest
assert (candidates["snr"] > 8).sum() == 3, candidates["snr"]
assert np.all(offsets < beam_arcsec / 2), offsets
assert np.all(abs(found["mjd"] - pulses["mjd"]) * 86400 < pulses["width"] / 2)
ratios = np.array(found["fluence"]) / np.array(pulses["fluence"])
assert np.all(abs(ratios - 1) < 0.15), ratios
flux, unit, _, ra, dec = note.partition(": ")[2].split()
assert unit == "Jy", note
assert abs(float(flux) - 3.0) < 0.06, note
place = SkyCoord(float(ra), float(dec), unit="deg")
true_place = SkyCoord(source["ra"], source["dec"], unit="deg")
assert place.separation(true_place).arcsec < 0.1 * beam_arcsec
assert summary["dropped_detections"] == 0
spacing = np.diff(plan.dm_pc_cm3).max()
assert np.all(abs(found["dm"] - pulses["dm"]) <= np.maximum(pulses["width"] / delay_s, spacing))
assert np.all(abs(found["fluence"] - pulses["fluence"]) < 3 * found["fluence_error"])
assert abs(before.max() - 3.0) < 0.3, before.max()
assert abs(after).max() < 0.03, abs(after).max()
assert 0.1 < abs(turned).max() < 0.3, abs(turned).max()
"""


PULSAR = """
# Counting statistics of those near the threshold, and what the model of hidden pulses leaves out.
errors = np.sqrt(np.sum(chance * (1 - chance))) + 0.05 * chance.sum()
assert abs(np.sum(seen > 0) - chance.sum()) < 3 * errors, (np.sum(seen > 0), chance.sum())
assert len(np.unique(nearest)) == len(candidates)
assert abs(lag_s).max() < tsamp_s
strong = (seen > 15) & (larger > 0.999)
assert abs(np.median(seen[strong] / p[strong]) - 1) < 0.05
assert list(own["method"]) == ["folding", "arrivals"]
assert np.all(abs(own["period"] - period_s) < 4 * own["period_error"]), own["period"]
assert abs(folded["snr"] / analytic - 1) < 0.04, (folded["snr"], analytic)
assert abs(split - (width_s + sweep_s) / tsamp_s) < 3 * np.sqrt(0.16 * 0.84 / len(truth))
assert abs(slope[0] - dm) < 3 * dm_error, (slope, dm_error)
assert np.all(abs(measured[20:] / expected_snr[20 : len(measured)] - 1) < 0.06)
"""


FISHER = """
assert found.errors.total.max() < 1e-3
assert again < 1e-9, again
# Central differences err by the square of the step.
assert off[-1] < 1e-6, off
assert np.all(abs(np.diff(np.log(off)) / np.diff(np.log(steps)) - 2) < 0.1), off
assert both_ways < 1e-9, both_ways
assert np.all(errors["all"] < errors["galaxies"])
assert np.all(errors["all"][:5] < errors["shear"])
assert np.all(known < errors["all"])
assert np.all(errors["all"][3:5] < prior[3:5])
# Limber's approximation for narrow bins misses by more than a standard error.
assert np.max(abs(moved / errors["all"])) > 1.5
"""


SIZES = """
assert same
for of_name in meanings.values():
    assert abs(of_name["aperture"] - 10) < 1e-3, of_name
nircam_10 = meanings["NIRCam"]
assert nircam_10["aperture"] > 3 * nircam_10["peak"] > 9 * nircam_10["pixel"], nircam_10
# Sizes of what is lost in noise are too small, behind a beam too large; corrected ones less so.
assert max(bias["NIRCam", e, "measured"][0] for e in ESTIMATORS if e != "kron") < 0.6
assert min(bias["ALMA", e, "measured"][-1] for e in ESTIMATORS) > 1.3
assert np.all(np.abs(np.log(bias["NIRCam", "kron", "corrected"][3:])) < 0.1)
for name in instruments:
    off, less = (np.abs(np.log(bias[name, "circular", s])) for s in ("measured", "corrected"))
    assert np.all(less[:-1] < off[:-1]), (name, off, less)
# Of 48 fits of a galaxy that is a Sersic profile: means, widths, and chi^2 by counting statistics.
r, error = fitted["Sérsic profile"]
scatter, width = r.std(ddof=1), 3 / np.sqrt(2 * 47)
assert abs(r.mean() - true_r["Sérsic profile"]) < 3 * scatter / np.sqrt(48), r.mean()
assert abs(scatter / np.median(error) - 1) < width, scatter
noise_of_chi2 = np.sqrt(2 / float(again.n_degrees[0]) / 48)
assert abs(chi2[1] - 1) < 3 * noise_of_chi2 and chi2[0] - 1 > 10 * noise_of_chi2, chi2
assert abs(uv_r.mean() / true_uv - 1) < 0.1, uv_r.mean()
assert abs(uv_r.std(ddof=1) / np.median(uv_error) - 1) < width
m = {state: r.value("m") for state, r in relations.items()}
assert abs(m["S/N 40"] - m["true"]) < 0.2 < abs(m["S/N 10"] - m["true"]), m
typical = [float(r.size_kpc(r.l_star, 7.0)[0]) for r in relations.values()]
assert np.ptp(typical) < 0.15 * typical[0], typical
"""


GALACTIC_PLANE = """
assert abs(footprint - 771.8) < 0.1, footprint
areas = {name: inside[name].sum() * map_.pixel_deg2 for name, map_ in maps.items()}
assert abs(areas["beam as a box"] / footprint - 1) < 0.005, areas
# Strips of 0.52 deg every 3 deg, in pixels of 0.23 deg.
assert abs(areas["images of 0.52°"] / footprint / (0.52 / 3) - 1) < 0.07, areas
# A passage through 3.2 deg, of strips that overlap by 0.2 deg.
l, b = maps["beam as a box"].centres("galactic")
ra, dec = maps["beam as a box"].centres()
cosine = np.cos(np.radians(dec[inside["beam as a box"]]))
hours = np.mean(3.2 / 15.0411 / cosine) * 3.2 / 3
assert abs(limits("beam as a box", 1.0)[0] / (none_found / hours) - 1) < 0.02, hours
assert abs(none_found - 2.9957) < 1e-4
# Beside the published figures: as the page says.
assert 10 < at_1_jy["beam as a box"][0] < 12
assert 7 < at_1_jy["Gaussian beam"][0] < 8
assert 1.0 < at_threshold["images of 0.52°"][2] < 1.3
assert np.all(at_threshold["beam as a box"] / at_1_jy["beam as a box"] > 1.99)
assert 5 < at_threshold["Gaussian beam"][0] / at_threshold["beam as a box"][0] < 7
"""


@pytest.fixture
def execute(monkeypatch, tmp_path):
    """Run a notebook in a kernel of its own; returns it with its outputs."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    # The figures of the notebook belong into it, not into Agg's void.
    monkeypatch.delenv("MPLBACKEND", raising=False)

    def run(notebook, *, allow_errors=False):
        client = nbclient.NotebookClient(
            notebook,
            timeout=TIMEOUT_S,
            kernel_name="python3",
            resources={"metadata": {"path": str(REPOSITORY / "notebooks")}},
            allow_errors=allow_errors,
        )
        return client.execute()

    return run


@pytest.fixture
def real_burst():
    nbformat = pytest.importorskip("nbformat")
    return nbformat.read(REPOSITORY / "notebooks" / "real_burst.ipynb", as_version=4)


@pytest.fixture
def visibilities():
    nbformat = pytest.importorskip("nbformat")
    return nbformat.read(REPOSITORY / "notebooks" / "visibilities.ipynb", as_version=4)


@pytest.fixture
def pulsar():
    nbformat = pytest.importorskip("nbformat")
    return nbformat.read(REPOSITORY / "notebooks" / "pulsar.ipynb", as_version=4)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_outputs_are_stripped(path):
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def check(execute, notebook, assertions, n_pictures):
    """Run a notebook and then assertions in its kernel: no warnings, and so many pictures."""
    from nbformat.v4 import new_code_cell

    notebook.cells.append(new_code_cell(assertions))
    done = execute(notebook)
    outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
    pictures = [o for o in outputs if "image/png" in o.get("data", {})]
    assert len(pictures) == n_pictures
    assert not [o["text"] for o in outputs if o.get("name") == "stderr"]


def test_real_burst_finds_the_burst(real_burst, execute, shared_data):
    shared_data("frb180417_askap_beam28.fil")
    check(execute, real_burst, REAL_BURST, n_pictures=3)


def test_real_burst_without_data_ends_with_one_line(real_burst, execute, monkeypatch, tmp_path):
    monkeypatch.setenv("SLOWBURST_DATA", str(tmp_path))
    real_burst.cells = real_burst.cells[:1]
    (output,) = execute(real_burst, allow_errors=True).cells[0].outputs
    assert output["ename"] == "Stop"
    assert len(output["traceback"]) == 1
    assert "SLOWBURST_DATA" in output["traceback"][0]


def test_visibilities_finds_what_was_put_in(visibilities, execute):
    check(execute, visibilities, VISIBILITIES, n_pictures=3)


def test_pulsar_finds_the_period_and_the_pulses_expected(pulsar, execute):
    check(execute, pulsar, PULSAR, n_pictures=3)


def test_fisher_has_right_slopes_and_more_data_know_more(execute):
    nbformat = pytest.importorskip("nbformat")
    path = REPOSITORY / "notebooks" / "fisher.ipynb"
    check(execute, nbformat.read(path, as_version=4), FISHER, n_pictures=2)


def test_sizes_show_the_bias_and_what_becomes_of_it(execute):
    nbformat = pytest.importorskip("nbformat")
    path = REPOSITORY / "notebooks" / "sizes.ipynb"
    check(execute, nbformat.read(path, as_version=4), SIZES, n_pictures=6)


def test_the_galactic_plane_has_the_limits_that_its_page_says(execute):
    nbformat = pytest.importorskip("nbformat")
    path = REPOSITORY / "notebooks" / "galactic_plane.ipynb"
    check(execute, nbformat.read(path, as_version=4), GALACTIC_PLANE, n_pictures=2)
