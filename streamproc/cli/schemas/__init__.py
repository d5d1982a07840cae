"""``streamproc schemas``: one module a command, imported when it runs."""

from __future__ import annotations

import click

from streamproc.cli import LazyGroup

__all__ = ["schemas"]

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module:attribute, first line of its help)
    "push": ("streamproc.cli.schemas.push:push", "Register the schemas of the topics."),
    "check": (
        "streamproc.cli.schemas.check:check",
        "Tell whether schemas can follow those that are registered, or those of a folder.",
    ),
    "diff": (
        "streamproc.cli.schemas.diff:diff",
        "Tell what has changed in schemas since they were registered, field by field.",
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def schemas() -> None:
    """Register schemas, and hold them against earlier versions."""
