"""``streamproc redact``."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from streamproc.cli import EXIT_DEAD_LETTERS, rules_option, settings_of, with_rules
from streamproc.cli.progress import progress_through
from streamproc.cli.throwaway import throwaway_keys

if TYPE_CHECKING:
    from streamproc.events import DeadLetter, Record
    from streamproc.pipeline import Pipeline, Result
    from streamproc.redact import KeyRing
    from streamproc.settings import Settings

__all__ = ["redact"]

BATCH_LINES = 500


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@rules_option
@click.option("--manifest", is_flag=True, help="Write what was done beside each event.")
@click.pass_context
def redact(
    ctx: click.Context, file: BinaryIO, rules_directory: Path | None, *, manifest: bool
) -> None:
    """Redact JSON lines, offline.

    FILE or standard input goes to standard output, in order. Events that cannot go on are told as
    JSON lines on standard error, without their values, and the exit code is then 3. Events that
    rules drop are counted there, rule by rule. Without a configured key ring one is made for this
    run.
    """
    from streamproc import telemetry
    from streamproc.assemble import has_key_ring, make_pipeline
    from streamproc.identity import View

    settings = settings_of(ctx).settings
    settings = with_rules(settings, rules_directory)
    telemetry.configure(settings.log)
    with _keys(settings) as (settings, ring):
        pipeline = make_pipeline(settings, ring, View())
        if not has_key_ring(settings):
            click.echo(
                "No key ring is configured: tokens are made with one for this run alone.", err=True
            )
        dead = _redact(pipeline, file, manifest=manifest)
    sys.exit(EXIT_DEAD_LETTERS if dead else 0)


@contextmanager
def _keys(settings: Settings) -> Iterator[tuple[Settings, KeyRing]]:
    from streamproc.assemble import has_key_ring, load_key_ring

    if has_key_ring(settings):
        yield settings, load_key_ring(settings)
        return
    with throwaway_keys(settings) as made:
        yield made


def _redact(pipeline: Pipeline, file: BinaryIO, *, manifest: bool) -> int:
    """Write all of ``file`` as it is redacted; return how many events are dead letters."""
    dead = 0
    dropped: Counter[str] = Counter()
    try:
        with progress_through(file, beside_output=False) as advance:
            for batch in _batches(_records(file)):
                result = pipeline.run(batch)
                dead += _write(result, manifest=manifest)
                dropped.update(_dropping_rules(result))
                advance(len(batch), sum(len(record.value or b"") + 1 for record in batch))
    except BrokenPipeError:  # whoever reads us has enough
        sys.stderr.close()
    else:
        _tell_dropped(dropped)
    return dead


def _records(file: BinaryIO) -> Iterator[Record]:
    from streamproc.events import Micros, Origin, Record

    name = getattr(file, "name", "")
    source = name if isinstance(name, str) and name != "<stdin>" else "stdin"
    for number, line in enumerate(file):
        value = line.rstrip(b"\r\n")
        if value:
            yield Record(Origin(source, 0, number), None, value, Micros(0))


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    remaining = iter(records)
    while batch := list(islice(remaining, BATCH_LINES)):
        yield batch


def _write(result: Result, *, manifest: bool) -> int:
    import orjson

    from streamproc.events import DeadLetter

    dead = 0
    lines = []
    for outcome, redacted in zip(result.outcomes, result.redacted, strict=True):
        if isinstance(outcome, DeadLetter):
            dead += 1
            click.echo(orjson.dumps(_told(outcome)), err=True)
        elif redacted is not None:
            entries = [entry._asdict() for entry in redacted.manifest]
            body = {"event": redacted.body, "manifest": entries} if manifest else redacted.body
            lines.append(orjson.dumps(body))
    if lines:
        sys.stdout.buffer.write(b"\n".join(lines) + b"\n")
        sys.stdout.buffer.flush()
    return dead


def _dropping_rules(result: Result) -> Iterator[str]:
    from streamproc.events import Dropped

    return (outcome.rule for outcome in result.outcomes if isinstance(outcome, Dropped))


def _tell_dropped(dropped: Counter[str]) -> None:
    for rule, count in dropped.most_common():
        click.echo(json.dumps({"rule": rule, "dropped": count}), err=True)


def _told(letter: DeadLetter) -> dict[str, object]:
    import orjson

    return {
        "line": letter.origin.offset + 1,
        "stage": letter.stage,
        "code": letter.code,
        "path": letter.path,
        "view": orjson.Fragment(letter.view),
    }
