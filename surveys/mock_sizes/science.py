"""What the sizes of a sample say: ratios to the truth, relations with luminosity and redshift."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from surveys.errors import SettingProblem
from surveys.mock_sizes.run import Sample
from surveys.scaling.grouped import grouped, unflagged
from surveys.scaling.relations import (
    RelationSettings,
    SizeRelation,
    fit_size_luminosity,
    fit_size_redshift,
)
from surveys.scaling.sample import SizeSample
from surveys.scaling.wavelengths import size_ratios
from surveys.sizes.flags import Flag

Real = NDArray[np.float64]

BAD = Flag.NOT_DETECTED | Flag.EDGE | Flag.NEIGHBOUR | Flag.NOT_POSITIVE
"""Sizes with these flags are in no ratio and no relation."""

_FEWEST = 8


@dataclass(frozen=True)
class Relation:
    """A relation of the sizes of one kind in one band.

    Attributes
    ----------
    band, what : str
        What: intrinsic, observed or corrected.
    snr : float
        NaN of intrinsic sizes.
    z : float
        NaN of an evolution.
    luminosity, size_kpc, redshift : NDArray
        Of the galaxies that are in it.
    fit : SizeRelation
    """

    band: str
    what: str
    snr: float
    z: float
    luminosity: Real
    size_kpc: Real
    redshift: Real
    fit: SizeRelation


def groups_of_redshift(redshift: Real) -> Real:
    """Redshifts as they are if there are few of them, or the whole numbers nearest to them."""
    return redshift if len(np.unique(redshift)) <= 12 else np.round(redshift)


def ratios_table(sizes: Table) -> Table:
    """Observed and corrected over intrinsic sizes by band, estimator, S/N and redshift."""
    columns = {name: np.asarray(sizes[name]) for name in ("band", "estimator", "snr")}
    columns["z"] = groups_of_redshift(np.asarray(sizes["z"]))
    columns["ratio"] = np.asarray(sizes["ratio"])
    flags = np.asarray(sizes["flags"])
    by = ["band", "estimator", "snr", "z"]
    detected = (flags & int(Flag.NOT_DETECTED)) == 0
    table = grouped(columns, "ratio", by, keep=unflagged(flags, int(BAD)), detected=detected)
    columns["ratio"] = np.asarray(sizes["r_corrected_kpc"]) / np.asarray(sizes["r_intrinsic_kpc"])
    good = unflagged(flags, int(BAD | Flag.NOT_CORRECTED))
    corrected = grouped(columns, "ratio", by, keep=good, detected=detected)
    for name in ("n_used", "median", "median_err", "p16", "p84"):
        table[f"corrected_{name}"] = corrected[name]
    for name in table.colnames:
        if table[name].dtype.kind == "f":
            table[name].info.format = ".4g"
    return table


def wavelengths_table(sample: Sample) -> Table | None:
    """Intrinsic sizes over those in the ultraviolet; None of images at one wavelength."""
    if len(sample.rest_um) < 2:
        return None
    z = groups_of_redshift(sample.redshift)
    sizes = np.where(sample.plane_kpc > 0, sample.plane_kpc, np.nan)
    try:
        table = size_ratios(sizes, sample.rest_um, z)
    except SettingProblem:
        return None
    for name in table.colnames:
        if table[name].dtype.kind == "f":
            table[name].info.format = ".4g"
    return table


def relations_of(sample: Sample, sizes: Table) -> list[Relation]:
    """Size against luminosity at each redshift, and against redshift, of each band.

    Intrinsic sizes, and those observed and corrected with the least noise, by the first estimator.
    Those that have too few galaxies are left out.
    """
    estimator = sample.settings.measure.estimators[0]
    first = np.asarray(sizes["estimator"]) == estimator
    found = []
    for i, band in enumerate(sample.settings.observation):
        label, snr = band.label, band.snr[band.deepest]
        rows = sizes[first & (sizes["band"] == label) & (sizes["snr"] == snr)]
        # One row each, in this order; names may be those of several.
        galaxy = np.array([seen.galaxy for seen in sample.seen if seen.band == i])
        z = sample.redshift[galaxy]
        light = _luminosity(sample, galaxy, label)
        kinds = [
            ("intrinsic", "r_intrinsic_kpc", float("nan"), Flag(0)),
            ("observed", "r_kpc", snr, BAD),
            ("corrected", "r_corrected_kpc", snr, BAD | Flag.NOT_CORRECTED),
        ]
        for what, column, at, bad in kinds:
            size = np.asarray(rows[column], np.float64)
            good = np.isfinite(size) & (size > 0) & (light > 0)
            good &= unflagged(np.asarray(rows["flags"]), int(bad))
            found.extend(_relations((label, what, at), size[good], light[good], z[good]))
    return found


def relations_table(relations: list[Relation]) -> Table:
    """One row for each parameter of each relation."""
    tables = []
    for one in relations:
        table = one.fit.table()
        l_star, n = one.fit.l_star, one.fit.n_galaxies
        table.meta.clear()
        for i, (name, value) in enumerate(
            [
                ("band", one.band),
                ("what", one.what),
                ("snr", one.snr),
                ("relation", "size-redshift" if np.isnan(one.z) else "size-luminosity"),
                ("z", one.z),
            ]
        ):
            table.add_column([value] * len(table), i, name)
        table["n_galaxies"], table["l_star"] = n, l_star
        tables.append(table)
    if not tables:
        return Table(names=["band", "what", "parameter", "value"], dtype=[str, str, str, float])
    table = vstack(tables)
    for name in table.colnames:
        if table[name].dtype.kind == "f":
            table[name].info.format = ".5g"
    return table


def _luminosity(sample: Sample, galaxy: NDArray[np.int64], label: str) -> Real:
    """Of each galaxy in the band: of the plane nearest to it."""
    bands = [o.label for o in sample.settings.observation]
    wavelength = np.full(len(sample.names), np.nan)
    for seen in sample.seen:
        if bands[seen.band] == label:
            rest = seen.wavelength_um / (1 + sample.redshift[seen.galaxy])
            wavelength[seen.galaxy] = rest
    apart = np.abs(np.log(sample.rest_um / wavelength[galaxy, None]))
    return sample.luminosity[galaxy, np.argmin(apart, axis=1)]


def _relations(key: tuple[str, str, float], size: Real, light: Real, z: Real) -> Iterator[Relation]:
    groups = groups_of_redshift(z)
    # Of luminosities of another band, or of no known scale, L* is their median.
    if not len(size):
        return
    settings = RelationSettings()
    middle = float(np.median(light))
    if not 0.01 < middle / settings.l_star < 100:
        settings = RelationSettings(l_star=middle)
    for one in np.unique(groups):
        at = groups == one
        if at.sum() >= _FEWEST:
            sample = SizeSample(size[at], light[at])
            fit = _tried(lambda sample=sample: fit_size_luminosity(sample, settings))
            if fit is not None:
                yield Relation(*key, float(one), light[at], size[at], z[at], fit)
    if len(np.unique(groups)) > 1 and len(size) >= _FEWEST:
        sample = SizeSample(size, z=z)
        fit = _tried(lambda: fit_size_redshift(sample, settings))
        if fit is not None:
            yield Relation(*key, float("nan"), light, size, z, fit)


def _tried(fit) -> SizeRelation | None:  # noqa: ANN001
    """A fit, or None where the galaxies do not allow it."""
    try:
        return fit()
    except SettingProblem:
        return None
