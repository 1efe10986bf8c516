"""One figure per candidate."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import Angle
from astropy.table import Row
from astropy.time import Time
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from pipeline.block import StreamHeader
from pipeline.cutout_sums import delays_s
from pipeline.cutouts import Cutout
from pipeline.report.style import (
    ACCENT,
    BLUE,
    COLOUR_MAP,
    INK,
    LINE,
    MUTED,
    SOFT,
    bunit_label,
    edges,
    format_duration,
    limits,
    log_ticks,
    new_figure,
    nothing,
    tidy,
    time_unit,
)

_WIDE_LETTERS, _NAME_LETTERS = 21, 26
"""That fit beside the panels, in letters of 9 points and of 7."""


def candidate_figure(row: Row, cutout: Cutout, header: StreamHeader) -> Figure:
    """Draw everything that helps to believe or reject a candidate.

    Parameters
    ----------
    row : astropy.table.Row
        Row of the candidate table.
    cutout : Cutout
        Its arrays.
    header : StreamHeader
        The recording.

    Returns
    -------
    matplotlib.figure.Figure
        Sky cut-out (or the spectrum for a single pixel), light curve above the
        dedispersed dynamic spectrum, DM-time plane above the dynamic spectrum as
        recorded, width-S/N ladder, and the numbers.
    """
    figure = new_figure(13.6, 7.0)
    grid = figure.add_gridspec(
        2,
        4,
        width_ratios=[1.0, 1.2, 1.2, 0.6],
        left=0.05,
        right=0.998,
        top=0.895,
        bottom=0.08,
        wspace=0.3,
        hspace=0.33,
    )
    figure.text(0.012, 0.955, _headline(row), size=13, weight="bold", color=INK)
    if min(cutout.image.shape) > 1:
        _sky(figure.add_subplot(grid[0, 0]), row, cutout, header)
    else:
        _pulse_spectrum(figure.add_subplot(grid[0, 0]), cutout, header)
    _ladder(figure.add_subplot(grid[1, 0]), row, cutout)
    _light_curve(figure.add_subplot(grid[0, 1]), row, cutout, header)
    _dm_time(figure.add_subplot(grid[0, 2]), row, cutout)
    _dynamic(figure.add_subplot(grid[1, 1]), cutout, row, header, dedispersed=True)
    _dynamic(figure.add_subplot(grid[1, 2]), cutout, row, header, dedispersed=False)
    _numbers(figure.add_subplot(grid[:, 3]), row, header)
    return figure


def _headline(row: Row) -> str:
    text = (
        f"Candidate {row['id']}     S/N {row['snr']:.1f}     "
        f"DM {row['dm']:.4g} pc cm$^{{-3}}$     width {format_duration(row['width'])}"
    )
    return text + ("     (injected)" if row["injected"] else "")


def _sky_scale(row: Row, header: StreamHeader) -> tuple[float, float] | None:
    """Arcseconds per pixel along x (east) and y (north); None if rotated or no WCS."""
    if header.wcs is None:
        return None
    x, y = float(row["x"]), float(row["y"])
    ra, dec = header.wcs.celestial.all_pix2world([x, x + 1, x], [y, y, y + 1], 0)
    east = (((ra - ra[0] + 180) % 360) - 180) * np.cos(np.deg2rad(dec[0])) * 3600
    north = (dec - dec[0]) * 3600
    along = np.array([[east[1], east[2]], [north[1], north[2]]])
    if not np.isfinite(along).all():
        return None
    if abs(along[0, 1]) > 0.05 * abs(along[0, 0]) or abs(along[1, 0]) > 0.05 * abs(along[1, 1]):
        return None
    return float(along[0, 0]), float(along[1, 1])


def _sky(axes: Axes, row: Row, cutout: Cutout, header: StreamHeader) -> None:
    """Sky at the pulse, the beam drawn at the position."""
    ny, nx = cutout.image.shape
    x0, y0 = cutout.image_origin
    scale = _sky_scale(row, header)
    if scale is None:
        sx, sy, xc, yc = 1.0, 1.0, 0.0, 0.0
        labels = ("x (pixel)", "y (pixel)")
    else:
        xc, yc = float(row["x"]), float(row["y"])
        size = max(abs(scale[0]) * nx, abs(scale[1]) * ny)
        unit, name = (1.0, "arcsec") if size < 300 else (1 / 60, "arcmin")
        unit, name = (unit, name) if size < 3 * 3600 else (1 / 3600, "deg")
        sx, sy = scale[0] * unit, scale[1] * unit
        labels = (f"ΔRA cos δ ({name})", f"ΔDec ({name})")
    box = (
        (x0 - 0.5 - xc) * sx,
        (x0 + nx - 0.5 - xc) * sx,
        (y0 - 0.5 - yc) * sy,
        (y0 + ny - 0.5 - yc) * sy,
    )
    low, high = limits(cutout.image, 0.5, 100)
    mesh = axes.imshow(
        cutout.image, origin="lower", extent=box, cmap=COLOUR_MAP, vmin=low, vmax=high
    )
    axes.set_aspect("equal")
    at = ((float(row["x"]) - xc) * sx, (float(row["y"]) - yc) * sy)
    beam = max(header.beam_fwhm_px, 1.0)
    axes.add_patch(
        Ellipse(at, beam * abs(sx), beam * abs(sy), fill=False, edgecolor="white", linewidth=1.4)
    )
    axes.set(xlabel=labels[0], ylabel=labels[1])
    tidy(axes, "Sky at the pulse, beam circled")
    _colour_bar(axes, mesh, header.bunit or "data")


def _pulse_spectrum(axes: Axes, cutout: Cutout, header: StreamHeader) -> None:
    """Flux in the boxcar against frequency, where there is no image."""
    freq, flux = cutout.spectrum_freq_mhz, cutout.pulse_spectrum
    axes.errorbar(
        freq, flux, cutout.pulse_spectrum_error, fmt="o", ms=2.5, lw=0.8, color=BLUE, ecolor=LINE
    )
    axes.axhline(0, color=MUTED, lw=0.8)
    axes.set(xlabel="frequency (MHz)", ylabel=bunit_label("mean in the boxcar", header.bunit))
    tidy(axes, "Spectrum of the pulse (one pixel)", grid=True)


def _colour_bar(axes: Axes, mesh: Any, label: str) -> None:
    inset = axes.inset_axes((1.02, 0.0, 0.03, 1.0))
    bar = axes.figure.colorbar(mesh, cax=inset)
    bar.outline.set_visible(False)
    inset.tick_params(labelsize=7, colors=MUTED, length=2)
    inset.yaxis.set_major_locator(MaxNLocator(5))
    axes.text(1.055, 1.02, label, transform=axes.transAxes, ha="center", size=7, color=MUTED)


def _ladder(axes: Axes, row: Row, cutout: Cutout) -> None:
    """Best S/N near the pulse against boxcar width."""
    factor, unit = time_unit(float(row["width"]))
    tidy(axes, "S/N against boxcar width", grid=True)
    if np.isfinite(cutout.ladder_snr).any():
        axes.plot(
            cutout.ladder_width_s * factor, cutout.ladder_snr, "o-", ms=3.5, lw=1.2, color=BLUE
        )
        log_ticks(axes)
    axes.plot(
        [row["width"] * factor],
        [row["snr"]],
        "D",
        ms=6,
        mfc="none",
        mec=ACCENT,
        mew=1.6,
        label="of the search",
    )
    axes.legend(frameon=False, fontsize=8, labelcolor=MUTED, loc="upper right", handletextpad=0.2)
    axes.set(xlabel=f"width ({unit})", ylabel="S/N")
    top = np.nanmax([float(row["snr"]), *cutout.ladder_snr.astype(float)])
    axes.set_ylim(min(0.0, float(np.nanmin([0.0, *cutout.ladder_snr]))), 1.25 * float(top))


def _light_curve(axes: Axes, row: Row, cutout: Cutout, header: StreamHeader) -> None:
    """Dedispersed flux of the pixel with the top-hat that fits it best."""
    width, fit = float(row["width"]), cutout.top_hat
    time_s, flux = _binned(cutout, width / 16)
    first, last = _extent(cutout, width)
    shown = (time_s >= first) & (time_s <= last)
    factor, unit = time_unit(last - first)
    # Edges count from the beginning of a sample, the time axis from the centre of one.
    low = (fit.start - 0.5 - cutout.detection.centre) * header.tsamp_s
    high = low + fit.width * header.tsamp_s
    level = fit.flux if np.isfinite(fit.flux) else 0.0
    axes.add_patch(
        Rectangle((low * factor, 0), (high - low) * factor, level, color=SOFT, alpha=0.75, lw=0)
    )
    axes.plot(
        np.array([first, low, low, high, high, last]) * factor,
        [0, 0, level, level, 0, 0],
        color=ACCENT,
        lw=1.2,
    )
    axes.step(time_s[shown] * factor, flux[shown], where="mid", color=BLUE, lw=1.0)
    axes.set_xlim(first * factor, last * factor)
    axes.set_xlabel(f"time from the pulse centre ({unit})")
    tidy(axes, f"Light curve and top-hat ({header.bunit or 'data units'})", grid=True)


def _binned(cutout: Cutout, bin_s: float) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Light curve averaged to bins of about `bin_s`, never finer than it is."""
    time_s, flux = cutout.light_curve_time_s, cutout.light_curve
    if len(time_s) < 2:
        return time_s, flux
    k = max(1, int(bin_s / (time_s[1] - time_s[0])))
    n = len(time_s) // k * k
    known = np.isfinite(flux[:n]).reshape(-1, k)
    total = np.where(known, flux[:n].reshape(-1, k), 0.0).sum(axis=1)
    count = known.sum(axis=1)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return time_s[:n].reshape(-1, k).mean(axis=1), mean


