"""The key ring: the secrets that tokens are made with.

A ring is JSON: ``{"active": "k2", "keys": {"k1": "<base64>", "k2": "<base64>"}}``, each key 32
random bytes. New tokens are made with the active key; its name stands in every token, so that older
ones can still be told by the key they were made with.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streamproc.errors import ConfigError, Problem

__all__ = ["KEY_BYTES", "KeyRing", "parse_key_ring", "write_key_ring"]

KEY_BYTES = 32
"""Length of a key: as long as HMAC-SHA-256's output, which RFC 2104 calls for at least."""

VERSION = re.compile(r"[0-9A-Za-z]{1,16}")
"""Name of a key. Stands inside tokens, so it is letters and digits."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by name, one of them active."""

    active: str
    secrets: Mapping[str, bytes] = field(repr=False)

    def derive(self, purpose: str) -> bytes:
        """Return the active key's subkey for ``purpose``.

        Tokens of different purposes cannot be compared with each other. One step of HMAC as a
        pseudorandom function of the purpose's name: the secret is uniformly random, so the extract
        step of HKDF (RFC 5869) is not needed.
        """
        return hmac.digest(self.secrets[self.active], f"streamproc/{purpose}".encode(), "sha256")


def write_key_ring(active: str, secrets: Mapping[str, bytes]) -> str:
    """Return a ring as text, as :func:`parse_key_ring` reads it."""
    keys = {version: base64.b64encode(secret).decode() for version, secret in secrets.items()}
    return json.dumps({"active": active, "keys": keys}, indent=2) + "\n"


def parse_key_ring(text: str, source: str) -> KeyRing:
    """Return the ring that ``text`` holds; ``source`` names it in problems.

    Raises:
        ConfigError: With every problem; no problem quotes a key.
    """
    try:
        content = json.loads(text, object_pairs_hook=_without_repetition)
    except json.JSONDecodeError as error:
        raise ConfigError(Problem(source, "", "is not JSON", error.lineno)) from None
    except ValueError:
        raise ConfigError(Problem(source, "", "names a key twice")) from None
    problems = list(_problems(content, source))
    if problems:
        raise ConfigError(*problems)
    secrets = {version: base64.b64decode(text) for version, text in content["keys"].items()}
    return KeyRing(content["active"], secrets)


def _problems(content: Any, source: str) -> list[Problem]:
    if not isinstance(content, dict) or content.keys() != {"active", "keys"}:
        return [Problem(source, "", 'expected {"active": NAME, "keys": {NAME: BASE64, …}}')]
    keys = content["keys"]
    if not isinstance(keys, dict) or not keys:
        return [Problem(source, "keys", "expected at least one key by its name")]
    problems = [problem for item in keys.items() for problem in _key_problems(*item, source)]
    if not isinstance(content["active"], str) or content["active"] not in keys:
        problems.append(Problem(source, "active", "expected the name of one of the keys"))
    secrets = [secret for secret in keys.values() if isinstance(secret, str)]
    if len(set(secrets)) < len(secrets):
        problems.append(Problem(source, "keys", "two names have the same key"))
    return problems


def _key_problems(version: str, secret: object, source: str) -> list[Problem]:
    path = f"keys.{version}"
    if not VERSION.fullmatch(version):
        return [Problem(source, "keys", "expected names of 1 to 16 letters and digits")]
    try:
        length = len(base64.b64decode(secret, validate=True)) if isinstance(secret, str) else 0
    except binascii.Error:
        length = 0
    if length != KEY_BYTES:
        return [Problem(source, path, f"expected {KEY_BYTES} bytes in base64")]
    return []


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("repeated")
    return found
