"""What the classifier sees, for docs/classifier.md; takes the folder of ``slowburst train``.

python docs/figures/classifier.py classifier
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np

from pipeline.classifier.examples import Examples, read_examples
from pipeline.classifier.families import HELD_OUT, TRAINING
from pipeline.classifier.run import scene_path
from pipeline.report.style import COLOUR_MAP, MUTED, new_figure, tidy, to_png

IMAGES = Path(__file__).parents[1] / "images"
COLUMNS = 5


def drawn(examples: Examples, real: bool, rng: np.random.Generator) -> Examples:
    """A few examples of a kind."""
    rows = np.flatnonzero(examples.real == real)
    return examples.of(rng.permutation(rows)[:COLUMNS])


def draw(rows: list[tuple[str, Examples]]) -> bytes:
    """Images and spectra of some examples, a row of each kind."""
    figure = new_figure(11, 2.9 * len(rows))
    panels = figure.subplots(2 * len(rows), COLUMNS, squeeze=False)
    for i, (name, examples) in enumerate(rows):
        for j in range(COLUMNS):
            image, spectrum = panels[2 * i, j], panels[2 * i + 1, j]
            for axes in (image, spectrum):
                axes.set(xticks=[], yticks=[])
            if j >= len(examples):
                image.axis("off")
                spectrum.axis("off")
                continue
            image.imshow(
                examples.stamps.image[j, 0], origin="lower", cmap=COLOUR_MAP, vmin=-0.5, vmax=1
            )
            flux = examples.stamps.spectrum[j, 0]
            spectrum.imshow(flux, origin="lower", cmap=COLOUR_MAP, aspect="auto", vmin=-2, vmax=3)
            title = f"{name}, S/N {examples.snr[j]:.0f}" if j == 0 else f"S/N {examples.snr[j]:.0f}"
            tidy(image, title)
            image.title.set(fontsize=8)
            if j == 0:
                image.set_ylabel("±3 beams", fontsize=7.5, color=MUTED)
                spectrum.set_ylabel("band", fontsize=7.5, color=MUTED)
                spectrum.set_xlabel("±4 widths", fontsize=7.5, color=MUTED)
    figure.tight_layout(h_pad=0.4)
    return to_png(figure)


def main(folder: Path) -> None:
    """Draw examples of a training, and copy its figures."""
    rng, rows = np.random.default_rng(0), []
    for families, held_out in ((TRAINING[:2], False), (HELD_OUT, True)):
        for i, family in enumerate(families):
            examples, _ = read_examples(scene_path(folder, i, held_out))
            for real in (True, False):
                kind = "pulses" if real else "bogus"
                rows.append((f"{family.name}: {kind}", drawn(examples, real, rng)))
    (IMAGES / "classifier_stamps.png").write_bytes(draw(rows))
    for name in ("roc", "reliability"):
        shutil.copy(folder / f"{name}.png", IMAGES / f"classifier_{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
