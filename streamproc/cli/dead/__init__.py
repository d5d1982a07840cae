"""``streamproc dead``: one module a command, imported when it runs."""

from __future__ import annotations

import click

from streamproc.cli import LazyGroup

__all__ = ["EXIT_LEFT", "dead"]

EXIT_LEFT = 1
"""Something that was asked for was not done."""

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module:attribute, first line of its help)
    "list": (
        "streamproc.cli.dead.list:list_",
        "Count dead letters by cause, and say what to do about each.",
    ),
    "show": ("streamproc.cli.dead.show:show", "Tell all of one letter that holds no value."),
    "open": ("streamproc.cli.dead.open:open_", "Show a letter's original, audited."),
    "repair": (
        "streamproc.cli.dead.repair:repair",
        "Try repairs on the originals of letters; with --apply, send what passes.",
    ),
    "replay": (
        "streamproc.cli.dead.replay:replay",
        "Send records again to where they came from, each once, as they were.",
    ),
    "purge": (
        "streamproc.cli.dead.purge:purge",
        "Delete old letters, from the beginning of each partition on.",
    ),
    "schema": (
        "streamproc.cli.dead.schema:schema",
        "Print the JSON Schema of repairs, for editors.",
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def dead() -> None:
    """Look into dead letters, repair them, and send them again."""
