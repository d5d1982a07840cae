"""What commands hold schemas against: a registry's versions, or the files of another folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from streamproc.cli.rules.consoles import plain_console

if TYPE_CHECKING:
    from streamproc.formats import Declared, Mode
    from streamproc.kafka.subjects import LocalSchema, Subjects
    from streamproc.settings import Settings

__all__ = [
    "COMPATIBILITY",
    "Earlier",
    "Source",
    "against_option",
    "mode_of",
    "print_table",
    "source_of",
    "wanted",
]

WIDTH = 160

COMPATIBILITY = (
    "none",
    "backward",
    "backward_transitive",
    "forward",
    "forward_transitive",
    "full",
    "full_transitive",
)
"""The modes as the command line has them; listing them must not wait for fastavro."""

against_option = click.option(
    "--against",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of earlier schemas, by the same file names [default: the registry].",
)


class Earlier(NamedTuple):
    """An earlier version of a schema, and what it is called."""

    name: str
    declared: Declared


class Source(NamedTuple):
    """Where earlier versions come from.

    Attributes:
        versions: Returns those of a schema, oldest first.
        mode: Returns what new ones are held to.
        registry: The registry itself; None for a folder.
    """

    versions: Callable[[LocalSchema], Sequence[Earlier]]
    mode: Callable[[str], Mode]
    registry: Subjects | None


def wanted(settings: Settings, subjects: Sequence[str]) -> Sequence[LocalSchema]:
    """Return the local schemas of ``subjects``, or all.

    Raises:
        ConfigError: With every problem of the files; none belongs under one of them.
    """
    from streamproc.kafka.subjects import chosen, local_schemas

    return chosen(local_schemas(settings), subjects)


def mode_of(name: str) -> Mode:
    """Return the mode of one of :data:`COMPATIBILITY`, in whichever case."""
    from streamproc.formats import MODES

    return next(mode for mode in MODES if mode == name.upper())


@contextmanager
def source_of(settings: Settings, folder: Path | None) -> Iterator[Source]:
    """Have the folder, or else the registry of the settings, as a source.

    Raises:
        ConfigError: Neither is named, or the registry's settings cannot be used.
    """
    if folder is not None:
        yield Source(lambda schema: _in_folder(folder, schema), lambda _: "BACKWARD", None)
        return
    from streamproc.errors import ConfigError, Problem
    from streamproc.kafka.subjects import Subjects

    if settings.registry.url is None:
        told = "no schema registry is named; expected one, or --against"
        raise ConfigError(Problem("settings", "registry.url", told))
    with Subjects(settings) as registry:
        yield Source(
            lambda schema: [
                Earlier(f"version {each.number}", each.declared)
                for each in registry.versions(schema.subject)
            ],
            registry.mode,
            registry,
        )


def _in_folder(folder: Path, schema: LocalSchema) -> Sequence[Earlier]:
    from streamproc.formats import load_schema_file

    # A checkout of before has the folder's files at its top, or below as they are shipped.
    found = (folder / schema.file.name, folder / schema.file.parent.name / schema.file.name)
    file = next((each for each in found if each.exists()), None)
    return [] if file is None else [Earlier(str(file), load_schema_file(file).declared)]


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print ``rows``, which have the same keys, as a table."""
    from rich.table import Table

    headings = [name.replace("_", " ").capitalize() for name in rows[0]]
    table = Table(*headings, box=None, header_style="bold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row.values()))
    plain_console(WIDTH).print(table)
