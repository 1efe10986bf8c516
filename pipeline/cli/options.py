"""Settings of a file with what the command line gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")


def with_options(
    settings: T, given: Mapping[str, Any], called: Mapping[str, str] | None = None
) -> T:
    """Settings with options, which are checked as the values of a file are.

    Parameters
    ----------
    settings : dataclass
    given : dict
        By the name of the field; None and empty lists were not given.
    called : dict, optional
        Names of options that are not those of their fields.

    Raises
    ------
    InputError
        For an option that cannot be.
    """
    from pipeline.config import convert, input_error

    where, hints = "command line", get_type_hints(type(settings))

    def option(name: str) -> str:
        return "--" + (called or {}).get(name, name).replace("_", "-")

    options = {
        name: value if is_dataclass(value) else convert(value, hints[name], where, option(name))
        for name, value in given.items()
        if value is not None and value != []
    }
    try:
        return replace(settings, **options)  # type: ignore[type-var]
    except ValueError as error:
        raise input_error(error, where, option) from error
