import errno
import subprocess
import sys
from types import SimpleNamespace

import h5py
import pytest
import typer

from pipeline.cli.app import CommandRow, build
from pipeline.cli.failures import describe, run_guarded
from pipeline.errors import InputError

MODULE = "failing_of_test"


def raise_input_error():
    raise InputError("a.h5", "/image", "has 3 axes, not 4", "write (time, channel, y, x)")


def raise_interrupt():
    raise KeyboardInterrupt


def raise_disk_full():
    raise OSError(errno.ENOSPC, "No space left on device", "out/a.h5")


def raise_permission():
    raise PermissionError(errno.EACCES, "Permission denied", "out")


def raise_memory():
    raise MemoryError("cannot\nallocate 4 GiB")


def raise_exit():
    raise typer.Exit(2)


def run(monkeypatch, function, *args):
    """Run ``function`` as a command of the program."""
    monkeypatch.setitem(sys.modules, MODULE, SimpleNamespace(fail=function))
    return run_guarded(build([CommandRow("fail", MODULE, "Fail.")]), ["fail", *args], "slowburst")


@pytest.mark.parametrize(
    ("function", "code", "line"),
    [
        (raise_input_error, 2, "a.h5: /image: has 3 axes, not 4; write (time, channel, y, x)"),
        (raise_interrupt, 1, "interrupted"),
        (raise_disk_full, 1, "out/a.h5: no space left on the disk; free some, or write elsewhere"),
        (raise_permission, 1, "out: Permission denied"),
        (raise_memory, 1, "out of memory: cannot allocate 4 GiB"),
    ],
)
def test_a_failure_is_one_line_and_a_code(monkeypatch, capsys, function, code, line):
    assert run(monkeypatch, function) == code
    shown = capsys.readouterr()
    assert shown.err == f"slowburst: error: {line}\n"
    assert shown.out == ""


def test_a_command_chooses_its_exit_code(monkeypatch, capsys):
    assert run(monkeypatch, raise_exit) == 2
    assert capsys.readouterr().err == ""


def test_debug_lets_the_exception_through(monkeypatch):
    with pytest.raises(InputError):
        run(monkeypatch, raise_input_error, "--debug")


def test_a_fault_of_the_program_keeps_its_traceback(monkeypatch):
    def divide() -> None:
        _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        run(monkeypatch, divide)


def test_debug_behind_two_dashes_is_an_argument(monkeypatch):
    seen = []

    def take(names: list[str]) -> None:
        seen.extend(names)

    assert run(monkeypatch, take, "--", "--debug") == 0
    assert seen == ["--debug"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/dev/full is a thing of Linux")
def test_a_full_disk_under_hdf5_names_the_file():
    with pytest.raises(OSError, match="No space left") as caught, h5py.File("/dev/full", "w") as f:
        f["image"] = 1.0
    line = describe(caught.value)
    assert line.startswith("/dev/full: no space left on the disk")


def test_a_missing_file_under_hdf5_is_named_shortly(tmp_path):
    path = tmp_path / "none" / "a.h5"
    with pytest.raises(OSError, match="No such file") as caught:
        h5py.File(path, "w")
    assert describe(caught.value) == f"{path}: No such file or directory"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("where", ["send()", "gc.callbacks.append(send); gc.collect()"])
def test_a_signal_is_an_interrupt_wherever_it_comes(repository, name, where):
    script = (
        "import gc, os, signal, sys, time, types\n"
        "from pipeline.cli import app\n"
        # A shell has its background jobs ignore it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def send(*_):\n"
        "    gc.callbacks.clear()\n"
        f"    os.kill(os.getpid(), signal.{name})\n"
        "    time.sleep(0)\n"
        "def fail():\n"
        f"    {where}\n"
        "    time.sleep(10)\n"
        "    print('not interrupted')\n"
        "sys.modules['failing_of_test'] = types.SimpleNamespace(fail=fail)\n"
        "group = app.build([app.CommandRow('fail', 'failing_of_test', 'Fail.')])\n"
        "app.build = lambda: group\n"
        "sys.argv[1:] = ['fail']\n"
        "app.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repository, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (1, "slowburst: error: interrupted\n")


def test_a_message_holds_nothing_that_a_terminal_acts_upon():
    error = InputError("a\x1b[2J.h5", "k\udcffy", "two\nlines", "mend\tit")
    assert str(error) == r"a\x1b[2J.h5: k\udcffy: two lines; mend it"


def test_the_process_exits_with_the_code(repository):
    script = "import sys; sys.argv[1:] = ['nothing']; from pipeline.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repository, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("slowburst: error: No such command 'nothing'")
