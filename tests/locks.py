"""Certificates, and what a broker with locks is told: everything is made for one test."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import jwt
from broker import Door
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

__all__ = [
    "Authority",
    "Certificate",
    "Tokens",
    "oauth_door",
    "scram_door",
    "tls_door",
    "tls_properties",
    "token_server",
]

ISSUER = "https://tokens.example.com"
AUDIENCE = "kafka"


DAY = timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """Files of a certificate and of its key."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates; its own is :attr:`file`."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = (
            self._builder(self._name, self._key.public_key(), (-DAY, DAY))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(own.public_bytes(Encoding.PEM))

    def certify(
        self,
        name: str,
        host: str = "localhost",
        valid: tuple[timedelta, timedelta] = (-DAY, DAY),
        password: str | None = None,
    ) -> Certificate:
        """Return a certificate of ``name`` for ``host``, valid from and to so long after now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = (
            self._builder(subject, key.public_key(), valid)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        files = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        locked = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        files.certificate.write_bytes(made.public_bytes(Encoding.PEM))
        files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
        return files

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        valid: tuple[timedelta, timedelta],
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + valid[0])
            .not_valid_after(now + valid[1])
        )


def tls_properties(server: Certificate, authority: Path, *, client: str = "none") -> str:
    """Return a broker's lines for TLS; ``client`` says whether clients need a certificate."""
    # Certificate and key in one file: what Kafka calls a PEM keystore.
    store = server.certificate.with_suffix(".store.pem")
    store.write_bytes(server.key.read_bytes() + server.certificate.read_bytes())
    return (
        f"ssl.keystore.type=PEM\nssl.keystore.location={store}\n"
        f"ssl.truststore.type=PEM\nssl.truststore.location={authority}\n"
        f"ssl.client.auth={client}\n"
    )


def scram_door(tls: str, users: dict[str, str]) -> Door:
    """Return a door for passwords over TLS, by SCRAM."""
    module = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    return Door(
        "SASL_SSL",
        tls
        + "sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512\n"
        + "".join(
            f"listener.name.client.{mechanism}.sasl.jaas.config={module}\n"
            for mechanism in ("scram-sha-256", "scram-sha-512")
        ),
        users,
    )


def tls_door(tls: str) -> Door:
    """Return a door for who trusts the broker, and is trusted if it asks for certificates."""
    return Door("SSL", tls + "super.users=User:ANONYMOUS;User:CN=worker\n")


def oauth_door(tls: str, keys: Path) -> Door:
    """Return a door for tokens that are signed with one of the ``keys``, a JSON Web Key Set."""
    room = "org.apache.kafka.common.security.oauthbearer"
    told = {
        "sasl.jaas.config": f"{room}.OAuthBearerLoginModule required;",
        "sasl.server.callback.handler.class": f"{room}.OAuthBearerValidatorCallbackHandler",
        "sasl.oauthbearer.jwks.endpoint.url": keys.as_uri(),
        "sasl.oauthbearer.expected.audience": AUDIENCE,
        "sasl.oauthbearer.expected.issuer": ISSUER,
    }
    lines = "".join(
        f"listener.name.client.oauthbearer.{name}={value}\n" for name, value in told.items()
    )
    return Door(
        "SASL_SSL",
        f"{tls}sasl.enabled.mechanisms=OAUTHBEARER\n{lines}super.users=User:ANONYMOUS;User:worker\n",
        system={"org.apache.kafka.sasl.oauthbearer.allowed.urls": keys.as_uri()},
    )


class Tokens:
    """Gives tokens to who knows the secret, by OpenID Connect's client credentials."""

    def __init__(self, folder: Path) -> None:
        self.secret = "the-secret-of-worker"
        self.scopes: list[str] = []
        self.url = ""
        self.keys = folder / "keys.json"
        self._key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        written = {"keys": [{**public, "kid": "1", "alg": "RS256", "use": "sig"}]}
        self.keys.write_text(json.dumps(written))

    def token(self, client: str) -> str:
        now = int(time.time())
        claims = {"sub": client, "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 300}
        return jwt.encode(claims, self._key, "RS256", {"kid": "1"})


@contextmanager
def token_server(folder: Path) -> Iterator[Tokens]:
    """Serve tokens on loopback."""
    tokens = Tokens(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            given = base64.b64decode(self.headers["Authorization"].removeprefix("Basic "))
            client, _, secret = given.decode().partition(":")
            is_known = secret == tokens.secret
            answer: dict[str, object] = {"error": "invalid_client"}
            if is_known:
                tokens.scopes += form.get("scope", [])
                answer = {"access_token": tokens.token(client), "expires_in": 300}
            body = json.dumps(answer).encode()
            self.send_response(200 if is_known else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        tokens.url = f"http://127.0.0.1:{server.server_port}/token"
        yield tokens
        server.shutdown()
        thread.join()
