"""What must hold of the engine's own topics, whoever writes there: read as written, or refused."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

import nacl.exceptions
import nacl.signing
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from streamproc.deadletters.seal import unpack_headers, unpack_original
from streamproc.errors import EventError
from streamproc.events import Micros
from streamproc.kafka import codecs
from streamproc.kafka.attributes import (
    decode_attributes,
    decode_cursor,
    encode_attributes,
    parse_attribute_key,
)
from streamproc.kafka.control import LogRecord
from streamproc.kafka.dead_letters import decode_replay, encode_replay
from streamproc.rollout.records import Abort, decode
from streamproc.rollout.signatures import HEADER, SigningKey, read_signing_key, read_trust
from streamproc.rollout.signers import said

__all__ = ["KEY", "TOPIC", "check_letters", "check_originals", "check_rows", "check_statements"]


def refused_or(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except EventError as error:
        assert (error.stage, error.code) == ("load", "not_ours"), error
        assert error.__context__ is None or error.__suppress_context__
        return None


def check_rows(data: bytes) -> None:
    """Rows: the quick way reads what fastavro reads, and refuses what it refuses."""
    row = refused_or(lambda: codecs.decode_row(data))
    fields = refused_or(lambda: codecs.ROW.decode(data))
    if row is None:
        assert fields is None or not is_object(fields["payload"])
        return
    assert fields is not None
    assert orjson.loads(fields.pop("payload")) == row.payload
    lists = {name: orjson.dumps(fields.pop(name)).decode() for name in ("manifest", "violations")}
    assert row._asdict() | fields | lists == row._asdict()


def is_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


CODECS: Final[tuple[tuple[Callable[[bytes], Any], Callable[[Any], bytes]], ...]] = (
    (codecs.decode_dead_letter, codecs.encode_dead_letter),
    (codecs.decode_link, codecs.encode_link),
    (codecs.decode_deletion, codecs.encode_deletion),
    (decode_replay, encode_replay),
    (decode_attributes, encode_attributes),
)


def check_letters(data: bytes) -> None:
    """Dead letters, links, deletions, marks, attributes: read, written, and read alike."""
    read, write = CODECS[data[0] % len(CODECS) if data else 0]
    value = data[1:]
    found = refused_or(lambda: read(value))
    if found is not None:
        assert read(write(found)) == found
    refused_or(lambda: codecs.parse_link_key(value))
    refused_or(lambda: decode_cursor(value))
    parse_attribute_key(value)


def check_originals(data: bytes) -> None:
    """Sealed originals, once they are open: key, value and headers, or refused."""
    for read in (unpack_original, unpack_headers):
        try:
            read(data)
        except ValueError as error:
            assert str(error) == "not a packed original"


# -- statements -----------------------------------------------------------------------------------

TOPIC: Final = "streamproc.rules"


def known_key() -> SigningKey:
    """Return one key, always the same: what is found is found again."""
    made = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return read_signing_key(pem, "test")


KEY: Final = known_key()
TRUST: Final = read_trust(f"{KEY.public} somebody", "signers", TOPIC, 0)
VERIFY: Final = nacl.signing.VerifyKey(base64.b64decode(KEY.public))


def check_statements(data: bytes) -> None:
    """A record's key, header and value: it counts if it is signed, as another library reads it."""
    key, _, rest = data.partition(b"\0")
    header, _, value = rest.partition(b"\0")
    if header == b"sign":
        header = KEY.sign(TOPIC, key, value)[HEADER]
    counts = said(LogRecord(3, key, value, Micros(0), ((HEADER, header),)), TRUST)
    statement = decode(value)
    of_worker = isinstance(statement, Abort) and statement.attempt > 0
    if of_worker or is_signed(key, value, {HEADER: header}):
        assert counts == statement
    else:
        assert counts is None, "a statement counts that nobody signed"


def is_signed(key: bytes, value: bytes, headers: Mapping[str, bytes]) -> bool:
    """Return whether libsodium takes the signature for one of the key's."""
    signer, _, signature = headers[HEADER].partition(b":")
    parts = (b"streamproc.rules.1", TOPIC.encode(), key, value)
    signed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    try:
        VERIFY.verify(signed, base64.b64decode(signature, validate=True))
    except (nacl.exceptions.CryptoError, ValueError, TypeError):
        return False
    return signer == KEY.id.encode()
