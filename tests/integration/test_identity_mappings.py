"""Events from before their identify, stitched in the warehouse: brokers, worker, loader, DuckDB."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest
from brokers import Broker, Produced
from identity_oracle import Oracle
from loading import messages
from processes import running
from structlog.testing import capture_logs
from workplace import Workplace

from streamproc.demo import Generated
from streamproc.events import Link, Micros, Subject, Token
from streamproc.identity.config import load_identity
from streamproc.kafka.codecs import encode_link, link_key
from streamproc.settings import Settings
from streamproc.shipped import shipped
from streamproc.warehouse.loading.loader import CLOCK, LoaderOptions, Totals, plan_load, run_loader
from streamproc.warehouse.loading.status import find_status

LIMITS = load_identity(shipped("rules/identity/default.yaml")).limits
SESSION_SECONDS = 6  # the least that Kafka allows
START = Micros(1_700_000_000_000_000)
ANEW, WHOLE = "identity mappings are written anew", "identity mappings are whole"

Rows = dict[str, tuple[str, int]]


def token(name: str) -> Token:
    """Return a token of one's own for ``name``, in the order of names."""
    letters = "".join(chr(ord("a") + int(digit, 16)) for digit in name.encode().hex())
    return Token("tok_k1_" + letters.ljust(32, "a"))


LAPTOP, PHONE, ANNA, BEN, KIOSK = map(token, ("laptop", "phone", "user-anna", "user-ben", "kiosk"))


@dataclass(frozen=True)
class Place:
    """A broker with topics, a warehouse file and a folder of state of one test's own."""

    broker: Broker
    settings: Settings

    @property
    def file(self) -> Path:
        return self.settings.loader.duckdb_file

    def state(self, links: Iterable[Link], partition: int | None = None) -> None:
        records: list[Produced] = [(link_key(link), encode_link(link)) for link in links]
        if partition is not None:
            records = [(*record[:2], partition) for record in records]
        self.broker.produce(self.settings.topics.links, records)

    def forget(self, *links: Link) -> None:
        self.broker.produce(self.settings.topics.links, [(link_key(link), None) for link in links])

    def catch_up(self) -> tuple[Totals, list[str]]:
        """Load all that is there; return the totals, and what was told."""
        with capture_logs() as lines:
            options = LoaderOptions(stop=lambda: False, until="caught up")
            totals = run_loader(self.settings, options)
        return totals, [line["event"] for line in lines]

    def query(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.file), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def execute(self, statement: str) -> None:
        with duckdb.connect(str(self.file)) as connection:
            connection.execute(statement)

    def rows(self) -> Rows:
        columns = "token, identity_id, epoch_us(valid_from)"
        found = self.query(f"SELECT {columns} FROM identity_mappings")
        rows = {name: (owner, since) for name, owner, since in found}
        assert len(rows) == len(found), "a token has several rows"
        return rows

    def lose_state(self) -> None:
        assert self.settings.identity.directory is not None
        shutil.rmtree(self.settings.identity.directory)

    def environment(self) -> dict[str, str]:
        topics = self.settings.topics
        values = {
            "KAFKA_BROKERS": self.broker.bootstrap,
            "KAFKA_SESSION_TIMEOUT_SECONDS": str(SESSION_SECONDS),
            "TOPICS_LOAD": topics.load,
            "TOPICS_DEAD": topics.dead,
            "TOPICS_DELETIONS": topics.deletions,
            "TOPICS_LINKS": topics.links,
            "IDENTITY_DIRECTORY": str(self.settings.identity.directory),
            "LOADER_GROUP": self.settings.loader.group,
            "LOADER_DUCKDB_FILE": str(self.file),
            "LOADER_INSTANCE_ID": "the-one",  # whoever comes next has the partitions at once
            "LOADER_BATCH_ROWS": "10",
            "LOADER_BATCH_SECONDS": "0.1",
            "LOG_LEVEL": "DEBUG",
            "LOG_FORMAT": "json",
        }
        return {f"STREAMPROC_{name}": value for name, value in values.items()}


def place_on(broker: Broker, folder: Path) -> Place:
    topics = broker.topics("mappings")
    values = {
        "kafka": {"brokers": broker.bootstrap, "session_timeout_seconds": SESSION_SECONDS},
        "topics": topics,
        "identity": {"directory": folder / "identity"},
        "loader": {
            "group": broker.group("loader"),
            "duckdb_file": folder / "warehouse.duckdb",
            "batch_rows": 20,
            "batch_seconds": 0.1,
        },
    }
    return Place(broker, Settings.model_validate(values))


