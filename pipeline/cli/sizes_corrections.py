"""The table that corrects sizes, made for the instruments of a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.cli.progress import progress_bar
from pipeline.errors import InputError
from pipeline.sinks.atomic import check_folder
from pipeline.sinks.files import write_table
from pipeline.versions import versions
from surveys.mock_sizes.own_corrections import LEAST_GALAXIES, N_GALAXIES, make_corrections
from surveys.mock_sizes.settings import SizesSettings

_COMMAND = "command line"


def check_options(out: Path | None, table: Path | None, galaxies: int | None) -> None:
    """Raise InputError, before any work, for options that do not go together."""
    if (out is None) == (table is None):
        problem = "is missing" if out is None else "is given beside --make-corrections"
        remedy = "give a folder for results, or --make-corrections and a file for a table"
        raise InputError(_COMMAND, "--out", problem, remedy)
    if galaxies is not None and table is None:
        remedy = "leave it out; galaxies to observe are those of [input]"
        raise InputError(_COMMAND, "--galaxies", "needs --make-corrections", remedy)
    if galaxies is not None and galaxies < LEAST_GALAXIES:
        remedy = f"give {LEAST_GALAXIES} or more"
        raise InputError(_COMMAND, "--galaxies", f"is {galaxies}", remedy)
    if out is not None:
        check_folder(out)
    if table is not None:
        _check_file(table)


def _check_file(table: Path) -> None:
    remedy = "give another file, or mend the permissions of its folder"
    try:
        check_folder(table.parent)
    except InputError as error:
        raise InputError(error.where, "--make-corrections", error.problem, remedy) from error
    if table.is_dir():
        raise InputError(str(table), "--make-corrections", "is a folder", "give a file")


def write_corrections(
    settings: SizesSettings, config: Path, path: Path, galaxies: int | None
) -> tuple[dict[str, Any], list[str]]:
    """Make the table and write it.

    Returns
    -------
    dict, list of str
        What it is, and the same in lines.
    """
    if path.exists() and path.samefile(config):
        remedy = "give another file"
        raise InputError(str(path), "--make-corrections", "is the file of the settings", remedy)
    n = galaxies or N_GALAXIES
    with progress_bar("simulating galaxies") as tell:
        made = make_corrections(settings, config, n, tell)
    table = made.table()
    table.meta["versions"] = versions()
    write_table(path, table)
    known = made.about["instruments"]
    lines = [f"{band}: {one}, {n} galaxies" for band, names in known.items() for one in names]
    summary = {"table": str(path), "rows": len(table), "galaxies": n, "instruments": known}
    lines.append(f"table: {path}, for corrections of [measure]")
    return summary, lines
