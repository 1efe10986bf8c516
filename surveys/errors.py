"""The one exception a user of files in ``surveys`` is meant to read."""

from __future__ import annotations


class InputError(ValueError):
    """Something in a file that the user gave cannot be used.

    Parameters
    ----------
    where : str
        The file, or the argument, that is wrong.
    field : str
        The column, header key or argument inside it.
    problem : str
        What is wrong, with the numbers.
    remedy : str
        What to do about it.

    The message is always one line.
    """

    def __init__(self, where: str, field: str, problem: str, remedy: str) -> None:
        self.where, self.field, self.problem, self.remedy = str(where), field, problem, remedy
        text = " ".join(f"{where}: {field}: {problem}; {remedy}".split())
        super().__init__("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text))