@pytest.fixture
def place(broker: Broker, tmp_path: Path) -> Place:
    return place_on(broker, tmp_path)


@pytest.fixture
def on_kafka(kafka: Broker, tmp_path: Path) -> Place:
    return place_on(kafka, tmp_path)


def identify(device: Token, user: Token, at: int = 0) -> Link:
    return Link("identify", device, user, at=Micros(START + at))


def alias(one: Token, other: Token, at: int = 0) -> Link:
    return Link("alias", min(one, other), max(one, other), at=Micros(START + at))


def brute_force(links: Sequence[Link]) -> Rows:
    """Return whose each token is, by the links alone."""
    oracle = Oracle(links, LIMITS, ["email"])
    users = {link.right for link in links if link.kind in {"identify", "trait"}}
    users |= {each for link in links if link.kind == "alias" for each in link[1:3]}
    devices = {link.left for link in links if link.kind == "identify"} - users
    subjects = {each: Subject(each, None, None) for each in users}
    subjects |= {each: Subject(None, each, None) for each in devices}
    found = {each: oracle.resolve(subject) for each, subject in subjects.items()}
    return {
        each: (who.id, who.since)
        for each, who in found.items()
        if who.id is not None and who.since is not None and who.id != each
    }


# What the table says


def test_whoever_is_identified_later_is_told_and_since_when(place: Place) -> None:
    place.state([identify(LAPTOP, ANNA, 7), identify(PHONE, ANNA, 3)])
    totals, told = place.catch_up()
    assert place.rows() == {LAPTOP: (ANNA, START + 7), PHONE: (ANNA, START + 3)}
    assert (totals.mappings, told.count(ANEW), told.count(WHOLE)) == (2, 1, 1)
    kinds = place.query("SELECT DISTINCT kind, uuid_ts IS NOT NULL FROM identity_mappings")
    assert kinds == [("anonymous_id", True)]


def test_a_device_of_two_people_is_nobodys_again(on_kafka: Place) -> None:
    on_kafka.state([identify(KIOSK, ANNA)])
    on_kafka.catch_up()
    on_kafka.state([identify(KIOSK, BEN)])
    totals, told = on_kafka.catch_up()
    assert on_kafka.rows() == {}
    assert totals.mappings
    assert ANEW not in told


def test_people_who_turn_out_to_be_one_take_their_devices_with_them(on_kafka: Place) -> None:
    on_kafka.state([identify(LAPTOP, ANNA, 1), identify(PHONE, BEN, 2)])
    on_kafka.catch_up()
    on_kafka.state([alias(ANNA, BEN, 5)])
    on_kafka.catch_up()
    one = min(ANNA, BEN)
    other = max(ANNA, BEN)
    assert on_kafka.rows() == {
        LAPTOP: (one, START + 1),
        PHONE: (one, START + 2),
        other: (one, START + 5),
    }
    on_kafka.forget(alias(ANNA, BEN), identify(PHONE, BEN))
    on_kafka.catch_up()
    assert on_kafka.rows() == {LAPTOP: (ANNA, START + 1)}


# With rows


def test_rows_and_mappings_are_loaded_by_one_loader(place: Place) -> None:
    place.broker.produce(place.settings.topics.load, messages(range(50)))
    place.state([identify(LAPTOP, ANNA)])
    totals, _ = place.catch_up()
    assert (totals.rows, totals.mappings) == (50, 1)
    again, _ = place.catch_up()
    assert (again.rows, again.duplicates) == (0, 0)
    assert place.rows() == {LAPTOP: (ANNA, START)}


def test_a_loader_that_is_told_to_leave_it_makes_no_table(place: Place) -> None:
    loader = place.settings.loader.model_copy(update={"identity_mappings": False})
    settings = place.settings.model_copy(update={"loader": loader})
    place.broker.produce(place.settings.topics.load, messages(range(3)))
    place.state([identify(LAPTOP, ANNA)])
    run_loader(settings, LoaderOptions(stop=lambda: False, until="caught up"))
    tables = place.query("SELECT table_name FROM duckdb_tables()")
    assert ("identity_mappings",) not in tables


@pytest.mark.kafka
def test_a_loader_without_a_topic_of_links_says_so_and_loads_rows(on_kafka: Place) -> None:
    topics = on_kafka.settings.topics.model_copy(update={"links": "mappings.there-is-none"})
    settings = on_kafka.settings.model_copy(update={"topics": topics})
    on_kafka.broker.produce(topics.load, messages(range(3)))
    with capture_logs() as lines:
        totals = run_loader(settings, LoaderOptions(stop=lambda: False, until="caught up"))
    assert totals.rows == 3
    told = [line for line in lines if "no topic of links" in line["event"]]
    assert [line["topic"] for line in told] == ["mappings.there-is-none"]
    assert find_status(settings, CLOCK).lag_rows == 0


