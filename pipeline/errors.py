"""The one exception a user of ``slowburst`` is meant to read."""

from __future__ import annotations


class InputError(Exception):
    """Something the user gave cannot be used.

    Parameters
    ----------
    where : str
        The file, or the command-line option, that is wrong.
    field : str
        The attribute, dataset, header key or argument inside it.
    problem : str
        What is wrong, with the numbers.
    remedy : str
        What to do about it.

    The message is always one line; the command line prints it and exits with ``code``.
    """

    code = 2

    def __init__(self, where: str, field: str, problem: str, remedy: str) -> None:
        self.where, self.field, self.problem, self.remedy = str(where), field, problem, remedy
        super().__init__(one_line(f"{where}: {field}: {problem}; {remedy}"))


class NoDataError(InputError):
    """What the user gave is sound, but holds nothing to work on."""

    code = 1


def one_line(text: str) -> str:
    """The text without line breaks, and with what no terminal should see escaped."""
    words = " ".join(text.split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
