"""What a process knows of identities when it starts, on both brokers; what it owes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import structlog
from brokers import Broker, Produced
from confluent_kafka.admin import AdminClient
from processes import wait_until
from workplace import Workplace

from streamproc.assemble import load_identity_config
from streamproc.demo import Generated
from streamproc.events import Identity, Link, Micros, Subject, Token
from streamproc.identity import View
from streamproc.identity.attributes import AttributeRecord
from streamproc.identity.config import parse_identity
from streamproc.identity.language import IdentityConfig
from streamproc.kafka.attributes import attribute_key, cursor_key, encode_attributes, encode_cursor
from streamproc.kafka.codecs import encode_link, link_key
from streamproc.kafka.identity.slots import take_slot
from streamproc.kafka.identity.start import following_identity, source_of
from streamproc.kafka.identity.state import IdentityState
from streamproc.settings import Settings, TopicSettings

SECONDS = 20.0
CONFIG = parse_identity(
    "version: 1\n"
    "attributes: {plan: string}\n"
    "sources: {crm: {objects: {contact: {joins: {user_id: Email}}}}}\n",
    "test",
)
DEVICE, USER, OTHER = (Token("tok_k1_" + letter * 32) for letter in "abc")
LINK = Link("identify", DEVICE, USER, at=Micros(5))
RECORD = AttributeRecord(
    "crm", "contact", Token("tok_k1_" + "d" * 32), (("user_id", USER),), {"plan": "pro"}, Micros(1)
)


def settings_of(broker: Broker, topics: TopicSettings, folder: Path) -> Settings:
    return Settings.model_validate(
        {
            "kafka": {"brokers": broker.bootstrap},
            "topics": topics,
            "identity": {"directory": folder / "identity"},
        }
    )


def linked(link: Link) -> Produced:
    return link_key(link), encode_link(link)


def known(settings: Settings, config: IdentityConfig = CONFIG) -> Identity:
    """Return what a process that starts now knows of the device."""
    with following_identity(settings, config, frozenset()) as reader:
        return reader.state.resolve(Subject(None, DEVICE, None))


def test_a_process_begins_with_all_that_the_topics_say(broker: Broker, tmp_path: Path) -> None:
    topics = broker.topics("identity")
    settings = settings_of(broker, topics, tmp_path)
    broker.produce(topics.links, [linked(LINK)])
    broker.produce(
        topics.attributes,
        [
            (attribute_key(RECORD.name), encode_attributes(RECORD)),
            (cursor_key("crm", "contact"), encode_cursor(Micros(1))),
        ],
    )

    with structlog.testing.capture_logs() as lines:
        first, second = known(settings), known(settings)

    assert first == second
    assert (first.id, first.by, first.since) == (USER, "anonymous_id", 5)
    assert first.attributes == {"plan": "pro"}
    assert {line["event"] for line in lines} == {"identities are known"}
    states = [file.parent.name for file in tmp_path.rglob("CURRENT")]
    assert states == (["0"] if broker.kind == "kafka" else [])


def test_what_is_known_changes_while_it_is_followed(broker: Broker, tmp_path: Path) -> None:
    topics = broker.topics("identity")
    subject = Subject(USER, None, None)
    with following_identity(settings_of(broker, topics, tmp_path), CONFIG, frozenset()) as reader:
        resolve = reader.state.resolve
        assert resolve(subject) == Identity(USER, by="user_id")
        broker.produce(topics.attributes, [(attribute_key(RECORD.name), encode_attributes(RECORD))])
        reader.caught_up().result(SECONDS)
        assert resolve(subject).attributes == {"plan": "pro"}
        broker.produce(topics.links, [linked(Link("alias", OTHER, USER))])
        broker.produce(topics.links, [linked(Link("alias", Token(min(OTHER, DEVICE)), OTHER))])
        reader.caught_up().result(SECONDS)
        assert resolve(subject).id == DEVICE
        broker.produce(topics.attributes, [(attribute_key(RECORD.name), None)])
        reader.caught_up().result(SECONDS)
        assert resolve(subject).attributes == {}


def test_attributes_that_are_not_ours_are_counted(broker: Broker, tmp_path: Path) -> None:
    topics = broker.topics("identity")
    foreign: list[Produced] = [(b"jane", b"jane"), (b"", None), (b"crm/contact/jane", b"jane")]
    broker.produce(topics.attributes, foreign)

    with (
        structlog.testing.capture_logs() as lines,
        following_identity(settings_of(broker, topics, tmp_path), CONFIG, frozenset()) as reader,
    ):
        assert reader.progress() == {"identity_records_refused": 3}
    assert "jane" not in repr(lines)


@pytest.mark.kafka
def test_a_topic_that_was_made_anew_is_all_that_counts(kafka: Broker, tmp_path: Path) -> None:
    topics = kafka.topics("identity")
    settings = settings_of(kafka, topics, tmp_path)
    kafka.produce(topics.links, [linked(LINK)])
    assert known(settings).id == USER
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.delete_topics([topics.links])[topics.links].result(SECONDS)
    wait_until(lambda: topics.links not in admin.list_topics().topics)
    kafka.create(topics.links)

    with structlog.testing.capture_logs() as lines:
        assert known(settings).id == DEVICE

    assert lines[0]["event"] == "identity state is read anew"


@pytest.mark.kafka
def test_a_state_of_other_limits_is_read_anew(kafka: Broker, tmp_path: Path) -> None:
    topics = kafka.topics("identity")
    settings = settings_of(kafka, topics, tmp_path)
    kafka.produce(topics.links, [linked(LINK), linked(LINK._replace(right=OTHER))])
    strict = parse_identity("version: 1\nlimits: {users_per_device: 1}\n", "test")
    assert known(settings).id == DEVICE

    with structlog.testing.capture_logs() as lines:
        known(settings, strict)

    assert lines[0]["event"] == "identity state is read anew"


@pytest.mark.kafka
def test_links_that_a_killed_worker_owed_are_published_by_the_next(
    kafka: Broker, tmp_path: Path
) -> None:
    place = Workplace(kafka, tmp_path)
    settings = settings_of(kafka, place.topics, tmp_path)
    config = load_identity_config(settings)
    source = source_of(settings, config.graph_fingerprint)
    now = Micros(time.time_ns() // 1_000)
    slot = take_slot(tmp_path / "identity", source, settings.identity.memory_bytes, now)
    state = IdentityState(slot.store, View(slot.store, config), place.topics.links, {})
    state.add(LINK)
    slot.close()

    place.publish([Generated(b'{"type":"track","event":"E","userId":"u"}', b"u", "m", ())])
    with place.ready_worker() as worker:
        place.wait_until_processed(1)
        assert worker.stop() == 0

    links = kafka.consume_all(place.topics.links)
    assert [(record.key, record.value) for record in links] == [linked(LINK)]
