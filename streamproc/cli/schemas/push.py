"""``streamproc schemas push``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from streamproc.cli import settings_of
from streamproc.cli.schemas.sources import COMPATIBILITY, mode_of, print_table, wanted

if TYPE_CHECKING:
    from streamproc.kafka.subjects import LocalSchema, Subjects

__all__ = ["push"]

EXIT_REFUSED = 1


@click.command()
@click.argument("subjects", nargs=-1, metavar="[SUBJECT]...")
@click.option(
    "--compatibility",
    type=click.Choice(COMPATIBILITY, case_sensitive=False),
    help="What new versions of these subjects are held to from now on.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done; do nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def push(
    ctx: click.Context,
    *,
    subjects: tuple[str, ...],
    compatibility: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Register the schemas of the topics, those of raw events too (formats.schemas).

    What is registered already stays as it is. The exit code is 1 when the registry did not take a
    schema; `streamproc schemas check` says why.
    """
    from streamproc.kafka.subjects import Subjects
    from streamproc.telemetry import configure

    settings = settings_of(ctx).settings
    configure(settings.log)
    mode = None if compatibility is None else mode_of(compatibility)
    schemas = wanted(settings, subjects)
    with Subjects(settings) as registry:
        rows = []
        for schema in schemas:
            if mode is not None and not dry_run:
                registry.set_mode(schema.subject, mode)
            rows.append(_push(registry, schema, dry_run=dry_run))
    if as_json:
        click.echo(json.dumps({"subjects": rows}, indent=2))
    else:
        print_table(rows)
    sys.exit(EXIT_REFUSED if any(row["result"] == "refused" for row in rows) else 0)


def _push(registry: Subjects, schema: LocalSchema, *, dry_run: bool) -> dict[str, object]:
    subject, declared = schema.subject, schema.declared
    number = registry.find(subject, declared)
    if number is not None:
        result = "as it is registered"
    elif dry_run:
        result = "to register"
    elif registry.register(subject, declared):
        result, number = "registered", registry.find(subject, declared)
    else:
        result = "refused"
    return {
        "subject": subject,
        "file": str(schema.file),
        "version": number,
        "compatibility": registry.mode(subject),
        "result": result,
    }
