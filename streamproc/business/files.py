"""Rows of files: CSV, JSON lines and Parquet, a few at a time."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final

import orjson

from streamproc.business.records import SourceRow
from streamproc.errors import ConfigError, Problem

__all__ = ["FORMATS", "MOST_LINE_BYTES", "read_file"]

MOST_LINE_BYTES: Final = 1_048_576
"""Longest line of JSON, and longest field of CSV: what is longer is no record of the business."""

BATCH_ROWS: Final = 1_000
"""Rows of a Parquet file that are held at a time."""


def read_file(file: Path, columns: Sequence[str]) -> Iterator[SourceRow]:
    """Yield the rows of ``file``, by what its name ends with.

    Lines are those on which records end; of Parquet, rows counted from 1.

    Args:
        file: The file.
        columns: Those that are wanted.

    Raises:
        ConfigError: It is of another kind, cannot be read, or has none of the columns.
    """
    read = FORMATS.get(file.suffix.lower())
    if read is None:
        told = f"expected a file that ends in {', '.join(FORMATS)}"
        raise ConfigError(Problem(str(file), "", told))
    try:
        yield from read(file, columns)
    except OSError as error:
        told = f"cannot be read: {error.strerror or type(error).__name__}"
        raise ConfigError(Problem(str(file), "", told)) from None


def _csv(file: Path, columns: Sequence[str]) -> Iterator[SourceRow]:
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        csv.field_size_limit(MOST_LINE_BYTES)
        rows = csv.reader(lines, strict=True)
        header = _next(rows)
        if header is None:
            raise ConfigError(Problem(str(file), "", "expected a line of column names", 1))
        _check_columns(file, header, columns)
        while True:
            try:
                row = next(rows, None)
            except csv.Error:
                yield SourceRow(rows.line_num, None)
                continue
            if row is None:
                return
            if row:
                values = dict(zip(header, row, strict=True)) if len(row) == len(header) else None
                yield SourceRow(rows.line_num, values)


def _next(rows: Iterator[list[str]]) -> list[str] | None:
    try:
        return next(rows, None)
    except csv.Error:
        return None


def _jsonl(file: Path, columns: Sequence[str]) -> Iterator[SourceRow]:  # noqa: ARG001 - as the others
    with file.open("rb") as lines:
        for number, line in json_lines(lines):
            if line is None or line.strip():
                yield SourceRow(number, None if line is None else _object(line))


def json_lines(lines: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Yield the lines with their numbers; None for one that is longer than any may be."""
    number = 0
    while line := lines.readline(MOST_LINE_BYTES + 1):
        number += 1
        if len(line) <= MOST_LINE_BYTES:
            yield number, line
            continue
        while line and not line.endswith(b"\n"):
            line = lines.readline(MOST_LINE_BYTES)
        yield number, None


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _parquet(file: Path, columns: Sequence[str]) -> Iterator[SourceRow]:
    import pyarrow as pa  # noqa: PLC0415 - half a second, for those who have such a file
    from pyarrow import parquet  # noqa: PLC0415

    try:
        with parquet.ParquetFile(file) as opened:
            names = opened.schema_arrow.names
            _check_columns(file, names, columns)
            there = [name for name in columns if name in names]
            number = 0
            for batch in opened.iter_batches(BATCH_ROWS, columns=there):
                for values in batch.to_pylist():
                    number += 1
                    yield SourceRow(number, values)
    except pa.ArrowException as error:
        told = f"is not Parquet that can be read ({type(error).__name__})"
        raise ConfigError(Problem(str(file), "", told)) from None


def _check_columns(file: Path, there: Sequence[str], columns: Sequence[str]) -> None:
    problems = [
        Problem(str(file), column, "no such column; the configuration names it")
        for column in columns
        if column not in there
    ]
    if problems:
        raise ConfigError(*problems)


FORMATS: Final[dict[str, Callable[[Path, Sequence[str]], Iterator[SourceRow]]]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".parquet": _parquet,
}
"""What reads each kind of file, by the end of its name."""
