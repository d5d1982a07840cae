"""``streamproc rules test``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamproc.cli import counted, settings_of
from streamproc.cli.rules import EXIT_NO
from streamproc.cli.throwaway import throwaway_keys

if TYPE_CHECKING:
    from streamproc.effects.cases import Suite
    from streamproc.effects.trials import Outcome
    from streamproc.rules import Ruleset
    from streamproc.settings import Settings

__all__ = ["run_suites", "suites_beside", "tell_differences", "test"]


@click.command()
@click.argument(
    "place", metavar="[PATH]", type=click.Path(exists=True, path_type=Path), required=False
)
@click.option("--cover", is_flag=True, help="Fail also if some rule is reached by no case.")
@click.option(
    "--junit",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the outcome to this file too, as JUnit XML.",
)
@click.option("--json", "as_json", is_flag=True, help="The outcome as one JSON object.")
@click.pass_context
def test(
    ctx: click.Context, place: Path | None, *, cover: bool, junit: Path | None, as_json: bool
) -> None:
    """Run the cases beside a ruleset: events, and what has to become of them.

    PATH is the ruleset's folder or file; that of the settings when it is left out, else the shipped
    one. Cases are in tests/*.yaml beside it. They go through what events go through, with keys of
    their own, which are always the same. The exit code is 1 when one fails.
    """
    from streamproc.effects.trials import unreached
    from streamproc.telemetry import configure

    settings = settings_of(ctx).settings
    configure(settings.log)
    ruleset, suites = _loaded(settings, place)
    outcomes = run_suites(settings, ruleset, suites)
    missed = unreached(ruleset, outcomes)
    if junit is not None:
        _write(junit, outcomes, missed if cover else None)
    if as_json:
        _tell_json(ruleset, outcomes, missed)
    else:
        _tell(ruleset, outcomes, missed)
    failed = any(outcome.differences for outcome in outcomes)
    sys.exit(EXIT_NO if failed or (cover and missed) else 0)


def _loaded(settings: Settings, place: Path | None) -> tuple[Ruleset, list[Suite]]:
    from streamproc.errors import ConfigError, Problem
    from streamproc.rules import load_ruleset
    from streamproc.shipped import shipped

    place = place or settings.rules.directory or shipped("rules")
    ruleset = load_ruleset(place)
    suites = suites_beside(place)
    if not any(suite.cases for suite in suites):
        folder = place if place.is_dir() else place.parent
        message = "no cases: write some in *.yaml there, or have `streamproc scan` propose them"
        raise ConfigError(Problem(str(folder / "tests"), "", message))
    return ruleset, suites


def suites_beside(place: Path) -> list[Suite]:
    """Return the cases beside the ruleset of ``place``, which is in order.

    Raises:
        ConfigError: With every problem of their files.
    """
    from streamproc.effects.cases import case_files, load_cases
    from streamproc.errors import ConfigError, Problem

    if place.is_dir():
        (place,) = place.glob("*.yaml")  # it was loaded, so it is one
    suites: list[Suite] = []
    problems: list[Problem] = []
    for file in case_files(place):
        try:
            suites.append(load_cases(file))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    return suites


def run_suites(
    settings: Settings, ruleset: Ruleset, suites: Sequence[Suite], *, show_log: bool = False
) -> list[Outcome]:
    """Return what becomes of all cases of ``suites``; ``show_log`` as an assembly has it."""
    from streamproc.assemble import Assembly
    from streamproc.effects.trials import TEST_RING, Trials
    from streamproc.identity import View

    with throwaway_keys(settings, TEST_RING) as (kept_apart, ring):
        parts = Assembly(kept_apart, ring, View(), show_log=show_log).parts(ruleset)
        trials = Trials(parts, settings.topics.raw)
        return [outcome for suite in suites for outcome in trials.run(suite)]


def _write(file: Path, outcomes: Sequence[Outcome], missed: Sequence[str] | None) -> None:
    from streamproc.effects.junit import junit_xml
    from streamproc.errors import ConfigError, Problem

    try:
        file.write_bytes(junit_xml(outcomes, missed))
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be written: {error.strerror}")) from None


def _tell(ruleset: Ruleset, outcomes: Sequence[Outcome], missed: Sequence[str]) -> None:
    tell_differences(ruleset.name, outcomes)
    rules = len(ruleset.rules)
    click.echo(f"{rules - len(missed):,} of {counted(rules, 'rule')} reached.")
    if missed:
        click.secho(f"Not reached: {', '.join(missed)}.", fg="yellow")


def tell_differences(name: str, outcomes: Sequence[Outcome]) -> None:
    """Print what is not as cases expect it, and how many cases of ``name`` there were."""
    failed = [outcome for outcome in outcomes if outcome.differences]
    for outcome in failed:
        where = f"{outcome.source}:{outcome.line}" if outcome.line else outcome.source
        click.secho(f"{where}: {outcome.name}", fg="red", bold=True)
        for found in outcome.differences:
            click.echo(f"  {found.where}")
            click.echo(f"    expected  {found.expected}")
            click.echo(f"    got       {found.got}")
    told = f"{len(failed):,} failed" if failed else "all as expected"
    click.echo(f"{name}: {counted(len(outcomes), 'case')}, {told}.")


def _tell_json(ruleset: Ruleset, outcomes: Sequence[Outcome], missed: Sequence[str]) -> None:
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
    told = {
        "ruleset": {"name": ruleset.name, "fingerprint": ruleset.fingerprint},
        "passed": not any(outcome.differences for outcome in outcomes),
        "cases": cases,
        "coverage": {"rules": len(ruleset.rules), "not_reached": list(missed)},
    }
    click.echo(json.dumps(told, indent=2))
