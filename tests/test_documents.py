"""What the documents say about settings and files is what the program does."""

from __future__ import annotations

import re
import runpy
import sys
import tomllib
from dataclasses import MISSING, asdict, fields, is_dataclass
from typing import get_args, get_type_hints

import pytest

from pipeline.candidates import COLUMNS
from pipeline.classifier.families import HELD_OUT, TRAINING
from pipeline.classifier.settings import ClassifierSettings, TrainSettings
from pipeline.config import load_config, parse_config
from pipeline.injection.settings import InjectionSettings
from pipeline.periodicity.settings import PeriodSettings
from pipeline.periodicity.table import COLUMNS as PERIOD_COLUMNS
from pipeline.search import SearchSettings
from pipeline.simulation import SimulationConfig
from surveys.coverage.pointings import NAMES as POINTING_COLUMNS
from surveys.coverage.pointings import Pointings
from surveys.coverage.settings import CoverageSettings
from surveys.ensembles.settings import Priors, Sampling
from surveys.images.synthetic_settings import SyntheticSettings
from surveys.known_sources.columns import NAMES
from surveys.known_sources.expected import Observation, Stay, expected_pulses
from surveys.known_sources.sources import KnownSources
from surveys.mock_sizes.observation import ObservationSettings
from surveys.mock_sizes.settings import (
    InputSettings,
    MeasureSettings,
    RunSettings,
)
from surveys.mock_sizes.settings import OutputSettings as SizesOutput
from surveys.planning.settings import PlanSettings
from surveys.rates.settings import LimitsSettings
from surveys.scaling.relations import RelationSettings
from surveys.sightlines.settings import SightlineSettings
from surveys.sizes.flags import Flag
from surveys.sizes.segmentation import DetectionSettings
from surveys.spectra.settings import SpectraSettings
from surveys.transients.empirical import Factor, PowerLawSettings, empirical
from surveys.transients.galaxy import GalaxySettings
from surveys.transients.magnetar import magnetar
from surveys.transients.settings import Axis, Fixed, PopulationSettings
from surveys.transients.settings import SearchSettings as ExcludeSearch
from surveys.transients.white_dwarf import WhiteDwarfSettings, white_dwarf


@pytest.fixture(scope="module")
def page(repository):
    return (repository / "docs" / "pipeline.md").read_text(encoding="utf-8")


def rows_of(page, heading):
    """First and second cell of every table row below a heading."""
    section = page.split(f"\n{heading}\n")[1]
    section = re.split(r"\n#+ ", section)[0]
    return re.findall(r"^\| (`.+?`|.+?) \| (.*?) \|", section, flags=re.MULTILINE)


def tables_of(page):
    """Defaults as they are written, of each key of each table of settings."""
    documented: dict[str, dict[str, str]] = {"": {}}
    for first, defaults in rows_of(page, "## Settings"):
        if table := re.search(r"\[+([\w.]+)\]+", first):
            documented[table[1]] = {}
            continue
        names = re.findall(r"`(\w+)`", first)
        values = re.findall(r"\[.*?\]|[^,\s][^,]*", defaults)
        values = values if len(values) == len(names) else [defaults] * len(names)
        documented[list(documented)[-1]].update(zip(names, values, strict=True))
    return documented


def check_table(documented, kind, *, but=()):
    """Keys and defaults of one table are those of its settings."""
    own = {f.name: f for f in fields(kind) if f.name not in but}
    assert set(documented) == set(own), kind
    for key, text in documented.items():
        default = own[key].default
        if text == "needed":
            assert default is MISSING, key
        elif text == "{}":
            assert is_dataclass(own[key].default_factory()), key
        else:
            value = None if text == "none" else tomllib.loads(f"x = {text}")["x"]
            assert value == (list(default) if isinstance(default, tuple) else default), key


def check_tables(documented, settings):
    """The same of all tables of the settings of a command."""
    assert set(documented) - {""} == set(get_type_hints(settings))
    for name, hint in get_type_hints(settings).items():
        check_table(documented[name], hint if is_dataclass(hint) else get_args(hint)[0])


def test_settings_of_a_search(page):
    documented = {k.strip("`"): v for k, v in rows_of(page, "## Settings") if k.startswith("`")}
    known: dict[str, object] = {}

    def collect(settings):
        for f in fields(settings):
            value = getattr(settings, f.name)
            known.update({f.name: value} if not is_dataclass(value) else {})
            if is_dataclass(value):
                collect(value)

    collect(SearchSettings())
    # A centre has no default.
    assert documented.pop("ra_deg`, `dec_deg") == "none"
    assert set(documented) == set(known) - {"ra_deg", "dec_deg"}
    for name in [n for n, text in documented.items() if text == "none"]:
        assert known[name] is None, name
        del documented[name]
    for name, text in documented.items():
        value = list(known[name]) if isinstance(known[name], tuple) else known[name]
        assert tomllib.loads(f"x = {text}")["x"] == value, name


