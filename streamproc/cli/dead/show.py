"""``streamproc dead show``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from streamproc.cli import counted
from streamproc.cli.dead.choosing import LetterId, moment_text, settings_for, started_on

if TYPE_CHECKING:
    from streamproc.deadletters.inventory import Inventory, Position
    from streamproc.events import DeadLetter

__all__ = ["show"]


@click.command()
@click.argument("letter_id", metavar="ID", type=LetterId())
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@click.pass_context
def show(ctx: click.Context, letter_id: Position, *, as_json: bool) -> None:
    """Tell all of one letter that holds no value.

    That is why it is one, of which record, and what shape that has. ID is as `dead list` shows it,
    such as 3-1042.
    """
    from streamproc.kafka.dead_letters import read_letters, take_marks

    settings = settings_for(ctx)
    kafka, topic = settings.kafka, settings.topics.dead
    letter = read_letters(kafka, topic, [letter_id])[letter_id]
    with started_on() as started:
        marks = take_marks(kafka, topic, started)
    told = _told(letter_id, letter, marks)
    if as_json:
        click.echo(json.dumps(told))
        return
    for name, said in _lines(letter, told):
        click.echo(f"{name:<10} {said}")
    click.echo(json.dumps(told["view"], indent=2, ensure_ascii=False))


def _told(position: Position, letter: DeadLetter, marks: Inventory) -> dict[str, Any]:
    from streamproc.deadletters.causes import advice_on

    return {
        "id": str(position),
        "stage": letter.stage,
        "code": letter.code,
        "path": letter.path,
        **advice_on(letter.stage, letter.code)._asdict(),
        **letter.origin._asdict(),
        "timestamp": moment_text(letter.timestamp),
        "ruleset": letter.ruleset,
        "sealed_bytes": None if letter.sealed is None else len(letter.sealed),
        "attempts": marks.attempts_of(letter.origin),
        "replayed": marks.is_replayed(position),
        "view": json.loads(letter.view),
    }


def _lines(letter: DeadLetter, told: dict[str, Any]) -> list[tuple[str, str]]:
    topic, partition, offset = letter.origin
    at = f" at {letter.path}" if letter.path else ""
    sealed = told["sealed_bytes"]
    original = "not sealed: where the record lay, or nowhere"
    came_back = f"; it had come back {counted(told['attempts'], 'time')}" * bool(told["attempts"])
    return [
        ("Letter", told["id"]),
        ("Why", f"{letter.stage}.{letter.code}{at}: {told['meaning']}"),
        ("What to do", told["remedy"]),
        ("Record", f"{topic} partition {partition} offset {offset}, of {told['timestamp']}"),
        ("Ruleset", letter.ruleset or "none was in force"),
        ("Original", original if sealed is None else f"sealed, {counted(sealed, 'byte')}"),
        ("Sent again", f"{'yes' if told['replayed'] else 'not yet'}{came_back}"),
        ("Shape", ""),
    ]
