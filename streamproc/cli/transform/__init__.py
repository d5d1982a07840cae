"""``streamproc transform``: one module a command, imported when it runs."""

from __future__ import annotations

import click

from streamproc.cli import LazyGroup

__all__ = ["transform"]

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module:attribute, first line of its help)
    "check": (
        "streamproc.cli.transform.check:check",
        "List the transformations, and tell what is wrong with them.",
    ),
    "test": ("streamproc.cli.transform.test:test", "Run the cases beside transformations."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def transform() -> None:
    """Check and try transformations, code of your own on events."""
