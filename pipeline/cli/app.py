"""The command line: a table of commands, each imported only when it is used.

To add a command, write a function ``pipeline/cli/<command>.py:<command>`` with
typer annotations, and give it a row in :data:`COMMANDS`. A command with commands
of its own is a :class:`typer.Typer` of that name instead of a function.
"""

from __future__ import annotations

import _thread
import importlib
import importlib.metadata
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from pipeline.cli.failures import run_guarded

PROGRAM = "slowburst"


@dataclass(frozen=True)
class CommandRow:
    """Where a command lives, and its line in ``slowburst --help``.

    Attributes
    ----------
    name : str
        What the user types.
    module : str
        The module that holds it, imported when the command is used.
    help : str
        One line.
    """

    name: str
    module: str
    help: str

    @property
    def attribute(self) -> str:
        """Name of the function in the module: the command's, as an identifier."""
        return self.name.replace("-", "_")


COMMANDS: tuple[CommandRow, ...] = (
    CommandRow("demo", "pipeline.cli.demo", "Simulate a recording and search it."),
    CommandRow("plan", "pipeline.cli.plan", "Trial grids, efficiency, memory and speed."),
    CommandRow("search", "pipeline.cli.search", "Find bursts in a recording."),
    CommandRow("image", "pipeline.cli.image", "Make an image cube of visibilities."),
    CommandRow("inject", "pipeline.cli.inject", "Measure what a search finds of known pulses."),
    CommandRow("dm-host", "pipeline.cli.dm_host", "DM of the host of a burst, by its foreground."),
    CommandRow("dm-sample", "pipeline.cli.dm_sample", "Gas of halos and the IGM, by many bursts."),
    CommandRow("cl", "pipeline.cli.cl", "Angular power spectra of galaxies, lensing and the CMB."),
    CommandRow(
        "sizes", "pipeline.cli.sizes", "Sizes of galaxies as NIRCam and ALMA would see them."
    ),
    CommandRow(
        "survey", "pipeline.cli.survey", "Plan a survey, map it, and turn silence into limits."
    ),
    CommandRow("train", "pipeline.cli.train", "Train the classifier of candidates."),
    CommandRow("classify", "pipeline.cli.classify", "Tell real candidates of a search from bogus."),
    CommandRow("calibrate", "pipeline.cli.calibrate", "Solve for the gains of antennas."),
    CommandRow("check", "pipeline.cli.check", "Flux scale, positions and noise of a recording."),
    CommandRow("simulate", "pipeline.cli.simulate", "Simulate a recording, with the truth."),
    CommandRow("periods", "pipeline.cli.periods", "Find periods of pulses and of light curves."),
    CommandRow("report", "pipeline.cli.report", "Remake the report of a search."),
)


def _literal(command: Any) -> Any:
    """The command with brackets in its help as they are: rich takes them for styles."""
    command.help = command.help and escape(command.help)
    for parameter in command.params:
        if getattr(parameter, "help", None):
            parameter.help = escape(parameter.help)
    for own in getattr(command, "commands", {}).values():
        _literal(own)
    return command


class LazyCommand(TyperCommand):
    """Stands in ``--help`` for a command whose module is not imported yet.

    Parameters
    ----------
    row : CommandRow
        The command it becomes as soon as it has arguments to parse.
    """

    def __init__(self, row: CommandRow) -> None:
        super().__init__(name=row.name, help=row.help)
        self.row = row

    def load(self) -> Any:
        """Import the command's module and build the command itself."""
        target = getattr(importlib.import_module(self.row.module), self.row.attribute)
        if isinstance(target, typer.Typer):
            return _literal(get_command(target))
        single = typer.Typer(add_completion=False)
        single.command(self.row.name)(target)
        return _literal(get_command(single))

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the arguments with the real command, which then runs in that context."""
        return self.load().make_context(*args, **kwargs)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{PROGRAM} {importlib.metadata.version(PROGRAM)}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks; may stand anywhere on the line.")
    ] = False,
) -> None:
    """Search radio data for bursts of milliseconds to minutes."""


def build(commands: Sequence[CommandRow] = COMMANDS) -> TyperGroup:
    """Make the command group of the rows, without importing any of their modules."""
    app = typer.Typer(name=PROGRAM, add_completion=False)
    app.callback()(_options)
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    for row in commands:
        group.add_command(LazyCommand(row))
    return group


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _interrupt_again(lost: sys.UnraisableHookArgs) -> None:
    """Repeat an interrupt that came inside a callback, where Python drops exceptions."""
    if lost.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(lost)
        return
    again = threading.Timer(0.05, _thread.interrupt_main)
    again.daemon = True
    again.start()


def main() -> None:
    """Run ``slowburst`` on the process's arguments and exit with 0, 1 or 2.

    A request to terminate (SIGTERM) is answered like Ctrl-C.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    # jax has a callback in the garbage collector.
    sys.unraisablehook = _interrupt_again
    # A date long ago or far ahead, where leap seconds are not known, is nothing to act upon.
    warnings.filterwarnings("ignore", "ERFA function .*dubious year")
    sys.exit(run_guarded(build(), sys.argv[1:], PROGRAM))
