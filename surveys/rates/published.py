"""Rates and limits of published surveys, in one unit.

Each row of ``published.ecsv`` keeps what was published, in words, and what was assumed to turn it
into bursts per hour and square degree.
"""

from __future__ import annotations

from importlib.resources import files

from astropy.table import Table

SKY_DEG2 = 41252.96
HOURS_A_DAY = 24.0


def published() -> Table:
    """The table; masked where a paper gives no number.

    Columns: `name`, `reference` (arXiv), `kind` ("limit", "rate" or "range"), `frequency_mhz`,
    `width_s` and `width_high_s` (of bursts), `flux_jy`, `fluence_jy_ms`, `rate`, `rate_low` and
    `rate_high` (h-1 deg-2), `as_published`, `assumption`.
    """
    text = (files("surveys.rates") / "published.ecsv").read_text(encoding="utf-8")
    return Table.read(text, format="ascii.ecsv")


def per_hour_and_deg2(per_sky_and_day: float) -> float:
    """A rate of the whole sky and a day, in h-1 deg-2."""
    return per_sky_and_day / SKY_DEG2 / HOURS_A_DAY


def rate_of_density(per_deg2: float, width_s: float) -> float:
    """Bursts per hour and square degree, of the number that is on at any time.

    An image as long as a burst sees what begins within it: the number on the sky over the length.
    """
    return per_deg2 / width_s * 3600
