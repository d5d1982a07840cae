"""The whole way, worker and loader as processes, on both brokers."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from brokers import Broker
from workplace import Workplace

from streamproc.deadletters import unpack_original, unseal
from streamproc.demo import Generated, Mix, generate

EVENTS = 1_000


@pytest.fixture
def place(broker: Broker, tmp_path: Path) -> Workplace:
    return Workplace(broker, tmp_path)


def record(key: str, **fields: object) -> Generated:
    return Generated(orjson.dumps(fields), key.encode(), str(fields.get("messageId", "")), ())


def test_every_event_becomes_one_row_or_one_dead_letter(place: Workplace) -> None:
    records = list(generate(EVENTS, 11, Mix(malformed=0.02, duplicates=0.02)))
    good = {made.message_id for made in records if not made.malformed}
    bad = [made for made in records if made.malformed]

    place.publish(records)
    with place.ready_worker() as worker:
        place.wait_until_processed(EVENTS)
        assert worker.stop() == 0
        stopped = json.loads(worker.lines[-1])
    loaded = place.load()

    assert place.message_ids().keys() == good
    assert set(place.message_ids().values()) == {1}
    letters = place.dead_letters()
    assert len(letters) == len(bad) > 5
    originals = [
        unpack_original(unseal(place.pair.private, letter.sealed or b"")) for letter in letters
    ]
    assert sorted(originals) == sorted((made.key, made.value) for made in bad)
    assert stopped["events"] == EVENTS == stopped["rows"] + stopped["dead"]
    assert loaded["rows"] == len(good)
    assert loaded["duplicates"] == EVENTS - len(good) - len(bad)


def test_no_planted_value_is_in_the_warehouse_or_in_clear_anywhere(place: Workplace) -> None:
    records = list(generate(300, 12))
    place.publish(records)
    with place.ready_worker() as worker:
        place.wait_until_processed(300)
        worker.stop()
    place.load()

    rows = place.rows()
    planted = [item for made in records for item in made.planted if item.message_id in rows]
    log = "\n".join(worker.lines)
    topics = b"".join(
        (found.key or b"") + (found.value or b"")
        for topic in (place.topics.load, place.topics.links)
        for found in place.broker.consume_all(topic)
    ).decode(errors="replace")

    assert len(planted) > 1_000
    for item in planted:
        assert item.value not in rows[item.message_id], item.path
        assert item.value not in topics, item.path
        assert item.value not in log, item.path


def test_anonymous_and_known_events_of_a_person_have_one_identity(place: Workplace) -> None:
    before = record("a-1", type="track", event="Seen", anonymousId="a-1", messageId="1")
    identify = record("a-1", type="identify", anonymousId="a-1", userId="u-1", messageId="2")
    after = record("a-1", type="track", event="Seen", anonymousId="a-1", messageId="3")
    elsewhere = record("u-1", type="track", event="Seen", userId="u-1", messageId="4")
    other = record("a-2", type="track", event="Seen", anonymousId="a-2", messageId="5")

    place.publish([before, identify])
    with place.ready_worker() as worker:
        place.wait_until_processed(2)
        worker.kill()
    place.publish([after, elsewhere, other])
    with place.ready_worker() as worker:  # knows the link from its topic
        place.wait_until_processed(5)
        worker.stop()
    place.load()

    identities = dict(place.query("SELECT id, identity_id FROM streamproc_messages"))
    assert identities["2"] == identities["3"] == identities["4"]
    assert identities["1"] != identities["3"]  # it came before anyone knew
    assert identities["5"] not in {identities["1"], identities["3"]}
    assert all(identity.startswith("tok_k1_") for identity in identities.values())


def test_records_of_one_key_leave_in_the_order_they_came(place: Workplace) -> None:
    place.publish(
        [
            record(
                f"a-{n % 7}", type="track", event="Seen", anonymousId=f"a-{n % 7}", messageId=str(n)
            )
            for n in range(700)
        ]
    )
    with place.ready_worker(worker_batch_records=50) as worker:
        place.wait_until_processed(700)
        worker.stop()
    place.load()

    rows = place.query(
        "SELECT anonymous_id, id::INT FROM streamproc_messages"
        " ORDER BY source_partition, source_offset"
    )
    loaded = place.broker.consume_all(place.topics.load)
    by_key: dict[bytes | None, list[int]] = {}
    for position, found in enumerate(loaded):
        by_key.setdefault(found.key, []).append(position)
    assert len(rows) == 700
    assert len(by_key) == 7
    for device in range(7):
        numbers = [number for anonymous, number in rows if anonymous == f"a-{device}"]
        assert numbers == sorted(numbers)


def test_a_poison_record_in_the_middle_of_a_batch_costs_the_others_nothing(
    place: Workplace,
) -> None:
    poison = {
        "not_utf8": b"\xff not utf-8",
        "too_deep": b'{"type":"track","a":' + b"[" * 500 + b"]" * 500 + b"}",
        "not_json": b'{"type":"track","event":"E","userId":"u","n":NaN}',
        "too_large": b'{"type":"track","event":"E","userId":"u","n":"' + b"x" * 200_000 + b'"}',
        "not_an_object": b'["type"]',
        "wrong_type": b'{"type":"track","event":"E","userId":["u"]}',
        "empty": b"",
    }
    records: list[Generated] = []
    for value in poison.values():
        records += [
            record("k", type="track", event="E", userId="u", messageId=f"good-{number}")
            for number in range(len(records), len(records) + 10)
        ]
        records.append(Generated(value, b"k", "", ()))
    good = {made.message_id for made in records if made.message_id}

    place.publish(records)
    with place.ready_worker(limits_event_bytes=100_000) as worker:
        place.wait_until_processed(len(records))
        worker.stop()
    place.load()

    assert place.message_ids().keys() == good
    assert sorted(letter.code for letter in place.dead_letters()) == sorted(poison)
