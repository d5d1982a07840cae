"""Records that cannot become rows, each with a planted value in it."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import orjson

from streamproc.canaries.planting import Planted
from streamproc.demo import Generated

__all__ = ["poison"]

REFUSED = Path(__file__).parent / "golden" / "refused" / "events.jsonl"
OVERSIZED_BYTES = 200_000
"""More than ``limits.event_bytes``."""
DEPTH = 20_000
EMAIL = "poisoned.person@example.com"


def poison(rng: random.Random) -> list[Generated]:
    """Return records in some order: refused, oversized, bombs for parsers, and noise."""
    lines = [line for line in REFUSED.read_bytes().splitlines() if b'"Fine"' not in line]
    event = orjson.dumps({"type": "track", "event": "Seen", "userId": EMAIL})
    values = [
        *lines,
        orjson.dumps({"type": "track", "event": "Large", "text": EMAIL * (OVERSIZED_BYTES // 20)}),
        b'{"type":"track","event":"Deep","userId":"u","a":' + b"[" * DEPTH + b"]" * DEPTH + b"}",
        b'{"type":"track","event":"Cut","userId":"' + EMAIL.encode(),
        gzip.compress(event),
        event.decode().encode("utf-16"),
        b"\x00\x00\x00\x00\x07" + event,
        b"\xc3\x01" + bytes(8) + event,
        rng.randbytes(500),
        b"",
    ]
    rng.shuffle(values)
    planted = (Planted("email", EMAIL, "userId", "poison"),)
    return [
        Generated(value, b"poison-%d" % number, f"poison-{number}", planted, malformed=True)
        for number, value in enumerate(values)
    ]
