"""Redaction without a detector: what is personal is told beforehand, text by text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import orjson

from streamproc.decode import Limits, decode
from streamproc.detect import Text, key_words
from streamproc.events import Dropped, Finding, Json, Micros, Origin, Record, Redacted
from streamproc.redact import KeyRing, Memo, Redactor, ScopedSites, Sites, Tokens, survey
from streamproc.rules import Plan, parse_ruleset

__all__ = [
    "LIMITS",
    "RING",
    "find_literals",
    "plan_of",
    "record_of",
    "redact",
    "redacted",
    "sites_of",
]

RING = KeyRing("k1", {"k1": bytes(range(32))})
LIMITS = Limits(event_bytes=1_048_576, depth=64, text_characters=262_144)

RULESET = """
version: 1
name: test
entities: [CREDIT_CARD, EMAIL_ADDRESS, IP_ADDRESS, PERSON, PHONE_NUMBER]
operators: {default: replace, EMAIL_ADDRESS: hash, CREDIT_CARD: {mask: {keep_last: 4}}}
rules: [%s]
"""


def record_of(body: Mapping[str, Json], key: bytes | None = b"k", offset: int = 0) -> Record:
    value = orjson.dumps({"type": "track", "event": "Tested", "userId": "u-1", **body})
    return Record(Origin("raw", 0, offset), key, value, Micros(0))


@cache
def plan_of(rules: str) -> Plan:
    """Return the plan of ``rules``: flow mappings, joined by commas."""
    return Plan(parse_ruleset(RULESET % rules, "test.yaml"), key_words)


def sites_of(rules: str) -> Sites:
    """Return the sites of ``rules``, with nothing remembered."""
    return Sites(plan_of(rules), lambda context, without: (context, without), Memo(1_000))


def scoped_sites_of(rules: str) -> ScopedSites:
    """Return the sites of ``rules`` by the rules in force, with nothing remembered."""
    ruleset = parse_ruleset(RULESET % rules, "test.yaml")
    memo = Memo(1_000)
    return ScopedSites(ruleset, key_words, lambda context, without: (context, without), memo)


def find_literals(
    texts: Sequence[Text], literals: Mapping[str, str]
) -> Iterator[tuple[Finding, ...]]:
    """Yield, for each text, where the ``literals`` (each with its entity) stand in it.

    An entity written ``url:ENTITY`` makes a finding of step ``url``.
    """
    for text in texts:
        found: list[Finding] = []
        for literal, entity in literals.items():
            step, _, name = entity.rpartition(":")
            found += [
                Finding(*match.span(), name, 0.9, "Literal", step or "text")
                for match in re.finditer(re.escape(literal), text.value)
            ]
        yield tuple(sorted(found))


def redact(
    body: Mapping[str, Json],
    literals: Mapping[str, str] | None = None,
    rules: str = "",
    key: bytes | None = b"k",
) -> Redacted | Dropped:
    """Redact an event of ``body`` by ``rules``."""
    found = survey(decode(record_of(body, key), LIMITS), sites_of(rules))
    texts = [leaf.text for leaf in found.pending]
    for leaf, findings in zip(found.pending, find_literals(texts, literals or {}), strict=True):
        leaf.settle(findings)
    return Redactor(Tokens(RING), "f00d").redact(found)


def redacted(
    body: Mapping[str, Json],
    literals: Mapping[str, str] | None = None,
    rules: str = "",
    key: bytes | None = b"k",
) -> Redacted:
    """Redact as :func:`redact`, an event that no rule drops."""
    result = redact(body, literals, rules, key)
    assert isinstance(result, Redacted)
    return result
