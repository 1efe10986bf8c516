import importlib
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli.app import COMMANDS, CommandRow, build
from pipeline.cli.failures import run_guarded

COMMAND = '''
import typer
from pathlib import Path

calls = []


def greet_all(names: list[str], out: Path = Path("."), loud: bool = False) -> None:
    """Greet everyone.

    Example: slowburst greet-all Ada
    """
    calls.append((names, out, loud))


group = typer.Typer()


@group.command()
def first() -> None:
    """The first."""
    calls.append("first")


@group.command()
def second() -> None:
    """The second."""
'''


@pytest.fixture
def greetings(tmp_path, monkeypatch):
    """A group with a plain command and one that has commands of its own."""
    (tmp_path / "greetings_of_test.py").write_text(COMMAND)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield build(
        [
            CommandRow("greet-all", "greetings_of_test", "Greet everyone you name."),
            CommandRow("group", "greetings_of_test", "Many things."),
        ]
    )
    sys.modules.pop("greetings_of_test", None)


def run(group, *args):
    return run_guarded(group, args, "slowburst")


@pytest.mark.parametrize("args", [(), ("--help",)])
def test_help_shows_every_command_and_imports_none(greetings, capsys, args):
    assert run(greetings, *args) == 0
    shown = capsys.readouterr().out
    assert "greet-all" in shown
    assert "Greet everyone you name." in shown
    assert "Many things." in shown
    assert "greetings_of_test" not in sys.modules


def test_a_command_gets_its_arguments(greetings):
    assert run(greetings, "greet-all", "Ada", "Bo", "--loud", "--out", "x") == 0
    assert sys.modules["greetings_of_test"].calls == [(["Ada", "Bo"], Path("x"), True)]


def test_help_of_a_command_is_its_own(greetings, capsys):
    assert run(greetings, "greet-all", "--help") == 0
    shown = capsys.readouterr().out
    assert "slowburst greet-all" in shown
    assert "Example: slowburst greet-all Ada" in shown
    assert "--loud" in shown


def test_a_command_may_have_commands(greetings, capsys):
    assert run(greetings, "group", "first") == 0
    assert sys.modules["greetings_of_test"].calls == ["first"]
    assert run(greetings, "group", "--help") == 0
    assert "The second." in capsys.readouterr().out


def test_survey_without_a_command_shows_its_help(capsys):
    assert run(build(), "survey") == 0
    shown = capsys.readouterr()
    assert "coverage" in shown.out
    assert not shown.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["greet-al"], ["greet-al", "slowburst --help"]),
        (["greet-all"], ["names", "slowburst greet-all --help"]),
        (["greet-all", "Ada", "--loudd"], ["--loudd", "--loud", "slowburst greet-all --help"]),
        (["--what"], ["--what", "slowburst --help"]),
    ],
)
def test_a_wrong_command_line_is_one_line_and_code_2(greetings, capsys, args, words):
    assert run(greetings, *args) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("slowburst: error: ")
    assert shown.count("\n") == 1
    for word in words:
        assert word in shown


def test_version_is_the_distribution(capsys):
    try:
        version = importlib.metadata.version("slowburst")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("slowburst is not installed here, only on the path")
    assert run(build(), "--version") == 0
    assert capsys.readouterr().out == f"slowburst {version}\n"


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_every_command_loads_and_its_help_has_an_example(row, capsys):
    assert run(build(), row.name, "--help") == 0
    shown = capsys.readouterr().out
    assert f"slowburst {row.name}" in shown
    assert "xample" in shown


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["inject"], "TOML file with [injection] and [search]."),
        (["survey", "coverage"], "Of HEALPix. [as there is, or 256]"),
        (["calibrate"], "Of the source, degrees. [the phase centre]"),
    ],
)
def test_brackets_in_help_are_shown(capsys, args, words):
    assert run(build(), *args, "--help") == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert words in shown


def test_help_needs_none_of_the_heavy_libraries(repository):
    script = (
        "import sys; sys.argv = ['slowburst', '--help']\n"
        "from pipeline.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as done:\n    assert done.code == 0\n"
        "heavy = {'jax', 'numpy', 'scipy', 'astropy', 'h5py', 'matplotlib', 'sklearn', 'dask'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repository, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_readme_says_which_commands_work(repository):
    rows = re.findall(
        r"^\| `slowburst ([a-z-]+)[^|]*\|[^|]*\| (yes|not yet) \|$",
        (repository / "README.md").read_text(),
        flags=re.MULTILINE,
    )
    assert {name for name, works in rows if works == "yes"} == {row.name for row in COMMANDS}
