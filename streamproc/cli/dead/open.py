"""``streamproc dead open``."""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamproc.cli.dead.choosing import LetterId, settings_for
from streamproc.cli.dead.opening import note, opened_by, private_keys, reason_of, required_log

if TYPE_CHECKING:
    from streamproc.deadletters.inventory import Position
    from streamproc.deadletters.opening import Open
    from streamproc.events import DeadLetter, Record
    from streamproc.settings import Settings

__all__ = ["open_"]

OWNER_ALONE = 0o600


@click.command("open")
@click.argument("letter_id", metavar="ID", type=LetterId())
@private_keys
@click.option("--reason", required=True, help="Why; stands in the audit log.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="A new file that only you may read, for the value as it was, byte by byte.",
)
@click.option("--force", is_flag=True, help="Print it even where the output is no terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print key and value as a JSON object.")
@click.pass_context
def open_(
    ctx: click.Context,
    letter_id: Position,
    key_files: tuple[Path, ...],
    reason: str,
    output: Path | None,
    *,
    force: bool,
    as_json: bool,
) -> None:
    """Show a letter's original, audited.

    That is what the producer sent, personal data included. It is opened with the private key or,
    without one, read again where the record lay. Who opened what, when and why is in the audit log
    before anything is shown; a key that does not open it is written down too.
    """
    settings = settings_for(ctx)
    log = required_log(settings)
    details = {"letter": str(letter_id), "topic": settings.topics.dead, "reason": reason_of(reason)}
    if output is None and not force and not sys.stdout.isatty():
        told = "the output is no terminal; --output FILE is for you alone, --force prints it anyway"
        raise click.UsageError(told)
    opened = opened_by(key_files)
    record = _original(settings, letter_id, opened, log, details)
    note(log, "dead open", details)
    if output is not None:
        _write_new(output, record.value or b"")
        click.echo(f"Written to {output}.", err=True)
    elif as_json:
        click.echo(json.dumps({"key": _shown(record.key), "value": _shown(record.value)}))
    else:
        click.echo(_printable(record.value))


def _original(
    settings: Settings,
    position: Position,
    opened: Open | None,
    log: Path,
    details: dict[str, str],
) -> Record:
    from streamproc.errors import ConfigError, Problem
    from streamproc.kafka.dead_letter_originals import original_of
    from streamproc.kafka.dead_letters import read_letters

    letter: DeadLetter = read_letters(settings.kafka, settings.topics.dead, [position])[position]
    found = original_of(settings.kafka, letter, opened)
    if isinstance(found, str):
        note(log, "dead open failed", {**details, "why": found})
        raise ConfigError(Problem("dead letter", str(position), f"cannot be opened: {found}"))
    return found


def _shown(part: bytes | None) -> Any:
    if part is None:
        return None
    try:
        return part.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(part).decode("ascii")}


def _printable(value: bytes | None) -> str:
    """Return a value for a terminal: control characters, which could speak to it, are escaped."""
    if value is None:
        return "(no value)"
    try:
        text = json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = value.decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() or each == "\n" else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _write_new(file: Path, content: bytes) -> None:
    from streamproc.errors import ConfigError, Problem

    try:
        place = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ALONE)
        with os.fdopen(place, "wb") as opened:
            opened.write(content)
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be written: {error.strerror}")) from None
