"""``streamproc rules check``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamproc.cli import EXIT_BAD_SETTINGS, counted, settings_of
from streamproc.cli.rules import EXIT_NO

if TYPE_CHECKING:
    from streamproc.errors import Problem
    from streamproc.rules import Checked, Surroundings
    from streamproc.settings import Settings

__all__ = ["check", "surroundings_of"]


@click.command()
@click.argument("place", type=click.Path(exists=True, path_type=Path), required=False)
@click.option("--strict", is_flag=True, help="End with 1 where there are warnings.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@click.pass_context
def check(ctx: click.Context, place: Path | None, *, strict: bool, as_json: bool) -> None:
    """Tell all that is wrong with a ruleset.

    PLACE is its folder or file; that of the settings when it is left out, else the shipped one.
    Each error is told with its file, line and column, and the exit code is then 2. Warnings are of
    rules that can be meant so, but hardly are: fields that others always decide first, names of
    events that the tracking plan has not, whatever is kept wherever it is.
    """
    from streamproc.errors import ConfigError
    from streamproc.rules import check_ruleset
    from streamproc.shipped import shipped

    settings = settings_of(ctx).settings
    place = place or settings.rules.directory or shipped("rules")
    try:
        checked = check_ruleset(place, surroundings_of(settings))
    except ConfigError as error:
        if not as_json:
            raise
        click.echo(json.dumps({"in_order": False, "problems": _plain(error.problems)}))
        sys.exit(EXIT_BAD_SETTINGS)
    (_tell_json if as_json else _tell)(checked)
    sys.exit(EXIT_NO if strict and checked.warnings else 0)


def surroundings_of(settings: Settings) -> Surroundings:
    """Return what a ruleset can count on with these settings."""
    from streamproc.assemble import load_plan
    from streamproc.rules import Surroundings

    plan = load_plan(settings)
    return Surroundings(
        subject_keys=settings.keys.subjects is not None,
        planned=None if plan is None else plan.events.keys(),
    )


def _tell(checked: Checked) -> None:
    ruleset = checked.ruleset
    for warning in checked.warnings:
        click.echo(f"{click.style('warning', fg='yellow', bold=True)}: {warning}")
    if checked.left_to_default:
        said = ", ".join(checked.left_to_default)
        click.secho(f"Decided by operators.default alone: {said}.", dim=True)
    told = f"{ruleset.name} is in order: {counted(len(ruleset.rules), 'rule')}"
    warned = f", {counted(len(checked.warnings), 'warning')}" if checked.warnings else ""
    click.echo(f"{told}{warned}.")


def _tell_json(checked: Checked) -> None:
    told = {
        "in_order": True,
        "name": checked.ruleset.name,
        "fingerprint": checked.ruleset.fingerprint,
        "rules": len(checked.ruleset.rules),
        "warnings": _plain(checked.warnings),
        "left_to_default": checked.left_to_default,
    }
    click.echo(json.dumps(told))


def _plain(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    return [asdict(problem) for problem in problems]
