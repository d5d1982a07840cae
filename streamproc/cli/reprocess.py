"""``streamproc reprocess``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import click

from streamproc.cli import counted, settings_of
from streamproc.cli.moments import Moment, micros

if TYPE_CHECKING:
    from streamproc.events import Micros
    from streamproc.flow import Flow
    from streamproc.kafka.ranges import RangeReader
    from streamproc.settings import Settings

__all__ = ["correct", "reprocess", "tell"]


@click.command()
@click.option("--since", type=Moment(), required=True, help="From the first record of then on.")
@click.option("--until", type=Moment(), help="Up to the first record of then. [default: now]")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as a JSON object.")
@click.pass_context
def reprocess(ctx: click.Context, since: datetime, until: datetime | None, as_json: bool) -> None:
    """Read past events again, and correct their rows.

    For rules that have changed: events of the raw topic, by the time they were written to it, go
    through the rules, keys and tracking plan in force now, and their rows replace those of the same
    message ids in the warehouse. May be interrupted and begun again. An event that is dropped or
    becomes a dead letter now keeps the row it has: `streamproc load delete` deletes people's.
    """
    from streamproc.errors import ConfigError, Problem
    from streamproc.telemetry import configure

    if until is not None and until <= since:
        raise ConfigError(Problem("command line", "--until", "expected a moment after --since"))
    settings = settings_of(ctx).settings
    configure(settings.log)
    complete, flow = _run(settings, micros(since), None if until is None else micros(until))
    moments = {"since": since.isoformat(), "until": until and until.isoformat()}
    tell(flow, moments, complete=complete, as_json=as_json)
    sys.exit(0)


def tell(flow: Flow, asked_for: Mapping[str, object], *, complete: bool, as_json: bool) -> None:
    """Say what was done; ends the command with an error where that is not all."""
    totals = flow.totals
    if as_json:
        click.echo(json.dumps({"complete": complete, **asked_for, **totals.keys()}))
    else:
        click.echo(
            f"{counted(totals.events, 'event')} read again: {counted(totals.rows, 'row')} to "
            f"correct, {counted(totals.dead.total(), 'dead letter')}, "
            f"{totals.dropped.total():,} dropped."
        )
    if not complete:
        raise click.ClickException("interrupted; begin again to correct the rest")


def _run(settings: Settings, since: Micros, until: Micros | None) -> tuple[bool, Flow]:
    from streamproc.kafka.ranges import RangeReader

    with RangeReader(settings.kafka, settings.topics.raw, since, until) as reader:
        return correct(settings, reader)


def correct(settings: Settings, reader: RangeReader) -> tuple[bool, Flow]:
    """Make corrections of what ``reader`` reads; return whether it was all, and what did it.

    Raises:
        ConfigError: The rules in force, the keys or the tracking plan cannot be used.
        RetryableError: Kafka is not there.
    """
    import signal

    from streamproc.assemble import Assembly, load_identity_config, load_key_ring, nobody_of
    from streamproc.flow import Flow, Output
    from streamproc.kafka.identity.start import following_identity
    from streamproc.kafka.raw_schemas import RawSchemas
    from streamproc.kafka.registry import wait_for_row_codec
    from streamproc.kafka.topics import wait_for_topics
    from streamproc.reprocess import reprocess
    from streamproc.rollout import FixedRules, current_ruleset

    ring = load_key_ring(settings)
    config = load_identity_config(settings)
    ruleset = current_ruleset(settings)
    wait_for_topics(settings)
    rows = wait_for_row_codec(settings.registry, settings.topics.load)
    with following_identity(settings, config, nobody_of(config, ring)) as identity:
        assembly = Assembly(settings, ring, identity.state, listed=identity.state)
        rules = FixedRules(assembly.pipeline(ruleset))
        signals: list[int] = []  # not an Event: its lock may be held when a signal comes
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _frame: signals.append(received))
        output = Output(rows, corrections=True)
        schemas = RawSchemas(settings.registry, assembly.formats)
        flow = Flow(rules, identity, settings, schemas, output)
        try:
            return reprocess(reader, flow, settings, lambda: bool(signals)), flow
        finally:
            flow.close()
