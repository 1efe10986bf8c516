"""What ``psrcat`` prints, the program of the ATNF pulsar catalogue, and its page on the web.

With ``-o short_csv`` and ``-o long_csv`` cells end with a semicolon; the heading has the name of a
parameter above its value, and none above an error and a reference. Without them, columns begin
below the names of the heading. A star is a value that there is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from astropy.table import Table

from surveys.errors import InputError

_RULE = re.compile(r"\s*-{5,}\s*")
_CSV_HEAD = re.compile(r"#;[^;]*;")
_TEXT_HEAD = re.compile(r"#\s+[A-Za-z]\w*(\s|$)")
_UNITS = re.compile(r"\s+\([^)]*\)")
_ROW = re.compile(r"1[;\s]+(PSR )?[JB]\d{4}")
_MISSING = "*"

Cells = dict[str, list[str]]


def is_psrcat(text: str) -> bool:
    """Whether a file begins as one that ``psrcat`` printed."""
    lines = [line for line in text.splitlines() if line.strip() and not _RULE.fullmatch(line)]
    if not lines:
        return False
    first, second = lines[0], lines[1] if len(lines) > 1 else ""
    ruled = _RULE.match(text.lstrip("\r\n")) is not None
    # A rule above the heading, or units below it, tell it from a comment.
    heading = _TEXT_HEAD.match(first) and (ruled or _UNITS.match(second))
    return bool(_CSV_HEAD.match(first) or heading or _ROW.match(first))


def parse_psrcat(text: str, where: str) -> Table:
    """The table of what ``psrcat`` printed.

    Returns
    -------
    Table
        Text. Columns have the names of parameters in capitals; that of an error ends in
        ``_ERR``. Cells without a value are empty.

    Raises
    ------
    InputError
        A row has too few or too many cells, or there is none.
    """
    lines = [
        (i, line)
        for i, line in enumerate(text.splitlines(), 1)
        if line.strip() and not _RULE.fullmatch(line)
    ]
    (_, head), body = lines[0], lines[1:]
    if _ROW.match(head):
        raise InputError(where, "line 1", "is no heading", "print it with one, without -nohead")
    rows = _csv_rows(head, body, where) if _CSV_HEAD.match(head) else _text_rows(head, body, where)
    found: list[Cells] = list(rows)
    if not found:
        raise InputError(where, "file", "has no rows", "give a table with at least one")
    columns: dict[str, list[str]] = {}
    for name in found[0]:
        cells = [row[name] for row in found]
        columns[name] = [_value(c[0]) for c in cells]
        errors = [c[1] if len(c) > 1 else "" for c in cells]
        # Names and such have a reference alone.
        if any(errors) and all(_is_number(e) for e in errors if e not in ("", _MISSING)):
            columns[f"{name}_ERR"] = [_value(e) for e in errors]
    return Table(columns)


def _csv_rows(head: str, body: list[tuple[int, str]], where: str) -> Iterator[Cells]:
    # The last cell ends with a semicolon, too.
    heading = [cell.strip() for cell in head.rstrip().removesuffix(";").split(";")]
    for number, line in body:
        cells = [cell.strip() for cell in line.rstrip().removesuffix(";").split(";")]
        if not cells[0]:  # units
            continue
        if len(cells) != len(heading):
            problem = f"has {len(cells)} cells, the heading has {len(heading)}"
            raise InputError(where, f"line {number}", problem, "give the file as psrcat printed it")
        row: Cells = {}
        name = ""
        for title, cell in zip(heading[1:], cells[1:], strict=True):
            name = title.upper() or name
            row.setdefault(name, []).append(cell)
        yield row


def _text_rows(head: str, body: list[tuple[int, str]], where: str) -> Iterator[Cells]:
    titles = [(m.start(), m.group().upper()) for m in re.finditer(r"\S+", head)][1:]
    for number, line in body:
        if not line.strip()[0].isdigit():  # units
            continue
        row: Cells = {title: [] for _, title in titles}
        for token in list(re.finditer(r"\S+", line))[1:]:
            at = [title for start, title in titles if start <= token.start()]
            if at:
                row[at[-1]].append(token.group())
        for title, cells in row.items():
            if not cells:
                problem = f"has nothing below {title}"
                raise InputError(
                    where, f"line {number}", problem, "give the file as psrcat printed it"
                )
        yield row


def _value(cell: str) -> str:
    return "" if cell == _MISSING else cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
