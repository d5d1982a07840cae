"""``streamproc load``: loader topic to warehouse."""

from __future__ import annotations

import click

from streamproc.cli import counted, settings_of

__all__ = ["load"]


@click.command()
@click.option(
    "--until-caught-up", is_flag=True, help="End once all that is on the topic is loaded."
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as a JSON object.")
@click.pass_context
def load(ctx: click.Context, until_caught_up: bool, as_json: bool) -> None:
    """Run a loader: loader topic to warehouse.

    Runs until it is interrupted. Any number may be killed or started at any time: what is in the
    warehouse says where to go on.
    """
    import json
    import signal
    import time
    from dataclasses import asdict

    from streamproc.events import Micros
    from streamproc.telemetry import configure
    from streamproc.warehouse.loader import LoaderOptions, run_loader

    settings = settings_of(ctx).settings
    configure(settings.log)
    signals: list[int] = []  # not an Event: its lock may be held when a signal comes
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: signals.append(received))

    totals = run_loader(
        settings,
        LoaderOptions(
            stop=lambda: bool(signals),
            now=lambda: Micros(time.time_ns() // 1_000),
            until_caught_up=until_caught_up,
        ),
    )
    if as_json:
        click.echo(json.dumps(asdict(totals)))
    else:
        click.echo(
            f"{counted(totals.rows, 'row')} loaded, "
            f"{counted(totals.duplicates, 'duplicate')} left out, "
            f"{counted(totals.dead, 'dead letter')}."
        )
