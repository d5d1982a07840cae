"""``streamproc schemas check``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamproc.cli import settings_of
from streamproc.cli.schemas.sources import (
    COMPATIBILITY,
    against_option,
    mode_of,
    print_table,
    source_of,
    wanted,
)

if TYPE_CHECKING:
    from streamproc.cli.schemas.sources import Earlier, Source
    from streamproc.formats import Mode
    from streamproc.kafka.subjects import LocalSchema

__all__ = ["check"]

EXIT_INCOMPATIBLE = 1


@click.command()
@click.argument("subjects", nargs=-1, metavar="[SUBJECT]...")
@against_option
@click.option(
    "--mode",
    "asked",
    type=click.Choice(COMPATIBILITY, case_sensitive=False),
    help="What to hold schemas to [default: the registry's setting; backward for a folder].",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
@click.pass_context
def check(
    ctx: click.Context,
    *,
    subjects: tuple[str, ...],
    folder: Path | None,
    asked: str | None,
    as_json: bool,
) -> None:
    """Tell whether schemas can follow those that are registered, or those of a folder.

    Backward: the new one reads what the one before wrote. Forward: the one before reads what the
    new one writes. Full: both. Transitive: all versions before, not the last alone. Every field in
    the way is told. The exit code is 1 when there is one.
    """
    from streamproc.telemetry import configure

    settings = settings_of(ctx).settings
    configure(settings.log)
    schemas = wanted(settings, subjects)
    with source_of(settings, folder) as source:
        found = [_checked(schema, source, asked) for schema in schemas]
    if as_json:
        click.echo(json.dumps({"subjects": found}, indent=2))
    else:
        _print(found)
    failed = any(each["result"] == "incompatible" for each in found)
    sys.exit(EXIT_INCOMPATIBLE if failed else 0)


def _checked(schema: LocalSchema, source: Source, asked: str | None) -> dict[str, Any]:
    from streamproc.formats import earlier_versions

    versions = source.versions(schema)
    mode: Mode = source.mode(schema.subject) if asked is None else mode_of(asked)
    problems = [
        {"against": earlier.name, **problem._asdict()}
        for earlier in earlier_versions(mode, versions)
        for problem in _problems(schema, earlier, mode)
    ]
    refused = (
        asked is None
        and bool(versions)
        and source.registry is not None
        and not source.registry.accepts(schema.subject, schema.declared)
    )
    if refused and not problems:  # in a language, or by a rule, that only the registry knows
        told = "the registry does not take it"
        problems = [{"against": "registry", "path": "", "message": told, "direction": ""}]
    return {
        "subject": schema.subject,
        "file": str(schema.file),
        "versions": len(versions),
        "mode": mode,
        "result": _result(schema, source, versions=len(versions), problems=len(problems)),
        "problems": problems,
    }


def _result(schema: LocalSchema, source: Source, *, versions: int, problems: int) -> str:
    if problems:
        return "incompatible"
    if not versions:
        return "new"
    if schema.declared.kind != "AVRO" and source.registry is None:
        return "not checked"
    return "compatible"


def _problems(schema: LocalSchema, earlier: Earlier, mode: Mode) -> list[Any]:
    from streamproc.formats import UnusableSchemaError, incompatibilities, parsed

    if schema.declared.kind != "AVRO" or earlier.declared.kind != "AVRO":
        return []  # the registry's own verdict says it
    try:
        return incompatibilities(parsed(schema.declared), parsed(earlier.declared), mode)
    except UnusableSchemaError as error:
        raise click.ClickException(f"{schema.subject}, {earlier.name}: {error}") from None


def _print(found: list[dict[str, Any]]) -> None:
    print_table(
        [{name: each[name] for name in each if name not in {"file", "problems"}} for each in found]
    )
    problems = [
        {
            "subject": each["subject"],
            "against": problem["against"],
            "field": problem["path"] or "(the whole)",
            "direction": problem["direction"],
            "problem": problem["message"],
        }
        for each in found
        for problem in each["problems"]
    ]
    if problems:
        click.echo()
        print_table(problems)
