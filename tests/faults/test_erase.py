"""Erasures that end before they are done, or are done twice at once."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest
from brokers import Broker
from commands import Done, run
from processes import running, wait_until
from workplace import TEST_KEY, Workplace

from streamproc.demo import Generated
from streamproc.erasing import steps
from streamproc.erasure import RECEIPT, Case
from streamproc.errors import RetryableError
from streamproc.events import Link, Micros
from streamproc.identity.attributes import AttributeRecord
from streamproc.kafka.attribute_topic import TopicWriter, attribute_writer, read_cases
from streamproc.kafka.codecs import decode_deletion
from streamproc.redact import KeyRing, Tokens
from streamproc.settings import KafkaSettings, Settings

TOKENS = Tokens(KeyRing("k1", {"k1": TEST_KEY}))
JANE, PHONE, LAPTOP = map(TOKENS.of_identifier, ("jane-17", "phone-1", "laptop-2"))
FLUSHES = 5
"""Of the case; of links and records, twice."""


class Office:
    """Where somebody is known, and is to be erased."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self.place = Workplace(broker, folder)
        self.folder = folder
        self.variables = self.place.environment(keys_subjects=folder / "subjects.sqlite")
        kafka = KafkaSettings(brokers=broker.bootstrap)
        self.settings = Settings(kafka=kafka, topics=self.place.topics)
        self.state()

    def state(self) -> None:
        """Say once more who it is, and what the business knows."""
        links = [Link("identify", device, JANE, at=Micros(5)) for device in (PHONE, LAPTOP)]
        known = AttributeRecord(
            "crm", "contact", TOKENS.of_named("record", "1"), (("user_id", JANE),), {}, Micros(1)
        )
        with attribute_writer(self.settings) as writer:
            writer.links(links)
            writer.records([known])
            writer.flush()

    def run(self, *arguments: str) -> Done:
        return run(self.variables, self.folder, "erase", *arguments)

    def is_erased(self, receipt: str) -> bool:
        told: Any = json.loads(self.run("verify", receipt, "--json").stdout)
        return bool(told["erased"])

    def deletions(self) -> set[str]:
        records = self.place.broker.consume_all(self.place.topics.deletions)
        return {decode_deletion(record.value).token for record in records}


@pytest.fixture
def office(embedded: Broker, tmp_path: Path) -> Office:
    return Office(embedded, tmp_path)


def receipt_in(stderr: bytes) -> str:
    found = re.search(RECEIPT.pattern, stderr.decode())
    assert found is not None
    return found[0]


@pytest.mark.parametrize("end", range(1, FLUSHES + 2))
def test_an_erasure_that_ends_anywhere_is_finished_by_its_receipt(
    office: Office, monkeypatch: pytest.MonkeyPatch, end: int
) -> None:
    flushes = 0

    def flush(writer: TopicWriter) -> None:
        nonlocal flushes
        flushes += 1
        flushed(writer)
        if flushes == end:
            raise RetryableError("the brokers are gone")

    def publish(*_: object) -> None:
        raise RetryableError("the brokers are gone")

    flushed = TopicWriter.flush
    with monkeypatch.context() as broken:
        broken.setattr(steps, "SETTLE_SECONDS", 0.0)
        broken.setattr(TopicWriter, "flush", flush)
        broken.setattr(steps, "publish_deletions", publish)
        ended = office.run("--user", "jane-17")
    assert (ended.returncode, b"the brokers are gone" in ended.stderr) == (1, True)
    assert not office.deletions()

    receipt = receipt_in(ended.stderr)
    assert office.run("--receipt", receipt).returncode == 0

    assert read_cases(office.settings)[receipt].tokens == tuple(sorted((JANE, PHONE, LAPTOP)))
    assert office.deletions() == {JANE, PHONE, LAPTOP}
    assert office.is_erased(receipt)


