"""``streamproc lookml``: the warehouse's tables as LookML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamproc.cli import counted, settings_of

if TYPE_CHECKING:
    from streamproc.events import Micros
    from streamproc.settings import Settings
    from streamproc.warehouse.redactions import Redaction
    from streamproc.warehouse.schema import Schema

__all__ = ["lookml", "write"]

SCHEMA = re.compile(r"\w+(\.\w+)*", re.ASCII)
DAY_MICROS = 86_400_000_000


def _plain(schema: str) -> str:
    # It is written into LookML as it is.
    if not SCHEMA.fullmatch(schema):
        raise click.BadParameter("expected plain names joined by dots, such as STREAMPROC.EVENTS")
    return schema


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--connection",
    default="streamproc",
    show_default=True,
    help="Looker's name of its connection to the warehouse.",
)
@click.option(
    "--schema",
    callback=lambda _context, _parameter, value: None if value is None else _plain(value),
    help="The tables' schema as Looker's SQL names it [default: that of the settings].",
)
@click.option(
    "--days",
    default=30,
    show_default=True,
    type=click.IntRange(1),
    help="How far back events are asked for what was redacted in them.",
)
@click.pass_context
def lookml(
    ctx: click.Context, *, directory: Path, connection: str, schema: str | None, days: int
) -> None:
    """Write LookML views and a model of the warehouse's tables.

    One view a table, its fields by the columns' types; columns that held personal data are tagged
    with what it was and what became of it. Run it again when tables have changed: files that it
    made are overwritten, those of tables that are gone removed, all others left alone.
    """
    import time

    from streamproc.events import Micros
    from streamproc.warehouse.lookml import Place, strangers, to_lookml
    from streamproc.warehouse.redactions import marks
    from streamproc.warehouse.shape.names import Naming
    from streamproc.warehouse.sinks import dialect_of

    settings = settings_of(ctx).settings
    dialect = dialect_of(settings.loader)
    place = Place(dialect, schema or _plain(_schema_of(settings)), connection)
    since = Micros(time.time_ns() // 1_000 - days * DAY_MICROS)
    tables, redactions = _read(settings, since)
    files = to_lookml(tables, marks(redactions, tables, Naming(dialect)), place)
    removed = write(directory, files)
    click.echo(f"{counted(len(files) - 1, 'view')} and a model written to {directory}.")
    if removed:
        click.echo(f"{counted(removed, 'view')} of tables that are gone removed.")
    for name in strangers(tables):
        click.echo(f"Left out, not the loader's: {name}", err=True)


def _read(settings: Settings, since: Micros) -> tuple[Schema, set[Redaction]]:
    from streamproc.errors import ConfigError, Problem
    from streamproc.warehouse.redactions import Reader, read_redactions
    from streamproc.warehouse.sinks import open_sink

    if settings.loader.sink == "parquet":
        problem = "is a folder of files, which Looker cannot ask"
        raise ConfigError(Problem("settings", "loader.sink", problem))
    sink = open_sink(settings)
    try:
        assert isinstance(sink, Reader)
        return sink.schema(), read_redactions(sink, since)
    finally:
        sink.close()


def write(directory: Path, files: Mapping[str, str]) -> int:
    """Write ``files`` and remove those made before that are not among them; return how many."""
    from streamproc.warehouse.lookml import HEADER

    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text, encoding="utf-8")
    kept = {directory / name for name in files}
    stale = [
        file
        for file in (directory / "views").glob("*.view.lkml")
        if file not in kept and file.read_text(encoding="utf-8").startswith(HEADER)
    ]
    for file in stale:
        file.unlink()
    return len(stale)


def _schema_of(settings: Settings) -> str:
    if settings.loader.sink == "snowflake":
        return f"{settings.snowflake.database}.{settings.snowflake.schema_name}"
    return "main" if settings.loader.sink == "duckdb" else "public"
