"""Names of DSA-110's files of fast visibilities."""

from __future__ import annotations

import re
from pathlib import Path

OBSERVATION = "observation.toml"
"""What says what is in the files; beside them, or in the folder above."""

_NAME = re.compile(r"nsfrb_sb(\d\d)_(\w+)\.out")


def file_name(subband: int, number: int) -> str:
    """Name of the file of a sub-band."""
    return f"nsfrb_sb{subband:02d}_{number:05d}.out"


def parse_name(path: Path) -> tuple[int, str] | None:
    """Sub-band and number of a file of this format by its name; None for other files."""
    match = _NAME.fullmatch(path.name)
    return (int(match[1]), match[2]) if match else None