@pytest.mark.kafka
def test_a_running_loader_follows_links_as_they_come(on_kafka: Place) -> None:
    with running(["-m", "streamproc", "load"], on_kafka.environment()) as loader:
        loader.wait_for(WHOLE)
        on_kafka.state([identify(LAPTOP, ANNA)])
        loader.wait_for("identity mappings written")
        on_kafka.state([identify(PHONE, ANNA)])
        loader.wait_for("identity mappings written")
        assert loader.stop() == 0
    assert on_kafka.rows().keys() == {LAPTOP, PHONE}


# What a plan and a status tell


@pytest.mark.kafka
def test_a_plan_counts_what_it_does_not_write(on_kafka: Place) -> None:
    on_kafka.state([identify(LAPTOP, ANNA)])
    plan = plan_load(on_kafka.settings, LoaderOptions(stop=lambda: False))
    assert plan.rows == {"identity_mappings": 1}
    assert any("identity_mappings" in statement for statement in plan.statements)
    assert not on_kafka.file.exists()
    totals, _ = on_kafka.catch_up()
    assert totals.mappings == 1
    on_kafka.state([identify(PHONE, ANNA)])
    later = plan_load(on_kafka.settings, LoaderOptions(stop=lambda: False))
    assert later.statements == []
    assert later.rows["identity_mappings"] >= 1
    on_kafka.catch_up()
    assert on_kafka.rows().keys() == {LAPTOP, PHONE}


@pytest.mark.kafka
def test_the_status_tells_how_far_the_table_is(on_kafka: Place) -> None:
    on_kafka.state([identify(LAPTOP, ANNA)], partition=1)
    on_kafka.catch_up()
    found = find_status(on_kafka.settings, CLOCK)
    assert found.lag_rows == 0
    assert found.stored is not None
    assert found.stored.counts["identity_mappings"] == 1
    on_kafka.state([identify(PHONE, ANNA), identify(KIOSK, ANNA)], partition=1)
    links = on_kafka.settings.topics.links
    behind = {
        lag.partition: lag.lag_rows
        for lag in find_status(on_kafka.settings, CLOCK).partitions
        if lag.topic == links
    }
    assert behind == {0: 0, 1: 2, 2: 0, 3: 0}


# What is lost


@pytest.mark.kafka
def test_a_table_that_somebody_dropped_is_written_anew(on_kafka: Place) -> None:
    on_kafka.state([identify(LAPTOP, ANNA), identify(PHONE, ANNA)])
    on_kafka.catch_up()
    before = on_kafka.rows()
    on_kafka.execute("DROP TABLE identity_mappings")
    _, told = on_kafka.catch_up()
    assert told.count(ANEW) == 1
    assert on_kafka.rows() == before


@pytest.mark.kafka
def test_what_was_erased_is_gone_after_a_state_is_lost(on_kafka: Place) -> None:
    on_kafka.state([identify(LAPTOP, ANNA), identify(PHONE, BEN)])
    on_kafka.catch_up()
    on_kafka.lose_state()
    on_kafka.forget(identify(PHONE, BEN))
    _, told = on_kafka.catch_up()
    assert told.count(ANEW) == 1
    assert on_kafka.rows().keys() == {LAPTOP}


@pytest.mark.kafka
def test_a_table_that_was_restored_to_what_it_was_is_written_anew(on_kafka: Place) -> None:
    on_kafka.state([identify(LAPTOP, ANNA)])
    on_kafka.catch_up()
    copy = on_kafka.file.with_suffix(".copy")
    shutil.copy(on_kafka.file, copy)
    on_kafka.state([identify(PHONE, ANNA)])
    on_kafka.catch_up()
    shutil.move(copy, on_kafka.file)
    _, told = on_kafka.catch_up()
    assert told.count(ANEW) == 1
    assert on_kafka.rows().keys() == {LAPTOP, PHONE}