def _extent(cutout: Cutout, width_s: float) -> tuple[float, float]:
    """Time axis shared by the light curve and the dedispersed spectrum, seconds."""
    recorded = edges(cutout.dedispersed_time_s)
    return min(float(recorded[0]), -0.6 * width_s), max(float(recorded[-1]), 0.6 * width_s)


def _dm_time(axes: Axes, row: Row, cutout: Cutout) -> None:
    """S/N of the best width against time and trial DM."""
    tidy(axes, "DM against time, best width")
    if not np.isfinite(cutout.dm_time_snr).any():
        nothing(axes, "the recording is shorter than the sweep")
        return
    factor, unit = time_unit(float(np.ptp(cutout.dm_time_s)) or float(row["width"]))
    low, high = limits(cutout.dm_time_snr, 0.5, 100)
    mesh = axes.pcolormesh(
        edges(cutout.dm_time_s * factor),
        edges(cutout.dm_axis),
        cutout.dm_time_snr,
        cmap=COLOUR_MAP,
        vmin=low,
        vmax=high,
        rasterized=True,
    )
    axes.axhline(float(row["dm"]), color="white", lw=0.7, alpha=0.6)
    axes.axvline(0, color="white", lw=0.7, alpha=0.6)
    axes.set(xlabel=f"time from the pulse centre ({unit})", ylabel="DM (pc cm$^{-3}$)")
    _colour_bar(axes, mesh, "S/N")


