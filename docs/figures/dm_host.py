"""Figures of the example of a burst's budget, for docs/dm-host.md; prints its DM_host."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded

ROOT = Path(__file__).parents[2]
EXAMPLE, IMAGES = ROOT / "examples" / "frb20190520b", ROOT / "docs" / "images"


def main() -> int:
    """Run the command of the page."""
    with tempfile.TemporaryDirectory() as out:
        args = ["--frb", EXAMPLE / "frb.toml", "--catalog", EXAMPLE / "clusters.ecsv"]
        args += ["--r-max", "1", "--r-max", "2", "--out", out]
        code = run_guarded(build(), ["dm-host", *map(str, args)], "slowburst")
        for name in ("budget", "errors"):
            shutil.copy(Path(out) / f"{name}.png", IMAGES / f"dm_{name}.png")
    return code


if __name__ == "__main__":
    sys.exit(main())
