"""Rebuilds the table of corrections of sizes, and draws how well it does on other galaxies.

    python docs/figures/size_corrections.py [galaxies per instrument] [--draw]

With --draw the table is left as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.report.style import ACCENT, BLUE, LINE, log_ticks, new_figure, tidy, to_png
from pipeline.sinks.files import write_table
from surveys.mock_sizes.correcting import Simulated, corrections_from, instruments, simulate
from surveys.sizes import correction
from surveys.sizes.estimators import ESTIMATORS

SEED, HELD_OUT = 1, 2
TABLE = Path(correction.__file__).with_name(correction.NAME)
FIGURE = Path(__file__).parents[1] / "images" / "size_corrections.png"


def say(text: str) -> None:
    """One line on the terminal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def tell(what: str) -> Callable[[int, int], object]:
    """Says now and then how far it is."""
    return lambda done, n: say(f"{what}: {done} of {n}") if done % 4000 < 40 else None


def held_out(sample: Simulated, family: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Measured and corrected over true radius."""
    truth = sample.truth(name)
    better, _ = correction.load_corrections().corrected(
        (family, name), sample.measured[name], sample.segment_snr, sample.fwhm_pixels
    )
    return sample.measured[name] / truth, better / truth


def main() -> None:
    """Rebuild, and draw."""
    draw = "--draw" in sys.argv
    given = [int(a) for a in sys.argv[1:] if a.isdigit()]
    n = given[0] if given else 16_000
    known = instruments()
    if not draw:
        samples = [
            (family, simulate(one, n, SEED + 10 * i, tell(f"{family} {one.fwhm_pixels:.2f}")))
            for i, (family, one) in enumerate(known)
        ]
        write_table(TABLE, corrections_from(samples, {"galaxies": n, "seed": SEED}).table())
        correction.load_corrections.cache_clear()
    figure = new_figure(11, 5.4)
    axes = figure.subplots(2, len(ESTIMATORS), sharey="row", sharex=True)
    edges = np.array([4, 7, 10, 15, 25, 50, 120.0])
    middle = np.sqrt(edges[1:] * edges[:-1])
    say(f"median of measured and corrected over true size, S/N {edges.tolist()}")
    for row, index in enumerate((1, len(known) - 1)):
        family, one = known[index]
        sample = simulate(one, max(n // 4, 1000), HELD_OUT, tell("held out"))
        for axis, name in zip(axes[row], ESTIMATORS, strict=True):
            for values, colour, label in zip(
                held_out(sample, family, name), (BLUE, ACCENT), ("measured", "corrected"),
                strict=True,
            ):  # fmt: skip
                bins = np.digitize(sample.snr, edges) - 1
                parts = [np.nanpercentile(values[bins == b], [16, 50, 84]) for b in range(6)]
                low, median, high = np.array(parts).T
                numbers = " ".join(f"{m:6.3f}" for m in median)
                say(f"{family:7} {name:10} {label:9} {numbers}")
                axis.fill_between(middle, low, high, color=colour, alpha=0.2, lw=0)
                axis.plot(middle, median, color=colour, marker="o", ms=3, lw=1.2, label=label)
            axis.axhline(1, color=LINE, lw=1, zorder=0)
            axis.set(xscale="log", yscale="log", ylim=(0.2, 4))
            log_ticks(axis)
            log_ticks(axis, "y")
            tidy(axis, name if row == 0 else "", grid=True)
            if row == 1:
                axis.set_xlabel("S/N")
        axes[row, 0].set_ylabel(f"{one.name}\nover true size")
    axes[0, 0].legend(fontsize=7, frameon=False)
    figure.tight_layout()
    FIGURE.write_bytes(to_png(figure))


if __name__ == "__main__":
    main()
