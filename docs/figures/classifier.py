"""What the classifier sees, for docs/classifier.md; takes the folder of ``slowburst train``.

python docs/figures/classifier.py classifier
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np

from pipeline.classifier.examples import Examples, join_examples, read_examples
from pipeline.classifier.families import HELD_OUT, TRAINING
from pipeline.classifier.run import scene_path
from pipeline.classifier.stamps import CLEANED_PLANES
from pipeline.report.style import COLOUR_MAP, INK, MUTED, new_figure, to_png

IMAGES = Path(__file__).parents[1] / "images"
COLUMNS, SCENES = 7, 5


def drawn(examples: Examples, real: bool, rng: np.random.Generator) -> Examples:
    """A few examples of a kind, S/N 7 or more."""
    rows = np.flatnonzero((examples.real == real) & (examples.snr >= 7))
    return examples.of(rng.permutation(rows)[:COLUMNS])


def draw(rows: list[tuple[str, Examples]]) -> bytes:
    """Images, cleaned images and spectra of some examples, a row of each kind."""
    figure = new_figure(11, 3.3 * len(rows))
    panels = figure.subplots(3 * len(rows), COLUMNS, squeeze=False)
    for i, (name, examples) in enumerate(rows):
        for j in range(COLUMNS):
            image, cleaned, spectrum = panels[3 * i : 3 * i + 3, j]
            for axes in (image, cleaned, spectrum):
                axes.set(xticks=[], yticks=[])
                axes.set_axis_on() if j < len(examples) else axes.set_axis_off()
            if j >= len(examples):
                continue
            light, flux = examples.stamps.image[j], examples.stamps.spectrum[j, 0]
            style = {"origin": "lower", "cmap": COLOUR_MAP}
            image.imshow(light[0], vmin=-0.5, vmax=1, **style)
            cleaned.imshow(light[CLEANED_PLANES], vmin=-0.5, vmax=1, **style)
            spectrum.imshow(flux, aspect="auto", vmin=-2, vmax=3, **style)
            image.set_title(f"S/N {examples.snr[j]:.0f}", size=7.5, color=MUTED, pad=2)
        panels[3 * i, 0].set_ylabel(name, size=8, color=INK)
        panels[3 * i + 1, 0].set_ylabel("cleaned", size=7.5, color=MUTED)
        panels[3 * i + 2, 0].set_ylabel("band", size=7.5, color=MUTED)
    for axes in panels[-1]:
        axes.set_xlabel("±4 widths", size=7.5, color=MUTED)
    figure.tight_layout(h_pad=0.3)
    return to_png(figure)


def main(folder: Path) -> None:
    """Draw examples of a training, and copy its figures."""
    rng, rows = np.random.default_rng(0), []
    names = ("visibilities", "images")
    for families, held_out in ((TRAINING[:2], False), (HELD_OUT, True)):
        for i in range(len(families)):
            every = len(HELD_OUT if held_out else TRAINING)
            numbers = range(i, i + SCENES * every, every)
            some = [read_examples(scene_path(folder, n, held_out))[0] for n in numbers]
            examples = join_examples(some)
            for real in (True, False):
                of = "held-out " if held_out else ""
                kind = "pulses" if real else "bogus"
                rows.append((f"{of}{names[i]}:\n{kind}", drawn(examples, real, rng)))
    (IMAGES / "classifier_stamps.png").write_bytes(draw(rows))
    for name in ("roc", "reliability"):
        shutil.copy(folder / f"{name}.png", IMAGES / f"classifier_{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
