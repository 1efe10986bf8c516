"""What the scattering of a burst and the Halpha light of its host say of its DM."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cosmo.host import HalphaDM, host_dm_from_halpha, mean_brightness
from cosmo.scattering import ScatteringLayer, sample_fluctuation_parameter
from pipeline.report.style import ACCENT, BLUE, INK, MUTED, log_ticks, new_figure, nothing, tidy
from surveys.sightlines.budget import PERCENTILES, Run, Sightline
from surveys.sightlines.settings import Frb

_COLOURS = (BLUE, ACCENT, "#5f7f4f", MUTED)
_UNIT = "(pc² km)$^{-1/3}$"


def percentiles(
    draws: NDArray[np.floating], method: Literal["linear", "nearest"] = "linear"
) -> dict[str, float]:
    """By the names that they have in files."""
    found = np.percentile(draws, PERCENTILES, method=method)
    return {f"p{p:.0f}": float(v) for p, v in zip(PERCENTILES, found, strict=True)}


def consistency(sightline: Sightline, run: Run) -> dict[str, Any]:
    """For the summary: the fluctuation parameter in both conventions, and DM from Halpha."""
    found: dict[str, Any] = {}
    for name, draws in _fluctuations(sightline, run).items():
        # It is infinite where the host has no DM: nothing can be interpolated.
        found[f"fluctuation_parameter_{name}_1_plus_z"] = percentiles(draws, "nearest")
    halpha = _halpha(sightline.settings.frb)
    if halpha is not None:
        found["halpha"] = {
            "em_pc_cm6": float(halpha.em),
            "dm_host_rest": float(halpha.rest),
            "dm_host_obs": float(halpha.observed),
        }
    return found


def _fluctuations(sightline: Sightline, run: Run) -> dict[str, NDArray[np.floating]]:
    """Fluctuation parameters of the draws, with 1 + z and without any."""
    frb = sightline.settings.frb
    if frb.tau_ms is None or frb.nu_ghz is None:
        return {}
    rest, tau = run.draws["host"] * (1 + frb.z), (frb.tau_ms, frb.tau_err_ms)
    layers = {
        "with": ScatteringLayer(frb.z, frb.nu_ghz),
        "without": ScatteringLayer(frb.z, frb.nu_ghz, convention="observer"),
    }
    seed = [sightline.settings.mc.seed, 5]
    return {
        name: sample_fluctuation_parameter(np.random.default_rng(seed), tau, rest, layer)
        for name, layer in layers.items()
    }


def _halpha(frb: Frb) -> HalphaDM | None:
    if frb.halpha_flux is None:
        return None
    return host_dm_from_halpha(mean_brightness(frb.halpha_flux, frb.halpha_radius_arcsec), frb.z)


def consistency_figure(sightline: Sightline) -> Figure | None:
    """Both panels; None if the burst has neither scattering nor Halpha."""
    frb = sightline.settings.frb
    halpha = _halpha(frb)
    if frb.tau_ms is None and halpha is None:
        return None
    figure = new_figure(11, 4.2)
    left, right = figure.subplots(1, 2)
    _scattering_panel(left, sightline)
    _halpha_panel(right, sightline, halpha)
    figure.tight_layout()
    return figure


def _scattering_panel(axes: Axes, sightline: Sightline) -> None:
    frb = sightline.settings.frb
    tidy(axes, "If all of the scattering is of the host", grid=True)
    if frb.tau_ms is None:
        nothing(axes, "no scattering time is given")
        return
    for run, colour in zip(sightline.runs, _COLOURS * 9, strict=False):
        for (name, draws), style in zip(
            _fluctuations(sightline, run).items(), ("-", ":"), strict=True
        ):
            p = percentiles(draws, "nearest")
            edges = np.geomspace(0.3, 300, 90)
            counts = np.histogram(draws, edges)[0] / len(draws)
            said = f"r_max {run.r_max:g}, {name} 1 + z: {p['p16']:.2g} to {p['p84']:.2g}"
            axes.stairs(counts, edges, color=colour, ls=style, lw=1.4, label=said)
    axes.set(xlabel=f"fluctuation parameter of the host {_UNIT}", ylabel="share of the draws")
    axes.set_ylim(0, 1.5 * axes.get_ylim()[1])
    log_ticks(axes)
    axes.legend(frameon=False, fontsize=8, loc="upper left", title="68 % of the draws",
                title_fontsize=8)  # fmt: skip


def _halpha_panel(axes: Axes, sightline: Sightline, halpha: HalphaDM | None) -> None:
    tidy(axes, "DM of the host, and of the gas that shines in Halpha", grid=True)
    if halpha is None:
        nothing(axes, "no Halpha flux is given")
        return
    for i, (run, colour) in enumerate(zip(sightline.runs, _COLOURS * 9, strict=False)):
        low, middle, high = np.percentile(run.draws["host"], PERCENTILES)
        axes.errorbar(middle, i, xerr=[[middle - low], [high - middle]], fmt="o", color=colour,
                      ms=5, capsize=3)  # fmt: skip
    said = f"Halpha, 1 kpc of gas at 10⁴ K: EM {float(halpha.em):.0f} pc cm⁻⁶"
    axes.axvline(float(halpha.observed), color=INK, lw=1.2, ls="--", label=said)
    axes.set_yticks(range(len(sightline.runs)), [f"r_max {r.r_max:g}" for r in sightline.runs])
    axes.set(xlabel="DM (pc cm⁻³, observed)", ylim=(-0.6, len(sightline.runs)))
    axes.legend(frameon=False, fontsize=8, loc="upper left")
