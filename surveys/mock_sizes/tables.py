"""Tables of what was measured: one row a galaxy, band, S/N and estimator."""

from __future__ import annotations

import warnings

import numpy as np
from astropy import units as u
from astropy.table import Table
from numpy.typing import NDArray

from surveys.mock_sizes.correcting import RADIUS_FWHM
from surveys.mock_sizes.run import Sample
from surveys.mock_sizes.seeing import Seen
from surveys.observing.noise_level import KINDS
from surveys.sizes.flags import Flag

Real = NDArray[np.float64]

# Flags of realisations are those of a row if more than this share of them has them.
_MOST = 0.5


def sizes_table(sample: Sample) -> Table:
    """Sizes: medians of the realisations of the noise, and their scatter.

    Errors are of one measurement, not of the median: those of measured sizes are the standard
    deviation over the noise, those of corrected ones have the unknown profile in them too.
    """
    rows = [row for seen in sample.seen for row in _rows(sample, seen)]
    table = Table(rows=rows, names=list(rows[0]))
    for name, unit in (("r_pixel", u.pix), ("r_pixel_err", u.pix), ("r_arcsec", u.arcsec)):
        table[name].unit = unit
    for name in table.colnames:
        if name.endswith("_kpc") or name in ("r_kpc_err",):
            table[name].unit = u.kpc
        if table[name].dtype.kind == "f":
            table[name].info.format = ".5g"
    table.meta["flags"] = {flag.name: int(flag) for flag in Flag}
    return table


def observations_table(sample: Sample) -> Table:
    """The noise of each galaxy, band and S/N, and all that S/N can mean."""
    rows = []
    for seen in sample.seen:
        wanted = sample.settings.observation[seen.band]
        for j, snr in enumerate(wanted.snr):
            rows.append(
                {
                    "galaxy": sample.names[seen.galaxy],
                    "z": float(sample.redshift[seen.galaxy]),
                    "band": wanted.label,
                    "instrument": seen.instrument,
                    "wavelength": seen.wavelength_um,
                    "pixel": seen.pixel_arcsec,
                    "fwhm": seen.fwhm_arcsec,
                    "flux": seen.flux,
                    "snr_kind": wanted.snr_kind,
                    "snr": snr,
                    "sigma": float(seen.sigma[j]),
                }
                | {f"snr_{kind}": float(seen.snr[j, k]) for k, kind in enumerate(KINDS[:4])}
            )
    table = Table(rows=rows, names=list(rows[0]))
    # A depth is no S/N.
    table.rename_columns(["snr_depth"], ["depth"])
    table["wavelength"].unit, table["pixel"].unit, table["fwhm"].unit = u.um, u.arcsec, u.arcsec
    table["flux"].unit = sample.unit or None
    for name in table.colnames:
        if table[name].dtype.kind == "f":
            table[name].info.format = ".6g"
    return table


def structure_table(sample: Sample) -> Table | None:
    """Concentration, asymmetry, Gini and M20: medians and scatter; None if not measured."""
    rows = []
    for seen in sample.seen:
        structure = seen.measured.structure
        if structure is None:
            return None
        wanted = sample.settings.observation[seen.band]
        for j, snr in enumerate(wanted.snr):
            row = _place(sample, seen, snr)
            for name in ("concentration", "asymmetry", "gini", "m20"):
                values = getattr(structure, name).reshape(len(wanted.snr), -1)[j]
                row[name], row[f"{name}_err"], _ = _middle(values)
            rows.append(row)
    table = Table(rows=rows, names=list(rows[0]))
    for name in table.colnames:
        if table[name].dtype.kind == "f":
            table[name].info.format = ".5g"
    return table


def _place(sample: Sample, seen: Seen, snr: float) -> dict[str, object]:
    wanted = sample.settings.observation[seen.band]
    return {
        "galaxy": sample.names[seen.galaxy],
        "z": float(sample.redshift[seen.galaxy]),
        "band": wanted.label,
        "snr_kind": wanted.snr_kind,
        "snr": float(snr),
    }


def _rows(sample: Sample, seen: Seen) -> list[dict[str, object]]:
    wanted = sample.settings.observation[seen.band]
    n = len(wanted.snr)
    flags = seen.measured.flags.reshape(n, -1)
    kpc = seen.pixel_arcsec * seen.kpc_per_arcsec
    rows = []
    for j, snr in enumerate(wanted.snr):
        for e, name in enumerate(sample.settings.measure.estimators):
            every = seen.radius(name)
            if every is None:
                continue
            radius = every.reshape(n, -1)[j]
            corrected, error = (a.reshape(n, -1)[j] for a in seen.corrected[name])
            own = flags[j] | _own_flags(seen, radius, corrected, error)
            if name in seen.fits:
                own = flags[j] | seen.fits[name].flags.reshape(n, -1)[j]
            middle, scatter, used = _middle(radius)
            better, _, _ = _middle(corrected)
            rows.append(
                _place(sample, seen, snr)
                | {
                    "estimator": name,
                    "r_pixel": middle,
                    "r_pixel_err": scatter,
                    "r_arcsec": middle * seen.pixel_arcsec,
                    "r_kpc": middle * kpc,
                    "r_kpc_err": scatter * kpc,
                    "r_intrinsic_kpc": float(seen.intrinsic_kpc[e]),
                    "ratio": middle * kpc / float(seen.intrinsic_kpc[e]),
                    "r_corrected_kpc": better * kpc,
                    "r_corrected_err_kpc": better * _middle(error)[0] * kpc,
                    "n_noise": radius.size,
                    "n_used": used,
                    "flags": _usual(own),
                }
            )
    return rows


def _own_flags(seen: Seen, radius: Real, corrected: Real, error: Real) -> NDArray[np.int64]:
    """What is to be said of one estimator, beside the flags of the source."""
    fwhm = seen.fwhm_arcsec / seen.pixel_arcsec
    # Noise makes points large: what is corrected to the smallest there is, may be one.
    unresolved = (radius < 0.55 * fwhm) | (corrected * (1 - error) < RADIUS_FWHM[0] * fwhm)
    flags = np.zeros(radius.shape, np.int64)
    flags[unresolved] |= int(Flag.UNRESOLVED)
    flags[np.isnan(radius)] |= int(Flag.NOT_POSITIVE)
    flags[np.isnan(corrected)] |= int(Flag.NOT_CORRECTED)
    return flags


def _usual(flags: NDArray[np.int64]) -> int:
    bits = np.array([int(flag) for flag in Flag])
    share = ((flags[:, None] & bits) > 0).mean(0)
    return int(bits[share > _MOST].sum())


def _middle(values: NDArray) -> tuple[float, float, int]:
    """Median, standard deviation and number of those that are numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        used = int(np.isfinite(values).sum())
        scatter = float(np.nanstd(values, ddof=1)) if used > 1 else float("nan")
        return float(np.nanmedian(values)), scatter, used
