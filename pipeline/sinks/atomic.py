"""Write files so that a reader sees the old one or the new one, never a half."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import InputError


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then move it into place.

    Parameters
    ----------
    path : Path
        The file to make or replace; its folder is made if needed.
    write : callable
        Called with the temporary path, which has the suffix of `path`.

    Raises
    ------
    InputError
        If the file cannot be written (disk full, no permission). What was there before
        stays; the temporary file is removed.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(
            str(path),
            "output",
            f"cannot be written ({error.strerror or error})",
            "free some space there or give another --out",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file; see :func:`write_atomically`."""
    write_atomically(path, lambda temporary: _write_text(temporary, text))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
