from __future__ import annotations

import base64
from typing import Any

import orjson
import pyarrow as pa
import pytest

from streamproc.deadletters import generate_key_pair, sealer, unseal
from streamproc.events import Micros, RedactedBody
from streamproc.warehouse.dialects import DUCKDB
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.rows import LoadedRow
from streamproc.warehouse.schema import Schema
from streamproc.warehouse.shape.arrow import recast
from streamproc.warehouse.shape.frames import Framer, Frames, Shaping
from streamproc.warehouse.standard import EVERY, ROW, SYSTEM, TRACK

SHAPING = Shaping(DUCKDB, depth=4, columns=1_000, widen=True)


def row(number: int, properties: Any = None, **others: Any) -> LoadedRow:
    """Return the row of a tracked event, Paid if nothing else is said."""
    body = RedactedBody({"properties": properties or {}})
    usual = LoadedRow(
        f"m-{number}", "track", "Paid", "u", None, None, None, None, None, None, None,
        Micros(number), Micros(number), body, "[]", "f00d", "raw", 0, number, "[]", False,
    )  # fmt: skip
    return usual._replace(**others)


def frames_of(
    values: list[Any], known: dict[str, Kind] | None = None, shaping: Shaping = SHAPING
) -> Frames:
    """Return the frames of events with ``values`` as their property ``n``."""
    rows = [row(number, {"n": value}) for number, value in enumerate(values)]
    return Framer(shaping).frames(enumerate(rows), {"paid": known} if known else {})


def column(frames: Frames, name: str = "n", table: str = "paid") -> list[Any]:
    """Return a column's values in the order of the events."""
    found: list[Any] = frames.tables[table].sort_by(ROW)[name].to_pylist()
    return found


def test_every_table_has_the_numbers_of_its_events_first() -> None:
    rows = [row(0), row(1, type="page"), row(2, type="identify"), row(3, event="Sold")]
    frames = Framer(SHAPING).frames(enumerate(rows, 100), {})
    numbers = {name: table[ROW].to_pylist() for name, table in frames.tables.items()}
    assert all(table.column_names[0] == ROW for table in frames.tables.values())
    assert {name: sorted(of) for name, of in numbers.items()} == {
        "tracks": [100, 103],
        "paid": [100],
        "sold": [103],
        "pages": [101],
        "identifies": [102],
        "users": [102],
        "streamproc_messages": [100, 101, 102, 103],
    }


def test_no_event_makes_no_table() -> None:
    frames = Framer(SHAPING).frames(enumerate([]), {})
    assert (frames.tables, frames.kinds, frames.events) == ({}, {}, 0)


def test_messages_have_exactly_the_systems_columns_but_the_one_the_sink_fills() -> None:
    frames = Framer(SHAPING).frames(enumerate([row(5, correction=True)]), {})
    messages = frames.tables["streamproc_messages"]
    assert messages.column_names == [ROW, *SYSTEM["streamproc_messages"]][:-1]
    assert frames.corrections == 1
    (line,) = messages.to_pylist()
    assert (line["id"], line["type"], line["event_table"]) == ("m-5", "track", "paid")
    assert (line["source_topic"], line["source_partition"], line["source_offset"]) == ("raw", 0, 5)
    assert line["correction"] is True
    assert line["anonymous_id"] is None


def test_a_new_table_has_all_standard_columns_even_if_they_are_empty() -> None:
    kinds = frames_of([1]).kinds["paid"]
    assert kinds == {**EVERY, **TRACK, "n": Kind.INTEGER}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([True, None], Kind.BOOLEAN),
        ([1, 2], Kind.INTEGER),
        ([1, 2.5], Kind.FLOAT),
        ([2**63], Kind.STRING),
        (["2026-01-02", "2026-01-03"], Kind.DATE),
        (["2026-01-02T03:04:05Z"], Kind.TIMESTAMP),
        (["2026-01-02T03:04:05+01:00", "2026-01-02T03:04:05.25Z"], Kind.TIMESTAMP),
        (["2026-01-02", "2026-01-02T03:04:05Z"], Kind.TIMESTAMP),
        (["2026-01-02", "soon"], Kind.STRING),
        (["2026-02-30"], Kind.STRING),
        ([[1], [{"a": None}]], Kind.JSON),
        ([True, 1], Kind.STRING),
    ],
)
def test_a_new_column_has_the_narrowest_kind_of_all_its_values(
    values: list[Any], kind: Kind
) -> None:
    assert frames_of(values).kinds["paid"]["n"] is kind


def test_a_property_that_is_an_object_once_and_a_number_next_is_two_columns() -> None:
    frames = frames_of([{"a": 1}, 2])
    assert column(frames, "n_a") == [1, None]
    assert column(frames, "n") == [None, 2]


def test_values_are_written_as_their_columns_kind_has_them() -> None:
    assert column(frames_of([True, 1, 1.5, 2**64 - 1, "x", None])) == [
        "true", "1", "1.5", "18446744073709551615", "x", None,
    ]  # fmt: skip
    assert column(frames_of([[1, {"a": None}], ["x"]])) == ['[1,{"a":null}]', '["x"]']


