"""Schema registries for tests: a small one of our own, and Apicurio Registry as its makers ship it.

Ours answers the two requests that clients of Confluent's make, and can be told to fail. Apicurio
comes from Maven Central (142 MB) on first use, beside Kafka's jars; it keeps schemas in memory.
"""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
import tarfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from broker import TARGET, BrokerError, _free_port, _java

__all__ = ["SmallRegistry", "apicurio", "apicurio_missing"]

APICURIO = "2.6.13.Final"
FETCH_SECONDS = 300
READY_SECONDS = 60
CODES = {404: 40403}
"""What Confluent's registry says of a schema that it does not know."""
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"


class SmallRegistry(ThreadingHTTPServer):
    """Registers schemas by subject and gives them back by number, over HTTP on loopback.

    Attributes:
        status: What every request is answered with, if it is not 200.
        requests: Methods and paths, in the order they came.
        authorization: The header of the last request.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.schemas: list[str] = []
        self.requests: list[str] = []
        self.status = 200
        self.authorization: str | None = None
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, schema: str) -> int:
        """Return the number of ``schema``, the same each time."""
        if schema not in self.schemas:
            self.schemas.append(schema)
        return self.schemas.index(schema) + 1

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: SmallRegistry
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer({"id": self.server.add(body["schema"])})

    def do_GET(self) -> None:
        asked = re.fullmatch(r"/schemas/ids/(\d+)", self.path.partition("?")[0])
        known = asked is not None and int(asked[1]) <= len(self.server.schemas)
        self._answer(
            {"schema": self.server.schemas[int(asked[1]) - 1]} if asked and known else None
        )

    def log_message(self, *_: Any) -> None:
        """Write nothing."""

    def _answer(self, found: dict[str, Any] | None) -> None:
        server = self.server
        server.requests.append(f"{self.command} {self.path}")
        server.authorization = self.headers.get("Authorization")
        status = server.status if found is not None or server.status != 200 else 404
        answer = found if status == 200 else {"error_code": CODES.get(status, -1), "message": "no"}
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@functools.cache
def apicurio_missing() -> str | None:
    """Return why Apicurio cannot be started here, in one line; None when it can."""
    try:
        _java()
        _apicurio_jar()
    except BrokerError as error:
        return str(error)
    return None


@contextmanager
def apicurio() -> Iterator[str]:
    """Run Apicurio Registry; the address of its Confluent-compatible interface."""
    port = _free_port()
    options = [f"-Dquarkus.http.port={port}", "-Dquarkus.http.host=127.0.0.1"]
    flags = ["-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    command = [_java(), *flags, *options, "-jar", str(_apicurio_jar())]
    with (TARGET / "apicurio.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
        _wait_for(f"{url}/subjects", process)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"Apicurio did not become ready; see {TARGET / 'apicurio.log'}")


@functools.cache
def _apicurio_jar() -> Path:
    folder = TARGET / f"apicurio-{APICURIO}"
    jar = folder / f"apicurio-registry-app-{APICURIO}-runner.jar"
    if jar.exists():
        return jar
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerError("Maven, which brings Apicurio, is not installed")
    partial = TARGET / f"apicurio-partial-{time.monotonic_ns()}"
    partial.mkdir(parents=True)
    artifact = f"io.apicurio:apicurio-registry-app:{APICURIO}:tar.gz:all"
    command = [maven, "-q", "-B", COPY, f"-Dartifact={artifact}", f"-DoutputDirectory={partial}"]
    try:
        subprocess.run(command, capture_output=True, timeout=FETCH_SECONDS, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise BrokerError("Maven cannot bring Apicurio") from None
    (archive,) = partial.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(partial, filter="data")
    archive.unlink()
    if not folder.exists():
        partial.rename(folder)
    return jar
