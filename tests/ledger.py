"""The oracle of the fault suite: what was published, against everything that came of it.

Every published record has one fate, known beforehand: a row, a dead letter, or to be dropped by a
rule. A ledger says of each whether that, and nothing else, is what became of it; whether rows of
one key are in order; and whether a planted value is anywhere it must not be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from brokers import Consumed
from workplace import Workplace

from streamproc.canaries.leaks import Text
from streamproc.demo.check import LeakCheck, warehouse_rows
from streamproc.demo.records import Generated
from streamproc.kafka.codecs import decode_row

__all__ = ["At", "Fate", "Published", "Verdict", "audit"]

Fate: TypeAlias = Literal["row", "dead", "dropped"]
At: TypeAlias = tuple[int, int]
"""Partition and offset of a record of the raw topic."""


@dataclass(frozen=True, slots=True)
class Published:
    """A record that the brokers have acknowledged.

    Attributes:
        during: The fault that was under way, or about to be.
        at: Where it lies.
    """

    during: str
    at: At
    record: Generated = field(repr=False)
    fate: Fate


@dataclass(slots=True)
class Verdict:
    """What became of the records that were published during one fault.

    Attributes:
        lost: Neither where they should be.
        doubled: Twice in the warehouse, or there though they should not be.
        leaked: Planted values found, anywhere.
        disordered: Rows that stand on the loader topic after a later one of their key.
        repeated: Rows made once more; the loader leaves them out.
    """

    events: int = 0
    rows: int = 0
    dead: int = 0
    dropped: int = 0
    lost: int = 0
    doubled: int = 0
    leaked: int = 0
    disordered: int = 0
    repeated: int = 0
    wrong: list[str] = field(default_factory=list)
    """Which, by where they lie; never what is in them."""

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.doubled or self.leaked or self.disordered)


def audit(
    place: Workplace, published: Sequence[Published], logs: Mapping[str, Iterable[str]]
) -> dict[str, Verdict]:
    """Return the verdicts by fault, in the order they came.

    Args:
        place: Where all of it went; nothing is running any more.
        published: Everything that was.
        logs: The lines that processes wrote, by the processes' names.
    """
    verdicts: dict[str, Verdict] = defaultdict(Verdict)
    loaded = place.broker.consume_all(place.topics.load)
    _account(place, published, verdicts)
    _compare_order(loaded, {each.at: each for each in published}, verdicts)
    _search(place, published, _texts(place, loaded, logs), verdicts)
    return dict(verdicts)


def _account(
    place: Workplace, published: Sequence[Published], verdicts: dict[str, Verdict]
) -> None:
    rows = place.message_ids()
    letters = {(each.origin.partition, each.origin.offset) for each in place.dead_letters()}
    committed = place.broker.committed(place.group, place.topics.raw)
    wanted = {each.record.message_id for each in published if each.fate == "row"}
    for each in published:
        verdict = verdicts[each.during]
        partition, offset = each.at
        id_ = each.record.message_id
        arrived = {
            "row": rows[id_] >= 1,
            "dead": each.at in letters,
            "dropped": committed.get(partition, 0) > offset,
        }[each.fate]
        stray = (id_ not in wanted and id_ in rows) or (each.fate != "dead" and each.at in letters)
        verdict.events += 1
        setattr(verdict, _COUNTED[each.fate], getattr(verdict, _COUNTED[each.fate]) + arrived)
        verdict.lost += not arrived
        verdict.doubled += rows[id_] > 1 or stray
        if not arrived or rows[id_] > 1 or stray:
            verdict.wrong.append(f"{partition}@{offset} was to be {each.fate}")
    foreign = rows.keys() - wanted - {each.record.message_id for each in published}
    assert not foreign, f"{len(foreign)} rows are of nothing that was published"


_COUNTED: Mapping[Fate, str] = {"row": "rows", "dead": "dead", "dropped": "dropped"}


def _compare_order(
    loaded: Iterable[Consumed], published: Mapping[At, Published], verdicts: dict[str, Verdict]
) -> None:
    """Count rows that come too late, and those that come again, by the first of each."""
    known: set[At] = set()
    latest: dict[tuple[bytes | None, int], int] = {}
    partitions: dict[bytes | None, set[int]] = defaultdict(set)
    for record in loaded:  # by partition and offset
        row = decode_row(record.value or b"")
        at = (row.source_partition, row.source_offset)
        verdict = verdicts[published[at].during]
        partitions[record.key].add(record.partition)
        if at in known:
            verdict.repeated += 1
            continue
        known.add(at)
        key = (record.key, row.source_partition)
        if row.source_offset < latest.get(key, -1):
            verdict.disordered += 1
            verdict.wrong.append(f"{at[0]}@{at[1]} comes after {latest[key]} of its key")
        latest[key] = max(latest.get(key, -1), row.source_offset)
    assert all(len(each) == 1 for each in partitions.values()), "a key is in two partitions"


def _search(
    place: Workplace,
    published: Sequence[Published],
    texts: Iterable[Text],
    verdicts: dict[str, Verdict],
) -> None:
    during = {each.record.message_id: each.during for each in published}
    check = LeakCheck(planted for each in published for planted in each.record.planted)
    check.search("everywhere", texts)
    check.search("warehouse", warehouse_rows(place.warehouse))
    for leak in check.leaks:
        verdict = verdicts[during[leak.message_id]]
        verdict.leaked += 1
        verdict.wrong.append(f"{leak.kind} of {leak.planted_at} is in {leak.place}")


def _texts(
    place: Workplace, loaded: Iterable[Consumed], logs: Mapping[str, Iterable[str]]
) -> Iterator[Text]:
    for record in loaded:
        yield from _of_record(place.topics.load, record)
    for topic in (place.topics.links, place.topics.attributes):
        for record in place.broker.consume_all(topic):
            yield from _of_record(topic, record)
    for number, letter in enumerate(place.dead_letters()):
        clear = (letter.view, letter.path.encode(), letter.code.encode())
        yield Text(f"dead letter {number}", None, b"\n".join(clear))
    for name, lines in logs.items():
        for line in lines:
            yield Text(f"log of {name}", None, line.encode())


def _of_record(topic: str, record: Consumed) -> Iterator[Text]:
    where = f"{topic}[{record.partition}]@{record.offset}"
    yield from (Text(where, None, part) for part in (record.key, record.value) if part)
