"""The language of rulesets, version 1, as pydantic models: what may stand in the YAML file.

An operator is written as its name, or as its name and its options::

    operator: hash
    operator: {mask: {keep_last: 4}}
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from streamproc.rules.paths import FieldPath

__all__ = [
    "LANGUAGE_VERSION",
    "SEARCHABLE",
    "Drop",
    "DropEvent",
    "Hash",
    "Keep",
    "Mask",
    "Operator",
    "Redact",
    "Replace",
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


class Statement(BaseModel):
    """A mapping of the YAML file; a key that is not listed is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Replace(Statement):
    """Put a constant text in the place of what was found."""

    name: Literal["replace"] = "replace"
    template: Annotated[str, Field(max_length=200)] = "<{entity}>"
    """The text; ``{entity}`` stands for the entity's name."""


class Redact(Statement):
    """Leave nothing: an empty text, or null in the place of what is no text."""

    name: Literal["redact"] = "redact"


class Mask(Statement):
    """Write one character over letters and digits; what separates them stays."""

    name: Literal["mask"] = "mask"
    character: Annotated[str, Field(min_length=1, max_length=1)] = "*"
    keep_first: Annotated[int, Field(ge=0)] = 0
    """Letters and digits left at the start. A value that has no more than are left is masked."""
    keep_last: Annotated[int, Field(ge=0)] = 0
    """Letters and digits left at the end."""


class Hash(Statement):
    """Put a keyed token in its place: one value, one token, so that joins survive."""

    name: Literal["hash"] = "hash"


class Drop(Statement):
    """Leave out the whole field."""

    name: Literal["drop"] = "drop"


class Keep(Statement):
    """Leave what was found as it is; the manifest says so."""

    name: Literal["keep"] = "keep"


class DropEvent(Statement):
    """Leave out the whole event, counted by the rule's name."""

    name: Literal["drop_event"] = "drop_event"


OPERATORS: dict[str, type[Statement]] = {
    "replace": Replace,
    "redact": Redact,
    "mask": Mask,
    "hash": Hash,
    "drop": Drop,
    "keep": Keep,
    "drop_event": DropEvent,
}


def _spelled_out(written: object) -> object:
    match written:
        case str(name):
            return {"name": name}
        case dict() if len(written) == 1:
            ((name, options),) = written.items()
            if options is None:
                return {"name": name}
            if isinstance(options, dict) and "name" not in options:
                return {**options, "name": name}
    raise PydanticCustomError(
        "operator_form",
        "expected an operator's name, or one name with its options: {{mask: {{…}}}}",
    )


Operator: TypeAlias = Annotated[
    Replace | Redact | Mask | Hash | Drop | Keep | DropEvent,
    Field(discriminator="name"),
    BeforeValidator(_spelled_out),
]


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
