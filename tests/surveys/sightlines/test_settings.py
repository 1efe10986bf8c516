"""Settings of a burst and its budget: what is refused, and what a profile is made of."""

from __future__ import annotations

import numpy as np
import pytest

from cosmo.profiles import PROFILES, BetaModel, ModifiedNFW, Tabulated
from surveys.errors import SettingProblem
from surveys.sightlines.gas_settings import GasSettings
from surveys.sightlines.settings import (
    Frb,
    IgmSettings,
    MilkyWaySettings,
    MonteCarlo,
    SightlineSettings,
    UnseenSettings,
)

FRB = {"name": "A", "ra": 1.0, "dec": 2.0, "z": 0.3, "dm": 500.0}


@pytest.mark.parametrize(
    ("kind", "values", "field", "words"),
    [
        (Frb, FRB | {"dm": -3.0}, "dm", "is -3.0; give 0 to 100000"),
        (Frb, FRB | {"z": 0.0}, "z", "is 0.0; give 0.0001 to 8"),
        (Frb, FRB | {"dec": 91.0}, "dec", "give -90 to 90"),
        (Frb, FRB | {"dm_err": -1.0}, "dm_err", "is -1.0"),
        (Frb, FRB | {"z": np.nan}, "z", "is nan"),
        (Frb, FRB | {"tau_ms": 0.0, "nu_ghz": 1.0}, "tau_ms", "give a number above 0"),
        (Frb, FRB | {"tau_ms": 1.0}, "nu_ghz", "give tau_ms and nu_ghz, or none of them"),
        (Frb, FRB | {"nu_ghz": 1.0}, "tau_ms", "is missing"),
        (Frb, FRB | {"log_mstar": 1e9}, "log_mstar", "give 5 to 13"),
        (MilkyWaySettings, {}, "ism", "give one of ism, ism_map, ism_table and ism_model"),
        (MilkyWaySettings, {"ism": 1.0, "ism_model": "NE2001"}, "ism", "given twice"),
        (MilkyWaySettings, {"ism": -1.0}, "ism", "give 0 to 10000"),
        (IgmSettings, {"f_igm": 1.1}, "f_igm", "give 0 to 1"),
        (IgmSettings, {"scatter": -0.1}, "scatter", "give 0 to 2"),
        (UnseenSettings, {"log_mass_limit": 9.0}, "log_mass_limit", "not above log_mass_min"),
        (MonteCarlo, {"n_draws": 3}, "n_draws", "give 100 to 1e"),
        (MonteCarlo, {"seed": -1}, "seed", "is -1"),
        (GasSettings, {"profile": "mnwf"}, "profile", "is 'mnwf'; give one of mnfw, nfw"),
        (GasSettings, {"radius": "200"}, "radius", "give one of vir, 200c, 500c, 200m"),
        (GasSettings, {"concentration": "duffy"}, "concentration", "give one of duffy2008_vir"),
        (GasSettings, {"concentration": -1.0}, "concentration", "give 0.1 to 100"),
        (GasSettings, {"core": 0.1}, "core", "is no parameter of mnfw; it has alpha, y0"),
        (GasSettings, {"profile": "nfw", "alpha": 1.0}, "alpha", "it has none"),
        (GasSettings, {"profile": "mb04", "y0": 1.0}, "y0", "is no parameter of mb04"),
        (GasSettings, {"profile": "table"}, "table", "give both or none"),
        (GasSettings, {"table": "a.txt"}, "table", "give both or none"),
        (GasSettings, {"f_hot": 1.5}, "f_hot", "give 0 to 1"),
        (GasSettings, {"r_max": 0.0}, "r_max", "give 0.01 to 20"),
        (GasSettings, {"edge": 1.0}, "edge", "give 0.001 to 0.999"),
    ],
)
def test_impossible_values(kind, values, field, words):
    with pytest.raises(SettingProblem) as caught:
        kind(**values)
    assert caught.value.field == field
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"cosmology": "Planck"}, "cosmology", "give one of"),
        ({"igm": IgmSettings(f_igm=0.95)}, "igm.f_igm", "0.844 of all baryons"),
        ({"igm": IgmSettings(f_parameter=2.0), "frb": Frb(**FRB | {"z": 1e-4})},
         "igm.f_parameter", "give scatter instead"),
    ],
)  # fmt: skip
def test_values_that_do_not_go_together(values, field, words):
    with pytest.raises(SettingProblem) as caught:
        SightlineSettings(**({"frb": Frb(**FRB), "milky_way": MilkyWaySettings(60.0)} | values))
    assert caught.value.field == field
    assert words in str(caught.value)


def test_profiles_have_their_parameters():
    assert GasSettings(alpha=3.0).shape() == ModifiedNFW(3.0, ModifiedNFW().y0)
    assert GasSettings(profile="nfw").shape() == ModifiedNFW(0.0, 1.0)
    assert GasSettings(profile="beta", core=0.2).shape() == BetaModel(0.2, BetaModel().beta)
    for name in set(PROFILES) - {"table"}:
        values = np.asarray(GasSettings(profile=name).shape()(np.array([0.1, 0.5]), 7.0))
        assert values[0] > values[1] > 0


def test_a_profile_from_a_table(tmp_path):
    path = tmp_path / "gas.txt"
    path.write_text("# radius density\n0.1 8\n0.5 2\n2 0.1\n")
    shape = GasSettings(profile="table", table=path).shape()
    assert isinstance(shape, Tabulated)
    np.testing.assert_allclose(shape(np.array([0.1, 0.5]), 7.0), [8, 2], rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("", "cannot be read"),
        ("0.1 1\n", "holds no profile"),
        ("0.1 1\n0.05 2\n", "holds no profile"),
        ("0.1 1\n0.2 -2\n", "holds no profile"),
        ("0.1 1\n0.2 nan\n", "holds no profile"),
        ("0 1\n0.2 1\n", "holds no profile"),
        ("0.1 1 3\n0.2 1 3\n", "cannot be read"),
        ("radius density\n", "cannot be read"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*contained no data")
def test_tables_that_are_no_profile(tmp_path, text, words):
    path = tmp_path / "gas.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingProblem, match=words) as caught:
        GasSettings(profile="table", table=path)
    assert str(path) in str(caught.value)
    assert "give two columns" in str(caught.value)
