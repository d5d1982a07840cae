"""Sealing an original to a public key: whoever seals cannot open.

libsodium's sealed boxes (https://doc.libsodium.org/public-key_cryptography/sealed_boxes): X25519
with a fresh key for each message, XSalsa20-Poly1305; 48 bytes longer than what is sealed.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from streamproc.errors import ConfigError, Problem
from streamproc.events import Headers

__all__ = [
    "KeyPair",
    "Seal",
    "generate_key_pair",
    "pack_original",
    "sealer",
    "unpack_headers",
    "unpack_original",
    "unseal",
    "unsealer",
]

Seal: TypeAlias = Callable[[bytes], bytes]

PACKED: Final = b"\x01"
"""First byte of a packed original: the version of the framing."""
PACKED_WITH_HEADERS: Final = b"\x02"
LENGTH: Final = struct.Struct(">i")
ABSENT: Final = -1


class KeyPair(NamedTuple):
    """The two halves, base64 of 32 bytes each. The private one belongs to no worker."""

    public: str
    private: str

    def __repr__(self) -> str:
        """Keep the private key out of logs and tracebacks."""
        return f"KeyPair(public={self.public!r}, private='***')"


def generate_key_pair() -> KeyPair:
    """Return a new key pair, from the system's random source."""
    private = PrivateKey.generate()
    return KeyPair(_text(bytes(private.public_key)), _text(bytes(private)))


def sealer(public_key: str) -> Seal:
    """Return the function that seals to ``public_key`` (base64 of 32 bytes).

    Raises:
        ConfigError: It is no such key.
    """
    box = SealedBox(PublicKey(_key_bytes(public_key, "dead_letters.public_key")))

    def seal(original: bytes) -> bytes:
        return bytes(box.encrypt(original))

    return seal


def unsealer(private_key: str) -> Callable[[bytes], bytes | None]:
    """Return the function that opens what was sealed to the public half of ``private_key``.

    It returns None where that was sealed to another key, or is damaged.

    Args:
        private_key: Base64 of 32 bytes.

    Raises:
        ConfigError: It is no private key.
    """
    box = SealedBox(PrivateKey(_key_bytes(private_key, "private key")))

    def unsealed(sealed: bytes) -> bytes | None:
        try:
            return bytes(box.decrypt(sealed))
        except (CryptoError, ValueError, TypeError):
            return None

    return unsealed


def unseal(private_key: str, sealed: bytes) -> bytes:
    """Return what was sealed to the public half of ``private_key`` (base64 of 32 bytes).

    Raises:
        ConfigError: It is no private key, or not the one for ``sealed``, or ``sealed`` is damaged.
    """
    opened = unsealer(private_key)(sealed)
    if opened is None:
        raise ConfigError(Problem("private key", "", "does not open this dead letter"))
    return opened


def pack_original(key: bytes | None, value: bytes | None, headers: Headers = ()) -> bytes:
    """Return a record's key, value and headers in one piece.

    A version byte, then key and value as Kafka itself writes nullable bytes: the length as a
    big-endian 32-bit integer, -1 for null, then the bytes. Of version 1 that is all; in version 2,
    which is written where there are headers, name and value of each follow in the same way.
    """
    parts = [key, value]
    for name, content in headers:
        parts += [name.encode(), content]
    return (PACKED_WITH_HEADERS if headers else PACKED) + b"".join(
        LENGTH.pack(ABSENT) if part is None else LENGTH.pack(len(part)) + part for part in parts
    )


def unpack_original(packed: bytes) -> tuple[bytes | None, bytes | None]:
    """Return the key and value that :func:`pack_original` packed.

    Raises:
        ValueError: ``packed`` is something else.
    """
    key, value, *_ = _parts_of(packed)
    return key, value


def unpack_headers(packed: bytes) -> Headers:
    """Return the headers that :func:`pack_original` packed.

    Raises:
        ValueError: ``packed`` is something else.
    """
    _, _, *parts = _parts_of(packed)
    names, contents = parts[::2], parts[1::2]
    return tuple((_name(name), content) for name, content in zip(names, contents, strict=True))


def _parts_of(packed: bytes) -> list[bytes | None]:
    version, at, parts = packed[:1], 1, []
    while at < len(packed):
        part, at = _unpack_part(packed, at)
        parts.append(part)
    whole = len(parts) == 2 if version == PACKED else len(parts) >= 4 and len(parts) % 2 == 0
    if version not in {PACKED, PACKED_WITH_HEADERS} or not whole:
        raise ValueError("not a packed original")
    return parts


def _name(part: bytes | None) -> str:
    if part is None:
        raise ValueError("not a packed original")
    return part.decode(errors="replace")


def _unpack_part(packed: bytes, at: int) -> tuple[bytes | None, int]:
    start = at + LENGTH.size
    if start > len(packed):
        raise ValueError("not a packed original")
    (length,) = LENGTH.unpack_from(packed, at)
    if length == ABSENT:
        return None, start
    if not 0 <= length <= len(packed) - start:
        raise ValueError("not a packed original")
    return packed[start : start + length], start + length


def _key_bytes(text: str, source: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != PublicKey.SIZE:
        raise ConfigError(Problem(source, "", f"expected base64 of {PublicKey.SIZE} bytes"))
    return key


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode("ascii")
