"""``streamproc rules status``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from streamproc.cli import settings_of

if TYPE_CHECKING:
    from streamproc.rollout.ledger import Ledger
    from streamproc.rollout.status import PartitionStatus
    from streamproc.rollout.workers import Heard

__all__ = ["status"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def status(ctx: click.Context, *, as_json: bool) -> None:
    """Tell which ruleset is in force, and which worker runs what. Listens for three seconds."""
    from streamproc.rollout.log import RulesLog
    from streamproc.rollout.workers import LISTEN_SECONDS, Workers
    from streamproc.telemetry import configure

    settings = settings_of(ctx).settings
    configure(settings.log)
    with RulesLog(settings) as log, Workers(settings) as workers:
        heard = workers.listen()
        heard = workers.listen(LISTEN_SECONDS)
        log.catch_up()
        log.identify()
    told = {
        "ruleset": log.ledger.latest,
        "undecided": [each.id for each in log.ledger.undecided],
        "ignored": log.ignored,
        "workers": [_worker(each, log.ledger, log.end) for each in heard],
    }
    if as_json:
        click.echo(json.dumps(told, indent=2))
    else:
        _print(told)


def _worker(heard: Heard, ledger: Ledger, end: int) -> dict[str, Any]:
    said = heard.status
    return {
        "worker": said.worker,
        "live": heard.live,
        "version": said.version,
        "lags": end - said.read,
        "refused": said.refused,
        "ignored": said.ignored,
        "wait_ms": said.wait_ms,
        "rulesets": {number: each.state for number, each in said.rulesets.items()},
        "partitions": {
            number: _partition(int(number), each, ledger)
            for number, each in sorted(said.partitions.items(), key=lambda item: int(item[0]))
        },
    }


def _partition(number: int, said: PartitionStatus, ledger: Ledger) -> dict[str, Any]:
    # What decides the next record; a worker with nothing to do need not have used it yet.
    ruleset = None if said.offset is None else ledger.in_force(number, said.offset)
    behind = said.offset is not None and ruleset != ledger.latest
    return {"offset": said.offset, "ruleset": ruleset, "behind": behind}


def _print(told: dict[str, Any]) -> None:
    from rich.table import Table

    from streamproc.cli.rules.consoles import plain_console

    in_force = told["ruleset"]
    click.echo("No ruleset was published." if in_force is None else f"Ruleset {in_force}.")
    if not told["workers"]:
        click.echo("No worker says that it follows the topic of rules.")
        return
    table = Table(
        "Worker", "", "Partition", "Offset", "Ruleset", "Refused", box=None, header_style="bold"
    )
    for worker in told["workers"]:
        name, how = worker["worker"], "" if worker["live"] else "silent"
        refused = [number for number, state in worker["rulesets"].items() if state == "refused"]
        for number, each in worker["partitions"].items() or [("", {})]:
            cells = (number, *("" if cell is None else f"{cell:,}" for cell in _cells(each)))
            table.add_row(name, how, *cells, ", ".join(refused))
            name = how = ""
    plain_console(200).print(table)


def _cells(partition: dict[str, Any]) -> tuple[int | None, int | None]:
    return partition.get("offset"), partition.get("ruleset")
