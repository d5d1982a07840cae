"""Every target of fuzzing: what is tried, how inputs are changed, and what they begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from fuzz import documents, events, messages, seeds
from fuzz.mutate import Mutator, json_mutator, lines_mutator

__all__ = ["CORPUS", "TARGETS", "Check", "Target"]

Check: TypeAlias = Callable[[bytes], None]
"""Takes an input. What it raises is a defect: a promise broken, or an error of a stranger's."""

CORPUS: Final = Path(__file__).parent / "corpus"
"""Inputs that are tried in every run of the tests, a folder a target."""


@dataclass(frozen=True, slots=True)
class Target:
    """One target.

    Attributes:
        check: Tries one input.
        seeds: Yields inputs to begin with.
        words: What the inputs are written in, for libFuzzer to put in.
        mutator: Changes inputs; libFuzzer's own where there is none.
        longest: Most bytes of an input.
    """

    check: Check
    seeds: Callable[[], Iterable[bytes]]
    words: tuple[str, ...] = ()
    mutator: Mutator | None = None
    longest: int = 2_048


JSON_WORDS = (
    *('{"', '":', "null", "true", "1e400", "-0", '"\\ud800"', "18446744073709551616", "\ufeff"),
    *(
        "type",
        "track",
        "userId",
        "properties",
        "context",
        "traits",
        "messageId",
        "originalTimestamp",
    ),
)
TEXT_WORDS = (
    *("://", "%40", "%2540", "%25", "?a=", "&b=", ";c=", "/", "#", "@", "+", "=", "==", "\\u00e9"),
    *('{"a":', "[]", '"', "\\ud83d\\ude00", "\x01", "\x02", "\x03", "\x04", "\r\n", "\u200b"),
)
YAML_WORDS = (
    *(
        "- ",
        ": ",
        "{",
        "}",
        "[",
        "]",
        "&a ",
        "*a",
        "<<: *a",
        "!!python/object:",
        "|\n",
        "? ",
        "'",
        '"',
    ),
    *(
        "version",
        "name",
        "entities",
        "operators",
        "rules",
        "default",
        "fields",
        "when",
        "hash",
        "mask",
    ),
    *(
        "truncate_ip",
        "generalise",
        "encrypt",
        "date_shift",
        "keep",
        "drop_event",
        "join: true",
        "**",
    ),
    *(
        "matching",
        "key_matching",
        "types",
        "topics",
        "consent",
        "minimum_score",
        "patterns",
        "regex",
    ),
)

TARGETS: Final[Mapping[str, Target]] = {
    "decode": Target(events.check_decode, seeds.events, JSON_WORDS, json_mutator),
    "formats": Target(events.check_formats, seeds.framed, JSON_WORDS),
    "schemas": Target(events.check_schemas, seeds.schemas, seeds.SCHEMA_WORDS),
    "urls": Target(events.check_urls, seeds.texts, TEXT_WORDS),
    "documents": Target(events.check_documents, seeds.texts, TEXT_WORDS, json_mutator),
    "redaction": Target(events.check_redaction, seeds.planted, TEXT_WORDS, longest=512),
    "rules": Target(documents.check_rules, seeds.rules, YAML_WORDS, lines_mutator, 8_192),
    "recognizers": Target(
        documents.check_recognizers, seeds.recognizers, YAML_WORDS, lines_mutator, 8_192
    ),
    "identity": Target(documents.check_identity, seeds.identity, YAML_WORDS, lines_mutator, 8_192),
    "repairs": Target(documents.check_repairs, seeds.repairs, YAML_WORDS, lines_mutator),
    "settings": Target(documents.check_settings, seeds.settings, (), lines_mutator),
    "plan": Target(documents.check_plan, seeds.plans, JSON_WORDS, lines_mutator),
    "keys": Target(documents.check_keys, seeds.keys, JSON_WORDS, json_mutator),
    "rows": Target(messages.check_rows, seeds.rows, JSON_WORDS),
    "letters": Target(messages.check_letters, seeds.letters),
    "originals": Target(messages.check_originals, seeds.originals),
    "statements": Target(messages.check_statements, seeds.statements, JSON_WORDS),
}
"""By name."""
