"""The table of published surveys: its units, and its numbers from what was published."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u

from surveys.rates.published import per_hour_and_deg2, published, rate_of_density

SKY = (4 * np.pi * u.sr).to_value(u.deg**2)
# Published: number on the sky at a time (deg-2) and width, or per sky and day.
DENSITIES = {"OVRO-LWA": (2.5e-8, 13.0), "VASTER-EMU": (2.21e-6, 10.0)}
PER_SKY_AND_DAY = {"AARTFAAC": 1.1, "VLA (realfast pilot)": 7e4}


def test_rates_follow_from_what_was_published():
    table = published()
    rate = {row["name"]: float(row["rate"]) for row in table}
    assert table["rate"].unit == u.Unit("h-1 deg-2")
    for name, (density, width) in DENSITIES.items():
        expected = (density / u.deg**2 / (width * u.s)).to_value("h-1 deg-2")
        assert rate[name] == pytest.approx(expected, rel=1e-3)
        assert rate_of_density(density, width) == pytest.approx(expected)
    for name, per_day in PER_SKY_AND_DAY.items():
        expected = (per_day / (SKY * u.deg**2) / u.day).to_value("h-1 deg-2")
        assert rate[name] == pytest.approx(expected, rel=1e-3)
        assert per_hour_and_deg2(per_day) == pytest.approx(expected, rel=1e-6)
    (slow,) = table[table["name"] == "CHIME/Slow"]
    assert slow["rate_low"] == pytest.approx(184 / SKY / 24, rel=1e-3)
    assert slow["rate_high"] == pytest.approx(4556 / SKY / 24, rel=1e-3)
    assert rate["CHIME/Slow"] == pytest.approx(np.sqrt(184 * 4556) / SKY / 24, rel=1e-3)


def test_fluences_are_those_of_fluxes_and_widths():
    table = published()
    known = ~np.ma.getmaskarray(table["flux_jy"])
    flux, width = table["flux_jy"][known], table["width_s"][known]
    np.testing.assert_allclose(table["fluence_jy_ms"][known], 1e3 * flux * width, rtol=1e-3)
    assert [str(n) for n in table["name"][~known]] == ["CHIME/Slow"]


def test_every_row_has_its_source_and_what_was_assumed():
    for row in published():
        assert len(row["reference"].split(".")) == 2
        assert row["as_published"]
        assert row["assumption"]
        assert row["kind"] in ("limit", "rate", "range")
        spread = np.ma.is_masked(row["rate_low"]), np.ma.is_masked(row["rate_high"])
        assert spread == ((row["kind"] == "limit"),) * 2
