"""Replays that are killed at every point, or overtaken: every record is sent once."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import pytest
from brokers import Broker
from dead_letters import Yard, number_as_id
from processes import Process, running, wait_until

pytestmark = pytest.mark.kafka

LETTERS = 60
RATE = 20
"""Records of a transaction too: there are three of them."""

CRASHING = """
import os, signal, sys
from streamproc.cli import main
from streamproc.kafka.dead_letter_replays import ReplayProducer

name, when, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
original, calls = getattr(ReplayProducer, name), [0]

def crashing(self, *arguments):
    calls[0] += 1
    if when == "before" and calls[0] == count:
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(self, *arguments)
    if when == "after" and calls[0] == count:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(ReplayProducer, name, crashing)
main(sys.argv[4:])
"""

POINTS = [
    # method, before or after it, which call of it
    ("__init__", "after", 1),
    ("_try", "before", 1),
    ("_mark", "before", 1),  # records are there, no mark is
    ("_mark", "after", RATE // 2),
    ("_commit", "before", 1),
    ("_commit", "after", 1),  # there for good, and whoever sent it never knew
    ("_commit", "before", 2),
]


@pytest.fixture
def yard(kafka: Broker, tmp_path: Path) -> Yard:
    yard = Yard(kafka, tmp_path)
    yard.fail(map(number_as_id, range(LETTERS)))
    return yard


def sent(yard: Yard) -> Counter[str]:
    return Counter(each.headers["streamproc-replayed"] for each in yard.replayed())


def replays(*arguments: str) -> list[str]:
    return ["-m", "streamproc", "dead", "replay", "--all", *arguments]


def test_a_replay_that_is_killed_anywhere_sends_every_record_once(yard: Yard) -> None:
    for name, when, count in POINTS:
        before = sent(yard)
        crash = ["-c", CRASHING, name, when, str(count)]
        arguments = ["dead", "replay", "--all", "--rate", str(RATE)]
        with running([*crash, *arguments], yard.variables(), yard.folder) as process:
            assert process.wait() == -signal.SIGKILL, process.output()
        whole = (sum(sent(yard).values()) - sum(before.values())) % RATE
        assert whole == 0, f"part of a transaction is there after {name}"

    yard.told("replay", "--all", "--rate", "5000")

    found = sent(yard)
    assert len(found) == LETTERS
    assert set(found.values()) == {1}


def test_of_two_replays_the_later_one_takes_over_and_nothing_is_doubled(yard: Yard) -> None:
    with running(replays("--rate", "5"), yard.variables(), yard.folder) as first:
        wait_until(lambda: len(sent(yard)) >= 5)
        second = yard.told("replay", "--all", "--rate", "5000")
        assert first.wait() == 1, first.output()
        assert "another replay began meanwhile and took over" in _output(first)

    found = sent(yard)
    assert second["complete"]
    assert len(found) == LETTERS
    assert set(found.values()) == {1}


def test_a_replay_that_is_asked_to_end_finishes_what_is_under_way(yard: Yard) -> None:
    with running(replays("--rate", "5"), yard.variables(), yard.folder) as process:
        wait_until(lambda: len(sent(yard)) >= 5)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait() == 1
        assert "Interrupted; begin again to send the rest." in _output(process)
    marked = yard.told("replay", "--all", "--dry-run")["left"]["sent again already"]
    assert marked == len(sent(yard)) < LETTERS


def _output(process: Process) -> str:
    process.close()
    return process.output()
