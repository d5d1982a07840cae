"""``streamproc demo``."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamproc.cli import settings_of

if TYPE_CHECKING:
    from streamproc.demo.records import Generated
    from streamproc.demo.report import Report
    from streamproc.demo.run import Plan

SIGTERM_EXIT = 128 + signal.SIGTERM


@click.command()
@click.option(
    "--events",
    "events_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Your own events, one JSON object a line, instead of generated ones.",
)
@click.option(
    "--count", default=2000, show_default=True, type=click.IntRange(1), help="Events to generate."
)
@click.option("--seed", default=1, show_default=True, help="Other seeds give other people.")
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="An empty folder for warehouse, logs and keys. [default: a new temporary one, kept]",
)
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object.")
@click.pass_context
def demo(
    ctx: click.Context,
    *,
    events_file: Path | None,
    count: int,
    seed: int,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Show the whole way of an event on an embedded broker.

    Starts a broker in this process, a worker and a loader beside it; publishes realistic events of
    invented people, with personal data planted in them; and searches everything that came out for
    every planted value. Exits with 1 if anything leaked or went missing.

    With --events the check looks for what lies under keys such as email, phone and firstName.
    """
    from streamproc.demo.run import Plan

    # The finally blocks below stop the children: let them run on SIGTERM too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(SIGTERM_EXIT))
    settings = settings_of(ctx).settings
    records = _records(events_file, count, seed)
    plan = Plan(records, _folder(directory), settings, ctx.find_root().obj)
    if plan.makes_keys:
        click.echo("No key ring is configured: tokens are made with one for this run.", err=True)
    report = _run(plan)
    if as_json:
        from streamproc.demo.report import to_json

        click.echo(json.dumps(to_json(report), indent=2))
    else:
        from rich.console import Console

        from streamproc.demo.report import render

        render(report, Console(width=None if Console().is_terminal else 160))
    sys.exit(0 if report.succeeded else 1)


def _records(file: Path | None, count: int, seed: int) -> list[Generated]:
    if file is not None:
        from streamproc.demo.own_events import read_events

        return read_events(file)
    from streamproc.demo import generate

    return list(generate(count, seed))


def _folder(directory: Path | None) -> Path:
    if directory is None:
        return Path(tempfile.mkdtemp(prefix="streamproc-demo-"))
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise click.BadParameter(f"{directory} is not empty", param_hint="--dir")
    return directory.absolute()


def _run(plan: Plan) -> Report:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from streamproc.demo.report import build_report
    from streamproc.demo.run import Show, run_demo
    from streamproc.errors import RetryableError

    columns = (
        TextColumn("{task.description:>26}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:>8,.0f} events/s"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=len(plan.records), rate=0.0)

        def advance(arrived: int) -> None:
            rate = progress.tasks[task].speed or 0.0
            progress.update(task, completed=arrived, rate=rate)

        show = Show(lambda stage: progress.update(task, description=stage), advance)
        try:
            return build_report(plan, run_demo(plan, show))
        except RetryableError as error:
            raise click.ClickException(str(error)) from None
