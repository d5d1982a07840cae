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
    "fmt": ("streamproc.cli.rules.fmt:fmt", "Lay out a ruleset, comments and all."),
    "schema": (
        "streamproc.cli.rules.schema:schema",
        "Print the JSON Schema of rulesets, for editors.",
    ),
    "test": ("streamproc.cli.rules.test:test", "Run the cases beside a ruleset."),
    "explain": (
        "streamproc.cli.rules.explain:explain",
        "Tell what becomes of an event and why, field by field.",
    ),
    "diff": (
        "streamproc.cli.rules.diff:diff",
        "Tell what would become otherwise of events under other rules.",
    ),
    "publish": (
        "streamproc.cli.rules.publish:publish",
        "Have a ruleset take over in all workers, at the same record.",
    ),
    "keygen": (
        "streamproc.cli.rules.keygen:keygen",
        "Make a key to publish rules with.",
    ),
    "rollback": (
        "streamproc.cli.rules.rollback:rollback",
        "Publish an earlier ruleset again.",
    ),
    "history": ("streamproc.cli.rules.history:history", "List every ruleset that was published."),
    "status": (
        "streamproc.cli.rules.status:status",
        "Tell which ruleset is in force, and which worker runs what.",
    ),
    "shadow": (
        "streamproc.cli.rules.shadow:shadow",
        "Have the workers try a ruleset on live records, beside the one in force.",
    ),
    "promote": (
        "streamproc.cli.rules.promote:promote",
        "Put a ruleset in force that was tried in shadow, if it protects nothing less.",
    ),
    "debt": (
        "streamproc.cli.rules.debt:debt",
        "Tell how many rows were made under weaker rules than today's.",
    ),
    "reprocess": (
        "streamproc.cli.rules.reprocess:reprocess",
        "Make rows anew that were not made by today's rules, from their raw records.",
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def rules() -> None:
    """Check rules, try them, and roll them out."""
