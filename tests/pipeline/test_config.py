import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import ConfigProblem, dump_config, load_config, parse_config
from pipeline.errors import InputError


@dataclass(frozen=True)
class Item:
    weight: float
    label: str = ""


@dataclass(frozen=True)
class Inner:
    count: int = 3
    shape: tuple[int, int] = (1, 2)
    values: tuple[float, ...] = ()
    mode: Literal["fast", "slow"] = "fast"
    file: Path | None = None

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ConfigProblem("count", f"is {self.count}", "give 0 or more")


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    items: tuple[Item, ...] = ()
    flag: bool = False
    level: float | None = None


def load(tmp_path, text):
    path = tmp_path / "c.toml"
    path.write_text(text)
    return load_config(path, Outer)


def test_a_whole_file(tmp_path):
    config = load(
        tmp_path,
        'flag = true\nlevel = 2\n[inner]\nshape = [4, 5]\nvalues = [1, 2.5]\nmode = "slow"\n'
        'file = "a.fits"\n[[items]]\nweight = 1\n[[items]]\nweight = 2.0\nlabel = "b"\n',
    )
    inner = Inner(shape=(4, 5), values=(1.0, 2.5), mode="slow", file=Path("a.fits"))
    assert config == Outer(inner, (Item(1.0), Item(2.0, "b")), True, 2.0)
    assert isinstance(config.level, float)


def test_an_empty_file_is_the_defaults(tmp_path):
    assert load(tmp_path, "") == Outer()


@pytest.mark.parametrize(
    ("text", "field_name", "says"),
    [
        ("flga = true", "flga", "did you mean 'flag'?"),
        ("[inner]\ncuont = 1", "inner.cuont", "did you mean 'count'?"),
        ("zzzzzz = 1", "zzzzzz", "known keys: inner, items, flag, level"),
        ("flag = 1", "flag", "give true or false"),
        ("level = 'high'", "level", "give a number"),
        ("level = nan", "level", "is nan"),
        ("level = inf", "level", "give a finite number"),
        ("level = true", "level", "give a number"),
        ("inner = 3", "inner", "give a table"),
        ("[inner]\ncount = 1.5", "inner.count", "give an integer"),
        ("[inner]\ncount = -1", "inner.count", "give 0 or more"),
        ("[inner]\nshape = [1]", "inner.shape", "give 2 values"),
        ("[inner]\nshape = 1", "inner.shape", "give a list"),
        ("[inner]\nvalues = [1, 'a']", "inner.values[1]", "give a number"),
        ("[inner]\nmode = 'fats'", "inner.mode", "did you mean 'fast'?"),
        ("[[items]]\nlabel = 'a'", "items[0].weight", "is missing"),
        ("[[items]]\nweight = 1\nlabel = 2", "items[0].label", "give a string"),
        ("flag = ", "file", "no valid TOML"),
    ],
)
def test_errors_name_file_key_and_remedy(tmp_path, text, field_name, says):
    with pytest.raises(InputError) as caught:
        load(tmp_path, text)
    assert caught.value.field == field_name
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "c.toml"))
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_config(tmp_path / "no.toml", Outer)


finite = st.floats(allow_nan=False, allow_infinity=False)
configs = st.builds(
    Outer,
    inner=st.builds(
        Inner,
        count=st.integers(0, 10**9),
        shape=st.tuples(st.integers(), st.integers()),
        values=st.lists(finite).map(tuple),
        mode=st.sampled_from(["fast", "slow"]),
    ),
    items=st.lists(st.builds(Item, weight=finite, label=st.text())).map(tuple),
    flag=st.booleans(),
    level=st.none() | finite,
)


@given(configs)
def test_dump_is_the_inverse_of_load(config):
    text = dump_config(config)
    assert parse_config(tomllib.loads(text), Outer, "text") == config