def _dynamic(
    axes: Axes, cutout: Cutout, row: Row, header: StreamHeader, *, dedispersed: bool
) -> None:
    """Dynamic spectrum of the pixel, as recorded or with the dispersion removed."""
    time_s = cutout.dedispersed_time_s if dedispersed else cutout.dispersed_time_s
    image = cutout.dedispersed if dedispersed else cutout.dispersed
    title = "Dynamic spectrum, dedispersed" if dedispersed else "Dynamic spectrum as recorded"
    tidy(axes, title)
    if not np.isfinite(image).any():
        nothing(axes, "no data")
        return
    first, last = _extent(cutout, float(row["width"]))
    if not dedispersed:
        first, last = (float(t) for t in edges(time_s)[[0, -1]])
    factor, unit = time_unit(last - first)
    # Dark from the median down: a faint track must not drown in the colours of noise.
    low, high = limits(image, 30.0, 99.95)
    freq = edges(cutout.spectrum_freq_mhz)
    mesh = axes.pcolormesh(
        edges(time_s * factor), freq, image, cmap=COLOUR_MAP, vmin=low, vmax=high, rasterized=True
    )
    half = float(row["width"]) / 2
    if dedispersed:
        for edge in (-half, half):
            axes.axvline(edge * factor, color="white", lw=0.8, ls=(0, (4, 3)), alpha=0.9)
    else:
        track_mhz = np.linspace(cutout.spectrum_freq_mhz[0], header.freq_mhz.max(), 80)
        delay = delays_s(track_mhz, float(row["dm"]))
        pad = max(0.5 * half, 0.01 * float(np.ptp(time_s)))
        for edge in (-half - pad, half + pad):
            axes.plot(
                (delay + edge) * factor, track_mhz, color="white", lw=0.8, ls=(0, (4, 3)), alpha=0.9
            )
    axes.set(xlim=(first * factor, last * factor), ylim=(freq[0], freq[-1]))
    axes.set(xlabel=f"time from the pulse centre ({unit})", ylabel="frequency (MHz)")
    if not dedispersed:
        _colour_bar(axes, mesh, "S/N")


