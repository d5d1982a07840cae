"""A small story with everything a loader can meet, and what the warehouse has to hold at its end.

The story: new tables, new columns, two columns that get wider, messages twice in a batch and across
batches, corrections, users told of too late, a person deleted whose events go on coming, a value
that does not fit, a record that is not ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import orjson
from loading import NOW, MemorySource, MemoryTopic

from streamproc.events import Deletion, EventType, Micros, Origin, Row, Times
from streamproc.kafka.codecs import encode_deletion, encode_row
from streamproc.settings import TopicSettings
from streamproc.warehouse.loading.source import Happening
from streamproc.warehouse.sink import Place, Position

__all__ = [
    "BATCH_ROWS",
    "TEXT_BYTES",
    "LateSource",
    "Tables",
    "complaints",
    "ends",
    "sources",
    "topics",
]

Tables: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]
"""Rows by table, values by column, all names in lower case; without when they were loaded."""

BATCH_ROWS: Final = 18
TEXT_BYTES: Final = 200
"""Longest text that the warehouse is said to take."""
PARTITIONS: Final = 2
SECOND: Final = 1_000_000
ADA, BOB, GONE = "tok_k1_ada", "tok_k1_bob", "tok_k1_gone"
DELETED_UNTIL: Final = 100
"""Seconds of the story."""
DELETION_AFTER: Final = 20
"""Records of the others that come before the deletion is read."""
LONG: Final = "long " * TEXT_BYTES


def told(
    number: int,
    seconds: int,
    event: str | None = "Paid",
    user: str = ADA,
    *,
    kind: EventType = "track",
    correction: bool = False,
    **fields: Any,
) -> tuple[int, bytes]:
    """Return the number of a message, which is its key too, and its row."""
    place = "traits" if kind in {"identify", "group"} else "properties"
    body = {"type": kind, "event": event, "userId": user, place: fields}
    at = Micros(NOW + seconds * SECOND)
    row = Row(
        message_id=f"m-{number:02d}",
        type=kind,
        event=event if kind == "track" else None,
        user_id=user,
        anonymous_id=None,
        identity_id=None,
        times=Times(None, None, at, at),
        payload=orjson.dumps(body),
        manifest=(),
        ruleset="f00d",
        origin=Origin("events.raw", 0, number),
        ordering_key=user.encode(),
        correction=correction,
    )
    return number, encode_row(row)


def story() -> Iterator[tuple[int, bytes]]:
    yield from (told(n, n, total=n) for n in range(6))
    yield told(0, 0, total=99)
    yield told(20, 1, None, kind="identify", plan="free")
    yield told(21, 3, None, kind="identify", plan="pro")
    yield told(22, 2, None, BOB, kind="identify", plan="free")
    yield told(23, 5, None, kind="page", name="Start")
    yield 0, b"not ours"
    yield told(7, 7, total=7, note=LONG)
    yield told(6, 6, user=GONE, total=6)
    yield told(25, 2, None, GONE, kind="identify", plan="pro")
    yield told(26, 2, None, kind="group", seats=5)
    yield told(11, 11, user=GONE, total=11)
    yield told(10, 10, "Refunded", amount=1)
    # What is loaded now is there again, columns are new or wider, and somebody is deleted.
    yield from (told(n, n, total=n) for n in range(2))
    yield from (told(n, n, total=n / 4, coupon="X") for n in (8, 9))
    yield told(24, 2, None, kind="identify", plan="older", city="Oslo")
    yield told(12, 12, "Refunded", amount="much")
    yield told(13, DELETED_UNTIL, user=GONE, total=13)
    yield told(14, DELETED_UNTIL + 1, user=GONE, total=14)
    yield told(2, 2, "Changed", correction=True, total=20)
    yield from (told(3, 3, "Changed", correction=True, total=total) for total in (30, 31))
    yield told(21, 3, None, kind="identify", plan="twice")
    yield told(15, 15, user=BOB, total=15)
    yield told(27, 5, None, kind="screen", name="Home")


IDS: Final[Mapping[str, Sequence[int]]] = {
    "streamproc_messages": [*range(16), *range(20, 28)],
    "tracks": [n for n in range(16) if n not in {6, 11, 13}],
    "paid": [0, 1, 4, 5, 7, 8, 9, 14, 15],
    "changed": [2, 3],
    "refunded": [10, 12],
    "identifies": [20, 21, 22, 24],
    "pages": [23],
    "screens": [27],
    "groups": [26],
}
VALUES: Final = {
    ("paid", "m-00", "total"): "0.0",
    ("paid", "m-09", "total"): "2.25",
    ("changed", "m-03", "total"): "31",
    ("refunded", "m-10", "amount"): "1",
    ("refunded", "m-12", "amount"): "much",
    ("paid", "m-07", "note"): "None",
    ("users", ADA, "plan"): "pro",
    ("users", ADA, "city"): "Oslo",
    ("users", BOB, "plan"): "free",
}
DELETED: Final = 4
"""Events deleted or kept out."""


def topics(names: TopicSettings) -> tuple[MemoryTopic, MemoryTopic]:
    """Return the topics of rows and of deletions; what has one key is in one partition."""
    load = MemoryTopic(names.load, [[] for _ in range(PARTITIONS)])
    for number, value in story():
        load.publish([value], number % PARTITIONS)
    deletions = MemoryTopic(names.deletions, [[]])
    until = Micros(NOW + DELETED_UNTIL * SECOND)
    deletions.publish([encode_deletion(Deletion(GONE, until, "case 7"))])
    return load, deletions


def sources(
    names: TopicSettings, wait: Callable[[float], None]
) -> tuple[MemorySource, MemorySource]:
    """Return the sources of rows and of deletions."""
    load, deletions = topics(names)
    rows = MemorySource(load, wait)
    return rows, LateSource(deletions, wait, rows)


class LateSource(MemorySource):
    """A source that waits until another one has got so far."""

    def __init__(
        self, topic: MemoryTopic, wait: Callable[[float], None], other: MemorySource
    ) -> None:
        super().__init__(topic, wait)
        self._other = other

    def poll(self, seconds: float) -> Happening | None:
        is_early = sum(self._other.positions.values()) < DELETION_AFTER
        if self.positions and is_early and not self._happening:
            return None
        return super().poll(seconds)


def ends(names: TopicSettings) -> Mapping[Place, Position]:
    """Return where each partition ends."""
    return {
        place: Position(len(topic.partitions[place.partition]))
        for topic in topics(names)
        for place in topic.places
    }


def complaints(tables: Tables) -> Iterator[str]:
    """Yield what is wrong with the tables at the end of the story."""
    for table, numbers in IDS.items():
        found = Counter(str(row["id"]) for row in tables.get(table, ()))
        expected = Counter(f"m-{number:02d}" for number in numbers)
        if found != expected:
            yield f"{table}: {sorted((found - expected).items())} too many"
            yield f"{table}: {sorted((expected - found).items())} too few"
    if sorted(str(row["id"]) for row in tables.get("users", ())) != [ADA, BOB]:
        yield "users: not each of them once"
    for (table, id_, column), expected_value in VALUES.items():
        values = [str(row[column]) for row in tables.get(table, ()) if row["id"] == id_]
        if values != [expected_value]:
            yield f"{table}: {column} of {id_} is {values}"
    discards = [(row["row_id"], row["column_name"]) for row in tables.get("discards", ())]
    if discards != [("m-07", "note")]:
        yield f"discards: {discards}"
    deletions = [
        (row["token"], row["receipt"], row["events"])
        for row in tables.get("streamproc_deletions", ())
    ]
    if deletions != [(GONE, "case 7", DELETED)]:
        yield f"streamproc_deletions: {deletions}"
