"""What fits of size relations recover, as docs/sizes_scaling.md shows and tabulates it.

Run from the root of the repository: python docs/figures/sizes_scaling.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from pipeline.report.style import ACCENT, BLUE, INK, MUTED, new_figure, tidy, to_png
from surveys.scaling.relations import (
    L_STAR,
    RelationSettings,
    SizeRelation,
    fit_size_luminosity,
)
from surveys.scaling.sample import SizeSample, largest_kpc

IMAGE = Path(__file__).parents[1] / "images" / "sizes_scaling.png"
TRUTH = {"r0_kpc": 1.7, "beta": 0.3, "scatter": 0.4}
N_GALAXIES, N_SEEDS = 1000, 1000
LEAST_KPC, LEAST_BRIGHTNESS = 0.8, 2e27
LIMITED = RelationSettings(least_luminosity=0.1 * L_STAR)


def galaxies(seed: int, ln_l_err: float = 0.0) -> SizeSample:
    """Galaxies of R = R0 (L/L*)^beta with scatter, sizes measured to 15 %."""
    rng = np.random.default_rng(seed)
    ln_l = np.log(0.4) + 1.0 * rng.normal(size=N_GALAXIES)
    err = 0.15 * rng.uniform(0.5, 1.5, N_GALAXIES)
    ln_r = np.log(TRUTH["r0_kpc"]) + TRUTH["beta"] * ln_l
    ln_r += TRUTH["scatter"] * rng.normal(size=N_GALAXIES) + err * rng.normal(size=N_GALAXIES)
    measured = ln_l + ln_l_err * rng.normal(size=N_GALAXIES)
    return SizeSample(np.exp(ln_r), L_STAR * np.exp(measured), None, err, ln_l_err)


def cut_in_luminosity(seed: int) -> SizeSample:
    """Brighter than a tenth of L*."""
    sample = galaxies(seed)
    return sample.of(np.asarray(sample.luminosity) > 0.1 * L_STAR)


def cut_in_size(seed: int) -> SizeSample:
    """Larger than a pixel."""
    sample = galaxies(seed)
    return replace(sample.of(np.asarray(sample.size_kpc) >= LEAST_KPC), least_kpc=LEAST_KPC)


def cut_in_brightness(seed: int) -> SizeSample:
    """Brighter in the mean than the sky."""
    sample = galaxies(seed)
    most = largest_kpc(np.asarray(sample.luminosity), LEAST_BRIGHTNESS)
    kept = np.asarray(sample.size_kpc) <= most
    return replace(sample.of(kept), most_kpc=most[kept])


def cut_in_both(seed: int) -> SizeSample:
    """Larger than a pixel and brighter than the sky."""
    sample = cut_in_brightness(seed)
    return replace(sample.of(np.asarray(sample.size_kpc) >= LEAST_KPC), least_kpc=LEAST_KPC)


def unresolved(seed: int) -> SizeSample:
    """Smaller ones are known to be smaller."""
    sample = galaxies(seed)
    small = np.asarray(sample.size_kpc) < LEAST_KPC
    return replace(sample, size_kpc=np.where(small, LEAST_KPC, sample.size_kpc), limit=-1 * small)


def uncertain_luminosities(seed: int) -> SizeSample:
    """Luminosities known to a factor of 1.6, above a tenth of L* as measured."""
    sample = galaxies(seed, 0.5)
    return sample.of(np.asarray(sample.luminosity) > 0.1 * L_STAR)


CASES: dict[str, Callable[[int], SizeSample]] = {
    "L > 0.1 L*": cut_in_luminosity,
    "R > 0.8 kpc": cut_in_size,
    "surface brightness": cut_in_brightness,
    "both": cut_in_both,
    "limits below 0.8 kpc": unresolved,
    "errors of L": uncertain_luminosities,
}


def naive(sample: SizeSample) -> SizeSample:
    """As if nothing was missing, limits were sizes and luminosities exact."""
    return replace(sample, least_kpc=0.0, most_kpc=np.inf, limit=0, ln_luminosity_err=0.0)


def pulls(fits: list[SizeRelation], name: str) -> np.ndarray:
    """Fit less truth in standard errors."""
    return np.array([(f.value(name) - TRUTH[name]) / f.error(name) for f in fits])


def main() -> None:
    """Print the tables and write the figure."""
    found = {}
    for case, make in CASES.items():
        samples = [make(seed) for seed in range(N_SEEDS)]
        ours = [fit_size_luminosity(s, LIMITED) for s in samples]
        plain = [fit_size_luminosity(naive(s)) for s in samples]
        found[case] = plain, ours
        kept = np.mean([len(s) for s in samples])
        for name in TRUTH:
            a, b = pulls(plain, name), pulls(ours, name)
            off = [np.mean([f.value(name) for f in fits]) - TRUTH[name] for fits in (plain, ours)]
            row = (
                f"| {case} | {kept:.0f} | `{name}` | {off[0]:+.3f} ({a.mean():+.1f} σ) | "
                f"{off[1]:+.4f} ({b.mean():+.2f} σ) | {b.std():.2f} | {np.mean(abs(b) < 1):.2f} |"
            )
            sys.stdout.write(row + "\n")
    figure = new_figure(11.0, 4.3)
    grid = figure.add_gridspec(
        1, 4, width_ratios=[1.5, 0.38, 1, 1], left=0.055, right=0.985, top=0.92, bottom=0.125,
        wspace=0.09,
    )  # fmt: skip
    _draw_sample(figure.add_subplot(grid[0]))
    for i, name in enumerate(("beta", "scatter")):
        axes = figure.add_subplot(grid[i + 2])
        _draw_pulls(axes, {case: [pulls(f, name) for f in fits] for case, fits in found.items()})
        tidy(axes, {"beta": "slope β", "scatter": "scatter"}[name], grid=True)
        axes.set_yticks(range(len(CASES)), list(CASES) if i == 0 else [])
        axes.set_xlabel("(fit − truth) / standard error")
    IMAGE.write_bytes(to_png(figure))


def _draw_sample(axes: Axes) -> None:
    whole, sample = galaxies(1), cut_in_brightness(1)
    axes.loglog(whole.luminosity, whole.size_kpc, ".", ms=3, color="#c9d0d6", label="missing")
    axes.loglog(sample.luminosity, sample.size_kpc, ".", ms=3.5, color=INK, label="in the sample")
    x = np.geomspace(4e27, 1.2e30, 80)
    axes.loglog(x, largest_kpc(x, LEAST_BRIGHTNESS), ":", lw=1.2, color=MUTED, label="limit")
    for s, colour, label in ((naive(sample), ACCENT, "cut ignored"), (sample, BLUE, "cut known")):
        middle, low, high = fit_size_luminosity(s).size_kpc(x)
        axes.fill_between(x, low, high, color=colour, alpha=0.25, lw=0)
        axes.loglog(x, middle, color=colour, lw=1.6, label=label)
    true = TRUTH["r0_kpc"] * (x / L_STAR) ** TRUTH["beta"]
    axes.loglog(x, true, "--", color="black", lw=1.2, label="true relation")
    tidy(axes, "One sample, cut in surface brightness")
    axes.set(xlim=(x[0], x[-1]), ylim=(0.25, 12), xlabel="L (erg/s/Hz)", ylabel="R (kpc)")
    axes.set_yticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
    axes.minorticks_off()
    axes.legend(fontsize=7.5, frameon=False, loc="upper left", ncols=2, labelcolor=INK)


def _draw_pulls(axes: Axes, found: dict[str, list[np.ndarray]]) -> None:
    axes.axvspan(-1, 1, color="#eef2f5", lw=0)
    axes.axvline(0, color=MUTED, lw=0.8)
    for place, (plain, ours) in enumerate(found.values()):
        for values, colour, shift in ((plain, ACCENT, -0.13), (ours, BLUE, 0.13)):
            low, middle, high = np.percentile(values, [15.865, 50, 84.135])
            axes.plot([low, high], [place + shift] * 2, color=colour, lw=2)
            axes.plot(middle, place + shift, "o", ms=4.5, color=colour)
    axes.set_ylim(len(found) - 0.5, -0.5)


if __name__ == "__main__":
    main()
