"""Which columns of a warehouse hold personal data, by what the manifests of its rows say.

Pure but for the reader that is handed in. A manifest names the path of each redaction in the event;
the columns that the path went to follow from :mod:`~streamproc.warehouse.shape.tables`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, runtime_checkable

import orjson

from streamproc.events import Micros
from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import Columns, Schema
from streamproc.warehouse.shape.names import ColumnPath, Naming
from streamproc.warehouse.shape.tables import CONTEXT, FIELDS, PLAIN
from streamproc.warehouse.sql.expressions import converted, iso
from streamproc.warehouse.sql.statements import Statement, in_case, quoted
from streamproc.warehouse.standard import TABLES, USERS

__all__ = ["Mark", "Marks", "Reader", "Redaction", "marks", "read_redactions"]

MANIFEST: Final = "redaction_manifest"
OWN_FIELDS: Final[Mapping[ColumnPath, str]] = {
    ("messageId",): "id",
    ("anonymousId",): "anonymous_id",
    ("userId",): "user_id",
    ("event",): "event_text",
}
"""Fields of an event whose columns every table has, or every table of tracked events."""

DIGEST: Final = re.compile(r"_[0-9a-f]{12}")
"""What names have at the end where several keys of one event ask for one column."""


class Redaction(NamedTuple):
    """Something that was redacted in events of one type, and where; holds no value."""

    type: str
    event_table: str | None
    path: str
    entity: str
    operator: str


class Mark(NamedTuple):
    """What a column holds of personal data, and what was done to it."""

    entity: str
    operator: str


Marks: TypeAlias = Mapping[str, Mapping[str, frozenset[Mark]]]
"""By table and column; of columns without any nothing."""


@runtime_checkable
class Reader(Protocol):
    """A warehouse that can be asked in SQL."""

    @property
    def dialect(self) -> Dialect:
        """Return how names and types are written here."""

    def schema(self) -> Schema:
        """Return the tables of events as they are now."""

    def fetch(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        """Run the query and return its rows."""


def read_redactions(reader: Reader, since: Micros) -> set[Redaction]:
    """Return what was redacted in the events received from ``since`` on.

    Raises:
        RetryableError: The warehouse is not there.
    """
    found: set[Redaction] = set()
    schema = reader.schema()
    for type_, table in TABLES.items():
        if MANIFEST in schema.get(table, {}):
            rows = reader.fetch(_manifests(reader.dialect, table, since))
            found.update(_redactions(type_, rows))
    return found


def marks(redactions: Iterable[Redaction], schema: Schema, naming: Naming) -> Marks:
    """Return the columns of ``schema`` that ``redactions`` were in.

    What was redacted below a column that holds a list or an object is a mark of that column. A key
    that manifests write as ``*`` marks the column above it, if there is one.
    """
    found: dict[str, dict[str, set[Mark]]] = defaultdict(lambda: defaultdict(set))
    for redaction in redactions:
        steps = _steps(redaction.path)
        for table in _tables(redaction):
            for column in _columns(redaction.type, steps, schema.get(table, {}), naming):
                found[table][column].add(Mark(redaction.entity, redaction.operator))
    return {
        table: {column: frozenset(each) for column, each in columns.items()}
        for table, columns in found.items()
    }


def _manifests(dialect: Dialect, table: str, since: Micros) -> Statement:
    event = '"event"' if table == TABLES["track"] else f"CAST(NULL AS {dialect.types[Kind.STRING]})"
    text = converted(dialect, quoted([MANIFEST]), Kind.JSON, Kind.STRING)
    sql = (
        f"SELECT DISTINCT {event}, {text} FROM {quoted([table])}"  # noqa: S608 - names of ours
        f' WHERE "received_at" >= CAST(? AS {dialect.types[Kind.TIMESTAMP]})'
    )
    return Statement(f"manifests of {table}", in_case(dialect, sql), (iso(since),))


def _redactions(type_: str, rows: Iterable[tuple[Any, ...]]) -> Iterator[Redaction]:
    for event_table, manifest in rows:
        for entry in orjson.loads(manifest or b"[]"):
            yield Redaction(type_, event_table, entry["path"], entry["entity"], entry["operator"])


def _tables(redaction: Redaction) -> Iterator[str]:
    yield TABLES[redaction.type]
    if redaction.event_table is not None:
        yield redaction.event_table
    if redaction.type == "identify":
        yield USERS


def _steps(path: str) -> ColumnPath:
    """Return the keys of ``path`` down to the first list."""
    return tuple(path.partition("[")[0].split("."))


def _columns(type_: str, steps: ColumnPath, there: Columns, naming: Naming) -> Iterator[str]:
    if OWN_FIELDS.get(steps) in there:
        yield OWN_FIELDS[steps]
    for column, places in FIELDS[type_].items():
        if column in there and steps in places:
            yield column
    for container in (CONTEXT, *PLAIN[type_]):
        if steps[: len(container)] == container:
            keys = steps if container == CONTEXT else steps[len(container) :]
            yield from _deepest(keys, there, naming)


def _deepest(keys: ColumnPath, there: Columns, naming: Naming) -> Iterator[str]:
    """Yield the columns of the longest part of ``keys`` that has any."""
    for length in range(len(keys), 0, -1):
        name = naming.column(keys[:length])
        found = [each for each in there if each == name or _is_marked(each, name)]
        if found:
            yield from found
            return


def _is_marked(column: str, name: str) -> bool:
    return column.startswith(name) and DIGEST.fullmatch(column, len(name)) is not None