def test_u_0000_is_replaced_in_texts_and_within_json() -> None:
    assert column(frames_of(["a\0b", "c"])) == ["a\ufffdb", "c"]
    assert orjson.loads(column(frames_of([["\0"]]))[0]) == ["\ufffd"]


def test_a_known_columns_kind_is_widened() -> None:
    frames = frames_of([1, 2], {"n": Kind.FLOAT})
    assert frames.kinds["paid"]["n"] is Kind.FLOAT
    assert column(frames) == [1.0, 2.0]
    frames = frames_of([1, 2], {"n": Kind.BOOLEAN})
    assert frames.kinds["paid"]["n"] is Kind.STRING
    assert column(frames) == ["1", "2"]


def test_tables_of_one_event_each_have_their_own_kinds() -> None:
    rows = [
        row(0, payload=RedactedBody({"context": {"n": 1}})),
        row(1, payload=RedactedBody({"context": {"n": "2026-01-02"}}), event="Sold"),
        row(2, payload=RedactedBody({"context": {"n": 2.5}}), event="Shown"),
    ]
    known: Schema = {"shown": {"context_n": Kind.STRING}}
    frames = Framer(SHAPING).frames(enumerate(rows), known)
    kinds = {table: columns["context_n"] for table, columns in frames.kinds.items()}
    assert kinds == {
        "tracks": Kind.STRING,
        "paid": Kind.INTEGER,
        "sold": Kind.DATE,
        "shown": Kind.STRING,
    }
    assert column(frames, "context_n", "tracks") == ["1", "2026-01-02", "2.5"]


def test_what_does_not_fit_is_null_and_a_line_in_discards_without_the_value() -> None:
    shaping = Shaping(DUCKDB, 4, 1_000, widen=False)
    frames = frames_of([1, "tok_k1_aa", None, [1]], {"n": Kind.INTEGER}, shaping)
    assert column(frames) == [1, None, None, None]
    assert frames.discards == 2
    first, second = frames.tables["discards"].sort_by(ROW).to_pylist()
    assert first == {
        ROW: 1,
        "table_name": "paid",
        "column_name": "n",
        "row_id": "m-1",
        "reason": "type",
        "value_type": "string",
        "value_length": 9,
        "sealed": None,
        "received_at": first["received_at"],
    }
    assert (second["value_type"], second["value_length"]) == ("array", 3)
    assert "tok_k1_aa" not in str(frames.tables["discards"])


def test_a_discarded_value_is_sealed_to_the_key() -> None:
    keys = generate_key_pair()
    shaping = Shaping(DUCKDB, 4, 1_000, widen=False, seal=sealer(keys.public))
    frames = frames_of(["tok_k1_aa"], {"n": Kind.INTEGER}, shaping)
    (line,) = frames.tables["discards"].to_pylist()
    assert orjson.loads(unseal(keys.private, base64.b64decode(line["sealed"]))) == "tok_k1_aa"


def test_columns_beyond_the_limit_are_one_json_object_and_an_alarm() -> None:
    shaping = Shaping(DUCKDB, 4, columns=len({**EVERY, **TRACK}) + 2 + 3, widen=True)
    rows = [row(0, {"a": 1, "b": "x", "d": [1]}), row(1, {"c": 2.5})]
    frames = Framer(shaping).frames(enumerate(rows), {})
    assert set(frames.kinds["paid"]) - {*EVERY, *TRACK} == {"a", "b", "other_columns"}
    others = column(frames, "other_columns")
    assert [orjson.loads(each) for each in others] == [{"d": [1]}, {"c": 2.5}]
    assert [tuple(alarm) for alarm in frames.alarms] == [("paid", 2)]


def test_known_columns_stay_columns_when_the_table_is_full() -> None:
    shaping = Shaping(DUCKDB, 4, columns=12, widen=True)
    frames = Framer(shaping).frames(
        enumerate([row(0, {"z": 1, "a": 2})]), {"paid": {"z": Kind.INTEGER}}
    )
    assert column(frames, "z") == [1]
    assert orjson.loads(column(frames, "other_columns")[0]) == {"a": 2}


def test_two_keys_for_one_column_are_two_columns_where_one_event_has_both() -> None:
    rows = [row(0, {"userName": "a"}), row(1, {"user_name": "b"})]
    frames = Framer(SHAPING).frames(
        enumerate([*rows, row(2, {"userName": "c", "user_name": "d"})]), {}
    )
    assert column(frames, "user_name") == ["a", "b", "d"]
    (other,) = [name for name in frames.kinds["paid"] if name.startswith("user_name_")]
    assert column(frames, other) == [None, None, "c"]


def test_events_are_taken_as_they_are_asked_for() -> None:
    asked = iter([row(number, {"n": number}) for number in range(2_000)])
    frames = Framer(SHAPING).frames(enumerate(asked), {})
    assert frames.events == 2_000
    assert column(frames) == list(range(2_000))


def test_no_repr_holds_a_value() -> None:
    assert "tok_k1_aa" not in repr(frames_of(["tok_k1_aa"]))


def test_recast_refuses_what_would_lose_values() -> None:
    table = pa.table({ROW: pa.array([0]), "a": pa.array([1.5])})
    with pytest.raises(ValueError, match="does not widen"):
        recast(table, {"a": Kind.INTEGER})
    with pytest.raises(ValueError, match="1 columns more"):
        recast(table, {})
