"""The language of rulesets, version 1, as pydantic models: what may stand in the YAML file.

What a rule can do with a value is in :mod:`.operators`.

Order and precedence, for each field of an event, by the rules that are in force for the event
(``topics``, ``sources``, ``types``, ``events`` and ``when`` all say so) and that name the field:

1. The first rule with ``entity`` decides the whole value. Nothing in it is searched, so no other
   rule and none of ``operators`` has a say there or below.
2. Else it is searched, but for the steps that the first rule with ``without`` leaves out. Of later
   rules with ``without`` there nothing counts: steps are not added up.
3. Each finding is decided by the first rule with ``entities`` that has its entity among them and
   takes it (``texts``, ``matching``, ``near``, ``minimum_score``, ``maximum_score``).
4. What no rule takes, ``operators`` decides: by entity, else by group, else ``default``.

So rules of one kind are read from top to bottom, exceptions first, and the first that matches ends
the search for one; rules of different kinds may stand in any order::

    rules:
      - {name: support, fields: ["**.email"], entity: EMAIL_ADDRESS, when: …, operator: encrypt}
      - {name: emails, fields: ["**.email"], entity: EMAIL_ADDRESS, operator: hash}

There is no key to go on after a match, and none to stop earlier: a field would then have two
operators, and which of them a row went through could not be read from its manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from streamproc.detect.definitions import Definition
from streamproc.detect.evidence import EVIDENT
from streamproc.events import EventType
from streamproc.expected import ENTITY, NAME
from streamproc.rules.beside import Beside
from streamproc.rules.conditions import Condition, Expression, Texts
from streamproc.rules.document import nearest
from streamproc.rules.load_recognizers import Recognizers
from streamproc.rules.operators import Hash, Keep, Operator, Statement
from streamproc.rules.paths import WrittenField
from streamproc.rules.presidio import SEARCHABLE as OF_PRESIDIO

__all__ = [
    "LANGUAGE_VERSION",
    "SEARCHABLE",
    "STEPS",
    "Rule",
    "Ruleset",
    "Severity",
]

LANGUAGE_VERSION = 1
"""Raised when the meaning of any ruleset changes, so that fingerprints change with it."""

SEARCHABLE: frozenset[str] = OF_PRESIDIO.union(EVIDENT)
"""The entities that can be searched for without own recognizers: Presidio's, and those that names
of fields are evidence of."""


T = TypeVar("T")


def _beside(info: ValidationInfo) -> Beside:
    return info.context if isinstance(info.context, Beside) else Beside()


def _recognizers(info: ValidationInfo) -> Recognizers:
    return _beside(info).recognizers


def _searchable(name: str, info: ValidationInfo) -> str:
    own = _recognizers(info)
    known = {*SEARCHABLE, *own.entities, *own.groups}
    if name not in known:
        raise PydanticCustomError(
            "unknown_entity", "no such entity{hint}", {"hint": _hint(name, known)}
        )
    return name


def _hint(name: str, known: Iterable[str]) -> str:
    if near := nearest(name, known, 0.6):
        return near
    # PHONE is less like PHONE_NUMBER than one thinks.
    longer = [entity for entity in sorted(known) if name.upper() in entity.split("_")]
    if longer:
        return f"; did you mean {' or '.join(longer[:3])}?"
    return "; those of recognizers of your own are known from recognizers/*.yaml beside the ruleset"


def _spelled_out(names: frozenset[str], info: ValidationInfo) -> frozenset[str]:
    """Return ``names`` with the entities of a group in the place of the group."""
    groups = _recognizers(info).groups
    return frozenset().union(*(groups.get(name, {name}) for name in names))


def _by_entity(written: dict[str, T], info: ValidationInfo) -> dict[str, T]:
    """Return what is written for entities and for groups, by entity: the former has precedence."""
    groups = _recognizers(info).groups
    of_groups = {
        entity: said for name, said in written.items() for entity in sorted(groups.get(name, ()))
    }
    return of_groups | {name: said for name, said in written.items() if name not in groups}


STEPS: Mapping[str, str] = MappingProxyType(
    {
        "name": "Prose is searched for names, places and nationalities.",
        "url": "Parts of URLs are searched decoded.",
        "unicode": "Texts are searched as they look: without invisible, full-width and look-alike "
        "characters.",
        "json": "A text that is a JSON document is searched as one; its keys are fields.",
        "form": "The same for form-encoded texts.",
        "base64": "What is written in base64 or in hexadecimal is searched.",
        "key": "Keys that are no plain words are searched.",
        "number": "Numbers are searched: of seven digits and more, and where `field` has evidence.",
        "sibling": (
            "Names that the event states in one field are looked for in its other texts, and names "
            "that a text states once, or in an e-mail address, in the rest of it."
        ),
        "field": "A field's name and the shape of its value are evidence of what it is.",
        "shape": "UUIDs, timestamps and whatever else machines write are not looked into.",
        "bare_number": "A number whose checksum happens to be right is no finding without context.",
    }
)
"""What is done beyond Presidio's search of a text as it stands; a rule can leave out each of it."""