def test_settings_of_injections(repository):
    page = (repository / "docs" / "injection.md").read_text(encoding="utf-8")
    documented = {k.strip("`"): v for k, v in rows_of(page, "## What is put in")}
    for f in fields(InjectionSettings):
        value = getattr(InjectionSettings(), f.name)
        value = list(value) if isinstance(value, tuple) else value
        text = documented.pop(f.name)
        assert (text == "none") if value is None else (tomllib.loads(f"x = {text}")["x"] == value)
    assert set(documented) <= {"key of `[injection]"}


def test_settings_of_the_classifier(repository):
    page = (repository / "docs" / "classifier.md").read_text(encoding="utf-8")
    for heading, settings in (
        ("## What p_real means", ClassifierSettings()),
        ("## What it learned from", TrainSettings()),
    ):
        rows = rows_of(page, heading)
        known = {f"`{name}`": value for name, value in asdict(settings).items()}
        documented = {k: v for k, v in rows if re.fullmatch(r"`[a-z_]+`", k)}
        assert set(documented) == set(known)
        for name, text in documented.items():
            value = None if text == "none" else tomllib.loads(f"x = {text}")["x"]
            assert value == known[name], name


def test_families_of_scenes_are_all_described(repository):
    page = (repository / "docs" / "classifier.md").read_text(encoding="utf-8")
    names = [k for k, _ in rows_of(page, "## What it learned from")]
    assert {f.name for f in TRAINING + HELD_OUT} <= set(names)


def test_settings_of_relations_of_sizes(repository):
    page = (repository / "docs" / "sizes_scaling.md").read_text(encoding="utf-8")
    documented = {k.strip("`"): v for k, v in rows_of(page, "### Outliers") if k.startswith("`")}
    known = asdict(RelationSettings())
    assert documented.pop("l_star") == "`10**29.03`"
    assert known.pop("l_star") == 10**29.03
    assert set(documented) == set(known)
    for name, text in documented.items():
        value = None if text == "none" else tomllib.loads(f"x = {text.strip('`')}")["x"]
        assert value == known[name], name


def test_settings_of_a_sightline(repository):
    """Every key of every table, in its order of tables, and the defaults of those with one."""
    page = (repository / "docs" / "dm-host.md").read_text(encoding="utf-8")
    documented: dict[str, dict[str, str]] = {"": {}}
    for first, defaults in rows_of(page, "## The file of the burst"):
        if table := re.search(r"\[(\w+)\]", first):
            documented[table[1]] = {}
            continue
        names = re.findall(r"`(\w+)`", first)
        values = defaults.split(", ")
        values = values if len(values) == len(names) else [defaults] * len(names)
        documented[list(documented)[-1]].update(zip(names, values, strict=True))
    assert set(documented.pop("")) == {"cosmology"}
    # Described on the page of the profiles.
    shapes = {"alpha", "y0", "core", "scale", "beta", "epsilon", "gamma", "slope", "table"}
    for name, table in get_type_hints(SightlineSettings).items():
        if not is_dataclass(table):
            continue
        own = {f.name: f for f in fields(table) if f.name not in shapes}
        assert set(documented[name]) == set(own), name
        for key, text in documented[name].items():
            default = own[key].default
            if text == "needed":
                assert default is MISSING, key
            elif text == "none" and key.endswith(("_err", "_err_ms", "_radius_arcsec")):
                # They mean nothing without the value that they go with.
                assert default in (None, 0.0, 0.5), key
            else:
                value = None if text == "none" else tomllib.loads(f"x = {text}")["x"]
                assert value == default, key


def test_settings_of_spectra(repository):
    page = (repository / "docs" / "cl.md").read_text(encoding="utf-8")
    check_tables(tables_of(page), SpectraSettings)


def test_settings_of_sizes(repository):
    """Every key of every table that is described on this page."""
    page = (repository / "docs" / "sizes.md").read_text(encoding="utf-8")
    documented = tables_of(page)
    kinds = {
        "input": InputSettings,
        "input.synthetic": SyntheticSettings,
        "observation": ObservationSettings,
        "measure": MeasureSettings,
        "measure.detection": DetectionSettings,
        "output": SizesOutput,
        "run": RunSettings,
    }
    # On the page of the galaxies.
    elsewhere = {"input.fits", "input.particles", "input.render"}
    assert set(documented) - {""} == set(kinds) | elsewhere
    for name, kind in kinds.items():
        own = {f.name for f in fields(kind)} - set(documented[name])
        check_table(documented[name], kind, but={f for f in own if f"{name}.{f}" in documented})
    for bit, flag in re.findall(r"^\| (\d+) \| `(\w+)`", page, flags=re.MULTILINE):
        assert Flag[flag] == int(bit)
    assert len(re.findall(r"^\| \d+ \| `\w+`", page, flags=re.MULTILINE)) == len(Flag)


