from __future__ import annotations

import os
import sys
from itertools import pairwise

import orjson
import pytest
from bench.peers.leaking import count_leaks
from bench.peers.masking import mask_strings, regex_masks
from bench.peers.measuring import Point, processor_seconds, summary

from streamproc.demo import Generated, Mix, generate


@pytest.fixture(scope="module")
def records() -> list[Generated]:
    return list(generate(200, 1, Mix(malformed=0.0)))


def test_events_as_they_came_leak_everything(records: list[Generated]) -> None:
    leaks = count_leaks(records, (record.value for record in records))
    assert leaks.events == len(records)
    assert leaks.leaked == leaks.planted > 0
    assert leaks.per_thousand == leaks.of_regexes_per_thousand == 1_000


def test_events_with_nothing_but_their_ids_leak_nothing(records: list[Generated]) -> None:
    leaks = count_leaks(records, (orjson.dumps({"messageId": r.message_id}) for r in records))
    assert leaks.planted > 0
    assert leaks.leaked == 0


def test_only_events_that_came_out_count(records: list[Generated]) -> None:
    assert count_leaks(records, [records[0].value]).events == 1


def test_regular_expressions_let_names_through_and_little_else(records: list[Generated]) -> None:
    mask = regex_masks()
    leaks = count_leaks(records, (orjson.dumps(mask_strings(r.event, mask)) for r in records))
    assert leaks.events == len(records)
    assert leaks.of_regexes_per_thousand < 150 < leaks.per_thousand


def test_masking_keeps_the_shape_of_an_event() -> None:
    event = {"a": [1, "jane@example.com", {"b": None, "c": "at 192.0.2.1"}], "d": True}
    masked = mask_strings(event, regex_masks())
    assert masked == {"a": [1, "***", {"b": None, "c": "at ***"}], "d": True}


def test_rates_are_those_after_the_first_output_the_first_tenth_apart() -> None:
    points = [Point(10.0, 1, 1.0, 5.0), Point(20.0, 101, 2.0, 6.0), Point(29.0, 1_001, 3.0, 7.0)]
    run = summary(points, began=4.0)
    assert run.start_seconds == 6.0
    assert run.rate == pytest.approx(1_000 / 19)
    assert run.cold == pytest.approx(10)
    assert run.warm == pytest.approx(100)
    assert run.own_micros == run.broker_micros == pytest.approx(2_000)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_processor_time_of_a_process_only_grows() -> None:
    seen = [processor_seconds(os.getpid()) for _ in range(3)]
    assert all(one <= other for one, other in pairwise(seen))
    assert seen[0] > 0


def test_a_process_that_has_ended_has_no_processor_time() -> None:
    assert processor_seconds(2**22 + 1) == 0.0
