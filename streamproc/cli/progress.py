"""How far a command is with a file, for who watches a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["progress_of", "progress_through"]


@contextmanager
def progress_through(
    file: BinaryIO, *, beside_output: bool = True
) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error while ``file`` is read; nothing where that is no terminal.

    Args:
        file: What is read; of what is no file the size is not known, and lines are counted.
        beside_output: Whether it may be shown while standard output goes to the terminal too.

    Yields:
        What is to be told of each batch: its lines, and their bytes with the ends of lines.
    """
    with progress_of(_bytes_of(file), beside_output=beside_output) as advance:
        yield advance


@contextmanager
def progress_of(
    total: int | None, *, beside_output: bool = True
) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error; nothing where that is no terminal.

    Args:
        total: What there is to do; None where that is not known.
        beside_output: Whether it may be shown while standard output goes to the terminal too.

    Yields:
        What is to be told of each batch: its records, and how much of the total they are.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    shown = console.is_terminal and (beside_output or not sys.stdout.isatty())
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
        task = progress.add_task("", total=total)
        records = 0

        def advance(count: int, size: int) -> None:
            nonlocal records
            records += count
            progress.update(task, advance=size, description=f"{records:,} records")

        yield advance


def _bytes_of(file: BinaryIO) -> int | None:
    name = getattr(file, "name", None)
    return Path(name).stat().st_size if isinstance(name, str) and Path(name).is_file() else None
