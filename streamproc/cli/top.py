"""``streamproc top``: what the processes do, live."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click

from streamproc.cli import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamproc.top import Endpoints, Figures

__all__ = ["top"]

SORT_NAMES = ("name", "events", "lag", "latency", "errors", "memory")
QUIT, NEXT_SORT = frozenset("qQ"), frozenset("sS")
EXIT_AWAY = 1


@click.command()
@click.argument("endpoints", nargs=-1, metavar="[ENDPOINT]...")
@click.option("--once", is_flag=True, help="Print it once, and end.")
@click.option("--json", "as_json", is_flag=True, help="The same as one JSON object.")
@click.option(
    "--every",
    type=click.FloatRange(0.2, 60),
    default=2.0,
    show_default=True,
    help="Seconds from one look to the next, and what rates are taken over.",
)
@click.option(
    "--sort",
    type=click.Choice(SORT_NAMES),
    default="name",
    show_default=True,
    help="The name, or the most first; s changes it.",
)
@click.pass_context
def top(
    ctx: click.Context,
    *,
    endpoints: tuple[str, ...],
    once: bool,
    as_json: bool,
    every: float,
    sort: str,
) -> None:
    """Show what the processes do, live.

    Of workers, loaders and canaries: rates, lag, latency, findings, errors, rulesets, memory.

    ENDPOINT is where a process shows its metrics, host:port or a URL; that of the settings
    (metrics.port) when none is given. q quits, s sorts by something else.

    Errors are dead letters a second; of a loader, questions a second that the warehouse did not
    answer; of a canary, all leaks it has found. Latency is from the raw record to the loader topic,
    of a loader to the warehouse, of a canary to its verdict. The exit code of --once and --json is
    1 when an endpoint does not answer.
    """
    from streamproc.top import Endpoints, addresses_of

    metrics = settings_of(ctx).settings.metrics
    addresses = addresses_of(endpoints, metrics.host, metrics.port)
    if not addresses:
        raise click.UsageError("name an endpoint, such as 127.0.0.1:9464, or set metrics.port")
    with closing(Endpoints(addresses, time.monotonic)) as asked:
        if not (once or as_json) and sys.stdout.isatty():
            _live(asked, every, SORT_NAMES.index(sort))
            return
        asked.look()
        time.sleep(every)
        found = asked.look()
    _print(found, sort, as_json=as_json)
    sys.exit(0 if all(each.answers for each in found) else EXIT_AWAY)


def _print(found: Sequence[Figures], sort: str, *, as_json: bool) -> None:
    from dataclasses import asdict

    from rich.console import Console

    from streamproc.top import in_order
    from streamproc.top.view import drawn

    ordered = in_order(found, sort)
    if as_json:
        click.echo(json.dumps({"processes": [asdict(each) for each in ordered]}))
        return
    console = Console(width=None if Console().is_terminal else 160)
    console.print(drawn(ordered, console.width))


def _live(asked: Endpoints, every: float, sort: int) -> None:
    from rich.console import Console
    from rich.live import Live

    from streamproc.top import in_order
    from streamproc.top.view import drawn

    console = Console()
    with _keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        found = asked.look()
        shown_at = time.monotonic()
        while True:
            name = SORT_NAMES[sort % len(SORT_NAMES)]
            moment = time.strftime("%H:%M:%S")
            note = f"streamproc top  {moment}  every {every:g} s  by {name}  q quit, s sort"
            live.update(drawn(in_order(found, name), console.width, note), refresh=True)
            key = pressed(max(0.0, shown_at + every - time.monotonic()))
            if key in QUIT:
                return
            if key in NEXT_SORT:
                sort += 1
            elif time.monotonic() - shown_at >= every:
                found, shown_at = asked.look(), time.monotonic()


@contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """Read keys one by one, unseen; yield what waits for one, and returns nothing if none came."""
    import os
    import select
    import termios
    import tty

    if not sys.stdin.isatty():

        def sleep(seconds: float) -> str:
            time.sleep(seconds)
            return ""

        yield sleep
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def wait(seconds: float) -> str:
        ready, _, _ = select.select([descriptor], [], [], seconds)
        return os.read(descriptor, 1).decode(errors="replace") if ready else ""

    try:
        tty.setcbreak(descriptor)
        yield wait
    except KeyboardInterrupt:  # Ctrl-C is one more way to quit
        pass
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
