"""The statements of FLARES XVI's abstract beside what a sample gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from surveys.mock_sizes.run import Sample
from surveys.mock_sizes.science import groups_of_redshift
from surveys.scaling.published import FLARES_XVI, Statement
from surveys.scaling.relations import fit_size_redshift
from surveys.scaling.sample import SizeSample
from surveys.scaling.verdicts import Interval, Verdict, verdict

_UV_UM, _OPTICAL_UM, _FIR_UM = 0.15, 0.4, (40.0, 200.0)
_NEAR = 1.15
"""Wavelengths in one ratio of each other are the same."""


@dataclass(frozen=True)
class Compared:
    """A statement and what was measured.

    Attributes
    ----------
    statement : Statement
    band, estimator : str
        Empty of intrinsic sizes.
    snr_kind : str
    verdict : Verdict
    """

    statement: Statement
    band: str
    estimator: str
    snr_kind: str
    verdict: Verdict


def compare_statements(sample: Sample, ratios: Table) -> list[Compared]:
    """Every statement that the sample has the redshifts, wavelengths and S/N for.

    Observed sizes are those of every estimator; bands are those near 0.15 um at rest, and for
    the last statement those of an array.
    """
    found = []
    for statement in FLARES_XVI:
        if statement.key in ("optical", "fir"):
            measured = _optical(sample) if statement.key == "optical" else _fir(sample)
            if measured is not None:
                word = verdict(measured, statement.published)
                found.append(Compared(statement, "", "pixel", "", word))
            continue
        for i, wanted in enumerate(sample.settings.observation):
            if not _is_about(sample, i, statement):
                continue
            for estimator in sample.settings.measure.estimators:
                measured = _ratio(ratios, (wanted.label, estimator), statement)
                if measured is not None:
                    word = verdict(measured, statement.published)
                    found.append(
                        Compared(statement, wanted.label, estimator, wanted.snr_kind, word)
                    )
    return found


def statements_table(compared: list[Compared]) -> Table:
    """One row a statement, band and estimator."""
    rows = [
        {
            "statement": c.statement.key,
            "text": c.statement.text,
            "band": c.band,
            "estimator": c.estimator,
            "snr_kind": c.snr_kind,
            "verdict": c.verdict.word,
            "numbers": c.verdict.text,
        }
        for c in compared
    ]
    return Table(rows=rows, names=list(rows[0]))


def _is_about(sample: Sample, i: int, statement: Statement) -> bool:
    wanted = sample.settings.observation[i]
    if wanted.snr_kind in ("depth", "rms", "exposure"):
        return False
    if statement.key == "alma":
        return wanted.instrument == "ALMA"
    rest = [s.wavelength_um / (1 + sample.redshift[s.galaxy]) for s in sample.seen if s.band == i]
    return bool(abs(np.log(np.median(rest) / _UV_UM)) < np.log(1.5))


def _optical(sample: Sample) -> Interval | None:
    """Median ratio of sizes at 0.4 um and in the UV at the lowest redshift."""
    planes = [_plane(sample, wave) for wave in (_UV_UM, _OPTICAL_UM)]
    if planes[0] is None or planes[1] is None:
        return None
    at = np.round(sample.redshift) == 5
    ratio = sample.plane_kpc[at][:, planes[1]] / sample.plane_kpc[at][:, planes[0]]
    ratio = ratio[np.isfinite(ratio)]
    if len(ratio) < 5:
        return None
    return Interval.of(float(np.median(ratio)), 1.25 * float(np.std(ratio)) / np.sqrt(len(ratio)))


def _fir(sample: Sample) -> Interval | None:
    """The m of sizes in the far infrared."""
    planes = [i for i, wave in enumerate(sample.rest_um) if _FIR_UM[0] <= wave <= _FIR_UM[1]]
    if not planes or len(np.unique(groups_of_redshift(sample.redshift))) < 2:
        return None
    size = sample.plane_kpc[:, planes[0]]
    good = np.isfinite(size) & (size > 0)
    if good.sum() < 10:
        return None
    fit = fit_size_redshift(SizeSample(size[good], z=sample.redshift[good]))
    return Interval.of(fit.value("m"), fit.error("m"))


def _plane(sample: Sample, wanted_um: float) -> int | None:
    i = int(np.argmin(np.abs(np.log(sample.rest_um / wanted_um))))
    near = 1 / _NEAR <= sample.rest_um[i] / wanted_um <= _NEAR
    return i if near else None


def _ratio(ratios: Table, key: tuple[str, str], statement: Statement) -> Interval | None:
    """Least and largest median ratio over the redshifts and S/N of a statement."""
    rows = ratios[(ratios["band"] == key[0]) & (ratios["estimator"] == key[1])]
    z, snr = np.asarray(rows["z"]), np.asarray(rows["snr"])
    inside = (z >= statement.z[0]) & (z <= statement.z[1])
    if statement.snr is not None:
        inside &= (snr >= statement.snr[0]) & (snr <= statement.snr[1])
    if statement.key == "alma":
        return _noise_over_none(rows[inside])
    # Of one or two galaxies the error is not known.
    inside &= np.isfinite(np.asarray(rows["median_err"]))
    if not inside.any():
        return None
    median, error = (np.asarray(rows[name])[inside] for name in ("median", "median_err"))
    low, high = int(np.argmin(median)), int(np.argmax(median))
    return Interval(float(median[low]), float(median[high]), float(error[low]), float(error[high]))


def _noise_over_none(rows: Table) -> Interval | None:
    """Sizes at the lowest S/N over those at the highest, over redshifts."""
    found = []
    for z in np.unique(np.asarray(rows["z"])):
        at = rows[(rows["z"] == z) & np.isfinite(np.asarray(rows["median_err"]))]
        if len(at) < 2:
            continue
        at.sort("snr")
        first, last = at[0], at[-1]
        ratio = float(first["median"] / last["median"])
        relative = np.hypot(
            first["median_err"] / first["median"], last["median_err"] / last["median"]
        )
        found.append((ratio, ratio * float(relative)))
    if not found:
        return None
    low, high = min(found), max(found)
    return Interval(low[0], high[0], low[1], high[1])