@pytest.mark.kafka
def test_a_loader_of_another_machine_goes_on_with_what_it_knows(on_kafka: Place) -> None:
    """Two states take turns; neither brings back what the other knows better."""
    folders = [on_kafka.file.parent / name for name in ("one", "two")]
    places = [
        Place(
            on_kafka.broker,
            on_kafka.settings.model_copy(
                update={
                    "identity": on_kafka.settings.identity.model_copy(update={"directory": folder})
                }
            ),
        )
        for folder in folders
    ]
    on_kafka.state([identify(LAPTOP, ANNA)])
    told = []
    for turn in range(6):
        on_kafka.state([identify(token(f"device-{turn}"), ANNA), identify(KIOSK, token(str(turn)))])
        told += places[turn % 2].catch_up()[1]
    assert told.count(ANEW) == 2  # each once
    expected = {LAPTOP, *(token(f"device-{turn}") for turn in range(6))}
    assert on_kafka.rows().keys() == expected


# Killed


def many_links(seed: int) -> list[Link]:
    drawn = random.Random(seed)
    devices = [token(f"device-{number:03}") for number in range(80)]
    users = [token(f"user-{number:03}") for number in range(30)]
    links = [identify(drawn.choice(devices), drawn.choice(users), number) for number in range(120)]
    pairs = list(pairwise(drawn.sample(users, 16)))
    return links + [alias(*pair, number) for number, pair in enumerate(pairs)]


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_a_loader_that_is_killed_while_it_writes_leaves_the_right_table(on_kafka: Place) -> None:
    links = many_links(3)
    drawn = random.Random(5)
    rows_sent = 0
    for start in range(0, len(links), 30):
        on_kafka.state(links[start : start + 30])
        on_kafka.broker.produce(
            on_kafka.settings.topics.load, messages(range(rows_sent, rows_sent + 60))
        )
        rows_sent += 60
        with running(["-m", "streamproc", "load"], on_kafka.environment()) as loader:
            loader.wait_for("identity mappings written")
            time.sleep(drawn.uniform(0, 0.05))  # anywhere in what comes then
            loader.kill()
    with running(
        ["-m", "streamproc", "load", "--until-caught-up"], on_kafka.environment()
    ) as loader:
        assert loader.wait(120) == 0, loader.output()
    assert on_kafka.rows() == brute_force(links)
    assert on_kafka.query("SELECT count(*), count(DISTINCT id) FROM tracks") == [
        (rows_sent, rows_sent)
    ]


# The whole way, by the rules that are shipped


def raw(number: int, kind: str, **fields: Any) -> Generated:
    body = {
        "type": kind,
        "messageId": f"m-{number:02}",
        "originalTimestamp": "2026-01-05T10:00:00.000Z",
        "sentAt": "2026-01-05T10:00:00.000Z",
        "receivedAt": f"2026-01-05T10:00:{number:02}.000Z",
        **fields,
    }
    return Generated(orjson.dumps(body), b"one key", f"m-{number:02}", ())


STORY = [
    raw(1, "page", anonymousId="laptop-1"),
    raw(2, "track", event="Looked", anonymousId="phone-1"),
    raw(3, "page", anonymousId="somebody-else"),
    raw(4, "identify", anonymousId="laptop-1", userId="jane.roe@example.com"),
    raw(5, "track", event="Paid", userId="jane.roe@example.com"),
    raw(6, "identify", anonymousId="phone-1", userId="customer-17"),
    raw(7, "track", event="Paid", userId="customer-17"),
    raw(8, "group", userId="customer-17", groupId="acme"),
    raw(9, "alias", previousId="jane.roe@example.com", userId="customer-17"),
    raw(10, "track", event="Looked", anonymousId="phone-1"),
]
JANES = {f"m-{number:02}" for number in range(1, 11)} - {"m-03"}

STITCHED = """
SELECT e.id, coalesce(m.identity_id, e.identity_id), e.identity_id
FROM streamproc_messages e LEFT JOIN identity_mappings m ON m.token = e.identity_id
"""


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_events_of_before_are_stitched_to_who_identified_later(
    kafka: Broker, tmp_path: Path
) -> None:
    place = Workplace(kafka, tmp_path)
    place.publish(STORY)
    with place.ready_worker():
        place.wait_until_processed(len(STORY))
    place.load()

    found = place.query(STITCHED)
    assert {id_ for id_, *_ in found} == {*JANES, "m-03"}
    janes = {who for id_, who, _ in found if id_ in JANES}
    before = {was for id_, _, was in found if id_ in JANES}
    assert len(janes) == 1
    assert len(before) >= 3, "two devices and two users, before they were known to be one"
    assert not janes & {who for id_, who, _ in found if id_ == "m-03"}
    (accounts,) = place.query("SELECT list(DISTINCT account_id) FROM tracks WHERE id = 'm-10'")
    assert accounts[0][0] is not None
    written = str(place.query("SELECT * FROM identity_mappings"))
    for plain in ("jane", "customer", "laptop", "phone", "acme"):
        assert plain not in written
