"""Write files so that a reader sees the old one or the new one, never a half."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import InputError

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)


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
    InputError, OSError
        If the file cannot be written, see :func:`cannot_write`. What was there before
        stays; the temporary file is removed.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_folder(out: Path) -> None:
    """Raise InputError, before any work, where results cannot be written to a folder.

    Nothing is made.
    """
    nearest = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise cannot_write(nearest, NotADirectoryError(errno.ENOTDIR, "is no folder"))
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise cannot_write(nearest, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def part_of(path: Path) -> Path:
    """Where a file is written until it is whole."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def naming(path: Path, error: OSError) -> OSError:
    """The error with the name of the file that it is about."""
    return OSError(error.errno, error.strerror or str(error), str(path))


def cannot_write(path: Path, error: OSError) -> Exception:
    """What to raise where a result cannot be written.

    Returns
    -------
    OSError or InputError
        The first, with the name of the file, when the disk let the work down (it is
        full, or broken); the second when the folder that was given is at fault.
    """
    if error.errno in _DISK:
        return OSError(error.errno, os.strerror(error.errno), str(path))
    problem = f"cannot be written ({error.strerror or error})"
    return InputError(str(path), "output", problem, "give another --out, or mend its permissions")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a binary file; see :func:`write_atomically`."""
    write_atomically(path, lambda temporary: _write_bytes(temporary, data))


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file; see :func:`write_atomically`."""
    write_atomically(path, lambda temporary: _write_text(temporary, text))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
