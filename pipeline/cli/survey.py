"""``slowburst survey``: plan a survey, map what was searched, turn silence into limits."""

from __future__ import annotations

import typer

from pipeline.cli.survey_exclude import exclude

survey = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Plan a survey, map what was searched, and turn silence into limits.",
)


@survey.callback(help="Plan a survey, map what was searched, and turn silence into limits.")
def of_commands() -> None:
    """Without this a single command would not be asked for by its name."""


survey.command("exclude")(exclude)
