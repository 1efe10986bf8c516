"""``slowburst survey``: plan a survey, map what was searched, turn silence into limits."""

from __future__ import annotations

import typer

from pipeline.cli.survey_expected import expected

survey = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Plan a survey, map what was searched, and turn silence into limits.",
)
survey.command("expected")(expected)
