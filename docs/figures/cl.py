"""Figures of an example of angular power spectra, for docs/cl.md."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded

ROOT = Path(__file__).parents[2]
EXAMPLE, IMAGES = ROOT / "examples" / "cl" / "bins.toml", ROOT / "docs" / "images"


def main() -> int:
    """Run the command of the page."""
    with tempfile.TemporaryDirectory() as out:
        args = [str(EXAMPLE), "--out", out, "--verify"]
        code = run_guarded(build(), ["cl", *args], "slowburst")
        for name in ("spectra", "windows"):
            shutil.copy(Path(out) / f"{name}.png", IMAGES / f"cl_{name}.png")
    return code


if __name__ == "__main__":
    sys.exit(main())
