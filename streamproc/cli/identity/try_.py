"""``streamproc identity try``."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import click

from streamproc.cli import EXIT_DEAD_LETTERS, counted, settings_of

if TYPE_CHECKING:
    from streamproc.events import Identity, Subject, Token
    from streamproc.identity import View
    from streamproc.redact.naming import Subjects
    from streamproc.settings import Settings

__all__ = ["try_"]


class Seen(NamedTuple):
    """An event: its line, its type, whom it is about, and whom it belonged to then."""

    line: int
    type: str
    subject: Subject
    then: Identity


@click.command("try")
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--config",
    "file_of_config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The identity configuration [default: that of the settings, or the shipped one].",
)
@click.option("--json", "as_json", is_flag=True, help="JSON lines instead of a table.")
@click.pass_context
def try_(ctx: click.Context, file: BinaryIO, file_of_config: Path | None, *, as_json: bool) -> None:
    """Tell whom events belong to by what they say themselves, offline.

    FILE or standard input holds JSON lines. Told is for each whom it belongs to when it comes, and
    once all have come; people, devices and accounts are numbered in the order in which they come.
    Events that cannot be read are told on standard error, and the exit code is then 3.
    """
    from streamproc.assemble import load_identity_config, naming_of, nobody_of
    from streamproc.identity import View
    from streamproc.identity.config import load_identity
    from streamproc.redact import KeyRing, Tokens
    from streamproc.redact.keys import KEY_BYTES
    from streamproc.redact.naming import Subjects

    settings = settings_of(ctx).settings
    config = load_identity(file_of_config) if file_of_config else load_identity_config(settings)
    refused: list[str] = []
    # No token is shown, and with one key the same file gives the same numbers.
    ring = KeyRing("k1", {"k1": bytes(KEY_BYTES)})
    subjects = Subjects(Tokens(ring), naming_of(config))
    view = View(config=config, nobody=nobody_of(config, ring))
    seen = list(_seen(settings, file, subjects, view, refused))
    (_tell_lines if as_json else _tell)(seen, view)
    for told in refused:
        click.echo(told, err=True)
    for reason, count in sorted(subjects.unusable.items()):
        said = reason.replace("_", " ")
        click.echo(f"{count:,} ids, traits or accounts named nobody: {said}.", err=True)
    sys.exit(EXIT_DEAD_LETTERS if refused else 0)


def _seen(
    settings: Settings, file: BinaryIO, subjects: Subjects, view: View, refused: list[str]
) -> Iterator[Seen]:
    from streamproc.assemble import make_limits
    from streamproc.decode import decode
    from streamproc.errors import EventError
    from streamproc.events import Micros, Origin, Record
    from streamproc.identity.links import links_stated

    limits = make_limits(settings)
    for line, text in enumerate(file, start=1):
        record = Record(Origin("file", 0, line), None, text.rstrip(b"\r\n"), Micros(0))
        try:
            event = decode(record, limits)
        except EventError as error:
            refused.append(f"line {line}: {error.code}{error.path and f' at {error.path}'}")
            continue
        subject = subjects.of(event)
        for link in links_stated(event.type, subject, event.times.timestamp):
            view.add(link)
        yield Seen(line, event.type, subject, view.resolve(subject))


class Numbers:
    """Numbers what comes, so that tokens need not be compared by eye."""

    def __init__(self, noun: str) -> None:
        """Number ``noun``s."""
        self._noun = noun
        self._numbers: dict[Token, int] = {}

    def of(self, token: Token | None) -> str:
        """Return what ``token`` is called."""
        if token is None:
            return ""
        return f"{self._noun} {self._numbers.setdefault(token, len(self._numbers) + 1)}"


def _rows(seen: Iterable[Seen], view: View) -> Iterator[dict[str, str | int]]:
    identities, accounts = Numbers("identity"), Numbers("account")
    numbered = [
        (each, identities.of(each.then.id), accounts.of(each.then.account)) for each in seen
    ]
    for each, then, account in numbered:
        now = view.resolve(each.subject)
        yield {
            "line": each.line,
            "type": each.type,
            "then": then,
            "by": each.then.by,
            "account": account,
            "in_the_end": identities.of(now.id),
        }


def _tell_lines(seen: Iterable[Seen], view: View) -> None:
    for row in _rows(seen, view):
        click.echo(json.dumps(row))


def _tell(seen: Iterable[Seen], view: View) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("Line", "Type", "Then", "By", "Account", "In the end", box=None)
    table.header_style = "bold"
    counts: Counter[str] = Counter()
    for row in _rows(seen, view):
        counts[str(row["in_the_end"])] += 1
        table.add_row(*map(str, row.values()))
    Console(width=None if Console().is_terminal else 200).print(table)
    people = len(counts) - ("" in counts)
    identities = "1 identity" if people == 1 else f"{people:,} identities"
    click.echo(f"{counted(sum(counts.values()), 'event')}, {identities}.")
