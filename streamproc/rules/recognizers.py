"""The language of files of recognizers: Presidio's, strictly read, with checks it has not.

A file holds a list ``recognizers``, as the one Presidio's ``RecognizerRegistryProvider`` reads;
what that loads, this loads, and to the same recognizers. Beyond it, a custom recognizer may have
``checksum``, ``minimum_entropy`` and ``case_sensitive``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from streamproc.detect.checksums import CHECKSUMS
from streamproc.detect.definitions import FLAGS
from streamproc.expected import ENTITY
from streamproc.rules.document import nearest
from streamproc.rules.operators import Statement
from streamproc.rules.presidio import PREDEFINED
from streamproc.rules.regexes import refusal

__all__ = [
    "LANGUAGE",
    "LANGUAGE_MODEL",
    "LanguageStatement",
    "PatternStatement",
    "RecognizerFile",
    "RecognizerStatement",
]

LANGUAGE = "en"
"""The language of the recognizers that are taken from a file."""

LANGUAGE_MODEL = "SpacyRecognizer"
"""Stands in Presidio's files for the language model, which settings choose here."""


def _compilable(written: str) -> str:
    if not _CONTROL.isdisjoint(written):
        raise PydanticCustomError(
            "control", "holds a control character: between single quotes \\b is written as it is"
        )
    if reason := refusal(written):
        raise PydanticCustomError("regex", "{reason}", {"reason": reason})
    return written


_CONTROL = frozenset(map(chr, range(32))) - set("\t\n\r")
r"""What nobody writes, but YAML makes of ``"\b"``, which would never be found then."""


def _known_checksum(name: str) -> str:
    if name not in CHECKSUMS:
        hint = nearest(name, CHECKSUMS, 0.6) or f"; there are {', '.join(CHECKSUMS)}"
        raise PydanticCustomError("checksum", "no such checksum{hint}", {"hint": hint})
    return name


def _known_flags(flags: int) -> int:
    if flags & ~FLAGS:
        raise PydanticCustomError(
            "flags", "expected a sum of 2 (ignore case), 8 (multi-line) and 16 (dot matches all)"
        )
    return flags


Score = Annotated[float, Field(ge=0, le=1)]
Word = Annotated[str, Field(min_length=1, max_length=200)]
Label = Annotated[str, Field(min_length=1, max_length=80)]
Entity = Annotated[str, Field(pattern=ENTITY)]
Checksum = Annotated[str, AfterValidator(_known_checksum)]
Flags = Annotated[int, AfterValidator(_known_flags)]
Expression = Annotated[str, Field(min_length=1, max_length=4_000), AfterValidator(_compilable)]


class PatternStatement(Statement):
    """One pattern of a recognizer."""

    name: Label
    regex: Expression
    score: Score


