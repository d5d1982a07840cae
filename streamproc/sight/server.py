"""The HTTP server of ``/metrics``, ``/healthz`` and ``/readyz``.

It has threads of its own, so it answers while the event loop or the pipeline is busy. It serves
whoever can reach its port, so it is bounded in all that a client could do: a request of 8 KB in
5 seconds, one per connection, 16 connections, the oldest of which goes when one more comes; and
metrics are collected a few times a second at most, however often they are asked for.
"""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from typing import Any, Final, NamedTuple

import orjson
import structlog
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from streamproc.errors import ConfigError, Problem
from streamproc.settings import MetricsSettings
from streamproc.sight.health import Health

__all__ = ["Views", "serving"]

log = structlog.get_logger()

REQUEST_SECONDS: Final = 5.0
"""How long a client may take to ask, and how long to take the answer."""
REQUEST_BYTES: Final = 8_192
MOST_CONNECTIONS: Final = 16
COLLECT_SECONDS: Final = 0.2
"""How long what was collected is good for: one collection takes some milliseconds of the pipeline's
time."""
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0"
"""One of the two forms there are, however many versions and escapings of it are asked for."""
PATHS: Final = ("/metrics", "/healthz", "/readyz")


class Views(NamedTuple):
    """What the server shows.

    Attributes:
        metrics: Collected at ``/metrics``.
        faults: By part why the process cannot go on, for ``/healthz``.
        lacks: By part why it is not ready, for ``/readyz``.
    """

    metrics: Collector
    faults: Callable[[], Mapping[str, str]]
    lacks: Callable[[], Mapping[str, str]]

    @classmethod
    def of(cls, metrics: Collector, health: Health) -> Views:
        """Return the views of one process."""
        return cls(metrics, health.faults, health.lacks)


class _Page(NamedTuple):
    status: HTTPStatus
    kind: str
    body: bytes


@contextmanager
def serving(settings: MetricsSettings, views: Views) -> Iterator[int | None]:
    """Serve ``views`` within the block; yield the port, None if none is set.

    Raises:
        ConfigError: The address cannot be listened on.
    """
    if settings.port is None:
        yield None
        return
    try:
        server = _Server((settings.host, settings.port), views)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "is no address"
        told = f"cannot listen on {settings.host}:{settings.port}: {reason}"
        raise ConfigError(Problem("settings", "metrics.port", told)) from None
    port: int = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, name="sight", daemon=True)
    thread.start()
    log.info("metrics are served", host=settings.host, port=port)
    try:
        yield port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = MOST_CONNECTIONS

    def __init__(self, address: tuple[str, int], views: Views) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._connections: OrderedDict[Any, None] = OrderedDict()
        self._lock = threading.Lock()
        self._views = views
        self._collecting = threading.Lock()
        self._collected: dict[str, tuple[float, _Page]] = {}
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            if len(self._connections) >= MOST_CONNECTIONS:
                oldest, _ = self._connections.popitem(last=False)
                with suppress(OSError):  # it has just gone by itself
                    oldest.shutdown(socket.SHUT_RDWR)
            self._connections[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client went, or was rude."""

    def page(self, path: str, accept: str) -> _Page:
        match path:
            case "/metrics":
                return self._metrics(accept)
            case "/healthz":
                return _state("healthy", self._views.faults())
            case "/readyz":
                return _state("ready", self._views.lacks())
        return _text(HTTPStatus.NOT_FOUND, f"There are {', '.join(PATHS)}.")

    def _metrics(self, accept: str) -> _Page:
        wanted = OPENMETRICS if OPENMETRICS.partition(";")[0] in accept else ""
        encode, kind = choose_encoder(wanted)
        with self._collecting:
            now = time.monotonic()
            collected = self._collected.get(kind)
            if collected is not None and now - collected[0] < COLLECT_SECONDS:
                return collected[1]
            page = _Page(HTTPStatus.OK, kind, encode(self._views.metrics))
            self._collected[kind] = (now, page)
            return page


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = REQUEST_SECONDS  # also of sending the answer, all of it

    def setup(self) -> None:
        super().setup()
        # Read within one deadline: a socket's timeout begins anew with every byte that comes.
        self.rfile.close()
        self.rfile = BytesIO(_head(self.connection))

    def do_GET(self) -> None:
        page = self.server.page(self.path.partition("?")[0], self.headers.get("Accept", ""))
        self.send_response_only(page.status)
        self.send_header("Content-Type", page.kind)
        self.send_header("Content-Length", str(len(page.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def send_error(
        self,
        code: int,
        message: str | None = None,  # noqa: ARG002 - quotes what was asked
        explain: str | None = None,  # noqa: ARG002 - the same
    ) -> None:
        self.close_connection = True
        self.send_response_only(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Write nothing: what strangers ask for is no log of ours."""


def _head(connection: Any) -> bytes:
    """Return a request's lines up to the empty one, or what came of them within the bounds."""
    deadline = time.monotonic() + REQUEST_SECONDS
    read = b""
    while b"\r\n\r\n" not in read and b"\n\n" not in read and len(read) < REQUEST_BYTES:
        left = deadline - time.monotonic()
        if left <= 0:
            return b""
        connection.settimeout(left)
        if not (more := connection.recv(REQUEST_BYTES)):
            return b""
        read += more
    connection.settimeout(REQUEST_SECONDS)
    return read


def _state(good: str, reasons: Mapping[str, str]) -> _Page:
    body = orjson.dumps({good: not reasons, "reasons": dict(reasons)})
    status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
    return _Page(status, "application/json", body + b"\n")


def _text(status: HTTPStatus, text: str) -> _Page:
    return _Page(status, "text/plain; charset=utf-8", f"{text}\n".encode())
