"""The language of rulesets, version 1, as pydantic models: what may stand in the YAML file.

What a rule can do with a value is in :mod:`.operators`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from streamproc.rules.operators import Keep, Operator, Statement
from streamproc.rules.paths import FieldPath

__all__ = [
    "LANGUAGE_VERSION",
    "SEARCHABLE",
    "Rule",
    "Ruleset",
]

LANGUAGE_VERSION = 1
"""Raised when the meaning of any ruleset changes, so that fingerprints change with it."""

SEARCHABLE: frozenset[str] = frozenset(
    {
        "CREDIT_CARD",
        "CRYPTO",
        "DATE_TIME",
        "EMAIL_ADDRESS",
        "IBAN_CODE",
        "IP_ADDRESS",
        "LOCATION",
        "MAC_ADDRESS",
        "MEDICAL_LICENSE",
        "NRP",
        "PERSON",
        "PHONE_NUMBER",
        "UK_NHS",
        "URL",
        "US_BANK_NUMBER",
        "US_DRIVER_LICENSE",
        "US_ITIN",
        "US_PASSPORT",
        "US_SSN",
        "UUID",
    }
)
"""The entities that can be searched for: Presidio's English defaults."""


def _searchable(entity: str) -> str:
    if entity not in SEARCHABLE:
        raise PydanticCustomError("unknown_entity", "no such entity")
    return entity


def _field_path(written: object) -> object:
    if isinstance(written, FieldPath):
        return written
    if not isinstance(written, str):
        raise PydanticCustomError("field_path", "expected a field path")
    try:
        return FieldPath.parse(written)
    except ValueError as error:
        raise PydanticCustomError("field_path", "{reason}", {"reason": str(error)}) from None


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Entity = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
SearchableEntity = Annotated[str, AfterValidator(_searchable)]
WrittenPath = Annotated[FieldPath, BeforeValidator(_field_path)]


class Rule(Statement):
    """What is done in some fields: with the whole value, or with some findings in it."""

    name: Name
    """Stands in manifests and in the counts of dropped events."""
    fields: Annotated[tuple[WrittenPath, ...], Field(min_length=1)]
    """The fields it speaks of; see :mod:`.paths`."""
    operator: Operator
    entity: Entity | None = None
    """What the fields hold: the rule decides the whole value, whatever it is, unsearched."""
    entities: Annotated[frozenset[SearchableEntity], Field(min_length=1)] | None = None
    """The findings it decides; the others of the field go to later rules and to ``operators``."""

    @model_validator(mode="after")
    def _one_kind(self) -> Rule:
        if (self.entity is None) == (self.entities is None):
            raise PydanticCustomError(
                "rule_kind",
                "expected either entity (decides whole values) or entities (decides findings)",
            )
        if isinstance(self.operator, Keep) and self.entities is None:
            raise PydanticCustomError(
                "keep_unsearched", "keep needs entities: no value passes without being searched"
            )
        return self


class Ruleset(Statement):
    """A ruleset: the whole of a YAML file."""

    version: Literal[1]
    """The version of the language."""
    name: Name
    entities: Annotated[frozenset[SearchableEntity], Field(min_length=1)]
    """What is searched in every text of an event that no rule decides as a whole."""
    minimum_score: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Findings below it are left out."""
    operators: dict[str, Operator]
    """What is done with a finding that no rule decides: by entity, and ``default`` for the rest."""
    rules: tuple[Rule, ...] = ()
    """First match wins: among the rules of one kind, the first that matches a field decides."""

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that name the meaning: comments and layout do not count."""
        return hashlib.sha256(_canonical(self).encode()).hexdigest()[:16]

    def operator_for(self, entity: str) -> Operator:
        """Return what is done with a finding of ``entity`` that no rule decides."""
        return self.operators.get(entity) or self.operators["default"]


def _canonical(ruleset: Ruleset) -> str:
    content = ruleset.model_dump(mode="python")
    content["language"] = LANGUAGE_VERSION
    return json.dumps(content, sort_keys=True, default=_sorted)


def _sorted(value: Any) -> list[str]:
    return sorted(value)  # the only thing in a ruleset that JSON does not know is a set
