"""Who may say what the rules are: statements signed with Ed25519 (RFC 8032).

A broker's ACLs say who can write to the topic of rules; a signature says who did, whatever the
broker says. It stands in a header of the record, over the topic's name, the key and the value, so
that a statement cannot be moved to another topic, nor changed; said a second time, it changes
nothing (:mod:`.ledger`). What it does not show is that statements were left out: the topic's id,
which activations say, and ACLs for deletion are for that.

Pure.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from streamproc.errors import ConfigError, Problem
from streamproc.rollout.records import Abort, Statement, decode

__all__ = [
    "HEADER",
    "SigningKey",
    "Trust",
    "generate_signing_key",
    "read_signing_key",
    "read_trust",
]

HEADER: Final = "streamproc-signature"
DOMAIN: Final = b"streamproc.rules.1"
"""What is signed begins with it: the key's signatures of anything else count for nothing here."""
ID_DIGITS: Final = 16
PUBLIC_BYTES: Final = 32


class SigningKey(NamedTuple):
    """A private key.

    Attributes:
        id: Names it: hexadecimal digits of the SHA-256 of the public key.
        public: The public key, base64, as a list of signers has it.
        pem: The private key, for its file.
    """

    id: str
    public: str
    pem: str
    key: Ed25519PrivateKey

    def __repr__(self) -> str:
        """Say which it is, without the key."""
        return f"SigningKey(id={self.id!r})"

    def sign(self, topic: str, key: bytes, value: bytes) -> Mapping[str, bytes]:
        """Return the headers of a record."""
        signature = base64.b64encode(self.key.sign(_signed(topic, key, value)))
        return {HEADER: self.id.encode() + b":" + signature}


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose statements count.

    Attributes:
        topic: The topic of rules.
        signers: Their public keys, by id.
        begins: The offset from which on statements have to be signed.
    """

    topic: str
    signers: Mapping[str, Ed25519PublicKey]
    begins: int = 0

    def allows(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: Mapping[str, bytes],
        offset: int | None = None,
    ) -> bool:
        """Return whether a record may say what it says; one not written yet has no offset.

        That a try has come to nothing anybody may say who can write: every worker does, and the
        ruleset in force stays.
        """
        if (offset is not None and offset < self.begins) or _is_of_a_worker(decode(value)):
            return True
        signer, _, signature = headers.get(HEADER, b"").partition(b":")
        public = self.signers.get(signer.decode("latin-1"))
        if public is None or key is None or value is None:
            return False
        try:
            decoded = base64.b64decode(signature, validate=True)
            public.verify(decoded, _signed(self.topic, key, value))
        except (InvalidSignature, binascii.Error):
            return False
        return True


def generate_signing_key() -> SigningKey:
    """Return a new key, from the system's randomness."""
    return _signing_key(Ed25519PrivateKey.generate())


def read_signing_key(text: bytes, source: str) -> SigningKey:
    """Return the private key in ``text``, PEM; ``source`` says where it stands.

    Raises:
        ConfigError: It is none; the text does not quote it.
    """
    try:
        key = load_pem_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        told = "expected an Ed25519 private key in PEM, without a password"
        raise ConfigError(Problem(source, "", told))
    return _signing_key(key)


def read_trust(text: str, source: str, topic: str, begins: int) -> Trust:
    """Return whom a list of signers names: a line each, the public key and then who it is.

    Raises:
        ConfigError: With every line that is none; or nobody is named.
    """
    signers: dict[str, Ed25519PublicKey] = {}
    problems: list[Problem] = []
    for number, line in enumerate(text.splitlines(), start=1):
        written = line.partition("#")[0].split()
        if not written:
            continue
        try:
            raw = base64.b64decode(written[0], validate=True)
            signers[_id_of(raw)] = Ed25519PublicKey.from_public_bytes(raw)
        except ValueError:
            told = f"expected a public key, base64 of {PUBLIC_BYTES} bytes, and who it is"
            problems.append(Problem(source, f"line {number}", told))
    if not signers and not problems:
        problems.append(Problem(source, "", "expected a line with a public key"))
    if problems:
        raise ConfigError(*problems)
    return Trust(topic, signers, begins)


def _signing_key(key: Ed25519PrivateKey) -> SigningKey:
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return SigningKey(_id_of(public), base64.b64encode(public).decode(), pem, key)


def _id_of(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:ID_DIGITS]


def _is_of_a_worker(statement: Statement | None) -> bool:
    return isinstance(statement, Abort) and statement.attempt > 0


def _signed(topic: str, key: bytes, value: bytes) -> bytes:
    # Lengths go before what they are of: no two records are written as the same bytes.
    parts = (DOMAIN, topic.encode(), key, value)
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)
