"""What tests of several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded


@pytest.fixture
def is_refused(capsys, tmp_path) -> Callable[[str, Iterable[str | Path], str], None]:
    """Holds that a command ends with one line, which has these words, and writes nothing.

    Called with the command, what follows it, and the words; results would go to ``out`` in the
    folder of the test.
    """

    def check(command: str, args: Iterable[str | Path], words: str) -> None:
        capsys.readouterr()
        assert run_guarded(build(), [command, *map(str, args)], "slowburst") == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith("slowburst: error: ")
        assert words in lines[0]
        assert "; " in lines[0]
        assert not (tmp_path / "out").exists()

    return check