def test_settings_of_an_ensemble(repository):
    page = (repository / "docs" / "dm-sample.md").read_text(encoding="utf-8")
    documented = dict(rows_of(page, "## Model"))
    for settings in (Priors(), Sampling()):
        for name, value in asdict(settings).items():
            text = documented.pop(f"`{name}`")
            value = list(value) if isinstance(value, tuple) else value
            assert (text == "none") if value is None else tomllib.loads(f"x = {text}")["x"] == value
    assert all(name.startswith("key of") for name in documented)


def test_settings_and_columns_of_periods(repository):
    page = (repository / "docs" / "periods.md").read_text(encoding="utf-8")
    documented = {}
    for names, value in rows_of(page, "## Settings"):
        documented.update(dict.fromkeys(re.findall(r"`(\w+)`", names), value))
    assert {k: tomllib.loads(f"x = {v}")["x"] for k, v in documented.items()} == asdict(
        PeriodSettings()
    )
    columns = [n for k, _ in rows_of(page, "## Results") for n in re.findall(r"`(\w+)`", k)]
    assert columns == list(PERIOD_COLUMNS)


def test_columns_of_the_candidates(page):
    names = [n for k, _ in rows_of(page, "### candidates.ecsv") for n in re.findall(r"`(\w+)`", k)]
    assert names == list(COLUMNS)


def test_keys_of_a_simulation(page):
    documented: dict[str, set[str]] = {}
    for first, _ in rows_of(page, "## Simulations"):
        if table := re.search(r"\[+(\w+)\]+", first):
            documented[table[1]] = set()
        elif first.startswith("`"):
            documented[list(documented)[-1]] |= set(re.findall(r"`(\w+)`", first))
    place = {"x", "y", "ra_deg", "dec_deg"}  # described in the text
    for name, hint in get_type_hints(SimulationConfig).items():
        table = hint if is_dataclass(hint) else get_args(hint)[0]
        known = {f.name for f in fields(table)}
        if name in ("sources", "pulses", "pulsars"):
            known -= place
        assert documented[name] == known, name


@pytest.mark.parametrize(
    ("first", "kind"), [("threshold", SearchSettings), ("[recording]", SimulationConfig)]
)
def test_examples_load(page, first, kind):
    (example,) = [t for t in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if first in t]
    parse_config(tomllib.loads(example), kind, "docs/pipeline.md")


def test_the_page_of_the_engine_gives_the_numbers_of_the_plan(repository):
    import numpy as np

    from cerberus import SearchConfig, make_plan

    text = (repository / "docs" / "cerberus.md").read_text(encoding="utf-8")
    band = tuple(np.linspace(1492.90625, 1317.125, 16))
    plan = make_plan(SearchConfig(band, 0.1342182159, (175, 175), beam_fwhm_px=3.0))
    found = re.search(r"\| 16 × (\d+) \(the example\) \| (\d+) \| (\d+) \|", text)
    n_dm, n_nodes, n_additions = (int(n) for n in found.groups())
    assert n_dm == len(plan.dm_pc_cm3)
    assert n_additions == n_dm * 15
    # Delays half-way between samples round with the last bit of a DM.
    assert n_nodes == pytest.approx(plan.tree.n_nodes, rel=0.05)
    assert f"{plan.dm_pc_cm3[1]:.1f} pc cm⁻³ apart" in text
    assert f"{plan.state_bytes / 2**20:.0f} MiB" in text
    latency = [round(n * 0.1342182159) for n in plan.latency_samples]
    table = text.split("latency (s) |")[1].split("\n\n")[0]
    assert [int(n) for n in re.findall(r"\| (\d+) \|$", table, re.MULTILINE)] == latency


def test_settings_of_a_plan(repository):
    page = (repository / "docs" / "survey_plan.md").read_text(encoding="utf-8")
    check_tables(tables_of(page), PlanSettings)


def test_settings_and_columns_of_coverage(repository):
    page = (repository / "docs" / "survey_coverage.md").read_text(encoding="utf-8")
    columns = [n for k, _ in rows_of(page, "## Pointings") for n in re.findall(r"`(\w+)`", k)]
    assert columns == list(POINTING_COLUMNS)
    documented = {}
    for names, value in rows_of(page, "## Settings"):
        documented.update(dict.fromkeys(re.findall(r"`(\w+)`", names), value))
    known = asdict(CoverageSettings())
    for table in ("beam", "site", "run"):
        known |= known.pop(table)
    assert set(documented) == set(known)
    for key, text in documented.items():
        value = None if text == "none" else tomllib.loads(f"x = {text}")["x"]
        assert value == (list(known[key]) if isinstance(known[key], tuple) else known[key]), key


