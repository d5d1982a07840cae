"""``streamproc load``: loader topic to warehouse."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from streamproc.cli import counted, settings_of
from streamproc.cli.moments import Moment, micros

if TYPE_CHECKING:
    from streamproc.events import Deletion
    from streamproc.settings import Settings
    from streamproc.sight.loader import LoaderWatch
    from streamproc.warehouse.loading.plan import LoadPlan
    from streamproc.warehouse.loading.session import Progress, Totals, Until
    from streamproc.warehouse.loading.status import LoadStatus

__all__ = ["load"]

GC_THRESHOLD = 50_000
"""New objects between two runs of the garbage collector, the payloads of some thousand events. With
Python's own 700, making tables takes 53 µs an event instead of 38."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

json_option = click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")


@click.group(invoke_without_command=True)
@click.option("--once", is_flag=True, help="End after one batch of what is on the topic now.")
@click.option(
    "--until-caught-up", is_flag=True, help="End once all that is on the topic is loaded."
)
@click.option(
    "--plan",
    is_flag=True,
    help="Say what the next batch would change and load; load and commit nothing.",
)
@json_option
@click.pass_context
def load(
    ctx: click.Context, *, once: bool, until_caught_up: bool, plan: bool, as_json: bool
) -> None:
    """Run a loader: loader topic to warehouse.

    Runs until it is interrupted. Any number may be killed or started at any time: what is in the
    warehouse says where to go on.
    """
    if ctx.invoked_subcommand is not None:
        return
    if once + until_caught_up + plan > 1:
        raise click.UsageError("--once, --until-caught-up and --plan exclude each other")
    settings = settings_of(ctx).settings
    if plan:
        _print_plan(_plan(settings), as_json=as_json)
    else:
        until: Until = "one batch" if once else "caught up" if until_caught_up else "stopped"
        _load(settings, until, as_json=as_json)


@load.command()
@json_option
@click.pass_context
def status(ctx: click.Context, *, as_json: bool) -> None:
    """Tell how far the warehouse is: lag, last batch, rows, about what it costs.

    While a loader has a DuckDB file open nobody else can ask it: the offsets are then those that
    loaders told their groups.
    """
    from streamproc.telemetry import configure
    from streamproc.warehouse.loading.loader import CLOCK
    from streamproc.warehouse.loading.status import find_status

    settings = settings_of(ctx).settings
    configure(settings.log)
    found = find_status(settings, CLOCK)
    if not found.partitions:
        told = f"there is no topic {settings.topics.load}, or brokers do not show it to us"
        raise click.ClickException(told)
    if as_json:
        click.echo(json.dumps(_status_fields(found)))
    else:
        _print_status(found)


@load.command()
@click.option("--token", "tokens", multiple=True, required=True, help="Whom; may be repeated.")
@click.option("--until", type=Moment(), help="What was received up to then. [default: now]")
@click.option("--receipt", required=True, help="What to call this deletion in the records.")
@click.option(
    "--with-linked",
    is_flag=True,
    help="Also by the other tokens of the same people, as their rows in the warehouse show them.",
)
@click.option("--dry-run", is_flag=True, help="Say how many tokens it would be; delete nothing.")
@json_option
@click.pass_context
def delete(ctx: click.Context, /, *, with_linked: bool, as_json: bool, **asked: Any) -> None:
    """Have the loaders delete people's rows, by the tokens of their ids.

    Rows received up to the moment go, those too that come only later. `streamproc load status`
    says when the loaders have done it.

    A row goes that has one of the tokens; what a person did under other ids stays. --with-linked
    takes those too that the warehouse shows to be the same person's: user ids and devices whose
    newest rows are of the same identity. A device that others have used as well stays, and is
    counted.
    """
    from streamproc.warehouse.loading.deletions import publish_deletions
    from streamproc.warehouse.loading.linked import find_linked
    from streamproc.warehouse.sinks import open_sink

    settings = settings_of(ctx).settings
    tokens, moment, receipt = _checked(asked["tokens"], asked["until"], asked["receipt"])
    fields: dict[str, Any] = {"until": moment.isoformat(), "receipt": receipt}
    if with_linked:
        with closing(open_sink(settings, "look")) as sink:
            linked = find_linked(tokens, sink.together)
        tokens = (*tokens, *sorted(linked.tokens))
        counts = {"linked": len(linked.tokens), "shared": len(linked.shared)}
        fields |= {**counts, "events": linked.events}
    if not asked["dry_run"]:
        publish_deletions(settings, _deletions(tokens, moment, receipt))
    fields = {"tokens": len(tokens), **fields, "published": not asked["dry_run"]}
    click.echo(json.dumps(fields) if as_json else _deletions_told(fields))


