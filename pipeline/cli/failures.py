"""What the user sees when a command fails: one line on stderr and an exit code.

Exit code 2 means that something given cannot be used, 1 that the work could not be
finished. An exception not named here is a fault of the program and keeps its traceback.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Sequence

from typer import Abort, TyperException
from typer.core import TyperGroup

from pipeline.errors import InputError, one_line
from surveys.errors import InputError as SurveyError

DEBUG = "--debug"
# What typer returns for Ctrl-C pressed inside a command.
INTERRUPTED = 130


def run_guarded(group: TyperGroup, args: Sequence[str], program: str) -> int:
    """Run a command line, turning failures into one line and an exit code.

    Parameters
    ----------
    group : typer.core.TyperGroup
        The commands.
    args : sequence of str
        What follows the program's name. ``--debug`` anywhere before ``--`` lets
        exceptions through; nothing at all asks for help.
    program : str
        The name to sign messages with.

    Returns
    -------
    int
        0 when the work is done, 1 when it could not be finished, 2 for bad input.
    """
    args, debug = _without_debug(args)
    try:
        code = group.main(args or ["--help"], prog_name=program, standalone_mode=False)
    except (InputError, SurveyError, TyperException, OSError, MemoryError, Abort) as error:
        if isinstance(error, TyperException) and not error.format_message():
            return 0  # Of a command without its sub-command; its help has been shown.
        if debug:
            raise
        _say(program, describe(error))
        return exit_code(error)
    if code == INTERRUPTED:
        _say(program, describe(KeyboardInterrupt()))
        return 1
    return code if isinstance(code, int) else 0


def describe(error: BaseException) -> str:
    """Say in one line what went wrong and, where it is known, what to do."""
    match error:
        case InputError() | SurveyError():
            text = str(error)
        case TyperException():
            context = getattr(error, "ctx", None)
            hint = f"; see {context.command_path} --help" if context else ""
            text = error.format_message().strip().rstrip(".") + hint
        case OSError():
            text = _describe_os_error(error)
        case MemoryError():
            text = f"out of memory: {error}" if str(error) else "out of memory"
        case _:
            text = "interrupted"
    return one_line(text)


def exit_code(error: BaseException) -> int:
    """2 for what the user gave, 1 for what happened to the work."""
    if isinstance(error, InputError):
        return error.code
    return 2 if isinstance(error, SurveyError | TyperException) else 1


def _describe_os_error(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    name = error.filename
    # HDF5 names the file inside a long message, and nowhere else.
    if name is None and (found := re.search(r"\b(?:file)?name = '([^']+)'", reason)):
        name = found[1]
        reason = os.strerror(error.errno) if error.errno else reason
    where = f"{name}: " if name is not None else ""
    if error.errno == errno.ENOSPC:
        return f"{where}no space left on the disk; free some, or write elsewhere"
    if error.errno == errno.EDQUOT:
        return f"{where}the disk quota is used up; free some, or write elsewhere"
    return f"{where}{reason}"


def _without_debug(args: Sequence[str]) -> tuple[list[str], bool]:
    args = list(args)
    end = args.index("--") if "--" in args else len(args)
    kept = [arg for arg in args[:end] if arg != DEBUG] + args[end:]
    return kept, len(kept) < len(args)


def _say(program: str, text: str) -> None:
    sys.stderr.write(f"{program}: error: {text}\n")