def test_settings_of_limits(repository):
    page = (repository / "docs" / "survey_limits.md").read_text(encoding="utf-8")
    check_tables(tables_of(page), LimitsSettings)
    example = (repository / "examples" / "survey" / "limits.toml").read_text(encoding="utf-8")
    parse_config(tomllib.loads(example), LimitsSettings, "limits.toml")


def test_columns_of_expected_pulses(repository):
    page = (repository / "docs" / "survey_known.md").read_text(encoding="utf-8")
    rows = rows_of(page, "## What to expect in a recording")
    names = [n for k, _ in rows for n in re.findall(r"`(\w+)`", k)]
    nothing = KnownSources.of([], [], [])
    seen = Observation(60000.0, 1.0, 1.0, 1000.0, 2000.0)
    columns = expected_pulses(nothing, Stay(nothing.ra_deg, nothing.ra_deg), seen).colnames
    assert names == columns


def test_columns_of_catalogs_of_known_sources(repository):
    page = (repository / "docs" / "survey_known.md").read_text(encoding="utf-8")
    named = set(
        re.findall(r"`(\w+)`", page.split("| what | names of the column")[1].split("\n\n")[0])
    )
    # Of psrcat, beside their values; and words.
    hidden = {"ra_error", "dec_error", "indicative", "reference"}
    for field, names in NAMES.items():
        assert field in hidden or named & set(names), field
    assert named - {"hh", "mm", "ss"} <= {name for names in NAMES.values() for name in names}


def test_settings_of_exclusions(repository):
    page = (repository / "docs" / "survey_exclude.md").read_text(encoding="utf-8")
    documented = tables_of(page)
    assert documented.pop("") == {"model": "needed"}
    kinds = {
        "axis": Axis,
        "parameter": Fixed,
        "search": ExcludeSearch,
        "population": PopulationSettings,
        "galaxy": GalaxySettings,
        "white_dwarf": WhiteDwarfSettings,
        "power_law": PowerLawSettings,
        "power_law.factor": Factor,
    }
    assert set(documented) == set(kinds)
    for table, kind in kinds.items():
        check_table(documented[table], kind, but={"factor"})


def test_parameters_of_models_of_transients(repository):
    page = (repository / "docs" / "survey_exclude.md").read_text(encoding="utf-8")
    section = page.split("\n## Parameters\n")[1].split("\n## ")[0]
    documented: dict[str, list[list[str]]] = {}
    for cells in re.findall(r"^\| (.*) \|$", section, flags=re.MULTILINE):
        name, *others = (cell.strip() for cell in cells.split("|"))
        if table := re.fullmatch(r"\*\*`(\w+)`\*\*", name):
            documented[table[1]] = []
        elif name.startswith("`"):
            documented[list(documented)[-1]].append([name.strip("`"), *others])
    models = (white_dwarf(WhiteDwarfSettings()), magnetar("RICS"), empirical())
    assert [m.name for m in models] == list(documented)
    for model in models:
        assert [row[0] for row in documented[model.name]] == [p.name for p in model.parameters]
        for p, (_, unit, default, span) in zip(
            model.parameters, documented[model.name], strict=True
        ):
            low, high = (float(v) for v in span.split(" to "))
            default = 10**6.5 if default == "10**6.5" else float(default)
            assert (p.unit, p.default, p.low, p.high) == (unit, default, low, high), p.name


def test_columns_of_exclusions(repository):
    from pipeline.cli.survey_exclude_results import CELL_COLUMNS, GRID_COLUMNS

    page = (repository / "docs" / "survey_exclude.md").read_text(encoding="utf-8")
    for heading, columns in (
        ("### exclusion.ecsv", GRID_COLUMNS),
        ("### cells.ecsv", CELL_COLUMNS),
    ):
        names = [n for k, _ in rows_of(page, heading) for n in re.findall(r"`(\w+)`", k)]
        assert names == list(columns)


def test_the_example_of_the_galactic_plane(repository, tmp_path, monkeypatch):
    """The commands of its page: pointings are written, and settings of limits load."""
    examples = repository / "examples" / "survey"
    out = tmp_path / "pointings.ecsv"
    monkeypatch.setattr(sys, "argv", ["nsfrb_gps.py", str(out), "--field", "0.52"])
    runpy.run_path(str(examples / "nsfrb_gps.py"), run_name="__main__")
    pointings = Pointings.read(out)
    assert len(pointings) == 26
    assert (pointings.field_deg == 0.52).all()
    # In order, one a night, none begun before the last has ended.
    assert (pointings.start_mjd[1:] > pointings.end_mjd[:-1]).all()
    assert load_config(examples / "nsfrb_gps_limits.toml", LimitsSettings).bursts.map_flux_jy == 0.5
