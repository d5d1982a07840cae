from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from streamproc.errors import RetryableError
from streamproc.kafka import topics
from streamproc.kafka.topics import Found, Topic, compare, patiently, wanted
from streamproc.settings import LimitSettings, Settings, TopicSettings

RAW, LOAD, DEAD, LINKS, ATTRIBUTES, SUPPRESSED, DELETIONS, RULES, STATUS = wanted(Settings())


def as_asked(topic: Topic) -> Found:
    return Found(topic.name, topic.partitions, topic.replication, topic.config, records=0)


def found(*topics: Found) -> dict[str, Found]:
    return {each.name: each for each in topics}


def test_topics_of_the_settings_names_those_about_rules_with_one_partition() -> None:
    told = "raw load dead links attributes suppressed deletions rules status"
    topics = {**dict(zip(told.split(), "abcdefghi", strict=True)), "partitions": 7}
    settings = Settings(topics=TopicSettings.model_validate(topics))

    assert [(topic.name, topic.partitions) for topic in wanted(settings)] == [
        ("a", 7),
        ("b", 7),
        ("c", 7),
        ("d", 7),
        ("e", 7),
        ("f", 7),
        ("g", 7),
        ("h", 1),
        ("i", 1),
    ]


def test_what_says_how_things_are_is_compacted_and_the_rest_kept_as_long_as_the_settings_say() -> (
    None
):
    assert STATUS.config["cleanup.policy"] == "compact,delete"
    for topic in (LINKS, ATTRIBUTES, SUPPRESSED, DELETIONS, RULES):
        assert topic.config["cleanup.policy"] == "compact"
        assert "retention.ms" not in topic.config
    for topic in (LINKS, ATTRIBUTES):
        assert topic.config["max.compaction.lag.ms"] == str(168 * 3_600_000)
    assert RAW.config["retention.ms"] == str(168 * 3_600_000)
    assert DEAD.config["retention.ms"] == str(720 * 3_600_000)


def test_the_raw_topic_takes_events_larger_than_the_limit_so_that_they_can_be_dead_lettered() -> (
    None
):
    assert int(RAW.config["max.message.bytes"]) > 5_000_000 > Settings().limits.event_bytes
    assert int(DEAD.config["max.message.bytes"]) > int(RAW.config["max.message.bytes"])


def test_every_topic_takes_a_producers_batch_however_small_events_are() -> None:
    small = wanted(Settings(limits=LimitSettings(event_bytes=1_000)))
    bounds = [int(topic.config.get("max.message.bytes", 1_048_576)) for topic in small]
    assert min(bounds) > 1_000_000


@pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (2, "1"), (3, "2")])
def test_a_write_needs_two_replicas_where_there_are_three(replication: int, in_sync: str) -> None:
    raw = wanted(Settings(topics=TopicSettings(replication=replication)))[0]

    assert raw.config["min.insync.replicas"] == in_sync


def test_a_missing_topic_is_created_and_a_right_one_left_alone() -> None:
    changes = compare([RAW, LOAD], found(as_asked(LOAD)), grow=False)

    assert [(change.topic, change.action) for change in changes] == [
        (RAW, "create"),
        (LOAD, "none"),
    ]


def test_settings_that_differ_are_altered_and_no_others() -> None:
    there = as_asked(RAW)
    there = replace(there, config={**RAW.config, "retention.ms": "1", "segment.bytes": "5"})

    (change,) = compare([RAW], found(there), grow=False)

    assert (change.action, change.config) == ("alter", {"retention.ms": RAW.config["retention.ms"]})


@pytest.mark.parametrize(
    ("topic", "grow", "action"),
    [
        (RAW, False, "refuse"),
        (LOAD, False, "refuse"),
        (DEAD, False, "grow"),
        (LINKS, False, "grow"),
        (RAW, True, "grow"),
    ],
)
def test_partitions_are_added_unasked_only_where_order_does_not_depend_on_them(
    topic: Topic, *, grow: bool, action: str
) -> None:
    (change,) = compare([topic], found(replace(as_asked(topic), partitions=2)), grow=grow)

    assert change.action == action


def test_partitions_are_never_taken_away() -> None:
    (change,) = compare([DEAD], found(replace(as_asked(DEAD), partitions=9)), grow=True)

    assert change.action == "refuse"


def test_replicas_in_sync_are_not_raised_past_the_replicas_there_are() -> None:
    raw = wanted(Settings(topics=TopicSettings(replication=3)))[0]
    there = Found(raw.name, 4, 1, {**raw.config, "min.insync.replicas": "1"}, records=0)

    assert [change.action for change in compare([raw], found(there), grow=False)] == ["refuse"]


def test_a_broker_that_cannot_tell_its_settings_has_no_drift_in_them() -> None:
    (change,) = compare([RAW], found(replace(as_asked(RAW), config=None)), grow=False)

    assert change.action == "none"


def test_brokers_that_come_back_are_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "PAUSES_SECONDS", (0, 0))
    answers: Iterator[RetryableError | str] = iter(
        [RetryableError("away"), RetryableError("away"), "here"]
    )
    told: list[str] = []

    def ask() -> str:
        answer = next(answers)
        if isinstance(answer, RetryableError):
            raise answer
        return answer

    assert patiently(ask, told.append) == "here"
    assert told == ["away; try 2 of 3 in 0 s", "away; try 3 of 3 in 0 s"]


def test_brokers_that_stay_away_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "PAUSES_SECONDS", (0, 0))

    def ask() -> str:
        raise RetryableError("away")

    with pytest.raises(RetryableError, match="away"):
        patiently(ask, lambda _line: None)
