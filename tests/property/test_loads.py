"""Any batches, against what they mean written down in a few lines of Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgres_server import binaries, postgres_server
from pydantic import SecretStr
from warehouse_batches import HOUR, NOW, Event, deletion, load

from streamproc.events import Json
from streamproc.settings import LoaderSettings
from streamproc.warehouse.sink import Deletion, Mode
from streamproc.warehouse.sinks.duckdb import DuckDBSink, open_duckdb
from streamproc.warehouse.sinks.postgres import PostgresSink, open_postgres
from streamproc.warehouse.sql.expressions import micros
from streamproc.warehouse.sql.statements import Statement
from streamproc.warehouse.standard import TABLES

SQLSink: TypeAlias = DuckDBSink | PostgresSink

WINDOW = 168 * HOUR
TOKENS = ("user_id", "anonymous_id", "identity_id")


@dataclass
class Line:
    """A message that was loaded; its event is None once its person was deleted."""

    id: str
    received_at: int
    event: Event | None
    corrected_upto: int | None
    """The raw record that it corrects; None where it is no correction."""


@dataclass
class Model:
    """A warehouse."""

    lines: list[Line] = field(default_factory=list)
    deleted: dict[str, int] = field(default_factory=dict)

    def load(self, events: Sequence[Event], mode: Mode, deletions: Sequence[Deletion]) -> None:
        for token, until, _ in deletions:
            self.deleted[token] = max(until, self.deleted.get(token, until))
        before = list(self.lines)
        for event in chosen(events, mode):
            there = [line for line in before if is_same(line, event)]
            undoes = all(is_corrected(line, event) for line in there)
            replaces = event.correction or (mode == "merge" and not undoes)
            if there and mode != "append" and not replaces:
                continue
            if replaces:
                self.lines = [line for line in self.lines if line not in there]
            stays_out = replaces and any(map(self.is_forgotten, there))
            upto = event.source_offset if event.correction else None
            self.lines.append(Line(event.id, event.received_at, None if stays_out else event, upto))
        for line in self.lines:
            if line.event is not None and self.is_deleted(line.event):
                line.event = None

    def is_forgotten(self, line: Line) -> bool:
        return line.event is None or self.is_deleted(line.event)

    def is_deleted(self, event: Event) -> bool:
        found = (self.deleted.get(getattr(event, token)) for token in TOKENS)
        return any(until is not None and event.received_at <= until for until in found)

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        found: dict[str, list[tuple[Any, ...]]] = {}
        for line in self.lines:
            found.setdefault("streamproc_messages", []).append((line.id, line.received_at))
            if (event := line.event) is None:
                continue
            row = (event.id, event.received_at, event.fields.get("n"), event.fields.get("m"))
            for table in (event.table, TABLES[event.type]):
                if table is not None:
                    found.setdefault(table, []).append(row if table != "tracks" else row[:2])
        found["users"] = list(self.users())
        return {table: sorted(rows, key=str) for table, rows in found.items() if rows}

    def users(self) -> Iterator[tuple[Any, ...]]:
        newest: dict[str, dict[str, Json]] = {}
        kept = (line.event for line in self.lines if line.event is not None)
        identifies = [event for event in kept if event.type == "identify" and event.user_id]
        for event in sorted(identifies, key=lambda event: (event.received_at, event.id)):
            told = {name: value for name, value in event.fields.items() if value is not None}
            newest.setdefault(str(event.user_id), {}).update(told, received_at=event.received_at)
        for user, values in newest.items():
            yield (user, values["received_at"], values.get("n"), values.get("m"))


def is_same(line: Line, event: Event) -> bool:
    return line.id == event.id and abs(line.received_at - event.received_at) <= WINDOW


def is_corrected(line: Line, event: Event) -> bool:
    return line.corrected_upto is not None and event.source_offset <= line.corrected_upto


def chosen(events: Sequence[Event], mode: Mode) -> list[Event]:
    """Return which of the events of each id go in."""
    by_id: dict[str, list[Event]] = {}
    for event in events:
        by_id.setdefault(event.id, []).append(event)
    found: list[Event] = []
    for same in by_id.values():
        corrections = [event for event in same if event.correction]
        if mode == "merge":
            upto = max((event.source_offset for event in corrections), default=0)
            found.append([e for e in same if e.correction or e.source_offset > upto][-1])
        elif corrections:
            found.append(corrections[-1])
        else:
            found += same if mode == "append" else same[:1]
    return found


def events(mode: Mode) -> st.SearchStrategy[Event]:
    tokens = st.sampled_from([None, None, "u1", "u2", "u3"])
    numbers = st.none() | st.integers(0, 9)
    made = st.builds(
        Event,
        id=st.sampled_from("abcdefgh"),
        type=st.sampled_from(["track", "identify", "identify", "page"]),
        table=st.sampled_from(["paid", "refunded"]),
        received_at=st.sampled_from([0, 1, 1, 2, 100, 167, 169, 337]).map(lambda h: NOW + h * HOUR),
        user_id=tokens,
        anonymous_id=tokens,
        identity_id=st.sampled_from(["u1", "u2", "u3"]),  # every event is of somebody
        # Two lines of one id that are both kept have no order between them.
        correction=st.just(False) if mode == "append" else st.booleans(),
        source_offset=st.sampled_from([1, 1, 2, 3]),
        fields=st.fixed_dictionaries({"n": numbers, "m": numbers}),
    )
    return made.map(lambda event: tidied(event, mode))


def tidied(event: Event, mode: Mode) -> Event:
    told = replace(event, table=event.table if event.type == "track" else None)
    if mode != "append":
        return told
    # Copies of an event are all kept here, and are of the same person.
    user = {"a": "u1", "b": "u2"}.get(event.id)
    fields: Mapping[str, Json] = {"n": ord(event.id), "m": event.received_at}
    return replace(told, user_id=user, anonymous_id=None, identity_id=None, fields=fields)


def batches(mode: Mode) -> st.SearchStrategy[list[tuple[list[Event], list[Deletion]]]]:
    moments = st.integers(-1, 170).map(lambda hours: NOW + hours * HOUR)
    deletions = st.lists(st.builds(deletion, st.sampled_from(["u1", "u2"]), moments), max_size=2)
    one = st.tuples(st.lists(events(mode), max_size=6), st.one_of(st.just([]), deletions))
    return st.lists(one, min_size=1, max_size=5)


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def sink(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SQLSink]:
    if request.param == "duckdb":
        file = tmp_path_factory.mktemp("loads") / "warehouse.duckdb"
        with closing(open_duckdb(LoaderSettings(duckdb_file=file))) as opened:
            yield opened
    elif (programs := binaries()) is None:
        pytest.skip("PostgreSQL is not installed")
    else:
        with postgres_server(programs) as url:
            set_up = LoaderSettings(postgres_url=SecretStr(url))
            with closing(open_postgres(set_up)) as connected:
                yield connected


def asked(sink: SQLSink, query: str) -> list[tuple[Any, ...]]:
    with sink._transaction():
        return sorted(sink.fetch(Statement("asked", query)), key=str)


def emptied(sink: SQLSink) -> SQLSink:
    tables = [*sink.schema(), "streamproc_messages", "streamproc_deletions"]
    with sink._transaction():
        for table in tables:
            sink.run(Statement("empty", f'DELETE FROM "{table}"'))
    return sink


def stored(sink: SQLSink) -> dict[str, list[tuple[Any, ...]]]:
    found = {}
    known = sink.schema()
    for table, rows in sink.counts().items():
        columns = ["id", micros(sink.dialect, "received_at")]
        if table not in ("tracks", "streamproc_messages"):
            columns += [name if name in known.get(table, {}) else "NULL" for name in ("n", "m")]
        if rows:
            found[table] = asked(sink, f'SELECT {", ".join(columns)} FROM "{table}"')
    return found


@pytest.mark.parametrize("mode", ["dedupe", "merge", "append"])
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_the_warehouse_holds_what_its_batches_mean(
    sink: SQLSink, mode: Mode, data: st.DataObject
) -> None:
    model = Model()
    emptied(sink)
    for events_, deletions in data.draw(batches(mode)):
        result = load(sink, events_, mode=mode, deletions=deletions)
        model.load(events_, mode, deletions)
        assert stored(sink) == model.tables()
        replaced = result.replaced + result.duplicates + result.rows
        assert replaced <= len(events_)
    people = "SELECT user_id, anonymous_id, identity_id FROM streamproc_messages"
    left = {token for row in asked(sink, people) for token in row}
    held = [line.event for line in model.lines if line.event is not None]
    assert left - {None} <= {getattr(event, token) for event in held for token in TOKENS}


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_the_order_of_identifies_does_not_matter(sink: SQLSink, data: st.DataObject) -> None:
    traits = st.fixed_dictionaries({"n": st.none() | st.integers(0, 9), "m": st.none() | st.text()})
    told = [
        Event(f"i{number}", "identify", None, NOW + moment, "u", fields=fields)
        for number, (moment, fields) in enumerate(
            data.draw(st.lists(st.tuples(st.integers(0, 4), traits), min_size=1, max_size=8))
        )
    ]
    found = []
    for order in (told, data.draw(st.permutations(told))):
        emptied(sink)
        size = data.draw(st.integers(1, 8))
        for start in range(0, len(order), size):
            load(sink, order[start : start + size])
        found.append(stored(sink)["users"])
    assert found[0] == found[1]
