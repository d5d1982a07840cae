"""``streamproc scan``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from streamproc.cli import EXIT_DEAD_LETTERS, counted, rules_option, settings_of, with_rules
from streamproc.cli.progress import progress_through
from streamproc.cli.throwaway import throwaway_keys

if TYPE_CHECKING:
    from streamproc.evaluate.inventory import Inventory, Scanner
    from streamproc.evaluate.proposals import Proposal
    from streamproc.rules import Ruleset
    from streamproc.settings import Settings

__all__ = ["scan"]

BATCH_LINES = 200

CASES_HEADING = """\
Cases for the rules that `streamproc scan` proposed: an event, and what its manifest says.
All values are invented."""


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@rules_option
@click.option(
    "--propose",
    "proposed",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file: the ruleset with rules added for fields that always hold the same; and a "
    "test of each in tests/ beside it.",
)
@click.option("--json", "as_json", is_flag=True, help="The inventory as one JSON object.")
@click.pass_context
def scan(
    ctx: click.Context,
    *,
    file: BinaryIO,
    rules_directory: Path | None,
    proposed: Path | None,
    as_json: bool,
) -> None:
    """Tell what personal data is where in JSON lines, never a value.

    FILE or standard input holds events, or any other JSON objects. Told is, for each field, what
    is found in it, by which step, how often, how surely, and what the ruleset does with it. What
    would be kept is on top, what rules decide as a whole field at the end. The exit code is 3 when
    some lines could not be scanned.
    """
    from streamproc import telemetry

    settings = settings_of(ctx).settings
    settings = with_rules(settings, rules_directory)
    telemetry.configure(settings.log)
    if proposed is not None:
        _check_new(proposed, _cases_of(proposed))
    inventory, ruleset = _scanned(settings, file)
    proposals = _proposals(inventory, ruleset) if proposed is not None else []
    _tell(inventory, proposals, as_json=as_json)
    if proposed is not None:
        _propose(settings, proposals, proposed)
    for code, count in inventory.refused.most_common():
        click.echo(f"{counted(count, 'line')} not scanned: {code}.", err=True)
    sys.exit(EXIT_DEAD_LETTERS if inventory.refused else 0)


def _scanned(settings: Settings, file: BinaryIO) -> tuple[Inventory, Ruleset]:
    from streamproc.assemble import load_rules

    ruleset = load_rules(settings)
    scanner = _scanner(settings, ruleset)
    with progress_through(file) as advance:
        lines = (line.rstrip(b"\r\n") for line in file)
        remaining = filter(None, lines)
        while batch := list(islice(remaining, BATCH_LINES)):
            scanner.scan(batch)
            advance(len(batch), sum(len(line) + 1 for line in batch))
    return scanner.inventory, ruleset


def _scanner(settings: Settings, ruleset: Ruleset) -> Scanner:
    from streamproc.assemble import make_detector
    from streamproc.decode import Limits
    from streamproc.detect import key_words
    from streamproc.evaluate.inventory import Scanner
    from streamproc.redact import Memo, ScopedSites

    detector = make_detector(settings, ruleset)
    memo = Memo(settings.worker.memo_entries)
    limits = settings.limits
    return Scanner(
        ScopedSites(ruleset, key_words, detector.question, memo),
        detector,
        Limits(limits.event_bytes, limits.depth, limits.text_characters),
    )


def _proposals(inventory: Inventory, ruleset: Ruleset) -> list[Proposal]:
    from streamproc.evaluate.proposals import propose

    return propose(inventory, ruleset)


def _tell(inventory: Inventory, proposals: Sequence[Proposal], *, as_json: bool) -> None:
    from streamproc.evaluate.inventory_report import inventory_json, render_inventory

    if as_json:
        click.echo(json.dumps(inventory_json(inventory, proposals), indent=2))
    else:
        from rich.console import Console

        console = Console(width=None if Console().is_terminal else 160)
        render_inventory(inventory, proposals, console)


def _cases_of(rules: Path) -> Path:
    return rules.parent / "tests" / rules.name


def _check_new(*files: Path) -> None:
    from streamproc.errors import ConfigError, Problem

    there = [file for file in files if file.exists()]
    if there:
        message = "is there already; not written over"
        raise ConfigError(*(Problem(str(file), "", message) for file in there))


def _write_new(file: Path, content: str) -> None:
    from streamproc.errors import ConfigError, Problem

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be written: {error.strerror}")) from None


def _propose(settings: Settings, proposals: Sequence[Proposal], file: Path) -> None:
    from streamproc.effects.cases import write_cases
    from streamproc.evaluate.proposals import cases_of, extended
    from streamproc.shipped import shipped

    if not proposals:
        click.echo("No field always holds the same: nothing is proposed.", err=True)
        return
    present = settings.rules.directory or shipped("rules")
    if present.is_dir():
        (present,) = present.glob("*.yaml")  # it was loaded, so it is one
    rules = extended(present.read_text(encoding="utf-8"), proposals)
    cases = write_cases(cases_of(proposals), CASES_HEADING)
    tests = _cases_of(file)
    _verify(settings, present, (rules, str(file)), (cases, str(tests)))
    _write_new(file, rules)
    _write_new(tests, cases)
    told = f"{counted(len(proposals), 'field')} proposed in {file}: the ruleset loads"
    own = present.parent / "recognizers"
    if own.is_dir() and present.parent not in {shipped("rules"), file.parent}:
        told += f" beside {own}"
    click.echo(f"{told}, and its cases in {tests} pass.", err=True)


def _verify(
    settings: Settings, present: Path, rules: tuple[str, str], cases: tuple[str, str]
) -> None:
    """Load ``rules`` and run ``cases``, each a text and its name, as they are to be written."""
    from streamproc.assemble import Assembly
    from streamproc.effects.cases import parse_cases
    from streamproc.effects.trials import TEST_RING, Trials
    from streamproc.errors import ConfigError, Problem
    from streamproc.identity import View
    from streamproc.rules import parse_ruleset
    from streamproc.rules.load_recognizers import load_recognizers
    from streamproc.shipped import shipped

    own = load_recognizers(present.parent / "recognizers", shipped("rules/recognizers"))
    ruleset = parse_ruleset(*rules, own)
    with throwaway_keys(settings, TEST_RING) as (kept_apart, ring):
        trials = Trials(Assembly(kept_apart, ring, View()).parts(ruleset), "cases")
        outcomes = list(trials.run(parse_cases(*cases)))
    failed = (
        Problem(outcome.source, outcome.name, "is not as it should be", outcome.line)
        for outcome in outcomes
        if outcome.differences
    )
    if problems := list(failed):
        raise ConfigError(*problems)
