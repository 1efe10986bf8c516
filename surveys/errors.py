"""The exception for files of catalogs, maps and surveys that cannot be used."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping


class InputError(ValueError):
    """Something in a file that the user gave cannot be used.

    Parameters
    ----------
    where : str
        The file that is wrong.
    field : str
        The column, key or row inside it.
    problem : str
        What is wrong, with the numbers.
    remedy : str
        What to do about it.

    The message is always one line, with what no terminal should see escaped.
    """

    def __init__(self, where: str, field: str, problem: str, remedy: str) -> None:
        self.where, self.field, self.problem, self.remedy = str(where), field, problem, remedy
        words = " ".join(f"{where}: {field}: {problem}; {remedy}".split())
        super().__init__("".join(c if c.isprintable() else ascii(c)[1:-1] for c in words))


def unknown(where: str, field: str, key: str, known: Iterable[str]) -> InputError:
    """The error for a key or word that is not among those known, with the nearest that is."""
    names = sorted(known)
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    remedy = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}"
    return InputError(where, field, f"{key!r} is not known", remedy)


class SettingProblem(ValueError):
    """A setting has an impossible value; who reads the file adds its name.

    Parameters
    ----------
    field : str
    problem, remedy : str
        As in :class:`InputError`.
    """

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        self.field, self.problem, self.remedy = field, problem, remedy
        super().__init__(f"{field}: {problem}; {remedy}")


def check_ranges(settings: object, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Raise SettingProblem for the first value that is outside its range; None is none.

    A range that begins at the least positive number is of all that is above 0. Of a tuple it is
    that of each number.
    """
    for name, (least, most) in ranges.items():
        value = getattr(settings, name)
        is_many = isinstance(value, tuple)
        bad = [
            v for v in (value if is_many else (value,)) if v is not None and not least <= v <= most
        ]
        if not bad:
            continue
        if least == math.ulp(0.0):
            remedy = "give a number above 0"
        else:
            remedy = f"give {_digits(least)} " + (
                "or more" if most == math.inf else f"to {_digits(most)}"
            )
        raise SettingProblem(name, f"{'has' if is_many else 'is'} {bad[0]}", remedy)


def _digits(value: float) -> str:
    """A number in short, unless that is another one."""
    short = f"{value:g}"
    return short if float(short) == value else f"{value}"
