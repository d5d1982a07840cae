from __future__ import annotations

from streamproc.errors import RetryableError
from streamproc.sight import Health, Pulse, trouble_of


def test_a_process_is_ready_when_each_part_is_there() -> None:
    health = Health({"topics": "not found", "group": "not joined"})
    assert health.lacks() == {"topics": "not found", "group": "not joined"}

    health.there("topics")
    assert health.lacks() == {"group": "not joined"}
    health.there("group")
    assert health.lacks() == {}


def test_a_part_that_is_there_may_say_that_it_is_not_now() -> None:
    said: list[str | None] = [None, "away", None]
    health = Health({"group": "not joined"})
    health.there("group", lambda: said.pop(0))

    assert [health.lacks() for _ in range(3)] == [{}, {"group": "away"}, {}]
    assert health.faults() == {}


def test_what_is_not_healthy_is_not_ready() -> None:
    health = Health()
    health.watch("loop", lambda: "hangs")

    assert health.faults() == health.lacks() == {"loop": "hangs"}


def test_a_pulse_that_stays_away_too_long_is_a_fault_and_heals() -> None:
    now = 100.0
    pulse = Pulse(30, lambda: now)
    now = 500.0
    assert pulse.check() is None  # it has never gone round: nobody waits for it

    pulse.beat()
    now = 530.0
    assert pulse.check() is None
    now = 531.0
    assert pulse.check() == "hangs for 31 s"
    pulse.beat()
    assert pulse.check() is None


def test_what_is_raised_is_what_is_wrong() -> None:
    def broken() -> None:
        raise RetryableError("brokers are away")

    assert trouble_of(broken)() == "brokers are away"
    assert trouble_of(lambda: None)() is None
