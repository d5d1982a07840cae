"""``streamproc canary``: invented people on the way of all events, and what is found of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from streamproc.cli import counted, settings_of
from streamproc.cli.stopping import until_signalled

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamproc.canaries import Found
    from streamproc.canary import Summary, Terms
    from streamproc.settings import Settings

__all__ = ["canary"]

EXIT_LEAKED = 1
EXIT_LATE = 3


@click.group()
def canary() -> None:
    """Watch for leaks, by made-up people among the events."""


@canary.command()
@click.pass_context
def run(ctx: click.Context) -> None:
    """Send a made-up person now and then, and raise the alarm where one is found.

    Runs until it is interrupted. What is theirs is searched for in the rows of the loader topic
    (everybody's rows: a value may get into the wrong one), in dead letters, and in the logs, pages
    and warehouse that the settings name. A leak is an ERROR in the log, without the value, and
    counts in streamproc_leaks_total. The loaders are told to delete the rows of made-up people.
    """
    from streamproc.canary import TOPICS, patrolling, run
    from streamproc.sight import Health, Meter, Views, registry_of, serving
    from streamproc.telemetry import configure

    settings = settings_of(ctx).settings
    configure(settings.log)
    terms = _terms()
    health, meter = Health({TOPICS: "waits for the brokers"}), Meter()
    with serving(settings.metrics, Views.of(registry_of(meter), health)):
        run(lambda: patrolling(settings, meter, terms), settings, health, terms)


@canary.command()
@click.option(
    "--once", is_flag=True, help="Implied; says in a crontab that it ends with its verdict."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def check(ctx: click.Context, *, once: bool, as_json: bool) -> None:  # noqa: ARG001 - always so
    """Send made-up people to each partition once, and say what came of it.

    The exit code is 0 when all have come and nothing of them was found, 1 when something was, 3
    when some are late or it could not be seen, 2 when settings are wrong. For cron, and for
    pipelines that deploy rules.
    """
    from streamproc.canary import check, patrolling
    from streamproc.errors import RetryableError
    from streamproc.sight import Meter
    from streamproc.telemetry import configure

    settings = settings_of(ctx).settings
    # What it sees is its answer; lines of a log would say it twice.
    configure(settings.log.model_copy(update={"level": "CRITICAL"}))
    terms = _terms()
    try:
        with patrolling(settings, Meter(), terms) as patrol, _waiting() as tell:
            summary = check(patrol, terms, tell)
    except RetryableError as error:
        click.secho(f"streamproc: {error}; nothing is known", fg="red", bold=True, err=True)
        sys.exit(EXIT_LATE)
    _print(settings, summary, as_json=as_json)
    unseen = summary.late or summary.unloaded or summary.unsearched or terms.stop()
    sys.exit(EXIT_LEAKED if summary.found else EXIT_LATE if unseen else 0)


def _terms() -> Terms:
    import secrets
    import time

    from streamproc.canary import Terms

    return Terms(time.monotonic, time.sleep, secrets.token_bytes, until_signalled())


@contextmanager
def _waiting() -> Iterator[Callable[[Summary], object]]:
    """Show on a terminal how many canaries have come."""
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("canaries fly") as status:

        def tell(summary: Summary) -> None:
            sent = summary.outcomes["published"]
            come = summary.outcomes.total() - sent
            status.update(f"{come} of {counted(sent, 'canary')} have come")

        yield tell


def _print(settings: Settings, summary: Summary, *, as_json: bool) -> None:
    outcomes = {name: summary.outcomes[name] for name in ("published", "clean", "leaked", "late")}
    if as_json:
        fields = {
            **outcomes,
            "leaks": [each._asdict() for each in summary.found],
            "dead_letters": dict(summary.dead),
            "late_partitions": sorted(summary.late),
            "not_searched": dict(summary.unsearched),
            "not_in_warehouse": summary.unloaded,
            "removed": summary.removed,
        }
        click.echo(json.dumps(fields))
        return
    if summary.found:
        _print_found(summary.found)
    told = ", ".join(f"{outcomes[name]} {name}" for name in ("clean", "leaked", "late"))
    click.echo(f"{counted(outcomes['published'], 'canary')} sent: {told}.")
    for line in _remarks(settings, summary):
        click.echo(line)


def _remarks(settings: Settings, summary: Summary) -> Iterator[str]:
    if summary.late:
        places = ", ".join(str(partition) for partition in sorted(summary.late))
        seconds = settings.canary.expected_seconds
        yield (
            f"Not on {settings.topics.load} within {seconds:g} s: those sent to"
            f" {settings.topics.raw} {places}. Is a worker running; do rules drop them?"
        )
    for code, number in summary.dead.items():
        yield f"{counted(number, 'canary')} became dead letters: {code}."
    if summary.unloaded:
        yield f"{counted(summary.unloaded, 'canary')} never seen in the warehouse."
    for what, cause in summary.unsearched.items():
        yield f"Not searched: {what}: {cause}."


def _print_found(found: Iterable[Found]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("Kind", "Planted at", "Found in", "Ruleset"):
        table.add_column(name)
    table.add_column("Times", justify="right")
    table.add_column("First at")
    alike: dict[tuple[str, ...], list[str]] = {}
    for each in found:
        of: tuple[str, ...] = (each.kind, each.path, each.where, each.ruleset)
        alike.setdefault(of, []).append(each.place)
    for of, places in sorted(alike.items()):
        table.add_row(*of, str(len(places)), places[0])
    Console(width=None if Console().is_terminal else 200).print(table)
