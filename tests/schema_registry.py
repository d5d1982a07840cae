"""Schema registries for tests: a small one of our own, and a gate before a real one.

The small one answers the two requests that clients of Confluent's make when they read and write,
and can be told to fail. The gate asks for credentials and speaks TLS, which the real one leaves to
what stands before it. The real one is ``deploy/registry/apicurio.py``.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

__all__ = ["Gate", "SmallRegistry", "basic", "write_certificate"]

CODES = {404: 40403}
"""What Confluent's registry says of a schema that it does not know."""


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
        number = self.server.add(body["schema"])
        self._answer({"id": number, "guid": str(UUID(int=number))})

    def do_GET(self) -> None:
        number = self._asked_for()
        known = number is not None and 0 < number <= len(self.server.schemas)
        self._answer({"schema": self.server.schemas[number - 1]} if number and known else None)

    def _asked_for(self) -> int | None:
        place = self.path.partition("?")[0]
        if found := re.fullmatch(r"/schemas/ids/(\d+)", place):
            return int(found[1])
        found = re.fullmatch(r"/schemas/guids/([0-9a-f-]{36})", place)
        return UUID(found[1]).int if found else None

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


class Gate(ThreadingHTTPServer):
    """Lets requests through to a registry, if they say who they are; HTTPS with a certificate.

    Attributes:
        open: Whether it is there at all: what comes while it is not is answered with 503.
        requests: Methods and paths of what was let through, in the order it came.
    """

    def __init__(self, behind: str, authorization: str, certificate: Path | None = None) -> None:
        """Want this header; ``certificate`` is a PEM file with its key."""
        super().__init__(("127.0.0.1", 0), _GateHandler)
        self.behind = behind
        self.authorization = authorization
        self.open = True
        self.requests: list[str] = []
        self._scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
            self._scheme = "https"
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://localhost:{self.server_port}"

    def handle_error(self, *_: Any) -> None:
        """Write nothing: clients that do not trust it hang up."""

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _GateHandler(BaseHTTPRequestHandler):
    server: Gate

    def do_GET(self) -> None:
        self._pass(None)

    def do_POST(self) -> None:
        if self.path == "/token":  # an OpenID provider's, for client credentials
            token = self.server.authorization.removeprefix("Bearer ")
            found = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
            self._answer(200, json.dumps(found).encode())
        else:
            self._pass(self.rfile.read(int(self.headers["Content-Length"])))

    def do_PUT(self) -> None:
        self.do_POST()

    def log_message(self, *_: Any) -> None:
        """Write nothing."""

    def _pass(self, body: bytes | None) -> None:
        if not self.server.open:
            self._answer(503, b"{}")
        elif self.headers.get("Authorization") != self.server.authorization:
            self._answer(401, b'{"error_code":401,"message":"no"}')
        else:
            self.server.requests.append(f"{self.command} {self.path}")
            self._answer(*self._forward(body))

    def _forward(self, body: bytes | None) -> tuple[int, bytes]:
        kind = {"Content-Type": "application/vnd.schemaregistry.v1+json"} if body else {}
        url = self.server.behind + self.path
        request = urllib.request.Request(url, body, kind, method=self.command)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def basic(username: str, password: str) -> str:
    """Return the header of basic authentication."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def write_certificate(file: Path) -> Path:
    """Write a certificate of localhost, its own authority, and its key to a PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begin = datetime.now(UTC) - timedelta(hours=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    return file
