"""``slowburst survey``: plan a survey, map what was searched, turn silence into limits."""

from __future__ import annotations

import typer

from pipeline.cli.survey_coverage import coverage
from pipeline.cli.survey_exclude import exclude
from pipeline.cli.survey_expected import expected
from pipeline.cli.survey_limits import limits
from pipeline.cli.survey_plan import plan

survey = typer.Typer(add_completion=False, no_args_is_help=True)


@survey.callback()
def _survey() -> None:
    """Plan a survey, map what was searched, and turn silence into limits.

    Example: slowburst survey coverage results --out coverage
    """


survey.command("plan")(plan)
survey.command("coverage")(coverage)
survey.command("limits")(limits)
survey.command("expected")(expected)
survey.command("exclude")(exclude)
