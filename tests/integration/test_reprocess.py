"""Past events once more, by other rules: on real Kafka, which knows what time records are of."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from brokers import Broker, Consumed
from processes import running
from workplace import Workplace

from streamproc.demo import Generated
from streamproc.kafka.codecs import ROW, decode_row
from streamproc.warehouse import LoadedRow

pytestmark = pytest.mark.kafka

RULES = "version: 1\nname: own\nentities: [EMAIL_ADDRESS]\noperators: {default: %s}\nrules: []\n"
EMAIL = "jane@example.com"
MASKED = "****@*******.***"


@pytest.fixture
def place(kafka: Broker, tmp_path: Path) -> Workplace:
    for name, operator in (("before", "replace"), ("after", "mask")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rules.yaml").write_text(RULES % operator)
    return Workplace(kafka, tmp_path)


def publish(place: Workplace, start: int, count: int) -> datetime:
    """Publish numbered events with an address in each; return a moment before them all."""
    time.sleep(0.05)  # records of before are of another millisecond
    moment = datetime.now(UTC)
    time.sleep(0.05)
    place.publish(numbered(number) for number in range(start, start + count))
    return moment


def numbered(number: int) -> Generated:
    event = {
        "type": "track",
        "event": "Seen",
        "anonymousId": f"a-{number % 5}",
        "messageId": f"m-{number}",
        "properties": {"contact": EMAIL},
    }
    return Generated(orjson.dumps(event), f"a-{number % 5}".encode(), f"m-{number}", ())


def work(place: Workplace, count: int) -> None:
    with place.ready_worker(rules_directory=place.folder / "before") as worker:
        place.wait_until_processed(count)
        worker.stop()


def reprocess(place: Workplace, *arguments: str, **settings: object) -> dict[str, Any]:
    environment = place.environment(rules_directory=place.folder / "after", **settings)
    with running(["-m", "streamproc", "reprocess", "--json", *arguments], environment) as process:
        assert process.wait(120) == 0, process.output()
        process.close()
        summary: dict[str, Any] = json.loads(process.lines[-1])
        return summary


def rows(place: Workplace) -> list[tuple[Consumed, LoadedRow]]:
    found = place.broker.consume_all(place.topics.load)
    return [(record, decode_row(record.value)) for record in found]


def contact(record: Consumed) -> str:
    """Return what is left of the address in an event."""
    text: str = orjson.loads(ROW.decode(record.value)["payload"])["properties"]["contact"]
    return text


def places_by_id(found: list[tuple[Consumed, LoadedRow]]) -> Mapping[str, tuple[Any, ...]]:
    return {
        row.message_id: (record.partition, record.key, row.source_partition, row.source_offset)
        for record, row in found
    }


def test_events_of_a_time_are_corrected_by_the_rules_now_in_force(place: Workplace) -> None:
    publish(place, 0, 20)
    since = publish(place, 20, 30)
    until = publish(place, 50, 10)
    work(place, 60)

    summary = reprocess(place, "--since", since.isoformat(), "--until", until.isoformat())

    found = rows(place)
    first = [each for each in found if not each[1].correction]
    again = [each for each in found if each[1].correction]
    assert (summary["complete"], summary["events"], summary["rows"]) == (True, 30, 30)
    assert len(first) == 60
    assert {row.message_id for _, row in again} == {f"m-{n}" for n in range(20, 50)}
    assert places_by_id(again).items() <= places_by_id(first).items()
    assert {contact(record) for record, _ in first} == {"<EMAIL_ADDRESS>"}
    assert {contact(record) for record, _ in again} == {MASKED}
    assert not {row.ruleset for _, row in first} & {row.ruleset for _, row in again}


def test_corrections_of_one_key_come_in_the_order_of_its_events(place: Workplace) -> None:
    since = publish(place, 0, 200)

    reprocess(place, "--since", since.isoformat(), worker_batch_records=7)

    by_key: dict[bytes | None, list[int]] = {}
    for record, row in rows(place):
        by_key.setdefault(record.key, []).append(int(row.message_id[2:]))
    assert len(by_key) == 5
    assert all(numbers == sorted(numbers) for numbers in by_key.values())
    assert sum(map(len, by_key.values())) == 200


def test_what_cannot_become_a_row_is_a_dead_letter_again(place: Workplace) -> None:
    since = publish(place, 0, 5)
    place.publish([Generated(b"{", b"a-1", "", ())])

    summary = reprocess(place, "--since", since.isoformat())

    assert (summary["rows"], summary["dead_by_code"]) == (5, {"decode.not_json": 1})
    assert [letter.code for letter in place.dead_letters()] == ["not_json"]


def test_identities_are_those_known_now(place: Workplace) -> None:
    since = publish(place, 0, 1)
    identify = {"type": "identify", "anonymousId": "a-0", "userId": "u-0", "messageId": "i"}
    place.publish([Generated(orjson.dumps(identify), b"a-0", "i", ())])
    work(place, 2)

    reprocess(place, "--since", since.isoformat())

    before, after = (
        {row.message_id: row.identity_id for _, row in rows(place) if row.correction is correction}
        for correction in (False, True)
    )
    assert before["m-0"] != before["i"]
    assert after["m-0"] == after["i"] == before["i"]


def test_a_time_without_events_is_done_at_once(place: Workplace) -> None:
    publish(place, 0, 3)
    until = datetime(2001, 1, 1, tzinfo=UTC)

    future = reprocess(place, "--since", datetime.now(UTC).isoformat())
    past = reprocess(place, "--since", "2000-01-01", "--until", until.isoformat())

    assert future["events"] == past["events"] == 0
    assert rows(place) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--since", "yesterday"], "expected a moment"),
        (["--since", "2026-01-02", "--until", "2026-01-01"], "expected a moment after"),
        ([], "--since"),
    ],
)
def test_arguments_that_make_no_sense_are_told(
    place: Workplace, arguments: list[str], told: str
) -> None:
    with running(["-m", "streamproc", "reprocess", *arguments], place.environment()) as process:
        assert process.wait() == 2
        process.close()
        assert told in process.output()


def test_without_keys_nothing_is_read(place: Workplace) -> None:
    environment = place.environment(keys_file=place.folder / "none.json")
    with running(
        ["-m", "streamproc", "reprocess", "--since", "2026-01-01"], environment
    ) as process:
        assert process.wait() == 2
        process.close()
        assert "none.json" in process.output()
    assert rows(place) == []


def test_the_loader_puts_corrections_in_the_place_of_the_rows_before(place: Workplace) -> None:
    publish(place, 0, 10)
    since = publish(place, 10, 10)
    work(place, 20)
    first = place.load()

    reprocess(place, "--since", since.isoformat())
    second = place.load()

    contacts = dict(place.query("SELECT id, contact FROM seen"))
    messages = place.query("SELECT count(*), count(DISTINCT id) FROM streamproc_messages")
    assert first["rows"] == 20
    assert (second["rows"], second["replaced"]) == (0, 10)
    assert messages == [(20, 20)]
    assert contacts == {f"m-{n}": "<EMAIL_ADDRESS>" if n < 10 else MASKED for n in range(20)}
    assert place.query("SELECT count(*) FROM tracks") == [(20,)]
