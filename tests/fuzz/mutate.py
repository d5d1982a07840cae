"""Mutations that know what they change: JSON that is changed bytewise is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeAlias

__all__ = ["Mutate", "Mutator", "json_mutator", "lines_mutator"]

Mutate: TypeAlias = Callable[[bytes, int], bytes]
"""libFuzzer's own: changes bytes, to so many at most."""
Mutator: TypeAlias = Callable[[bytes, int, int, Mutate], bytes]
"""Returns ``(bytes, most of them, seed, libFuzzer's own)`` changed."""

SCALARS: Sequence[Any] = (
    *(None, True, "", 0, -1, 1e400, 2**63, -(2**63) - 1, 2**64, 1e-9, 0.1),
    *("zq9xvalue", "\ud800", "\u00e9\u200b", "[]", '{"a":1}', "a=1&b=%2541"),
    *("2026-01-05T10:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.9999999-12:00"),
    "https://example.com/?a=%7B%22b%22%3A1%7D&c=jane%40example.com#d",
    "eyJub3RlIjogImphbmVAZXhhbXBsZS5jb20ifQ==",
    "6a616e65406578616d706c652e636f6d",
)
OWN_SHARE = 0.3
"""How often bytes are changed blindly all the same."""


def json_mutator(data: bytes, most: int, seed: int, mutate: Mutate) -> bytes:
    """Change a node of a JSON document; bytes of anything else."""
    random = Random(seed)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return mutate(data, most)
    if random.random() < OWN_SHARE:
        return mutate(data, most)
    for _ in range(random.randint(1, 3)):
        document = _changed(document, random)
    ascii_only = random.random() < 0.5
    made = json.dumps(document, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    return made if len(made) <= most else mutate(data, most)


def _changed(node: Any, random: Random) -> Any:
    deeper = node and random.random() < 0.8
    if isinstance(node, dict) and deeper:
        return _changed_object(node, random)
    if isinstance(node, list) and deeper:
        at = random.randrange(len(node))
        rest = node[at + random.randrange(2) :]
        return [*node[:at], _changed(node[at], random), *rest]
    if isinstance(node, str) and deeper and random.random() < 0.3:
        at = random.randrange(len(node))
        return node[:at] + str(random.choice(SCALARS)) + node[at:]
    return random.choice([{"a": node}, [node, node], json.dumps(node), *SCALARS[:20]])


def _changed_object(node: dict[str, Any], random: Random) -> dict[str, Any]:
    key = random.choice(list(node))
    made = dict(node)
    what = random.randrange(5)
    if what == 0:
        del made[key]
    elif what == 1:
        made[str(random.choice(SCALARS))] = node[key]
    else:
        made[key] = _changed(node[key], random)
    return made


def lines_mutator(data: bytes, most: int, seed: int, mutate: Mutate) -> bytes:
    """Change lines of a YAML or TOML file: moved, doubled, taken out, indented, words exchanged."""
    random = Random(seed)
    if random.random() < OWN_SHARE:
        return mutate(data, most)
    lines = data.split(b"\n")
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    what = random.randrange(6)
    if what == 0:
        del lines[at]
    elif what == 1:
        lines.insert(other, lines[at])
    elif what == 2:
        lines[at], lines[other] = lines[other], lines[at]
    elif what == 3:
        lines[at] = b"  " * random.randrange(3) + lines[at].strip()
    else:
        words, others = lines[at].split(b" "), lines[other].split(b" ")
        words[random.randrange(len(words))] = random.choice(others)
        lines[at] = b" ".join(words)
    made = b"\n".join(lines)
    return made if len(made) <= most else mutate(data, most)
