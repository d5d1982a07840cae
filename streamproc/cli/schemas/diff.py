"""``streamproc schemas diff``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamproc.cli import counted, settings_of
from streamproc.cli.schemas.sources import against_option, print_table, source_of, wanted

if TYPE_CHECKING:
    from streamproc.cli.schemas.sources import Source
    from streamproc.kafka.subjects import LocalSchema

__all__ = ["diff"]

EXIT_DIFFERENT = 1


@click.command()
@click.argument("subjects", nargs=-1, metavar="[SUBJECT]...")
@against_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def diff(
    ctx: click.Context, *, subjects: tuple[str, ...], folder: Path | None, as_json: bool
) -> None:
    """Tell what has changed in schemas since they were registered, field by field.

    Compares with the last version of each subject, or with the files of a folder. The exit code is
    1 when something differs.
    """
    from streamproc.telemetry import configure

    settings = settings_of(ctx).settings
    configure(settings.log)
    schemas = wanted(settings, subjects)
    with source_of(settings, folder) as source:
        found = [_compared(schema, source) for schema in schemas]
    if as_json:
        click.echo(json.dumps({"subjects": found}, indent=2))
    else:
        _print(found)
    sys.exit(EXIT_DIFFERENT if any(each["changes"] for each in found) else 0)


def _compared(schema: LocalSchema, source: Source) -> dict[str, Any]:
    from streamproc.formats import UnusableSchemaError, changes

    versions = source.versions(schema)
    last = versions[-1] if versions else None
    try:
        changed = [] if last is None else changes(last.declared, schema.declared)
    except (UnusableSchemaError, ValueError) as error:
        raise click.ClickException(f"{schema.subject}: {error}") from None
    return {
        "subject": schema.subject,
        "file": str(schema.file),
        "against": None if last is None else last.name,
        "changes": [each._asdict() for each in changed],
    }


def _print(found: list[dict[str, Any]]) -> None:
    rows = [
        {
            "subject": each["subject"],
            "against": each["against"],
            "field": change["path"],
            "change": change["how"],
            "before": change["before"],
            "after": change["after"],
        }
        for each in found
        for change in each["changes"]
    ]
    if rows:
        print_table(rows)
    for each in found:
        if each["against"] is None:
            click.echo(f"{each['subject']}: new, there is no earlier version.")
    same = sum(not each["changes"] and each["against"] is not None for each in found)
    click.echo(f"{counted(same, 'schema')} as before.")