def _deletions_told(fields: Mapping[str, Any]) -> str:
    done = "published" if fields["published"] else "not published"
    told = f"{counted(fields['tokens'], 'deletion')} {done}, up to {fields['until']}."
    if "linked" in fields:
        devices = counted(fields["shared"], "shared device")
        told += (
            f"\n{fields['linked']:,} of them for linked tokens; {devices} left."
            f" {counted(fields['events'], 'event')} in the warehouse by now."
        )
    return told


def _deletions(tokens: Iterable[str], moment: datetime, receipt: str) -> list[Deletion]:
    from streamproc.events import Deletion

    return [Deletion(token, micros(moment), receipt) for token in tokens]


def _checked(
    tokens: tuple[str, ...], until: datetime | None, receipt: str
) -> tuple[tuple[str, ...], datetime, str]:
    from streamproc.errors import ConfigError, Problem
    from streamproc.redact.tokens import TOKEN

    # Not told which: what is no token may be the id itself.
    problems = []
    if wrong := sum(TOKEN.fullmatch(token) is None for token in tokens):
        told = f"expected tokens such as tok_k1_…, {wrong} of {len(tokens)} is none"
        problems.append(Problem("command line", "--token", told))
    if not receipt.strip():
        problems.append(Problem("command line", "--receipt", "expected a text, it is empty"))
    now = datetime.now(UTC)
    moment = until or now
    if moment > now:
        # Whoever comes back would be kept out of the warehouse, and nobody could tell why.
        problems.append(Problem("command line", "--until", "expected a moment that has been"))
    if problems:
        raise ConfigError(*problems)
    return tuple(dict.fromkeys(tokens)), moment, receipt


def _load(settings: Settings, until: Until, *, as_json: bool) -> None:
    from dataclasses import asdict

    from streamproc.telemetry import configure
    from streamproc.warehouse.loading.loader import LoaderOptions, run_loader

    stop = _until_signalled()
    with _progress() as tell:
        configure(settings.log)
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        with _watching(settings, until) as watch:
            options = LoaderOptions(stop=stop, until=until, tell=tell, watch=watch)
            totals = run_loader(settings, options)
    if as_json:
        click.echo(json.dumps(asdict(totals)))
    else:
        _print_totals(totals)
    if until != "stopped" and stop():
        click.echo("Interrupted: there may be more to load.", err=True)
        sys.exit(1)


def _watching(settings: Settings, until: Until) -> AbstractContextManager[LoaderWatch]:
    """Serve metrics, unless this ends by itself: the loader that goes on has their port."""
    from streamproc.sight import seeing_loader
    from streamproc.sight.loader import UNSEEN

    return seeing_loader(settings) if until == "stopped" else nullcontext(UNSEEN)


def _print_totals(totals: Totals) -> None:
    more = [
        f"{number:,} {what}"
        for number, what in (
            (totals.replaced, "replaced"),
            (totals.deleted, "deleted"),
            (totals.discards, "values discarded"),
            (totals.mappings, "identity mappings"),
        )
        if number
    ]
    told = [
        f"{counted(totals.rows, 'row')} loaded",
        f"{counted(totals.duplicates, 'duplicate')} left out",
        *more,
        counted(totals.dead, "dead letter"),
    ]
    click.echo(f"{', '.join(told)}.")


def _plan(settings: Settings) -> LoadPlan:
    from streamproc.telemetry import configure
    from streamproc.warehouse.loading.loader import LoaderOptions, plan_load

    configure(settings.log.model_copy(update={"level": "WARNING"}))
    return plan_load(settings, LoaderOptions(stop=_until_signalled()))


