"""``streamproc rules diff``."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from streamproc.cli import settings_of
from streamproc.cli.progress import progress_of, progress_through
from streamproc.cli.rules import EXIT_NO
from streamproc.cli.throwaway import throwaway_keys

if TYPE_CHECKING:
    from streamproc.effects.difference import Comparison, Difference
    from streamproc.events import Record
    from streamproc.kafka.ranges import RangeReader
    from streamproc.kafka.raw_schemas import RawSchemas
    from streamproc.rules import Ruleset

__all__ = ["diff"]

BATCH_RECORDS = 500
SAMPLE = 10_000
READ_SECONDS = 1.0
PRINTED_WIDTH = 160


@click.command()
@click.argument("before", metavar="A", type=click.Path(exists=True, path_type=Path))
@click.argument("after", metavar="B", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--events",
    "file",
    type=click.File("rb"),
    help="JSON lines to try both on; - is standard input.",
)
@click.option("--topic", help="A topic to try both on, read beside the workers.")
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=SAMPLE,
    show_default=True,
    help="With --topic: how many of the last records of each partition.",
)
@click.option("--json", "as_json", is_flag=True, help="The difference as one JSON object.")
@click.pass_context
def diff(
    ctx: click.Context,
    *,
    before: Path,
    after: Path,
    file: BinaryIO | None,
    topic: str | None,
    sample: int,
    as_json: bool,
) -> None:
    """Tell what would become otherwise of events under other rules, never a value.

    A and B are rulesets, folders or files: the rules that are, and those that would be. Newly
    exposed fields come first. The exit code is 1 when anything would be less protected, an event
    that reaches the warehouse and did not before included.
    """
    from streamproc.errors import ConfigError, Problem
    from streamproc.telemetry import configure

    if (file is None) == (topic is None):
        raise ConfigError(Problem("command line", "", "expected either --events or --topic"))
    settings = settings_of(ctx).settings
    configure(settings.log)
    rulesets = _load(before, after)
    with throwaway_keys(settings) as (kept_apart, ring):
        from streamproc.assemble import Assembly
        from streamproc.effects.difference import Comparison
        from streamproc.identity import View
        from streamproc.kafka.ranges import RangeReader
        from streamproc.kafka.raw_schemas import RawSchemas
        from streamproc.redact import Tokens

        assembly = Assembly(kept_apart, ring, View())
        one, other = map(assembly.parts, rulesets)
        comparison = Comparison(one, other, Tokens(ring))
        if file is not None:
            _compare_file(comparison, file, settings.topics.raw)
        else:
            schemas = RawSchemas(settings.registry, assembly.formats)
            _compare_topic(
                comparison, schemas, RangeReader(settings.kafka, str(topic), last=sample)
            )
            schemas.close()
    _tell(comparison.difference, rulesets, as_json=as_json)
    sys.exit(EXIT_NO if comparison.difference.less else 0)


def _load(*places: Path) -> list[Ruleset]:
    from streamproc.errors import ConfigError, Problem
    from streamproc.rules import load_ruleset

    rulesets: list[Ruleset] = []
    problems: list[Problem] = []
    for place in places:
        try:
            rulesets.append(load_ruleset(place))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    return rulesets


def _compare_file(comparison: Comparison, file: BinaryIO, topic: str) -> None:
    with progress_through(file) as advance:
        records = _records(file, topic)
        while batch := list(islice(records, BATCH_RECORDS)):
            comparison.take(batch)
            advance(len(batch), sum(len(record.value or b"") + 1 for record in batch))


def _records(file: BinaryIO, topic: str) -> Iterator[Record]:
    from streamproc.events import Micros, Origin, Record

    for number, line in enumerate(file):
        if value := line.rstrip(b"\r\n"):
            yield Record(Origin(topic, 0, number), None, value, Micros(0))


def _compare_topic(comparison: Comparison, schemas: RawSchemas, topic: RangeReader) -> None:
    with topic as reader:
        total = sum(each.following - each.first for each in reader.stretches)
        with progress_of(total) as advance:
            while not reader.done:
                records = reader.read(BATCH_RECORDS, READ_SECONDS)
                asyncio.run(_compare_batch(comparison, schemas, records))
                advance(len(records), len(records))


async def _compare_batch(
    comparison: Comparison, schemas: RawSchemas, records: Sequence[Record]
) -> None:
    async with schemas.at_hand(records):
        comparison.take(records)


def _tell(difference: Difference, rulesets: Sequence[Ruleset], *, as_json: bool) -> None:
    from streamproc.effects.difference_report import difference_json, render_difference

    if as_json:
        named = ({"name": ruleset.name, "fingerprint": ruleset.fingerprint} for ruleset in rulesets)
        told = dict(zip(("before", "after"), named, strict=True)) | difference_json(difference)
        click.echo(json.dumps(told, indent=2))
    else:
        from rich.console import Console

        console = Console(width=None if Console().is_terminal else PRINTED_WIDTH)
        render_difference(difference, console)
