"""The key ring: the secrets that tokens are made with.

A ring is JSON: ``{"active": "k2", "overlap": ["k1"], "keys": {"k1": "<base64>", "k2": …}}``, each
key 32 random bytes. New tokens are made with the active key; its name stands in every token, so
that older ones can still be told by the key they were made with. The keys of ``overlap`` (which may
be left out) were active until lately: as long as they are listed, what joins old rows with new ones
is written under them too. Other keys are kept for what they once encrypted.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from streamproc.errors import ConfigError, Problem
from streamproc.redact.wiping import wipe

__all__ = ["KEY_BYTES", "KeyRing", "parse_key_ring", "write_key_ring"]

KEY_BYTES = 32
"""Length of a key: as long as HMAC-SHA-256's output, which RFC 2104 calls for at least."""

VERSION = re.compile(r"[0-9A-Za-z]{1,16}")
"""Name of a key. Stands inside tokens, so it is letters and digits."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by name, one of them active.

    Attributes:
        active: The key that everything is made with.
        secrets: Every key, 32 bytes each.
        overlap: Keys that were active until lately, the last one first.
    """

    active: str
    secrets: Mapping[str, bytes] = field(repr=False)
    overlap: tuple[str, ...] = ()

    def derive(
        self,
        purpose: str,
        version: str | None = None,
        digest: Literal["sha256", "sha512"] = "sha256",
    ) -> bytes:
        """Return the subkey for ``purpose`` of the active key, or of the key ``version``.

        As long as ``digest`` is: 32 or 64 bytes. Subkeys of different purposes have nothing to do
        with each other. One step of HMAC as a pseudorandom function of the purpose's name: the
        secret is uniformly random, so the extract step of HKDF (RFC 5869) is not needed.
        """
        secret = self.secrets[version or self.active]
        return hmac.digest(secret, f"streamproc/{purpose}".encode(), digest)

    def rotated(self, version: str, secret: bytes) -> KeyRing:
        """Return the ring with a new active key; the one before overlaps.

        Raises:
            ValueError: The ring has a key of that name, or it is no name.
        """
        if version in self.secrets or not VERSION.fullmatch(version):
            raise ValueError("expected a new name of 1 to 16 letters and digits")
        overlap = (self.active, *self.overlap)
        return KeyRing(version, {**self.secrets, version: secret}, overlap)

    def retired(self, version: str) -> KeyRing:
        """Return the ring without ``version`` in its overlap; the key itself stays.

        Raises:
            ValueError: It does not overlap.
        """
        if version not in self.overlap:
            overlapping = f": {', '.join(self.overlap)}" if self.overlap else "; none does"
            raise ValueError(f"expected the name of a key that overlaps{overlapping}")
        overlap = tuple(other for other in self.overlap if other != version)
        return KeyRing(self.active, self.secrets, overlap)


def write_key_ring(active: str, secrets: Mapping[str, bytes], overlap: Sequence[str] = ()) -> str:
    """Return a ring as text, as :func:`parse_key_ring` reads it."""
    keys = {version: base64.b64encode(secret).decode() for version, secret in secrets.items()}
    overlapping = {"overlap": list(overlap)} if overlap else {}
    return json.dumps({"active": active, **overlapping, "keys": keys}, indent=2) + "\n"


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
    # Not b64decode, which would make a copy of the text: these are all there are, and wiped.
    secrets = {version: binascii.a2b_base64(text) for version, text in content["keys"].items()}
    for written in content["keys"].values():
        wipe(written)
    return KeyRing(content["active"], secrets, tuple(content.get("overlap", ())))


def _problems(content: Any, source: str) -> list[Problem]:
    if not isinstance(content, dict) or content.keys() - {"overlap"} != {"active", "keys"}:
        return [Problem(source, "", 'expected {"active": NAME, "keys": {NAME: BASE64, …}}')]
    keys = content["keys"]
    if not isinstance(keys, dict) or not keys:
        return [Problem(source, "keys", "expected at least one key by its name")]
    problems = [problem for item in keys.items() for problem in _key_problems(*item, source)]
    if not isinstance(content["active"], str) or content["active"] not in keys:
        problems.append(Problem(source, "active", "expected the name of one of the keys"))
    problems += _overlap_problems(content, source)
    secrets = [secret for secret in keys.values() if isinstance(secret, str)]
    if len(set(secrets)) < len(secrets):
        problems.append(Problem(source, "keys", "two names have the same key"))
    return problems


def _overlap_problems(content: dict[str, Any], source: str) -> list[Problem]:
    overlap = content.get("overlap", [])
    named = isinstance(overlap, list) and all(isinstance(version, str) for version in overlap)
    if not named or len(set(overlap)) < len(overlap) or not content["keys"].keys() >= set(overlap):
        return [Problem(source, "overlap", "expected a list of names of keys, each once")]
    if content["active"] in overlap:
        return [Problem(source, "overlap", "expected keys that are not active")]
    return []


def _key_problems(version: str, secret: object, source: str) -> list[Problem]:
    path = f"keys.{version}"
    if not VERSION.fullmatch(version):
        return [Problem(source, "keys", "expected names of 1 to 16 letters and digits")]
    try:
        read = binascii.a2b_base64
        length = len(read(secret, strict_mode=True)) if isinstance(secret, str) else 0
    except ValueError:  # letters outside ASCII, too
        length = 0
    if length != KEY_BYTES:
        return [Problem(source, path, f"expected {KEY_BYTES} bytes in base64")]
    return []


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("repeated")
    return found