def _until_signalled() -> Callable[[], bool]:
    import signal

    signals: list[int] = []  # not an Event: its lock may be held when a signal comes
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: signals.append(received))
    return lambda: bool(signals)


@contextmanager
def _progress() -> Iterator[Callable[[Progress], None]]:
    """Show on a terminal how far a loader is; log lines go above it."""
    from rich.console import Console
    from rich.progress import Progress as Display
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Display(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as display:
        task = display.add_task("waiting for rows")

        def tell(progress: Progress) -> None:
            behind = progress.waiting + progress.behind
            told = f"{counted(progress.done, 'row')}, {progress.rate:,.0f}/s, {behind:,} behind"
            display.update(task, description=told)

        yield tell


def _print_plan(plan: LoadPlan, *, as_json: bool) -> None:
    tables = [{"table": table, "rows": rows} for table, rows in sorted(plan.rows.items())]
    if as_json:
        fields = {"statements": plan.statements, "tables": tables}
        click.echo(json.dumps({**fields, "deletions": plan.deletions, "dead": plan.dead}))
        return
    for statement in plan.statements:
        click.echo(f"{statement};")
    if tables:
        _print_table(tables)
    else:
        click.echo("Nothing to load.")
    if plan.deletions or plan.dead:
        dead = counted(plan.dead, "dead letter")
        click.echo(f"{counted(plan.deletions, 'deletion')}, {dead}.")


def _status_fields(found: LoadStatus) -> dict[str, Any]:
    last, stored = found.last_batch, found.stored
    counts = stored.counts if stored else {}
    return {
        "caught_up": not found.lag_rows,
        "lag_rows": found.lag_rows,
        "lag_seconds": found.lag_seconds,
        "received_up_to": _iso(found.received_up_to),
        "partitions": [lag._asdict() for lag in found.partitions],
        "last_batch": last
        and {
            **last._asdict(),
            "loaded_at": _iso(last.loaded_at),
            "received_up_to": _iso(last.received_up_to),
        },
        "tables": [{"table": name, "rows": rows} for name, rows in sorted(counts.items())],
        "discards": counts.get("discards", 0),
        "warehouse_seconds": found.warehouse_seconds,
        "credits": found.credits,
        "warehouse": found.unreachable or "ok",
    }


def _print_status(found: LoadStatus) -> None:
    fields = _status_fields(found)
    if found.unreachable is not None:
        click.echo(f"{found.unreachable}; offsets are those that loaders told their groups.\n")
    _print_table(fields["partitions"])
    click.echo()
    if fields["tables"]:
        _print_table(fields["tables"])
        click.echo()
    if (last := found.last_batch) is not None:
        received = found.received_up_to
        up_to = "" if received is None else f"; received up to {_second(received)}"
        told = f"Last batch: {counted(last.events, 'event')} at {_second(last.loaded_at)}"
        click.echo(f"{told} by {last.loader}, {last.seconds:.2f} s{up_to}.")
    lag = found.lag_seconds
    waits = "for how long is not known" if lag is None else f"the oldest for {lag:,.0f} s"
    behind = (
        f"{counted(found.lag_rows, 'record')} behind, {waits}" if found.lag_rows else "Caught up"
    )
    click.echo(f"{behind}{_cost(found)}.")


def _cost(found: LoadStatus) -> str:
    if found.stored is None:
        return ""  # it is not nothing, it is not known
    credits_ = "" if found.credits is None else f", about {found.credits:.2f} credits"
    return f"; {found.warehouse_seconds:,.1f} s of the warehouse in a day{credits_}"


def _second(moment: int) -> str:
    return (EPOCH + timedelta(seconds=moment // 1_000_000)).strftime("%Y-%m-%d %H:%M:%S UTC")


def _iso(moment: int | None) -> str | None:
    # Not fromtimestamp(): its floats lose microseconds.
    return None if moment is None else (EPOCH + timedelta(microseconds=moment)).isoformat()


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in rows[0]:
        numbers = any(isinstance(row[name], int | float) for row in rows)
        heading = name.replace("_", " ").capitalize()
        table.add_column(heading, justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*map(_cell, row.values()))
    Console(width=None if Console().is_terminal else 200).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)
