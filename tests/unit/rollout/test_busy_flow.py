"""A busy flow beside a ruleset that is made ready, tried, ended, and one that takes over."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from streamproc.assemble import Assembly
from streamproc.effects.trials import TEST_RING
from streamproc.events import Micros, Origin, Record
from streamproc.identity import View
from streamproc.rollout.bundle import open_bundle
from streamproc.rollout.pipelines import Pipelines
from streamproc.rollout.records import Published, Shadow
from streamproc.rollout.shadow import Candidate, Shadowing
from streamproc.settings import Settings
from streamproc.worker import settle_interpreter

RULES = "version: 1\nname: r%d\nentities: [%s]\noperators: {default: hash}\n"
NOTE = "Jane Roe asked us to ring (212) 555-0142, or to write to p%d@example.com."
MOST_SECONDS = 0.05
"""What rules that are tried may take of the flow's own thread, a batch."""


def published(number: int, entities: str) -> Published:
    files = {"rules.yaml": RULES % (number, entities)}
    return Published(
        id=number,
        nonce="n",
        files=files,
        fingerprint=open_bundle(files).fingerprint,
        rows="",
        author="a",
        message="m",
        at="2026-01-01T00:00:00+00:00",
    )


def record(offset: int) -> Record:
    event = {"type": "track", "event": "Seen", "userId": "u", "messageId": f"m-{offset}"}
    body = orjson.dumps({**event, "properties": {"note": NOTE % offset}})
    return Record(Origin("raw", 0, offset), None, body, Micros(0))


class BusyFlow:
    """Batches, one after the other, in this thread: each new, so that all of it is searched."""

    def __init__(self, pipelines: Pipelines, shadowing: Shadowing, first: Published) -> None:
        self._shadowing = shadowing
        self._pipelines = pipelines
        self.in_force = first
        self._offset = 0
        self.own: list[float] = []
        self.gaps: dict[str, float] = {}

    def run(self, phase: str, until: Callable[[], bool]) -> None:
        """Work until it is so; notes the longest batch, and what trying rules took of each."""
        deadline = time.monotonic() + 60
        while not until():
            assert time.monotonic() < deadline, phase
            began = time.monotonic()
            records = [record(self._offset + number) for number in range(5)]
            self._offset += 5
            self._pipelines.of(self.in_force).result(0).run(records)
            used = time.thread_time()
            self._shadowing.look(records)
            self.own.append(time.thread_time() - used)
            self.gaps[phase] = max(time.monotonic() - began, self.gaps.get(phase, 0.0))


@pytest.fixture(autouse=True)
def _as_in_a_worker() -> Iterator[None]:
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    settle_interpreter()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)
    sys.setswitchinterval(interval)


def test_what_is_tried_or_made_ready_is_no_work_of_the_flow() -> None:
    now, other, third = (
        published(1, "EMAIL_ADDRESS"),
        published(2, "EMAIL_ADDRESS, PERSON, PHONE_NUMBER"),
        published(3, "EMAIL_ADDRESS, PERSON, LOCATION"),
    )
    pipelines = Pipelines(Assembly(Settings(), TEST_RING, View()).pipeline)
    shadowing = Shadowing("w", "raw", Assembly(Settings(), TEST_RING, View()).parts)
    pipelines.of(now).result(60)
    flow = BusyFlow(pipelines, shadowing, now)

    def lasting(seconds: float) -> Callable[[], bool]:
        end = time.monotonic() + seconds
        return lambda: time.monotonic() > end

    def compared() -> bool:
        return shadowing._report is not None and shadowing._report.compared > 2

    flow.run("alone", lasting(0.5))
    until = datetime.now(UTC) + timedelta(minutes=5)
    shadowing.follow(Candidate(Shadow(id=2, sample=1.0, until=until), other, now))
    flow.run("shadow", compared)
    shadowing.follow(None)
    flow.run("shadow ended", lasting(0.3))
    flow.run("publish", pipelines.of(third).done)
    flow.in_force = third
    flow.run("taken over", lasting(0.3))
    shadowing.close()
    pipelines.close()

    told = ", ".join(f"{phase} {gap * 1_000:.0f}" for phase, gap in flow.gaps.items())
    print(f"\nlongest batch of the flow, ms: {told}")  # noqa: T201 - with -s
    assert max(flow.own) < MOST_SECONDS
