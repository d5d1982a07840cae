"""A raw topic that is deleted and made anew while its worker runs, or while it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from brokers import EMBEDDED_PARTITIONS, Broker
from deleting import make_anew
from processes import wait_until
from workplace import Workplace

from streamproc.demo import Generated, Mix, generate

BEFORE = 200
AFTER = 600
"""More than there were: every offset that was committed is one of the new topic too."""


def made(count: int, seed: int) -> list[Generated]:
    return list(generate(count, seed, Mix(malformed=0.0)))


@pytest.mark.kafka
@pytest.mark.timeout(300)
@pytest.mark.parametrize("running", [True, False])
def test_a_raw_topic_that_is_made_anew_is_read_whole(
    kafka: Broker, tmp_path: Path, *, running: bool
) -> None:
    place = Workplace(kafka, tmp_path)
    first, second, third = made(BEFORE, 1), made(AFTER, 2), made(BEFORE, 3)
    place.publish(first)
    with place.ready_worker() as worker:
        place.wait_until_processed(BEFORE)
        if not running:
            assert worker.stop() == 0
        make_anew(kafka, place.topics.raw, EMBEDDED_PARTITIONS)
        place.publish(second)
        if running:
            wait_until(lambda: place.broker.written(place.topics.load) >= BEFORE + AFTER, 120)
            assert worker.stop() == 0
    with place.ready_worker() as worker:
        wait_until(lambda: place.broker.written(place.topics.load) >= BEFORE + AFTER, 120)
        place.publish(third)
        place.wait_until_processed(AFTER + BEFORE)
        assert worker.stop() == 0
    written = place.broker.written(place.topics.load)

    # What was committed of the new topic counts: it is not read once more.
    with place.ready_worker() as worker:
        assert worker.stop() == 0
    assert place.broker.written(place.topics.load) == written
    place.load()
    assert place.message_ids().keys() >= {each.message_id for each in (*first, *second, *third)}
