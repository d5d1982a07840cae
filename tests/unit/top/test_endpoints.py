from __future__ import annotations

import time

import pytest
from processes import wait_until

from streamproc.errors import ConfigError
from streamproc.settings import MetricsSettings
from streamproc.sight import Health, Meter, Views, serving
from streamproc.sight.metrics import EVENTS, PARTITIONS
from streamproc.top import Endpoints, addresses_of


def test_processes_are_asked_for_metrics_and_for_their_state() -> None:
    meter, health = Meter(), Health({"rules": "starts"})
    meter.set(PARTITIONS, 3)
    meter.count(EVENTS, 10, ("row",))
    with serving(MetricsSettings(port=0), Views.of(meter, health)) as port:
        asked = Endpoints([f"http://127.0.0.1:{port}"], time.monotonic)
        (first,) = asked.look()
        health.there("rules")
        meter.count(EVENTS, 10, ("row",))
        wait_until(lambda: asked.look()[0].events)  # a page is good for a moment
        (last,) = asked.look()
        asked.close()
    assert (first.role, first.state, first.partitions) == ("worker", "rules: starts", 3.0)
    assert last.state == "ready"


def test_who_does_not_answer_is_named_and_costs_the_others_nothing() -> None:
    asked = Endpoints(["http://127.0.0.1:1"], lambda: 0.0)
    (found,) = asked.look()
    asked.close()
    assert (found.name, found.answers, found.state) == ("127.0.0.1:1", False, "connection refused")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["h:1"], ["http://h:1"]),
        (["http://h:1/metrics"], ["http://h:1"]),
        (["https://h/worker/"], ["https://h/worker"]),
        ([], ["http://127.0.0.1:9464"]),
    ],
)
def test_endpoints_are_written_as_people_write_them(given: list[str], expected: list[str]) -> None:
    assert addresses_of(given, "0.0.0.0", 9464) == expected


def test_nothing_is_asked_where_nothing_listens() -> None:
    assert addresses_of([], "127.0.0.1", None) == []


@pytest.mark.parametrize("given", ["ftp://h:1", "h:port", "http://"])
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(ConfigError, match="expected http"):
        addresses_of([given], "127.0.0.1", None)