def _numbers(axes: Axes, row: Row, header: StreamHeader) -> None:
    """The row of the table, to be read."""
    axes.axis("off")
    day, clock = _iso(float(row["mjd"])).split()
    lines = [
        ("date (UTC)", day),
        ("time (UTC)", clock),
        ("MJD", f"{row['mjd']:.10f}"),
        ("from start", _since_start(row, header)),
    ]
    if np.isfinite(row["ra"]):
        ra, dec = Angle(row["ra"], u.deg), Angle(row["dec"], u.deg)
        lines += [
            ("RA (ICRS)", ra.to_string(unit=u.hourangle, sep=":", precision=2, pad=True)),
            ("Dec", dec.to_string(sep=":", precision=1, pad=True, alwayssign=True)),
        ]
    flux, fluence, error = row["flux"], row["fluence"], row["fluence_error"]
    table = row.table
    lines += [
        ("pixel x, y", f"{row['x']:.2f}, {row['y']:.2f}"),
        ("S/N", f"{row['snr']:.2f}"),
        ("DM", f"{row['dm']:.2f} pc cm$^{{-3}}$"),
        ("width", format_duration(float(row["width"]))),
        ("flux density", f"{flux:.4g} {_unit(table['flux'].unit)}"),
        ("fluence", f"{fluence:.4g} ± {error:.2g} {_unit(table['fluence'].unit)}"),
        ("detections", f"{row['n_detections']}"),
        ("looks like", str(row["verdict"])),
        ("p(real)", f"{row['p_real']:.3f}" if np.isfinite(row["p_real"]) else "not classified"),
    ]
    if row["known"]:
        lines.append(("known source", str(row["known"])[:_NAME_LETTERS]))
    for i, (name, value) in enumerate(lines):
        y = 1.0 - i * 0.067
        axes.text(0.0, y, name, transform=axes.transAxes, size=8, color=MUTED, va="top")
        size = 9 if len(value) <= _WIDE_LETTERS else 7
        axes.text(0.0, y - 0.026, value, transform=axes.transAxes, size=size, color=INK, va="top")


def _unit(unit: u.UnitBase | None) -> str:
    if unit is None or unit == u.dimensionless_unscaled:
        return "(data units)"
    return unit.to_string().replace(" / ", "/")


def _iso(mjd: float) -> str:
    return Time(mjd, format="mjd", scale="utc", precision=4).iso


def _since_start(row: Row, header: StreamHeader) -> str:
    seconds = (Time(float(row["mjd"]), format="mjd", scale="utc") - header.start).sec
    return f"{seconds:.4f} s"