class LanguageStatement(Statement):
    """A language, and the context words of that language; or the language alone."""

    language: str
    context: tuple[Word, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _spelled_out(cls, written: object) -> object:
        return {"language": written} if isinstance(written, str) else written


class RecognizerStatement(Statement):
    """One recognizer, written as Presidio writes it."""

    name: Label
    """Stands in findings; one of a kind."""
    type: Literal["custom", "predefined"] | None = None
    """``predefined`` is one of Presidio's own; left out, it is told by patterns or words."""
    class_name: str | None = None
    """Presidio's name of a predefined one; left out, it is ``name``."""
    enabled: bool = True
    """Whether it is there at all. What is searched is said by the ruleset's ``entities``."""
    supported_language: str | None = None
    supported_languages: tuple[LanguageStatement, ...] | None = None
    """A recognizer that is not for English is left out."""
    country_code: str | None = None
    supported_entity: Entity | None = None
    """What it finds."""
    supported_entities: Annotated[tuple[Entity, ...], Field(min_length=1, max_length=1)] | None = (
        None
    )
    context: tuple[Word, ...] | None = None
    """Words near a finding, or of its key, that raise its score by 0.35, to 0.4 at least."""
    score_thresholds: Annotated[dict[str, Score], Field(default_factory=dict)]
    patterns: tuple[PatternStatement, ...] = ()
    deny_list: tuple[Word, ...] = ()
    """Words that are found wherever they stand."""
    deny_list_score: Score = 1.0
    case_sensitive: bool = False
    """Whether patterns and words tell capitals from small letters."""
    checksum: Checksum | None = None
    """What a match has to pass; passed, its score is 1."""
    minimum_entropy: Annotated[float, Field(ge=0, le=8)] = 0.0
    """Bits a character, over all characters of a match, below which it is none."""

    @property
    def predefined(self) -> bool:
        """Whether it is one of Presidio's own."""
        if self.type is None:
            return not (self.patterns or self.deny_list)
        return self.type == "predefined"

    @property
    def recognizer(self) -> str:
        """Presidio's name of a predefined one."""
        return self.class_name or self.name

    @property
    def entities(self) -> tuple[str, ...]:
        """What it says it finds."""
        return self.supported_entities or (
            (self.supported_entity,) if self.supported_entity else ()
        )

    def languages(self, otherwise: Iterable[str]) -> dict[str, tuple[str, ...] | None]:
        """Return the context words of each of its languages, ``otherwise`` if it names none."""
        if self.supported_languages is not None:
            return {item.language: item.context for item in self.supported_languages}
        names = [self.supported_language] if self.supported_language else otherwise
        return dict.fromkeys(names, self.context)

    @model_validator(mode="after")
    def _one_kind(self) -> RecognizerStatement:
        if self.supported_language and self.supported_languages:
            raise _problem("expected supported_language or supported_languages, not both")
        if self.supported_entity and self.supported_entities:
            raise _problem("expected supported_entity or supported_entities, not both")
        if self.predefined:
            self._check_predefined()
        else:
            self._check_custom()
        return self

    def _check_predefined(self) -> None:
        own = self.model_fields_set & _CUSTOM_ONLY
        if own:
            raise _problem(f"a predefined recognizer has no {min(own)}")
        if self.enabled and self.recognizer not in (*PREDEFINED, LANGUAGE_MODEL):
            hint = nearest(self.recognizer, PREDEFINED)
            otherwise = "patterns, deny_list or " if self.type is None and not hint else ""
            raise _problem(
                f"expected {otherwise}a recognizer of Presidio's that needs only a text{hint}"
            )

    def _check_custom(self) -> None:
        if not self.entities:
            raise _problem("supported_entity is missing")
        if not (self.patterns or self.deny_list):
            raise _problem("expected patterns or deny_list")
        if self.name in PREDEFINED:
            raise _problem("has the name of one of Presidio's recognizers")
        if self.class_name:
            raise _problem("class_name is of predefined recognizers")


_CUSTOM_ONLY = frozenset(
    {"patterns", "deny_list", "deny_list_score", "case_sensitive", "checksum", "minimum_entropy"}
)


def _problem(message: str) -> PydanticCustomError:
    return PydanticCustomError("recognizer", "{message}", {"message": message})


def _unread_if_disabled(written: object) -> object:
    # Presidio's files hold, switched off, recognizers of services with settings of their own.
    if isinstance(written, dict) and written.get("enabled") is False:
        return {"name": str(written.get("name", "disabled"))[:80], "enabled": False}
    return written


def _some(recognizers: tuple[RecognizerStatement, ...]) -> tuple[RecognizerStatement, ...]:
    if not recognizers:
        raise _problem("expected one recognizer at least")
    return recognizers


class RecognizerFile(Statement):
    """A file of recognizers."""

    supported_languages: tuple[str, ...] = (LANGUAGE,)
    """The languages of a recognizer that names none."""
    global_regex_flags: Flags = FLAGS
    """The flags of all patterns, as the ``regex`` module adds them up."""
    recognizers: Annotated[
        tuple[Annotated[RecognizerStatement, BeforeValidator(_unread_if_disabled)], ...],
        AfterValidator(_some),
    ]