def test_two_who_erase_one_person_at_once_do_no_harm(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "SETTLE_SECONDS", 0.5)
    cases = [
        Case(f"erasure-20261123-{letter * 12}", Micros(9), (JANE, PHONE, LAPTOP)) for letter in "ab"
    ]

    with ThreadPoolExecutor(2) as pool:
        done = list(
            pool.map(lambda case: steps.erase(office.settings, case, lambda _: None), cases)
        )

    assert sum(each.links for each in done) >= 2
    assert all(office.is_erased(case.receipt) for case in cases)
    steps.lift(office.settings, cases[0].receipt)
    office.state()
    assert office.is_erased(cases[1].receipt), "the other case suppresses still"


def test_what_a_worker_states_that_is_behind_is_found_and_taken_back_by_the_same_erasure(
    office: Office,
) -> None:
    receipt = receipt_in(office.run("--user", "jane-17").stderr)
    assert office.is_erased(receipt)
    late = Link("identify", TOKENS.of_identifier("tv-3"), JANE, at=Micros(7))
    writer = TopicWriter(office.settings)
    writer.links([late])
    writer.flush()

    assert not office.is_erased(receipt)
    assert b"records that count" in office.run("verify", receipt).stdout
    office.run("--receipt", receipt)
    assert office.is_erased(receipt)


@pytest.mark.kafka
def test_an_erasure_that_is_killed_is_finished_by_its_receipt(
    kafka: Broker, tmp_path: Path
) -> None:
    office = Office(kafka, tmp_path)
    with running(["-m", "streamproc", "erase", "--user", "jane-17"], office.variables) as process:
        process.wait_for("Erasing under")
        wait_until(lambda: kafka.consume_all(office.place.topics.suppressed))
        process.kill()
        process.close()
    assert not office.deletions(), "it was killed in the middle"

    receipt = receipt_in("\n".join(process.lines).encode())
    assert office.run("--receipt", receipt).returncode == 0

    assert office.deletions() == {JANE, PHONE, LAPTOP}
    assert office.is_erased(receipt)


@pytest.mark.kafka
def test_who_is_erased_while_workers_are_at_the_person_s_events_is_gone_all_the_same(
    kafka: Broker, tmp_path: Path
) -> None:
    office = Office(kafka, tmp_path)
    rounds = 0

    def publish() -> None:
        nonlocal rounds
        rounds += 1
        office.place.publish(
            Generated(orjson.dumps(event), str(number % 7).encode(), "", ())
            for number in range(20)
            for event in events_of(rounds, number)
        )

    with office.place.ready_worker() as one, office.place.ready_worker() as other:
        publish()
        office.place.wait_until_processed(60)
        with ThreadPoolExecutor(1) as pool:
            erasing = pool.submit(office.run, "--user", "jane-17")
            while not erasing.done():
                publish()
        office.place.wait_until_processed(60 * rounds)
        assert one.stop() == other.stop() == 0
    receipt = receipt_in(erasing.result().stderr)
    office.place.load()

    assert office.is_erased(receipt)
    dropped = sum(
        json.loads(worker.lines[-1])["dropped"].get("suppressed", 0) for worker in (one, other)
    )
    ((others,),) = office.place.query(
        "SELECT count(*) FROM streamproc_messages WHERE identity_id IS NOT NULL"
    )
    assert others == 20 * rounds
    assert 0 < dropped < 40 * rounds


def events_of(round_: int, number: int) -> list[dict[str, Any]]:
    """Return what one person does who is to be erased, and another one."""
    said = {"event": "Seen", "userId": "jane-17", "anonymousId": f"phone-{1 + number % 5}"}
    theirs = [{"type": "identify", **said}, {"type": "track", **said}]
    events = [*theirs, {"type": "track", "event": "Seen", "userId": f"kim-{number}"}]
    return [
        {**event, "messageId": f"m-{round_}-{number}-{place}"} for place, event in enumerate(events)
    ]
