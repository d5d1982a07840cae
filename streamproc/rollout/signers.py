"""The files of who may publish rules, and of the key that this machine publishes with."""

from __future__ import annotations

from pathlib import Path

from streamproc.errors import ConfigError, Problem
from streamproc.kafka.control import LogRecord
from streamproc.rollout.records import Statement, decode
from streamproc.rollout.signatures import SigningKey, Trust, read_signing_key, read_trust
from streamproc.settings import Settings

__all__ = ["said", "signing_key_of", "trust_of"]


def trust_of(settings: Settings) -> Trust | None:
    """Return whose statements on the topic of rules count; None where everybody's do.

    Raises:
        ConfigError: The list of signers cannot be read, or is none.
    """
    file = settings.rules.signers
    if file is None:
        return None
    try:
        text = _read(file).decode("ascii")
    except UnicodeDecodeError:
        raise ConfigError(Problem(str(file), "", "is not ASCII text")) from None
    return read_trust(text, str(file), settings.topics.rules, settings.rules.signed_offset)


def signing_key_of(settings: Settings) -> SigningKey | None:
    """Return the key that statements are signed with; None where they are not.

    Raises:
        ConfigError: The file cannot be read, or others can; or it is none.
    """
    file = settings.rules.signing_key
    if file is None:
        return None
    key = _read(file)
    if file.stat().st_mode & 0o077:
        told = "is open to others than its owner; expected mode 600"
        raise ConfigError(Problem(str(file), "", told))
    return read_signing_key(key, str(file))


def said(record: LogRecord, trust: Trust | None) -> Statement | None:
    """Return what a record of the topic of rules says; None where it is nothing that counts."""
    key, value = record.key, record.value
    headers = {name: each for name, each in record.headers if each is not None}
    if trust is not None and not trust.allows(key, value, headers, record.offset):
        return None
    return decode(value)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be read: {error.strerror}")) from None
