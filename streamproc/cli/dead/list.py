"""``streamproc dead list``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from streamproc.cli import counted
from streamproc.cli.dead.choosing import (
    Choice,
    choosing,
    inventory_of,
    moment_text,
    settings_for,
    times,
)

if TYPE_CHECKING:
    from streamproc.deadletters.inventory import Entry, Group, Inventory

__all__ = ["list_"]


@click.command("list")
@choosing
@times
@click.option("--each", is_flag=True, help="A line for every letter, by its id.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines instead of a table.")
@click.pass_context
def list_(ctx: click.Context, choice: Choice, *, each: bool, as_json: bool) -> None:
    """Count dead letters by cause, and say what to do about each.

    A cause is the stage, the code and the field, whichever item of a list it is in; the most
    frequent one is first. An id, such as 3-1042, is where a letter lies on its topic: partition and
    offset.
    """
    inventory = inventory_of(settings_for(ctx), choice, beside_output=not each)
    if each:
        for entry in inventory.entries():
            click.echo(json.dumps(_entry(entry)) if as_json else _line(entry))
    elif as_json:
        for group in inventory.groups():
            click.echo(json.dumps(_group(group)))
    else:
        _print(inventory)
    if inventory.unreadable:
        examples = ", ".join(map(str, inventory.examples))
        told = (
            f"{counted(inventory.unreadable, 'record')} that this version cannot read: {examples}"
        )
        click.secho(told, fg="yellow", err=True)


def _entry(entry: Entry) -> dict[str, Any]:
    topic, partition, offset = entry.origin
    return {
        "id": str(entry.position),
        "written": moment_text(entry.written),
        **entry.cause._asdict(),
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "sealed": entry.size > 0,
        "attempts": entry.attempts,
        "replayed": entry.replayed,
    }


def _line(entry: Entry) -> str:
    stage, code, path = entry.cause
    topic, partition, offset = entry.origin
    state = "sent again" if entry.replayed else "waiting"
    tries = f", came back {counted(entry.attempts, 'time')}" if entry.attempts else ""
    sealed = "sealed" if entry.size else "not sealed"
    return (
        f"{entry.position}  {moment_text(entry.written)}  {stage}.{code} {path or '-'}  "
        f"{topic} {partition}@{offset}  {sealed}, {state}{tries}"
    )


def _group(group: Group) -> dict[str, Any]:
    from streamproc.deadletters.causes import advice_on

    return {
        **group.cause._asdict(),
        "letters": group.letters,
        "waiting": group.waiting,
        "first": moment_text(group.first),
        "last": moment_text(group.last),
        "example": str(group.example),
        **advice_on(group.cause.stage, group.cause.code)._asdict(),
    }


def _print(inventory: Inventory) -> None:
    from rich.table import Table

    from streamproc.cli.rules.consoles import plain_console
    from streamproc.deadletters.causes import advice_on

    groups = inventory.groups()
    total = sum(group.letters for group in groups)
    if not total:
        click.echo("No dead letters.")
        return
    # 80 columns have to do, with nothing of a field's name cut off.
    table = Table(box=None, header_style="bold")
    table.add_column("Stage, code, path", overflow="fold")
    for heading in ("Letters", "Share", "Waiting"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("First UTC", "Last UTC"):
        table.add_column(heading, no_wrap=True)
    for group in groups:
        stage, code, path = group.cause
        counts = (f"{group.letters:,}", f"{group.letters / total:.1%}", f"{group.waiting:,}")
        moments = (_day_and_minute(group.first), _day_and_minute(group.last))
        table.add_row(f"{stage}.{code} {path}".rstrip(), *counts, *moments)
    plain_console(120).print(table)
    examples = {group.cause[:2]: group.example for group in reversed(groups)}
    for stage, code in dict.fromkeys(group.cause[:2] for group in groups):
        advice = advice_on(stage, code)
        click.echo(f"{stage}.{code}, as {examples[stage, code]}: {advice.meaning}.")
        click.echo(f"    {advice.remedy}")
    waiting = sum(group.waiting for group in groups)
    click.echo(f"{counted(total, 'dead letter')}, {waiting:,} of them waiting.")


def _day_and_minute(moment: int) -> str:
    return moment_text(moment)[5:16].replace("T", " ")
