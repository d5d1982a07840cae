"""``streamproc dead repair``."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from streamproc.cli.dead.opening import note, opened_by, private_keys, required_log
from streamproc.cli.dead.sending import Order, end, exit_code, send, sending, summary

if TYPE_CHECKING:
    from streamproc.deadletters.inventory import Entry, Position
    from streamproc.deadletters.repair import Outcome, Repairs, Tried
    from streamproc.kafka.dead_letter_originals import Original
    from streamproc.replay import Mended
    from streamproc.settings import Settings

__all__ = ["repair"]

HEADINGS: dict[Outcome, str] = {
    "passes": "Pass",
    "dropped": "Dropped by the plan",
    "fails": "Fail",
    "unchanged": "Unchanged",
}
NO_REPAIR = "no repair is meant for them"
NOT_PASSING = "do not pass after their repair"


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("ids", metavar="[ID…]", type=LetterId(), nargs=-1)
@choosing
@times
@private_keys
@sending
@click.option("--apply", "apply_", is_flag=True, help="Send what passes; else it is only tried.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def repair(
    ctx: click.Context,
    file: Path,
    ids: tuple[Position, ...],
    choice: Choice,
    *,
    key_files: tuple[Path, ...],
    rate: int,
    reason: str | None,
    again: bool,
    apply_: bool,
    as_json: bool,
) -> None:
    """Try repairs on the originals of letters; with --apply, send what passes.

    FILE is YAML: which letters, and steps such as cast, remove, replace, set and rename (`dead
    schema`). What comes out goes through the worker's own decoding and tracking plan. Letters whose
    originals do not pass, or that no repair is meant for, stay as they are. No value is shown.
    """
    from streamproc.deadletters.repair import load_repairs

    repairs = load_repairs(file)
    settings = settings_for(ctx)
    choice = choice._replace(positions=frozenset(ids))
    trial = Trial(repairs, settings)
    order = Order(
        "dead repair",
        choice,
        opened_by(key_files),
        rate,
        again,
        reason,
        f"{repairs.name} {repairs.fingerprint}",
        trial.is_meant,
    )
    if not apply_:
        missing = _try_all(settings, order, trial)
        _tell(trial, missing, as_json=as_json)
        return
    done = send(settings, order, trial.mend)
    done.left.update({NO_REPAIR: trial.counts["", "no_repair"], NOT_PASSING: trial.not_passing})
    if as_json:
        click.echo(json.dumps({**trial.told(), **summary(done)}))
        sys.exit(exit_code(done))
    trial.print()
    end(done)


class Trial:
    """Counts what becomes of originals by the repairs of a file.

    Attributes:
        counts: By repair and outcome.
        causes: Why some still fail.
    """

    def __init__(self, repairs: Repairs, settings: Settings) -> None:
        """Get the repairs ready, and what the settings have originals pass.

        Raises:
            ConfigError: With every problem of the tracking plan, or of the schemas.
        """
        from streamproc.cli.dead.passing import Passing
        from streamproc.deadletters.repair import Tries

        self._passing = Passing(settings)
        self._tries = Tries.of(repairs, self._passing.unframe)
        self._names = [each.name for each in repairs.repairs]
        self._fingerprint = repairs.fingerprint
        self.counts: Counter[tuple[str, Outcome]] = Counter()
        self.causes: Counter[tuple[str, str]] = Counter()

    def is_meant(self, entry: Entry) -> bool:
        """Return whether a repair may be meant for a letter; count those for which none is."""
        from streamproc.deadletters.repair import is_meant

        meant = is_meant(entry.cause, self._tries)
        self.counts["", "no_repair"] += not meant
        return meant

    def take(self, original: Original) -> Tried:
        """Try an original, and count what becomes of it."""
        from streamproc.deadletters.repair import tried

        found = tried(original.letter, original.record, self._tries, self._passing)
        self.counts[found.repair, found.outcome] += 1
        if found.outcome == "fails":
            self.causes[found.repair, found.cause] += 1
        return found

    def mend(self, original: Original) -> Mended | None:
        """Return an original's repaired value; None where it does not pass."""
        from streamproc.replay import Mended

        found = self.take(original)
        return Mended(found.value, self._fingerprint) if found.outcome == "passes" else None

    @property
    def not_passing(self) -> int:
        """How many do not pass after their repair, or could not be read."""
        left = ("fails", "dropped", "unchanged")
        return sum(count for (_, outcome), count in self.counts.items() if outcome in left)

    def told(self) -> dict[str, Any]:
        """Return the counts by names."""
        return {
            "fingerprint": self._fingerprint,
            "repairs": [
                {"repair": name, **{each: self.counts[name, each] for each in HEADINGS}}
                for name in self._names
            ],
            "unread": self.counts["", "fails"],
            "no_repair": self.counts["", "no_repair"],
            "causes": [
                {"repair": name, "cause": cause, "letters": count}
                for (name, cause), count in self.causes.most_common()
            ],
        }

    def print(self) -> None:
        """Print the counts as tables."""
        from rich.table import Table

        from streamproc.cli.rules.consoles import plain_console

        console = plain_console(160)
        table = Table("Repair", *HEADINGS.values(), box=None, header_style="bold")
        for name in self._names:
            table.add_row(name, *(f"{self.counts[name, each]:,}" for each in HEADINGS))
        console.print(table)
        for (name, cause), count in self.causes.most_common():
            by = f"after {name}" if name else "as they are read"
            click.echo(f"{count:,} still fail {by}: {cause}.")


def _try_all(settings: Settings, order: Order, trial: Trial) -> Counter[str]:
    """Try what ``order`` asks for; return how many there was nothing to try of, by why."""
    from streamproc.cli.progress import progress_of
    from streamproc.kafka.dead_letter_originals import batches, read_originals
    from streamproc.replay import READ_LETTERS, sendable

    log = required_log(settings)
    told = order.told(settings)
    missing: Counter[str] = Counter()
    inventory = inventory_of(settings, order.choice)
    note(log, "dead repair tried", told)
    entries = sendable(inventory, settings, missing, again=order.again)
    opened = 0
    with progress_of(inventory.wanted) as advance:
        for batch in batches(filter(order.is_meant, entries), READ_LETTERS):
            found = read_originals(settings.kafka, settings.topics.dead, batch, order.opened)
            missing.update(found.missing)
            opened += sum(each.sealed for each in found.found)
            for original in found.found:
                trial.take(original)
            advance(len(batch), len(batch))
    note(log, "dead repair tried, done", told | {"opened": str(opened)})
    return missing


def _tell(trial: Trial, missing: Counter[str], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**trial.told(), "left": dict(missing)}))
        return
    trial.print()
    for why, count in sorted(missing.items()):
        click.echo(f"{count:,} not tried: {why}.")
    if none := trial.counts["", "no_repair"]:
        click.echo(f"{none:,} not tried: {NO_REPAIR}.")
    passing = sum(count for (_, outcome), count in trial.counts.items() if outcome == "passes")
    click.echo(f"Nothing was sent. {counted(passing, 'record')} would be, with --apply.")