def _step(name: str) -> str:
    if name not in STEPS:
        hint = nearest(name, STEPS, 0.6) or f"; there are {', '.join(STEPS)}"
        raise PydanticCustomError("unknown_step", "no such step{hint}", {"hint": hint})
    return name


def _listed(written: object, info: ValidationInfo) -> object:
    """Return the texts of ``{file: …}``, and anything else as it is."""
    if not isinstance(written, dict):
        return written
    name = written.get("file")
    if len(written) > 1 or not isinstance(name, str):
        raise PydanticCustomError("texts_file", "expected a list, or the name of a file as file")
    try:
        return _beside(info).texts(name)
    except ValueError as error:
        raise PydanticCustomError("texts_file", "{reason}", {"reason": str(error)}) from None


Name = Annotated[str, Field(pattern=NAME)]
Entity = Annotated[str, Field(pattern=ENTITY)]
Entities = Annotated[
    frozenset[Annotated[str, AfterValidator(_searchable)]],
    Field(min_length=1),
    AfterValidator(_spelled_out),
]
"""Entities, and groups in the place of theirs."""
Listed = Annotated[Texts, BeforeValidator(_listed)]
"""Texts, or the file that holds them, one a line."""
Severity: TypeAlias = Literal["low", "medium", "high"]
Score = Annotated[float, Field(ge=0, le=1)]
Names = Annotated[frozenset[Annotated[str, Field(min_length=1)]], Field(min_length=1)]


class Rule(Statement):
    """What is done in some fields: with the whole value, or with some findings in it."""

    name: Name
    """Stands in manifests and in the counts of dropped events."""
    severity: Severity = "medium"
    """How bad it is if what it decides is passed on: said beside it wherever that may happen."""
    fields: Annotated[tuple[WrittenField, ...], Field(min_length=1)]
    """The fields it speaks of: paths such as `context.traits.email`, `properties.products[*].sku`
    and `**.email`, JSONPaths, or `{key: "^card_"}` for every field in whose key that is found."""
    topics: Names | None = None
    """Only events of these topics."""
    sources: Names | None = None
    """Only events of these sources, by write key."""
    types: Annotated[frozenset[EventType], Field(min_length=1)] | None = None
    """Only events of these types."""
    events: (
        Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)] | None
    ) = None
    """Only events of these names (of pages and screens too); `*` stands for anything, `?` for one
    character, and case counts."""
    when: Condition | None = None
    """Only events of which this condition holds, such as `{path: context.country, equals: DE}`."""
    operator: Operator | None = None
    """What is done with what it decides."""
    entity: Entity | None = None
    """What the fields hold: the rule decides the whole value, whatever it is, unsearched."""
    entities: Entities | None = None
    """The findings it decides; the others of the field go to later rules and to ``operators``."""

    texts: Listed | None = None
    """Of these findings, only those that read so, whatever their case: with `keep`, a list of what
    may stay. A list, or `{file: own_addresses.txt}` beside the ruleset, with one text a line."""
    matching: Expression | None = None
    """Of these findings, only those in whose text this regular expression is found."""
    near: Listed | None = None
    """Of these findings, only those with one of these words or phrases close by in the text, at
    most 50 characters before or after them. A list, or a file as for `texts`."""
    minimum_score: Score | None = None
    """Of these findings, only those with this score or a higher one."""
    maximum_score: Score | None = None
    """Of these findings, only those with this score or a lower one."""

    without: (
        Annotated[frozenset[Annotated[str, AfterValidator(_step)]], Field(min_length=1)] | None
    ) = None
    """The steps of the search that are not taken in the fields."""

    @property
    def narrowing(self) -> Iterator[str]:
        """The keys that narrow down which findings of its entities it decides."""
        names = ("texts", "matching", "near", "minimum_score", "maximum_score")
        return (name for name in names if getattr(self, name) is not None)

    @property
    def scoped(self) -> bool:
        """Whether it is for some events only."""
        return any((self.topics, self.sources, self.types, self.events, self.when))

    @model_validator(mode="after")
    def _one_kind(self) -> Rule:
        kinds = (self.entity, self.entities, self.without)
        if sum(kind is not None for kind in kinds) != 1:
            raise PydanticCustomError(
                "rule_kind",
                "expected one of entity (decides whole values), entities (decides findings) and "
                "without (leaves out steps of the search)",
            )
        if (self.operator is None) == (self.without is None):
            said = "is missing" if self.without is None else "has nothing to do: without decides"
            raise PydanticCustomError("rule_operator", "operator {said}", {"said": said})
        if self.entities is None and (narrowed := [*self.narrowing]):
            raise PydanticCustomError(
                "narrowed", "{names} needs entities: it is about findings", {"names": narrowed[0]}
            )
        if isinstance(self.operator, Keep) and self.entities is None:
            raise PydanticCustomError(
                "keep_unsearched", "keep needs entities: no value passes without being searched"
            )
        if isinstance(self.operator, Hash) and self.operator.join and self.entity is None:
            raise PydanticCustomError(
                "join_of_findings", "join needs entity: a field's whole value"
            )
        return self


