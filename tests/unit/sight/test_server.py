from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from processes import wait_until
from seen import Seen

from streamproc.errors import ConfigError
from streamproc.settings import MetricsSettings
from streamproc.sight import Health, Meter, Views, registry_of, serving
from streamproc.sight.metrics import DROPPED
from streamproc.sight.server import MOST_CONNECTIONS, REQUEST_BYTES


class Shown:
    def __init__(self) -> None:
        self.meter, self.health = Meter(), Health()
        self.port = 0

    @property
    def seen(self) -> Seen:
        return Seen(self.port)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def ask(self, request: bytes) -> bytes:
        """Return all that comes back for ``request``."""
        with self.connect() as connection:
            connection.sendall(request)
            read = b""
            while more := connection.recv(65_536):
                read += more
            return read


@pytest.fixture
def shown() -> Iterator[Shown]:
    made = Shown()
    views = Views.of(registry_of(made.meter), made.health)
    with serving(MetricsSettings(port=0), views) as port:
        assert port is not None
        made.port = port
        yield made


def test_metrics_are_in_the_form_that_is_asked_for(shown: Shown) -> None:
    shown.meter.count(DROPPED, 3, ("bots",))

    plain = shown.seen.get("/metrics")
    openmetrics = shown.seen.get("/metrics", Accept="application/openmetrics-text;version=1.0.0")

    assert plain.kind.startswith("text/plain; version=0.0.4")
    assert 'streamproc_dropped_total{rule="bots"} 3.0' in plain.text
    assert "process_resident_memory_bytes" in plain.text
    assert openmetrics.kind.startswith("application/openmetrics-text; version=1.0.0")
    assert openmetrics.text.endswith("# EOF\n")


def test_states_are_told_by_status_and_reasons(shown: Shown) -> None:
    assert shown.seen.get("/readyz").status == shown.seen.get("/healthz").status == 200

    shown.health.missing("group", "no broker can be reached")
    unready, healthy = shown.seen.get("/readyz"), shown.seen.get("/healthz")
    shown.health.watch("loop", lambda: "hangs")
    unhealthy = shown.seen.get("/healthz")

    assert unready.status == 503
    assert unready.text == '{"ready":false,"reasons":{"group":"no broker can be reached"}}\n'
    assert healthy.text == '{"healthy":true,"reasons":{}}\n'
    assert (unhealthy.status, unhealthy.reasons) == (503, {"loop": "hangs"})


def test_another_page_is_not_there_and_those_that_are_are_named(shown: Shown) -> None:
    found = shown.seen.get("/")

    assert found.status == 404
    assert "/metrics" in found.text


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"jane@example.com\r\n\r\n",
        b"GET /" + b"x" * 2 * REQUEST_BYTES + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
    ],
    ids=["method", "no request", "too long", "TLS", "version"],
)
def test_a_rude_client_is_told_nothing_and_costs_nothing(
    shown: Shown, request_: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        answer = shown.ask(request_)
    except ConnectionError:  # it was still sending
        answer = b""

    assert b"jane" not in answer
    assert b"streamproc_" not in answer
    assert shown.seen.get("/healthz").status == 200
    assert capfd.readouterr() == ("", "")


def test_head_has_no_body(shown: Shown) -> None:
    answer = shown.ask(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")

    assert answer.startswith(b"HTTP/1.0 200")
    assert answer.endswith(b"\r\n\r\n")


def test_clients_that_say_nothing_keep_nobody_out(shown: Shown) -> None:
    silent = [shown.connect() for _ in range(3 * MOST_CONNECTIONS)]
    try:
        assert shown.seen.get("/healthz").status == 200
        assert silent[0].recv(1) == b""  # the oldest had to go
        handlers = [each for each in threading.enumerate() if "process_request" in each.name]
        assert len(handlers) <= 2 * MOST_CONNECTIONS
    finally:
        for connection in silent:
            connection.close()


def test_many_clients_at_once_cost_few_collections(shown: Shown) -> None:
    asked: list[None] = []

    def source() -> list[tuple[tuple[str, ...], float]]:
        asked.append(None)
        return [(("x",), 1.0)]

    shown.meter.ask(DROPPED, source)
    threads = [threading.Thread(target=lambda: shown.seen.get("/metrics")) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 1 <= len(asked) < 10


def test_the_port_is_free_again_at_the_end() -> None:
    views = Views.of(Meter(), Health())
    with serving(MetricsSettings(port=0), views) as port:
        assert port is not None
    with serving(MetricsSettings(port=port), views) as again:
        assert again == port
    wait_until(lambda: not any(each.name == "sight" for each in threading.enumerate()))


def test_a_port_that_is_taken_is_a_problem_of_the_settings(shown: Shown) -> None:
    settings = MetricsSettings(port=shown.port)

    with (
        pytest.raises(ConfigError, match=r"metrics\.port: cannot listen on 127\.0\.0\.1"),
        serving(settings, Views.of(Meter(), Health())),
    ):
        pass


def test_without_a_port_nothing_is_served() -> None:
    with serving(MetricsSettings(), Views.of(Meter(), Health())) as port:
        assert port is None
