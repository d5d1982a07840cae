"""``streamproc rules history``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from streamproc.cli import settings_of

if TYPE_CHECKING:
    from streamproc.rollout.ledger import Ledger
    from streamproc.rollout.records import Published

__all__ = ["history"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def history(ctx: click.Context, *, as_json: bool) -> None:
    """List every ruleset that was published: who, when, why, and what came of it."""
    from streamproc.rollout.log import RulesLog
    from streamproc.telemetry import configure

    settings = settings_of(ctx).settings
    configure(settings.log)
    with RulesLog(settings) as log:
        log.catch_up()
    rows = [_row(log.ledger, each) for each in log.ledger.rulesets.values()]
    if as_json:
        click.echo(json.dumps({"rulesets": rows, "ignored": log.ignored}, indent=2))
        return
    from rich.table import Table

    from streamproc.cli.rules.consoles import plain_console

    headings = ("Ruleset", "Published", "Author", "Message", "Fingerprint", "Outcome", "From")
    table = Table(*headings, box=None, header_style="bold")
    for row in rows:
        fences = row["fences"]
        since = "" if fences is None else " ".join(f"{at}:{on}" for at, on in fences.items()) or "0"
        told = (row["at"], row["author"], row["message"], row["fingerprint"], row["outcome"], since)
        table.add_row(str(row["ruleset"]), *told)
    plain_console(200).print(table)


def _row(ledger: Ledger, published: Published) -> dict[str, Any]:
    taken = [each for each in ledger.activations if each.id == published.id]
    return {
        "ruleset": published.id,
        "at": published.at,
        "author": published.author,
        "message": published.message,
        "fingerprint": published.fingerprint,
        "rows": published.rows,
        "restores": published.restores,
        "outcome": _outcome(ledger, published.id),
        "fences": dict(taken[-1].fences) if taken else None,
    }


def _outcome(ledger: Ledger, number: int) -> str:
    if ledger.latest == number:
        return "in force"
    if any(each.id == number for each in ledger.activations):
        return "replaced"
    aborts = [each.reason for each in ledger.aborts if each.id == number]
    return f"not in force: {aborts[-1]}" if aborts else "not in force"