class Ruleset(Statement):
    """A ruleset: the whole of a YAML file."""

    version: Literal[1]
    """The version of the language."""
    name: Name
    entities: Entities
    """What is searched in every text of an event that no rule decides as a whole."""
    minimum_score: Score = 0.4
    """Findings below it are left out."""
    minimum_scores: Annotated[dict[str, Score], AfterValidator(_by_entity)] = {}  # noqa: RUF012 - frozen
    """The same for some entities or groups, in the place of `minimum_score`."""
    operators: Annotated[dict[str, Operator], AfterValidator(_by_entity)]
    """What is done with a finding that no rule decides: by entity, else by group, else
    ``default``."""
    rules: tuple[Rule, ...] = ()
    """First match wins: among the rules of one kind, the first that matches a field decides."""
    raw_transformations: tuple[str, ...] = ()
    """The transformations that may see events before they are redacted, by name. What they return
    is redacted; no other transformation ever sees a raw event."""
    suppressed: Literal["drop", "anonymise"] = "drop"
    """What becomes of events of people who were erased: none of it, or what says nothing of who
    and where."""

    _recognizers: Recognizers = Recognizers()

    def model_post_init(self, context: object) -> None:
        """Keep the recognizers there are: a copy may search for other entities."""
        if isinstance(context, Beside):
            self._recognizers = context.recognizers

    @property
    def recognizers(self) -> tuple[Definition, ...]:
        """The own recognizers it searches with, beside Presidio's."""
        return self._recognizers.finding(self.entities)

    @property
    def lowest_score(self) -> float:
        """The least score that a finding of any entity needs."""
        return min(self.minimum_score, *self.minimum_scores.values(), 1.0)

    @property
    def scores(self) -> Mapping[str, float]:
        """The least score by entity, where that is not the same for all; else empty."""
        if not self.minimum_scores:
            return {}
        return {name: self.minimum_scores.get(name, self.minimum_score) for name in self.entities}

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
    if not ruleset.raw_transformations:
        del content["raw_transformations"]  # fingerprints from before there were any stay true
    if ruleset.suppressed == "drop":
        del content["suppressed"]
    content["recognizers"] = [asdict(definition) for definition in ruleset.recognizers]
    return json.dumps(content, sort_keys=True, default=_sorted)


def _sorted(value: Any) -> list[str]:
    return sorted(value)  # the only thing in a ruleset that JSON does not know is a set
