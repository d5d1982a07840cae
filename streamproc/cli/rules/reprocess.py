"""``streamproc rules reprocess``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from streamproc.cli import counted, settings_of
from streamproc.cli.moments import Moment, micros

if TYPE_CHECKING:
    from streamproc.kafka.ranges import RangeReader
    from streamproc.settings import Settings
    from streamproc.warehouse.provenance import Offsets, Window

__all__ = ["reprocess"]


class Wanted(NamedTuple):
    """Raw records of rows that are to be made anew.

    Attributes:
        offsets: By partition, ranges of their offsets.
        elsewhere: How many are of other topics than the raw topic of the settings.
    """

    offsets: Mapping[int, Sequence[tuple[int, int]]]
    elsewhere: int


@click.command()
@click.option("--since", type=Moment(), required=True, help="Events received from then on.")
@click.option("--until", type=Moment(), help="Events received before then. [default: now]")
@click.option(
    "--weaker-than-today",
    "weaker_only",
    is_flag=True,
    help="Only rows whose rules are weaker than today's, or not known. [default: other than]",
)
@click.option(
    "--known",
    "earlier",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="An earlier ruleset that the topic of rules does not have; may be given several times.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be read again.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@click.pass_context
def reprocess(
    ctx: click.Context,
    since: datetime,
    until: datetime | None,
    earlier: tuple[Path, ...],
    *,
    weaker_only: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make rows anew that were not made by today's rules, from exactly their raw records.

    Which rows, and of which records, the warehouse says; they go through the rules, keys and
    tracking plan in force now, and replace the rows of the same message ids when they are loaded.
    Records that the raw topic does not have any more are counted. May be interrupted and begun
    again, once what was done is loaded.
    """
    from streamproc.cli.reprocess import correct, tell
    from streamproc.errors import ConfigError, Problem
    from streamproc.kafka.ranges import RangeReader
    from streamproc.telemetry import configure
    from streamproc.warehouse.provenance import Window

    if until is not None and until <= since:
        raise ConfigError(Problem("command line", "--until", "expected a moment after --since"))
    settings = settings_of(ctx).settings
    configure(settings.log)
    window = Window(micros(since), None if until is None else micros(until))
    wanted = _wanted(settings, earlier, window, weaker_only=weaker_only)
    with RangeReader(settings.kafka, settings.topics.raw) as reader:
        found = _pick(reader, wanted)
        if dry_run:
            click.echo(json.dumps(found, indent=2) if as_json else _said(found))
            return
        if not as_json:
            click.echo(_said(found), err=True)
        complete, flow = correct(settings, reader)
    tell(flow, found, complete=complete, as_json=as_json)


def _wanted(
    settings: Settings, earlier: Sequence[Path], window: Window, *, weaker_only: bool
) -> Wanted:
    from streamproc.debt.known import rulesets_known
    from streamproc.debt.owed import states_of, unsettled
    from streamproc.warehouse.asking import asked
    from streamproc.warehouse.provenance import read_made, read_offsets

    known = rulesets_known(settings, None, earlier)
    with asked(settings) as reader:
        made = read_made(reader)
        states = states_of(
            (each.ruleset for each in made), known.rulesets, known.today, known.otherwise
        )
        others = [rows for rows, state in states.items() if state != "today"]
        found = read_offsets(reader, unsettled(states) if weaker_only else others, window)
    return _of_topic(found, settings.topics.raw)


def _of_topic(found: Offsets, raw: str) -> Wanted:
    offsets = {number: ranges for (topic, number), ranges in found.items() if topic == raw}
    elsewhere = [ranges for (topic, _), ranges in found.items() if topic != raw]
    return Wanted(offsets, sum(map(_length, elsewhere)))


def _pick(reader: RangeReader, wanted: Wanted) -> dict[str, Any]:
    """Have ``reader`` read what is wanted and still there; return how many records that is."""
    begins = {each.partition: each.first for each in reader.stretches}
    reader.pick(wanted.offsets)
    there = sum(each.following - each.first for each in reader.stretches)
    expired = {}
    for number, ranges in sorted(wanted.offsets.items()):
        start = begins.get(number)
        gone = [(one, end if start is None else min(end, start)) for one, end in ranges]
        if gone := [(one, end) for one, end in gone if one < end]:
            expired[str(number)] = {
                "records": _length(gone),
                "first": gone[0][0],
                "last": gone[-1][1] - 1,
            }
    return {"records": there, "expired": expired, "of_other_topics": wanted.elsewhere}


def _length(ranges: Sequence[tuple[int, int]]) -> int:
    return sum(end - start for start, end in ranges)


def _said(found: Mapping[str, Any]) -> str:
    lines = [f"{counted(found['records'], 'record')} of the raw topic to read again."]
    for number, gone in found["expired"].items():
        records = counted(gone["records"], "record")
        offsets = f"offsets {gone['first']:,} to {gone['last']:,}"
        lines.append(f"Partition {number}: {records} expired, of {offsets}; their rows stay.")
    if found["of_other_topics"]:
        records = counted(found["of_other_topics"], "record")
        lines.append(f"{records} of other topics, which are not read.")
    return "\n".join(lines)
