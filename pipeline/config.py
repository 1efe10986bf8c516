"""Configuration files: TOML into frozen dataclasses, and back.

A configuration is a tree of frozen dataclasses. Every table of the file is one
dataclass, every key one field; unknown keys are rejected with the nearest known
one and every value is checked against the annotation of its field, so that a
whole configuration is known to be good before any work starts.

A dataclass checks the *values* of its fields in ``__post_init__`` and raises
:class:`ConfigProblem`; the loader adds the file and the table to the message.
"""

from __future__ import annotations

import difflib
import json
import math
import tomllib
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pipeline.errors import InputError

T = TypeVar("T")


class ConfigProblem(ValueError):
    """A field of a configuration dataclass has an impossible value.

    Parameters
    ----------
    field : str
        Name of the field.
    problem, remedy : str
        As in :class:`pipeline.errors.InputError`.
    """

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        self.field, self.problem, self.remedy = field, problem, remedy
        super().__init__(f"{field}: {problem}; {remedy}")


def load_config(path: str | Path, cls: type[T]) -> T:
    """Read a TOML file into ``cls``.

    Parameters
    ----------
    path : path
        The TOML file.
    cls : type
        A frozen dataclass. Fields may be ``bool``, ``int``, ``float``, ``str``,
        ``Path``, ``Literal``, tuples of these, dataclasses, tuples of dataclasses
        (arrays of tables), and any of them ``| None``.

    Raises
    ------
    InputError
        The file cannot be read or parsed, has an unknown or missing key, or a
        value of the wrong type or out of range.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            str(path), "file", f"cannot be read ({error.strerror})", "give a readable TOML file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(str(path), "file", f"is no valid TOML ({error})", "mend it") from error
    return parse_config(table, cls, str(path))


def parse_config(table: Mapping[str, Any], cls: type[T], where: str) -> T:
    """Build ``cls`` from a parsed table; ``where`` names the file in errors."""
    return _build(table, cls, where, "")


def _build(table: Mapping[str, Any], cls: type[T], where: str, prefix: str) -> T:
    hints = get_type_hints(cls)
    known = {f.name: f for f in fields(cls) if f.init}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            remedy = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
            raise InputError(where, prefix + key, "unknown key", remedy)
    for name, f in known.items():
        if name not in table and f.default is MISSING and f.default_factory is MISSING:
            raise InputError(where, prefix + name, "is missing", f"add the key {name!r}")
    values = {k: convert(v, hints[k], where, prefix + k) for k, v in table.items()}
    try:
        return cls(**values)
    except ValueError as error:
        raise input_error(error, where, lambda field: prefix + field) from error


def input_error(error: ValueError, where: str, called: Callable[[str], str] = str) -> Exception:
    """What to raise for the problem of a field, with the place where the user wrote it.

    Settings of packages that know nothing of this one have problems of their own, with the same
    attributes. Any other error is given back. `called` says what a field is to its user.
    """
    try:
        field, problem, remedy = (getattr(error, a) for a in ("field", "problem", "remedy"))
    except AttributeError:
        return error
    return InputError(where, called(field), problem, remedy)


def convert(value: Any, hint: Any, where: str, key: str) -> Any:
    """``value`` as the annotation ``hint`` wants it, or an InputError naming ``key``."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _convert_union(value, hint, where, key)
    if origin is Literal:
        if value in get_args(hint) and type(value) in {type(a) for a in get_args(hint)}:
            return value
        near = difflib.get_close_matches(str(value), [str(a) for a in get_args(hint)], n=1)
        choices = ", ".join(repr(a) for a in get_args(hint))
        hint_text = f"did you mean {near[0]!r}?" if near else f"choose one of {choices}"
        raise InputError(where, key, f"{value!r} is not one of {choices}", hint_text)
    if origin is tuple:
        return _convert_tuple(value, get_args(hint), where, key)
    if is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise _wrong_type(value, "a table", where, key)
        return _build(value, hint, where, key + ".")  # type: ignore[arg-type]
    return _convert_scalar(value, hint, where, key)


def _convert_union(value: Any, hint: Any, where: str, key: str) -> Any:
    options = [a for a in get_args(hint) if a is not type(None)]
    errors = []
    for option in options:
        try:
            return convert(value, option, where, key)
        except InputError as error:
            errors.append(error)
    raise errors[0]


def _convert_tuple(value: Any, args: tuple[Any, ...], where: str, key: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _wrong_type(value, "a list", where, key)
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(convert(v, args[0], where, f"{key}[{i}]") for i, v in enumerate(value))
    if len(value) != len(args):
        problem = f"has {len(value)} entries instead of {len(args)}"
        raise InputError(where, key, problem, f"give {len(args)} values")
    pairs = enumerate(zip(value, args, strict=True))
    return tuple(convert(v, a, where, f"{key}[{i}]") for i, (v, a) in pairs)


def _convert_scalar(value: Any, hint: Any, where: str, key: str) -> Any:
    if hint is bool and isinstance(value, bool):
        return value
    if hint is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise InputError(where, key, f"is {value}", "give a finite number")
        return float(value)
    if hint is str and isinstance(value, str):
        return value
    if hint is Path and isinstance(value, str | Path):
        return Path(value)
    names = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}
    raise _wrong_type(value, names.get(hint, getattr(hint, "__name__", str(hint))), where, key)


def _wrong_type(value: Any, wanted: str, where: str, key: str) -> InputError:
    return InputError(where, key, f"{value!r} is not {wanted}", f"give {wanted}")


def dump_config(config: Any) -> str:
    """TOML text of a configuration dataclass; ``None`` fields are left out.

    ``load_config`` of the text gives an equal object back.
    """
    return "\n".join(_dump_table(config, "")).strip() + "\n"


def _dump_table(config: Any, prefix: str) -> list[str]:
    scalars, tables = [], []
    for f in fields(config):
        value = getattr(config, f.name)
        name = prefix + f.name
        if value is None:
            continue
        if is_dataclass(value):
            tables += ["", f"[{name}]", *_dump_table(value, name + ".")]
        elif isinstance(value, tuple) and value and is_dataclass(value[0]):
            for item in value:
                tables += ["", f"[[{name}]]", *_dump_table(item, name + ".")]
        else:
            scalars.append(f"{f.name} = {_dump_value(value)}")
    return scalars + tables


def _dump_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str | Path):
        # a TOML basic string escapes as JSON does, except for DEL
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_dump_value(v) for v in value) + "]"
    raise TypeError(f"no TOML form for {type(value).__name__}")
