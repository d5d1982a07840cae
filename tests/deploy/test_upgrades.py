"""A release beside the one before it, on real Kafka, under load: rolled forward, and back.

The one before is taken from the history of this repository; where that is cut short, as in a
shallow clone, these tests are skipped.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from brokers import Broker
from deploy_tools import DEPLOY
from processes import Process, running, wait_until
from rolling_out import Place, load
from workplace import Workplace

from streamproc.rollout.workers import LISTEN_SECONDS

BEFORE = "0b13d66"
"""The last commit of the release before: its tag, once there are tags."""
PARTS = ("streamproc", "rules", "schemas")
ANEW = "identity state is read anew"


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the release before, to be found first by Python."""
    folder = tmp_path_factory.mktemp("before")
    command = ["git", "-C", str(DEPLOY.parent), "archive", BEFORE, "--", *PARTS]
    archived = subprocess.run(command, capture_output=True, check=False)
    if archived.returncode:
        pytest.skip(f"the history does not go back to {BEFORE}")
    with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


class Fleet:
    """Workers and a loader of either release, each of which can be replaced by one of the other."""

    def __init__(self, work: Workplace, before: Path, stack: ExitStack) -> None:
        self.work = work
        self._before = before
        self._stack = stack
        self._members: dict[str, Process] = {}
        self.lines: list[str] = []

    def start(self, name: str, *, old: bool) -> Process:
        """Start the worker or loader ``name``; it is ready when this returns."""
        command, ready = ("worker", "worker ready")
        if name == "loader":
            command, ready = ("load", "partitions assigned")
        settings: dict[str, object] = {
            "worker_instance_id": name,
            "rules_follow": "topic",
            "worker_batch_records": 100,
        }
        variables = self.work.environment(**settings)
        if old:
            variables["PYTHONPATH"] = str(self._before)
        # In another folder than the checkout, which Python would look into first.
        folder = self._before if old else None
        arguments = ["-m", "streamproc", command]
        process = self._stack.enter_context(running(arguments, variables, folder))
        self._members[name] = process
        process.wait_for(ready)
        return process

    def replace(self, name: str, *, old: bool) -> None:
        """Have ``name`` stop in order, and start one of the other release in its place."""
        self.stop(name)
        self.start(name, old=old)

    def stop(self, name: str) -> None:
        process = self._members.pop(name)
        assert process.stop() == 0, process.output()
        process.close()
        self.lines += process.lines


@contextmanager
def fleet(place: Place, before: Path) -> Iterator[Fleet]:
    with ExitStack() as stack:
        yield Fleet(place.work, before, stack)


@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_a_rolling_upgrade_and_the_way_back_lose_and_double_nothing(
    kafka: Broker, tmp_path: Path, before: Path
) -> None:
    with Place(kafka, tmp_path) as place, fleet(place, before) as parts:
        assert place.publish(0).fences == {}
        for name in ("first", "second", "loader"):
            parts.start(name, old=True)
        with load(place.work) as published:
            time.sleep(LISTEN_SECONDS)
            # Forward: loaders before workers. Back: workers before loaders.
            order = [(name, False) for name in ("loader", "first", "second")]
            order += [(name, True) for name in ("first", "second", "loader")]
            for number, (name, old) in enumerate(order, 1):
                parts.replace(name, old=old)
                outcome = place.publish(number)
                assert outcome.fences, outcome.reason
        count = sum(published)
        place.work.wait_until_processed(count)
        for name in ("first", "second", "loader"):
            parts.stop(name)
        place.work.load()

        place.assert_every_row_is_by_the_ruleset_of_its_offset(count, place.work.topics.load)
        loaded = place.work.message_ids()
        assert len(loaded) == count
        assert set(loaded.values()) == {1}
        assert place.work.dead_letters() == []
        assert [line for line in parts.lines if '"level": "error"' in line] == []
        print(f"\n{count} events, 6 replacements, 7 rulesets")  # noqa: T201 - with -s


@pytest.mark.kafka
@pytest.mark.timeout(300)
@pytest.mark.parametrize("old_first", [True, False], ids=["forward", "back"])
def test_the_state_of_identities_is_taken_over(
    kafka: Broker, tmp_path: Path, before: Path, old_first: bool
) -> None:
    with Place(kafka, tmp_path) as place, fleet(place, before) as parts:
        place.publish(0)
        for old in (old_first, not old_first):
            parts.start("first", old=old)
            with load(place.work) as published:
                wait_until(lambda published=published: sum(published) > 200)
            place.work.wait_until_processed(sum(published))
            parts.stop("first")

        assert [line for line in parts.lines if ANEW in line] == []
        assert sum("identities are known" in line for line in parts.lines) == 2
