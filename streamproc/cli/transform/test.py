"""``streamproc transform test``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamproc.cli import settings_of
from streamproc.cli.rules import EXIT_NO
from streamproc.cli.rules.test import run_suites, tell_differences
from streamproc.cli.transform.check import settings_with

if TYPE_CHECKING:
    from streamproc.effects.cases import Suite
    from streamproc.effects.trials import Outcome

__all__ = ["test"]


@click.command()
@click.argument(
    "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False
)
@click.option("--log", "show_log", is_flag=True, help="Show what transformations log and print.")
@click.option(
    "--junit",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the outcome to this file too, as JUnit XML.",
)
@click.option("--json", "as_json", is_flag=True, help="The outcome as one JSON object.")
@click.pass_context
def test(
    ctx: click.Context, folder: Path | None, *, show_log: bool, junit: Path | None, as_json: bool
) -> None:
    """Run the cases beside transformations: events, and what has to become of them.

    FOLDER is that of the settings when it is left out; the cases are in its tests/*.yaml, and are
    written as those of `streamproc rules test`. They go all the way that events go, through the
    rules of the settings too. `dropped: transform:NAME` expects that a transformation drops an
    event, `dead: CODE` that it fails. The exit code is 1 when a case fails.
    """
    from streamproc.assemble import load_rules
    from streamproc.effects.junit import junit_xml
    from streamproc.errors import ConfigError, Problem
    from streamproc.telemetry import configure

    settings = settings_with(settings_of(ctx).settings, folder)
    configure(settings.log)
    directory = settings.transform.directory
    assert directory is not None
    suites = _suites(directory)
    outcomes = run_suites(settings, load_rules(settings), suites, show_log=show_log)
    if junit is not None:
        try:
            junit.write_bytes(junit_xml(outcomes, None, "streamproc transform test"))
        except OSError as error:
            told = f"cannot be written: {error.strerror}"
            raise ConfigError(Problem(str(junit), "", told)) from None
    if as_json:
        _tell_json(outcomes)
    else:
        tell_differences(str(directory), outcomes)
    sys.exit(EXIT_NO if any(outcome.differences for outcome in outcomes) else 0)


def _suites(folder: Path) -> list[Suite]:
    from streamproc.effects.cases import load_cases
    from streamproc.errors import ConfigError, Problem

    files = sorted((folder / "tests").glob("*.yaml"))
    if not files:
        raise ConfigError(
            Problem(str(folder / "tests"), "", "no cases: write some in *.yaml there")
        )
    return [load_cases(file) for file in files]


def _tell_json(outcomes: Sequence[Outcome]) -> None:
    cases = [
        {
            "file": outcome.source,
            "line": outcome.line,
            "name": outcome.name,
            "passed": not outcome.differences,
            "differences": [found._asdict() for found in outcome.differences],
        }
        for outcome in outcomes
    ]
    passed = all(case["passed"] for case in cases)
    click.echo(json.dumps({"passed": passed, "cases": cases}, indent=2))
