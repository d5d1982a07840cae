"""``streamproc identity``: one module a command, imported when it runs."""

from __future__ import annotations

import click

from streamproc.cli import LazyGroup

__all__ = ["identity"]

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module:attribute, first line of its help)
    "import": (
        "streamproc.cli.identity.import_:import_",
        "Load what the business knows of people and accounts from a file.",
    ),
    "sync": (
        "streamproc.cli.identity.sync:sync",
        "Keep what the business knows up to date: Heroku Connect's tables, or a Singer tap.",
    ),
    "export": (
        "streamproc.cli.identity.export:export",
        "Write attributes back to Heroku Connect's tables.",
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def identity() -> None:
    """Know who events belong to, and what the business knows of them."""
