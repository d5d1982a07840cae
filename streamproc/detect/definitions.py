"""Recognizers as data: what a file of recognizers says, read and checked, before it is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import regex

__all__ = ["FLAGS", "Custom", "Definition", "Predefined", "WrittenPattern"]

FLAGS = int(regex.DOTALL | regex.MULTILINE | regex.IGNORECASE)
"""The flags that Presidio compiles patterns with where nothing else is said."""


@dataclass(frozen=True)
class WrittenPattern:
    r"""A regular expression of the ``regex`` module; ``\K`` starts what is found anew.

    Attributes:
        name: What it is the pattern of, such as ``Stripe secret key``.
        regex: The expression.
        score: The score of what it finds, from 0 to 1.
    """

    name: str
    regex: str
    score: float


@dataclass(frozen=True)
class Custom:
    """A recognizer made of patterns and words.

    Attributes:
        name: Its name, one of a kind.
        entity: What it finds, such as ``API_KEY``.
        patterns: The patterns.
        deny_list: Words that are found wherever they stand.
        deny_list_score: The score of such a word.
        context: Words near a finding, or of its key, that raise its score.
        flags: Flags of the ``regex`` module for all patterns and words.
        checksum: Name of the check in :data:`.checksums.CHECKSUMS` that a finding has to pass and
            that, passed, gives it the score 1; None for none.
        minimum_entropy: Bits a character below which a text is no finding; see
            :func:`.own.entropy`.
        score_thresholds: Presidio's: by entity, or for ``default``, the least score that counts.
    """

    name: str
    entity: str
    patterns: tuple[WrittenPattern, ...] = ()
    deny_list: tuple[str, ...] = ()
    deny_list_score: float = 1.0
    context: tuple[str, ...] = ()
    flags: int = FLAGS
    checksum: str | None = None
    minimum_entropy: float = 0.0
    score_thresholds: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Predefined:
    """One of Presidio's own recognizers, set up differently; it stands in for the one shipped.

    Attributes:
        name: Its name.
        recognizer: Presidio's name of the class, such as ``UsSsnRecognizer``.
        context: Context words instead of its own; None to leave them.
        entities: Names of what it finds instead of its own; empty to leave them.
        flags: Flags of the ``regex`` module for its patterns.
        score_thresholds: As in :class:`Custom`.
    """

    name: str
    recognizer: str
    context: tuple[str, ...] | None = None
    entities: tuple[str, ...] = ()
    flags: int = FLAGS
    score_thresholds: tuple[tuple[str, float], ...] = ()


Definition: TypeAlias = Custom | Predefined
