"""``streamproc identity sync``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import click

from streamproc.cli import EXIT_DEAD_LETTERS, counted, settings_of
from streamproc.cli.identity.telling import tell_totals

if TYPE_CHECKING:
    from streamproc.business.records import Place, RecordMaker
    from streamproc.business.singer import SingerTotals
    from streamproc.business.syncing import TableSync
    from streamproc.business.totals import Totals
    from streamproc.identity.language import IdentityConfig
    from streamproc.identity.sources import Source, SourceObject
    from streamproc.settings import Settings

__all__ = ["sync"]

FULL_SECONDS = 86_400.0
"""How often a sync that goes on for ever looks for rows that are gone, if it is to."""


@click.command()
@click.option("--source", help="The source's name in the identity configuration.")
@click.option("--singer", is_flag=True, help="Read a Singer tap's messages on standard input.")
@click.option(
    "--every", type=click.FloatRange(min=0.1), help="Go on, and look again after so many seconds."
)
@click.option(
    "--full",
    is_flag=True,
    help="Look for rows that are gone without a trace, too; with --every, once a day.",
)
@click.option("--emptied", is_flag=True, help="With --full: more than half may be gone.")
@click.option(
    "--again",
    is_flag=True,
    help="Read all rows: after a change of the rules or of the configuration.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as a JSON object.")
@click.pass_context
def sync(
    ctx: click.Context,
    source: str | None,
    *,
    singer: bool,
    every: float | None,
    full: bool,
    emptied: bool,
    again: bool,
    as_json: bool,
) -> None:
    """Keep what the business knows up to date: Heroku Connect's tables, or a Singer tap.

    Reads the rows of the source's tables that were modified since the last time, and ends; or, with
    --singer, what a tap writes: `tap … | streamproc identity sync --singer`. Of a tap the states go
    to standard output, each once its records are durable, and the summary to standard error. May be
    killed and begun again at any time.
    """
    from streamproc.telemetry import configure

    if singer and (every is not None or full or emptied or again):
        raise click.UsageError("--singer goes with --source and --json alone")
    settings = settings_of(ctx).settings
    configure(settings.log)
    if singer:
        _sync_singer(settings, source, as_json=as_json)
    else:
        asked = Asked(full=full, emptied=emptied, again=again)
        _sync_tables(settings, source, Passes(every, asked), as_json=as_json)


class Asked(NamedTuple):
    """What a pass is to do beside what it does anyway."""

    full: bool
    emptied: bool
    again: bool


class Passes:
    """How often tables are read, and when all of their rows or ids are."""

    def __init__(self, every: float | None, asked: Asked) -> None:
        self.every = every
        self._asked = asked
        self._full_at = -FULL_SECONDS

    def next(self, now: float) -> Asked:
        """Return what a pass that begins now is to do."""
        return self._asked._replace(full=self._asked.full and now - self._full_at >= FULL_SECONDS)

    def done(self, began: float, asked: Asked) -> None:
        """Take note of a pass that has ended well."""
        self._asked = self._asked._replace(again=False)
        if asked.full:
            self._full_at = began


def _sync_tables(settings: Settings, source: str | None, passes: Passes, *, as_json: bool) -> None:
    from streamproc.business.assembly import Makers
    from streamproc.business.syncing import TableSync
    from streamproc.kafka.topics import patiently

    config, name, found = _source(settings, source)
    places = _places(name, found, lambda kind, said: kind if said.table else None)
    makers, sync_ = Makers(settings, config), TableSync(settings, name, found)

    def run() -> dict[str, RecordMaker]:
        began = time.monotonic()
        asked = passes.next(began)
        ready = makers.of(places)
        _pass(settings, sync_, ready, asked)
        passes.done(began, asked)
        return ready

    if passes.every is not None:
        _follow(run, passes.every)
    done = patiently(run, lambda told: click.echo(told, err=True))
    _tell({kind: maker.totals for kind, maker in done.items()}, as_json=as_json)


def _pass(
    settings: Settings, sync_: TableSync, makers: Mapping[str, RecordMaker], asked: Asked
) -> None:
    from streamproc.business.syncing import Pass
    from streamproc.cli.progress import progress_of
    from streamproc.events import Micros
    from streamproc.kafka.attribute_topic import attribute_writer

    now = Micros(time.time_ns() // 1_000)
    with attribute_writer(settings) as writer, progress_of(None) as advance:
        sync_.run(Pass(makers, writer, now, *asked, lambda rows: advance(rows, 0)))


def _follow(run: Callable[[], Mapping[str, RecordMaker]], every: float) -> NoReturn:
    """Run pass after pass until a signal ends it, at any point: each begins where all is durable.

    What passes by itself is told, and waited for.
    """
    import structlog

    from streamproc.errors import RetryableError

    log = structlog.get_logger()
    while True:
        try:
            for kind, maker in run().items():
                if maker.totals.rows or maker.totals.deleted:
                    log.info("attributes synced", object=kind, **_counts(maker.totals))
        except RetryableError as error:
            log.warning("attributes were not synced, trying again", cause=str(error))
        time.sleep(every)


def _sync_singer(settings: Settings, source: str | None, *, as_json: bool) -> None:
    from streamproc.business.assembly import Makers
    from streamproc.business.loading import Load
    from streamproc.business.singer import SingerLoad
    from streamproc.events import Micros
    from streamproc.kafka.attribute_topic import attribute_writer

    config, name, found = _source(settings, source)
    places = _places(name, found, lambda kind, said: said.stream or kind)
    makers = Makers(settings, config).of(places)
    now = Micros(time.time_ns() // 1_000)
    with attribute_writer(settings) as writer:
        load = SingerLoad(settings, makers, Load(writer, now, lambda _: None), _emit)
        load.read(sys.stdin.buffer)
    totals = {maker.place.object: maker.totals for maker in makers.values()}
    _tell(totals, as_json=as_json, err=True)
    _tell_singer(load.totals)
    if load.totals.malformed or any(each.left_out for each in totals.values()):
        sys.exit(EXIT_DEAD_LETTERS)


def _source(settings: Settings, name: str | None) -> tuple[IdentityConfig, str, Source]:
    from streamproc.assemble import load_identity_config
    from streamproc.business.assembly import find_source

    config = load_identity_config(settings)
    return config, *find_source(config, name)


def _places(
    source: str, found: Source, key: Callable[[str, SourceObject], str | None]
) -> dict[str, Place]:
    """Return the objects of a source by ``key``, which is None for those left out."""
    from streamproc.business.records import Place
    from streamproc.errors import ConfigError, Problem

    places = {
        at: Place(source, kind, said)
        for kind, said in found.objects.items()
        if (at := key(kind, said)) is not None
    }
    if not places:
        told = "none of them has a table"
        raise ConfigError(Problem("identity configuration", f"sources.{source}.objects", told))
    return places


def _emit(state: bytes) -> None:
    sys.stdout.buffer.write(state + b"\n")
    sys.stdout.buffer.flush()


def _counts(totals: Totals) -> dict[str, int]:
    return {
        "rows": totals.rows,
        "records": totals.records,
        "deleted": totals.deleted,
        "left_out": totals.left_out,
    }


def _tell(totals: Mapping[str, Totals], *, as_json: bool, err: bool = False) -> None:
    if as_json:
        click.echo(json.dumps({kind: each.keys() for kind, each in totals.items()}), err=err)
        return
    for kind, each in totals.items():
        tell_totals(each, kind, err=err)


def _tell_singer(totals: SingerTotals) -> None:
    if totals.malformed:
        lines = ", ".join(f"{line:,}" for line in totals.malformed_lines)
        more = ", …" if totals.malformed > len(totals.malformed_lines) else ""
        many = totals.malformed > 1
        said = f"that {'are' if many else 'is'} no message: line{'s' * many} {lines}{more}."
        told = f"{counted(totals.malformed, 'line')} {said}"
        click.echo(f"{told} No state was passed on from there.", err=True)
    for stream, records in sorted(totals.elsewhere.items()):
        click.echo(
            f"{counted(records, 'record')} of stream {stream}, which no object has.", err=True
        )
