"""``streamproc identity``: one module a command, imported when it runs."""

from __future__ import annotations

import click

from streamproc.cli import LazyGroup

__all__ = ["identity"]

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module:attribute, first line of its help)
    "check": (
        "streamproc.cli.identity.check:check",
        "Tell all that is wrong with an identity configuration.",
    ),
    "schema": (
        "streamproc.cli.identity.schema:schema",
        "Print the JSON Schema of identity configurations, for editors.",
    ),
    "try": (
        "streamproc.cli.identity.try_:try_",
        "Tell whom events of a file belong to, offline.",
    ),
    "show": (
        "streamproc.cli.identity.show:show",
        "Tell whom an id or a trait belongs to, and by which links.",
    ),
    "status": (
        "streamproc.cli.identity.status:status",
        "Count what is past a limit, and is not believed any more.",
    ),
    "merge": ("streamproc.cli.identity.merge:merge", "Say that two ids are one person."),
    "unmerge": (
        "streamproc.cli.identity.merge:unmerge",
        "Take back every link between two ids, or an id and a trait, for good.",
    ),
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
