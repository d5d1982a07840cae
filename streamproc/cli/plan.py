"""``streamproc plan``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from streamproc.cli import counted, settings_of

if TYPE_CHECKING:
    from streamproc.decode import Limits
    from streamproc.events import Record
    from streamproc.settings import Settings
    from streamproc.tracking import TrackingPlan

__all__ = ["plan"]

EXIT_NOT_PLANNED = 1


@click.group()
def plan() -> None:
    """Check a tracking plan, and try events against it."""


@plan.command()
@click.argument(
    "directory", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a line.")
@click.pass_context
def check(ctx: click.Context, directory: Path | None, *, as_json: bool) -> None:
    """Read a tracking plan as a worker does, and tell all that is wrong with it.

    DIRECTORY is the plan's folder; that of the settings when it is left out.
    """
    found = _load(settings_of(ctx).settings, directory)
    if as_json:
        told = {
            "name": found.name,
            "fingerprint": found.fingerprint,
            "events": [{"type": kind, "name": name} for kind, name in found.events],
        }
        click.echo(json.dumps(told))
    else:
        click.echo(f"{found.name} is in order: {counted(len(found.events), 'schema')}.")


@plan.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--plan",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The plan's folder [default: that of the settings].",
)
@click.pass_context
def test(ctx: click.Context, file: BinaryIO, directory: Path | None) -> None:
    """Tell what a tracking plan says of events, never a value.

    FILE or standard input holds events, one JSON object a line. For each that is not as planned, a
    JSON line says what becomes of it and why; the exit code is then 1.
    """
    from streamproc.assemble import make_limits

    settings = settings_of(ctx).settings
    tracking = _load(settings, directory)
    lines = wrong = 0
    for record in _records(file):
        lines += 1
        told = _told(record, tracking, make_limits(settings))
        if told is not None:
            wrong += 1
            click.echo(json.dumps({"line": record.origin.offset + 1, **told}))
    click.echo(f"{counted(lines, 'event')}, {wrong:,} not as planned.", err=True)
    sys.exit(EXIT_NOT_PLANNED if wrong else 0)


def _load(settings: Settings, directory: Path | None) -> TrackingPlan:
    from streamproc.assemble import load_plan
    from streamproc.errors import ConfigError, Problem
    from streamproc.tracking import load_tracking_plan

    found = load_plan(settings) if directory is None else load_tracking_plan(directory)
    if found is None:
        told = "no tracking plan is configured; name its folder"
        raise ConfigError(Problem("settings", "tracking_plan.directory", told))
    return found


def _records(file: BinaryIO) -> Iterator[Record]:
    from streamproc.events import Micros, Origin, Record

    for number, line in enumerate(file):
        if value := line.rstrip(b"\r\n"):
            yield Record(Origin("file", 0, number), None, value, Micros(0))


def _told(record: Record, tracking: TrackingPlan, limits: Limits) -> dict[str, Any] | None:
    """Return what there is to say of an event; None where it is as planned."""
    from streamproc.decode import decode
    from streamproc.errors import EventError
    from streamproc.tracking import differences

    try:
        found = differences(decode(record, limits), tracking)
    except EventError as error:  # no event at all
        refused = {"path": error.path, "code": error.code, "action": "dead_letter"}
        return {"becomes": "dead_letter", "violations": [refused]}
    if not found:
        return None
    actions = {action for _, action in found}
    becomes = next((each for each in ("dead_letter", "drop") if each in actions), "row")
    violations = [{**violation._asdict(), "action": action} for violation, action in found]
    return {"becomes": becomes, "violations": violations}
