"""Personal data that a tracking plan's schemas name with ``x-pii``, as rules.

In a JSON Schema ``x-pii`` stands beside the ``type`` of a property; in an Avro schema it is an
attribute of a field::

    "email": {"type": "string", "x-pii": "EMAIL_ADDRESS"}
    {"name": "card", "type": "string", "x-pii": {"entity": "CREDIT_CARD", "operator": "drop"}}

It says what the field holds, so the whole value is decided, unsearched, by the operator it names or
else by the ruleset's ``operators`` for that entity. These rules come after the ruleset's own, which
so have precedence, and are for the events of their schema alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from pydantic import Field

from streamproc.events import EventType
from streamproc.expected import ENTITY
from streamproc.rules import FieldPath, Keep, Operator, Redact, Rule, Ruleset
from streamproc.rules.document import Location
from streamproc.rules.operators import Statement
from streamproc.rules.paths import ANY, ANY_DEPTH, letters_of
from streamproc.tracking.check import PARTS

__all__ = [
    "Annotated",
    "Annotation",
    "Found",
    "in_avro",
    "in_json_schema",
    "out_of_reach",
    "read_annotation",
    "with_annotated",
]

KEYWORD: Final = "x-pii"

SAME_PLACE: Final = frozenset(
    {"items", "contains", "if", "then", "else", "allOf", "anyOf", "oneOf", "prefixItems"}
    | {"additionalItems", "unevaluatedItems"}
)
"""Keywords whose schemas are of the value itself, or of items of the list it is."""
SAME_PLACE_BY_KEY: Final = frozenset({"dependentSchemas", "dependencies"})
REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")
ANCHORS: Final = ("$anchor", "$dynamicAnchor")
BY_NAME: Final = frozenset(
    {"properties", "patternProperties", "$defs", "definitions"} | SAME_PLACE_BY_KEY
)
"""Keywords whose keys are names, and none are keywords."""
VALUES: Final = frozenset({"const", "default", "enum", "examples"})
"""Keywords of values, which are no schemas."""
ANY_KEY: Final = frozenset({"additionalProperties", "unevaluatedProperties"})

IDENTIFY_TOO: Final = ("context", "traits")
"""Where SDKs for phones put the traits of an identify call."""


_NOWHERE: Final[tuple[Any, Location]] = (None, ())


class Annotation(Statement):
    """What ``x-pii`` says of a field."""

    entity: str = Field(pattern=ENTITY)
    """What it holds."""
    operator: Operator | None = None
    """What is done with it; left out, what the ruleset does with findings of that entity."""


class Found(NamedTuple):
    """An annotation as it stands in a schema.

    Attributes:
        steps: The field, below the part of the event that the schema is of.
        location: Where in the schema.
        written: What ``x-pii`` says.
    """

    steps: tuple[str, ...]
    location: Location
    written: Any


class Annotated(NamedTuple):
    """A field of events that holds personal data.

    Attributes:
        type: The events' type; None for all, the schema then being of whole events.
        name: Their name; None for all of the type.
        steps: The field, as :class:`Found` has it.
        annotation: What it holds.
    """

    type: EventType | None
    name: str | None
    steps: tuple[str, ...]
    annotation: Annotation


def read_annotation(written: Any) -> Annotation:
    """Return the annotation that ``written`` is.

    Raises:
        ValidationError: It is none, or its operator needs findings.
    """
    said = Annotation.model_validate({"entity": written} if isinstance(written, str) else written)
    # A rule refuses what cannot be done with a whole value, such as to keep it.
    _rule(Annotated("track", None, ("any",), said), said.operator or Redact())
    return said


def with_annotated(ruleset: Ruleset, fields: Sequence[Annotated]) -> Ruleset:
    """Return ``ruleset`` with a rule for each of ``fields`` after its own."""
    rules = (_rule(field, _operator(ruleset, field.annotation)) for field in fields)
    return ruleset.model_copy(update={"rules": (*ruleset.rules, *rules)})


def _operator(ruleset: Ruleset, annotation: Annotation) -> Operator:
    said = annotation.operator or ruleset.operator_for(annotation.entity)
    # What is kept where it is found is kept after a search: a whole value is not searched.
    return ruleset.operators["default"] if isinstance(said, Keep) else said


def _rule(field: Annotated, operator: Operator) -> Rule:
    places: list[tuple[str, ...]] = [()] if field.type is None else [(PARTS[field.type],)]
    if field.type == "identify":
        places.append(IDENTIFY_TOO)
    return Rule(
        name=_name(field),
        fields=tuple(FieldPath((*map(letters_of, place), *field.steps)) for place in places),
        types=None if field.type is None else frozenset({field.type}),
        events=None if field.name is None else (_literal(field.name),),
        entity=field.annotation.entity,
        operator=operator,
    )


def _name(field: Annotated) -> str:
    """Return a name that rules can have, and that is one of a kind."""
    words = "-".join((field.name or field.type or "event", *field.steps)).casefold()
    digest = hashlib.sha256(repr(field[:3]).encode()).hexdigest()[:8]
    return f"{KEYWORD}-{re.sub('[^a-z0-9-]+', '_', words)[:40]}-{digest}"


def _literal(name: str) -> str:
    """Return the pattern that only ``name`` matches."""
    return re.sub(r"([*?\[])", r"[\1]", name)


# -- where they stand -----------------------------------------------------------------------------


def in_json_schema(schema: Mapping[str, Any]) -> Iterator[Found]:
    """Yield the annotations of a JSON Schema; what it refers to within itself is followed."""
    waiting: list[tuple[Any, tuple[str, ...], Location, frozenset[str]]]
    waiting = [(schema, (), (), frozenset())]
    while waiting:
        each, steps, location, followed = waiting.pop()
        if not isinstance(each, dict):
            continue
        if KEYWORD in each:
            yield Found(steps, (*location, KEYWORD), each[KEYWORD])
        for reference in (each[keyword] for keyword in REFERENCES if keyword in each):
            reached = _again(steps, recurs=reference in followed)
            if isinstance(reference, str) and reached:
                target, place = _referred(schema, reference)
                waiting.append((target, reached.steps, place, followed | {reference}))
        waiting += (
            (below, (*steps, *step), (*location, *place), followed)
            for step, place, below in _below(each)
        )


def _below(schema: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Location, Any]]:
    """Yield the schemas in ``schema``: the steps to what each is of, where it stands, it."""
    for keyword, content in schema.items():
        if keyword in SAME_PLACE or keyword in ANY_KEY:
            step = (ANY,) if keyword in ANY_KEY else ()
            listed = content if isinstance(content, list) else None
            if listed is None:
                yield step, (keyword,), content
            else:
                yield from ((step, (keyword, at), each) for at, each in enumerate(listed))
        elif isinstance(content, dict) and keyword in {"properties", "patternProperties"}:
            for key, each in content.items():
                named = letters_of(key) if keyword == "properties" else ""
                yield (named or ANY,), (keyword, key), each
        elif isinstance(content, dict) and keyword in SAME_PLACE_BY_KEY:
            yield from (((), (keyword, key), each) for key, each in content.items())


def _referred(schema: Any, reference: str) -> tuple[Any, Location]:
    """Return what a reference within ``schema`` is to, and where that is; None for any other."""
    if not reference.startswith("#/"):
        anchored = dict(_anchored(schema)) | {"": (schema, ())}
        # What is in another file, or by another's $id, is not known here.
        return anchored.get(reference[1:], _NOWHERE) if reference[:1] == "#" else _NOWHERE
    place: list[str | int] = []
    for written in reference.removeprefix("#/").split("/"):
        key = unquote(written).replace("~1", "/").replace("~0", "~")
        step: str | int = int(key) if isinstance(schema, list) and key.isdigit() else key
        try:
            schema = schema[step]
        except (KeyError, IndexError, TypeError):
            return _NOWHERE
        place.append(step)
    return schema, tuple(place)


def _anchored(schema: Any) -> Iterator[tuple[str, tuple[Any, Location]]]:
    for each, location in _objects(schema):
        for name in (each[keyword] for keyword in ANCHORS if keyword in each):
            yield name, (each, location)


def _again(steps: tuple[str, ...], *, recurs: bool) -> FieldPath | None:
    """Return the steps to what a reference is to; where it ``recurs``, at any depth, and once."""
    if not recurs:
        return FieldPath(steps)
    return None if ANY_DEPTH in steps else FieldPath((*steps, ANY_DEPTH))


def in_avro(schema: Any) -> Iterator[Found]:
    """Yield the annotations of an Avro schema; types that are named again are looked into there."""
    named = dict(_named(schema))
    waiting: list[tuple[Any, tuple[str, ...], Location, frozenset[str]]]
    waiting = [(schema, (), (), frozenset())]
    while waiting:
        each, steps, location, within = waiting.pop()
        if isinstance(each, str) and each in named:
            definition, place = named[each]
            if reached := _again(steps, recurs=each in within):
                waiting.append((definition, reached.steps, place, within | {each}))
        elif isinstance(each, list):
            waiting += ((one, steps, (*location, at), within) for at, one in enumerate(each))
        elif isinstance(each, dict):
            if KEYWORD in each:
                yield Found(steps, (*location, KEYWORD), each[KEYWORD])
            waiting += (
                (below, (*steps, *step), (*location, *place), within)
                for step, place, below in _avro_below(each)
            )


def _avro_below(schema: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Location, Any]]:
    fields = schema.get("fields")
    for at, field in enumerate(fields if isinstance(fields, list) else ()):
        if isinstance(field, dict) and isinstance(field.get("name"), str):
            yield (letters_of(field["name"]) or ANY,), ("fields", at), field
    for keyword, step in (("type", ()), ("items", ()), ("values", (ANY,))):
        if keyword in schema:
            yield step, (keyword,), schema[keyword]


def _named(schema: Any) -> Iterator[tuple[str, tuple[Any, Location]]]:
    for each, location in _objects(schema):
        if "fields" in each and isinstance(each.get("name"), str):
            yield each["name"], (each, location)


# -- where they should not ------------------------------------------------------------------------


def out_of_reach(schema: Any, found: Iterable[Found]) -> Iterator[Location]:
    """Yield where an annotation stands that is none of those ``found``: it protects nothing.

    Args:
        schema: A JSON Schema or an Avro schema.
        found: What :func:`in_json_schema` or :func:`in_avro` says of it.
    """
    reached = {each.location for each in found}
    for each, location in _objects(schema):
        place = (*location, KEYWORD)
        if KEYWORD in each and place not in reached:
            yield place


def _objects(schema: Any) -> Iterator[tuple[dict[str, Any], Location]]:
    """Yield every object of a schema that may be a schema itself, and where it stands."""
    waiting: list[tuple[Any, Location]] = [(schema, ())]
    while waiting:
        each, location = waiting.pop()
        if isinstance(each, list):
            waiting += ((below, (*location, at)) for at, below in enumerate(each))
        elif isinstance(each, dict):
            yield each, location
            for key, below in each.items():
                if key in BY_NAME and isinstance(below, dict):
                    waiting += ((one, (*location, key, name)) for name, one in below.items())
                elif key not in VALUES and key != KEYWORD:
                    waiting.append((below, (*location, key)))
