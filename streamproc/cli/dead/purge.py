"""``streamproc dead purge``."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from streamproc.cli import counted
from streamproc.cli.dead import EXIT_LEFT
from streamproc.cli.dead.choosing import Choice, choosing, inventory_of, settings_for
from streamproc.cli.dead.opening import note, reason_of, required_log
from streamproc.cli.moments import Moment

if TYPE_CHECKING:
    from streamproc.deadletters.inventory import Entry, Inventory

__all__ = ["purge"]


@dataclass
class Cut:
    """What of a partition is to be deleted.

    Attributes:
        partition: Its number.
        letters: How many letters.
        waiting: How many of them were never sent again.
        before: The offset before which all goes.
        stops: The letter at which it stops, and why; empty where it goes to the last letter.
        left: How many letters asked for lie behind that.
    """

    partition: int
    letters: int = 0
    waiting: int = 0
    before: int = 0
    stops: str = ""
    left: int = 0


@click.command()
@choosing
@click.option("--before", type=Moment(), required=True, help="Letters written before then.")
@click.option("--force", is_flag=True, help="Those too that were never sent again.")
@click.option("--apply", "apply_", is_flag=True, help="Delete them; else it is only said what.")
@click.option("--reason", required=True, help="Why; stands in the audit log.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def purge(
    ctx: click.Context,
    choice: Choice,
    before: datetime,
    reason: str,
    *,
    force: bool,
    apply_: bool,
    as_json: bool,
) -> None:
    """Delete old letters, from the beginning of each partition on.

    Kafka deletes from the beginning only, so it goes as far as the first letter that is not asked
    for, is not as old, was never sent again, or cannot be read; what lies behind that one stays.
    What is deleted cannot be had back. Without --apply nothing is.
    """
    from streamproc.kafka.dead_letters import delete_before
    from streamproc.kafka.topics import admin_client

    settings = settings_for(ctx)
    log, topic = required_log(settings), settings.topics.dead
    choice = choice._replace(until=before)
    details = {"topic": topic, "reason": reason_of(reason), **choice.told()}
    cuts = cuts_of(inventory_of(settings, choice), force=force)
    going = {cut.partition: cut.before for cut in cuts if cut.letters}
    if apply_ and going:
        counts = {
            "letters": str(sum(cut.letters for cut in cuts)),
            "never_sent_again": str(sum(cut.waiting for cut in cuts)),
        }
        note(log, "dead purge", {**details, **counts})
        delete_before(admin_client(settings, "dead-letters"), topic, going)
    _print(cuts, applied=apply_, as_json=as_json)
    sys.exit(EXIT_LEFT if apply_ and any(cut.left for cut in cuts) else 0)


def cuts_of(inventory: Inventory, *, force: bool) -> list[Cut]:
    """Return what of each partition can go.

    Args:
        inventory: All of the topic, each partition in order.
        force: Whether letters go that were never sent again, and what cannot be read.
    """
    cuts: dict[int, Cut] = {}
    for entry in inventory.entries(all_of_them=True):
        partition, offset = entry.position
        cut = cuts.setdefault(partition, Cut(partition))
        cut.stops = cut.stops or _stop(entry, inventory, force=force)
        if cut.stops:
            cut.left += entry.wanted
        else:
            cut.letters += 1
            cut.waiting += not entry.replayed
            cut.before = offset + 1
    return [cuts[number] for number in sorted(cuts)]


def _stop(entry: Entry, inventory: Inventory, *, force: bool) -> str:
    """Return at which letter it stops and why, if it does before ``entry``."""
    partition, offset = entry.position
    unreadable = inventory.unreadable_from.get(partition)
    if unreadable is not None and unreadable < offset and not force:
        return f"{partition}-{unreadable}: cannot be read"
    if not entry.wanted:
        return f"{entry.position}: not asked for"
    return "" if entry.replayed or force else f"{entry.position}: never sent again"


def _print(cuts: list[Cut], *, applied: bool, as_json: bool) -> None:
    if as_json:
        said: dict[str, Any] = {"purged": applied, "partitions": [vars(cut) for cut in cuts]}
        click.echo(json.dumps(said))
        return
    from rich.table import Table

    from streamproc.cli.rules.consoles import plain_console

    headings = ("Partition", "Letters", "Never sent again", "Before offset", "Stops at", "Left")
    table = Table(*headings, box=None, header_style="bold")
    for cut in cuts:
        counts = (f"{cut.letters:,}", f"{cut.waiting:,}", str(cut.before))
        table.add_row(str(cut.partition), *counts, cut.stops, f"{cut.left:,}")
    plain_console(160).print(table)
    total = counted(sum(cut.letters for cut in cuts), "letter")
    click.echo(f"{total} deleted." if applied else f"{total} would be deleted, with --apply.")
