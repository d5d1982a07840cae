"""``streamproc dead replay``."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamproc.cli import counted
from streamproc.cli.dead.choosing import (
    Choice,
    LetterId,
    choosing,
    inventory_of,
    settings_for,
    times,
)
from streamproc.cli.dead.opening import opened_by, private_keys
from streamproc.cli.dead.sending import Order, end, exit_code, refuse_all, send, sending, summary

if TYPE_CHECKING:
    from streamproc.deadletters.inventory import Position
    from streamproc.kafka.dead_letter_originals import Original
    from streamproc.replay import Mended
    from streamproc.settings import Settings

__all__ = ["replay"]


@click.command()
@click.argument("ids", metavar="[ID…]", type=LetterId(), nargs=-1)
@choosing
@times
@private_keys
@sending
@click.option("--all", "every", is_flag=True, help="All that wait, if that is meant.")
@click.option("--dry-run", is_flag=True, help="Only say how many would be sent.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@click.pass_context
def replay(
    ctx: click.Context,
    ids: tuple[Position, ...],
    choice: Choice,
    *,
    key_files: tuple[Path, ...],
    rate: int,
    reason: str | None,
    every: bool,
    again: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send records again to where they came from, each once, as they were.

    For what was mended elsewhere: rules, plan, limits, transformations. The record of a letter is
    sent once, whatever happens: it may be interrupted, killed and begun again, and two at a time do
    no harm. One that fails anew is another letter, which knows how often it came back. Exits with 1
    where some were not sent; it says why.
    """
    choice = choice._replace(positions=frozenset(ids))
    refuse_all(choice, every=every)
    settings = settings_for(ctx)
    if dry_run:
        _foretell(settings, choice, again=again, as_json=as_json)
        return
    order = Order("dead replay", choice, opened_by(key_files), rate, again, reason)
    done = send(settings, order, _as_it_was)
    if as_json:
        click.echo(json.dumps(summary(done)))
        sys.exit(exit_code(done))
    end(done)


def _as_it_was(original: Original) -> Mended:
    from streamproc.replay import Mended

    return Mended(original.record.value, None)


def _foretell(settings: Settings, choice: Choice, *, again: bool, as_json: bool) -> None:
    from streamproc.replay import sendable

    left: Counter[str] = Counter()
    inventory = inventory_of(settings, choice)
    sealed = unsealed = 0
    for entry in sendable(inventory, settings, left, again=again):
        sealed += entry.size > 0
        unsealed += entry.size == 0
    if as_json:
        click.echo(json.dumps({"to_send": sealed + unsealed, "sealed": sealed, "left": dict(left)}))
        return
    click.echo(f"{counted(sealed + unsealed, 'record')} to send, {sealed:,} of them sealed.")
    for why, count in sorted(left.items()):
        click.echo(f"{count:,} not to be sent: {why}.")
