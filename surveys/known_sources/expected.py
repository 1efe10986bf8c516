"""Pulses that known sources should have in a recording.

Without a time of arrival the phase is as good as random: of a source with the period P that is seen
for T, the middles of floor(T / P) or of one more pulse fall into the recording, the latter with the
probability T / P - floor(T / P). A source that emits a share of its pulses, each by chance,
has at least one with one minus the mean of (1 - share)^N over these two N.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.table import Column, Table
from numpy.typing import ArrayLike

from surveys.errors import check_ranges
from surveys.known_sources.sources import Floats, KnownSources

DISPERSION_S = 1 / 2.41e-4
"""Seconds by which a DM of 1 pc cm^-3 delays 1 MHz."""

STEADY = "steady: its period is not longer than a sample"
WIDE = "wider than what was searched for"


@dataclass(frozen=True)
class ExpectedSettings:
    """What catalogs do not say.

    Attributes
    ----------
    spectral_index : float
        Of sources without one of their own; the default is the mean of pulsars (Jankowski et al.
        2018).
    activity : float
        Share of the pulses of a source that are emitted.
    """

    spectral_index: float = -1.6
    activity: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self, {"spectral_index": (-10.0, 10.0), "activity": (0.0, 1.0)})


@dataclass(frozen=True)
class Observation:
    """How something was recorded.

    Attributes
    ----------
    start_mjd : float
        UTC of the beginning of the first sample.
    duration_s, tsamp_s : float
    lowest_mhz, highest_mhz : float
        Centres of the outer channels.
    max_width_s : float
        Widest pulse that was searched for.
    """

    start_mjd: float
    duration_s: float
    tsamp_s: float
    lowest_mhz: float
    highest_mhz: float
    max_width_s: float = float("inf")

    @property
    def middle_mhz(self) -> float:
        return (self.lowest_mhz + self.highest_mhz) / 2


@dataclass(frozen=True)
class Stay:
    """How sources were seen.

    Attributes
    ----------
    seconds : (n,)
        How long each was in the beam.
    sigma_1s : (n,)
        Noise of one second over the gain there, Jy s^1/2; NaN is not known.
    """

    seconds: Floats
    sigma_1s: Floats


def n_pulses(seconds: ArrayLike, period_s: ArrayLike) -> tuple[Floats, Floats]:
    """Fewest and most middles of pulses that fall into a time; NaN where there is no period."""
    turns = np.asarray(seconds, float) / np.asarray(period_s, float)
    return np.floor(turns), np.ceil(turns)


def p_pulse(seconds: ArrayLike, period_s: ArrayLike, activity: float = 1.0) -> Floats:
    """Probability of at least one pulse, for a random phase."""
    least, _ = n_pulses(seconds, period_s)
    more = np.asarray(seconds, float) / np.asarray(period_s, float) - least
    quiet = 1.0 - activity
    none = (1.0 - more) * quiet**least + more * quiet ** (least + 1)
    # The last digits of a sum may go beyond.
    return np.clip(1.0 - none, 0.0, 1.0)


def snr(flux_jy: ArrayLike, width_s: ArrayLike, sigma_1s: ArrayLike, seen: Observation) -> Floats:
    """S/N of top-hats in white noise, of as much of them as the widest boxcar holds."""
    width = np.minimum(np.asarray(width_s, float), seen.max_width_s)
    filled = width / np.sqrt(np.maximum(width, seen.tsamp_s))
    return np.asarray(flux_jy, float) * filled / np.asarray(sigma_1s, float)


def delay_s(dm_pc_cm3: ArrayLike, lowest_mhz: float, highest_mhz: float) -> Floats:
    """Delay of the lowest channel after the highest."""
    return DISPERSION_S * np.asarray(dm_pc_cm3, float) * (lowest_mhz**-2.0 - highest_mhz**-2.0)


def flux_at(
    sources: KnownSources, freq_mhz: float, settings: ExpectedSettings
) -> tuple[Floats, Floats]:
    """Faintest and brightest flux densities of pulses at a frequency, Jy.

    NaN where the catalog has none, or does not say at which frequency.
    """
    own = sources.spectral_index
    index = np.where(np.isfinite(own), own, settings.spectral_index)
    scale = (freq_mhz / sources.freq_mhz) ** index
    return sources.flux_lo_jy * scale, sources.flux_hi_jy * scale


def expected_pulses(
    sources: KnownSources, stay: Stay, seen: Observation, settings: ExpectedSettings | None = None
) -> Table:
    """What each of some sources should have, a row each.

    Parameters
    ----------
    sources : KnownSources
        Those inside the field.
    stay : Stay
        How they were seen.
    seen : Observation
    settings : ExpectedSettings, optional

    Returns
    -------
    Table
        ``name``, ``ra``, ``dec``; ``seconds`` in the beam; ``period``, ``pulses_least``,
        ``pulses_most``, ``p_pulse``; ``width_lo``, ``width_hi``; ``flux_lo``, ``flux_hi`` in the
        middle of the band and the S/N of pulses of these widths and fluxes, ``snr_lo`` and
        ``snr_hi``; ``delay`` across the band; ``note``. NaN is not known.
    """
    settings = settings or ExpectedSettings()
    least, most = n_pulses(stay.seconds, sources.period_s)
    faint, bright = flux_at(sources, seen.middle_mhz, settings)
    steady = sources.period_s <= seen.tsamp_s
    low, high = (
        np.where(steady, np.nan, snr(flux, width, stay.sigma_1s, seen))
        for flux, width in ((faint, sources.width_lo_s), (bright, sources.width_hi_s))
    )
    wide = np.fmax(sources.width_hi_s, sources.width_lo_s) > seen.max_width_s
    notes = np.select([steady, wide], [STEADY, WIDE], "")
    likely = p_pulse(stay.seconds, sources.period_s, settings.activity)
    columns = [
        Column(sources.name, "name"),
        _column(sources.ra_deg, "ra", u.deg, ".7f", "ICRS"),
        _column(sources.dec_deg, "dec", u.deg, ".7f", "ICRS"),
        _column(stay.seconds, "seconds", u.s, ".6g", "in the beam"),
        _column(sources.period_s, "period", u.s, ".10g", ""),
        _column(least, "pulses_least", None, ".0f", "in these seconds"),
        _column(most, "pulses_most", None, ".0f", "in these seconds"),
        _column(likely, "p_pulse", None, ".4g", "probability of one or more"),
        _column(sources.width_lo_s, "width_lo", u.s, ".6g", "shortest pulses"),
        _column(sources.width_hi_s, "width_hi", u.s, ".6g", "longest pulses"),
        _column(faint, "flux_lo", u.Jy, ".4g", "faintest, in the middle of the band"),
        _column(bright, "flux_hi", u.Jy, ".4g", "brightest"),
        _column(low, "snr_lo", None, ".4g", "of the faintest and shortest"),
        _column(high, "snr_hi", None, ".4g", "of the brightest and longest"),
        _column(
            delay_s(sources.dm_pc_cm3, seen.lowest_mhz, seen.highest_mhz),
            *("delay", u.s, ".4g", "of the lowest channel after the highest"),
        ),
        Column(sources.indicative, "indicative", description="columns that are not measured well"),
        Column(notes, "note"),
    ]
    return Table(columns)


def _column(values: Floats, name: str, unit: u.UnitBase | None, form: str, text: str) -> Column:
    return Column(np.asarray(values, float), name, unit=unit, format=form, description=text or None)
