"""``streamproc rules``: one module a command, imported when it runs."""

from __future__ import annotations

import click

from streamproc.cli import LazyGroup

__all__ = ["EXIT_NO", "rules"]

EXIT_NO = 1
"""The answer is no: not in order, not as expected, less protected."""

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module:attribute, first line of its help)
    "check": ("streamproc.cli.rules.check:check", "Tell all that is wrong with a ruleset."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def rules() -> None:
    """Check rules, try them, and roll them out."""
