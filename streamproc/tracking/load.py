"""From a folder to a tracking plan: every problem at once, each with its file and line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from jsonschema_rs import RegexOptions, ValidationError, Validator, validator_for
from pydantic import ValidationError as PlanError

from streamproc.errors import ConfigError, Problem
from streamproc.events import EventType
from streamproc.rules.document import Document, Location, explained, nearest, read_text
from streamproc.tracking.annotations import (
    Annotated,
    Annotation,
    Found,
    in_avro,
    in_json_schema,
    out_of_reach,
    read_annotation,
)
from streamproc.tracking.check import NAME_FIELDS, PARTS, PlannedEvent, TrackingPlan
from streamproc.tracking.language import AllResponses, PlanFile, Responses

__all__ = ["load_annotated_events", "load_tracking_plan"]

PLAN: Final = "plan.yaml"
BESIDE: Final = frozenset({PLAN, "README.md"})
DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
"""The draft of a schema that does not name one."""
OUT_OF_REACH: Final = (
    "says nothing of any field of an event; expected it in a schema that properties, items or a "
    "$ref within the file lead to"
)


@dataclass(frozen=True, slots=True)
class Written:
    """One schema as it stands in its file.

    Attributes:
        key: The file below the folder, without its ending.
        file: The file.
        text: What is in it.
        schema: The same, read.
    """

    key: str
    file: Path
    text: str
    schema: dict[str, Any]

    @property
    def type(self) -> EventType:
        """The type of the events it is of."""
        return cast("EventType", self.key.partition("/")[0])

    @property
    def title(self) -> Any:
        """The name of the event it is of; None where it is of all of the type."""
        return self.schema.get("title") if "/" in self.key else None


def load_tracking_plan(folder: Path) -> TrackingPlan:
    """Return the tracking plan in ``folder``.

    Raises:
        ConfigError: With every problem of every file.
    """
    problems: list[Problem] = []
    document, file = _plan_file(folder / PLAN, problems)
    found = list(_written(folder, problems))
    written = [each for each in found if each.file.suffix == ".json"]
    validators = {each.key: _validator(each, problems) for each in written}
    annotated = dict(_annotated(found, problems))
    problems += _untitled(written)
    if file is not None:
        problems += _unknown(file, written, document)
    if problems:
        raise ConfigError(*problems)
    assert file is not None
    return TrackingPlan(
        name=file.name,
        fingerprint=_fingerprint(file, found),
        events={
            (each.type, each.title): PlannedEvent(
                cast("Validator", validators[each.key]),
                file.violations.actions(file.events.get(each.key)),
            )
            for each in written
        },
        types=frozenset(each.type for each in written),
        unplanned=file.violations.actions()["unplanned_event"],
        annotated=tuple(annotated.values()),
    )


def load_annotated_events(files: Iterable[Path]) -> tuple[Annotated, ...]:
    """Return the fields that schemas of whole events say hold personal data, Avro's or JSON's.

    Raises:
        ConfigError: With every annotation that is none.
    """
    problems: list[Problem] = []
    found: dict[tuple[str, ...], Annotated] = {}
    for file in files:
        text = read_text(file)
        written = Written("event", file, text, _json_object(text, str(file)))
        for steps, annotation in _annotations(written, problems):
            found[steps] = Annotated(None, None, steps, annotation)
    if problems:
        raise ConfigError(*problems)
    return tuple(found.values())


# -- plan.yaml ------------------------------------------------------------------------------------


def _plan_file(place: Path, problems: list[Problem]) -> tuple[Document, PlanFile | None]:
    document = Document(str(place), None, None)
    try:
        document = Document.parse(read_text(place), str(place))
        return document, PlanFile.model_validate(document.content)
    except ConfigError as error:
        problems += error.problems
    except PlanError as error:
        problems += document.problems(error, lambda item: explained(item, _keys_at(item["loc"])))
    return document, None


def _keys_at(location: Location) -> Sequence[str]:
    """Return the keys that may stand where an unknown one was found."""
    if location[:1] == ("violations",):
        return list(AllResponses.model_fields)
    return list((Responses if location[:1] == ("events",) else PlanFile).model_fields)


def _unknown(file: PlanFile, written: Sequence[Written], document: Document) -> Iterator[Problem]:
    known = [each.key for each in written]
    for key in file.events:
        if key not in known:
            told = f"there is no {key}.json{nearest(key, known, 0.6)}"
            yield document.problem(("events", key), told)


# -- what holds personal data ---------------------------------------------------------------------


def _annotated(
    written: Sequence[Written], problems: list[Problem]
) -> Iterator[tuple[tuple[str, ...], Annotated]]:
    """Yield the fields that schemas say hold personal data, each by what tells it from others."""
    titles = {each.key: each.title for each in written if each.file.suffix == ".json"}
    for each in written:
        avro = each.file.suffix == ".avsc"
        name = titles.get(each.key, each.title) if avro else each.title
        if avro and "/" in each.key and not isinstance(name, str):
            told = f"expected {each.key}.json beside it, or a title: the event's name"
            problems.append(Problem(str(each.file), "title", told))
            continue
        for steps, annotation in _annotations(each, problems):
            yield (each.type, str(name), *steps), Annotated(each.type, name, steps, annotation)


def _annotations(
    written: Written, problems: list[Problem]
) -> Iterator[tuple[tuple[str, ...], Annotation]]:
    """Yield what a schema says of its fields."""
    avro = written.file.suffix == ".avsc"
    annotations = list((in_avro if avro else in_json_schema)(written.schema))
    problems += (
        _document(written).problem(place, OUT_OF_REACH)
        for place in out_of_reach(written.schema, annotations)
    )
    for found in annotations:
        try:
            yield found.steps, read_annotation(found.written)
        except PlanError as error:
            problems += _wrong_annotation(written, found, error)


def _wrong_annotation(written: Written, found: Found, error: PlanError) -> Iterator[Problem]:
    document = _document(written)
    for item in error.errors(include_url=False, include_input=False):
        told = explained(item, Annotation.model_fields)
        yield document.problem((*found.location, *item["loc"]), told)


# -- schemas --------------------------------------------------------------------------------------


def _written(folder: Path, problems: list[Problem]) -> Iterator[Written]:
    """Yield the schemas of ``folder`` that can be read, by their names."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    schemas = [file for file in files if str(file.relative_to(folder)) not in BESIDE]
    if not schemas:
        problems.append(Problem(str(folder), "", "expected a schema, such as track/signed_up.json"))
    for file in schemas:
        parts = file.relative_to(folder).with_suffix("").parts
        if file.suffix not in {".json", ".avsc"} or not _is_place(parts):
            problems.append(Problem(str(file), "", _expected_places()))
            continue
        try:
            text = read_text(file)
            yield Written("/".join(parts), file, text, _json_object(text, str(file)))
        except ConfigError as error:
            problems += error.problems


def _is_place(parts: Sequence[str]) -> bool:
    return parts[0] in PARTS and (len(parts) == 1 or (len(parts) == 2 and parts[0] in NAME_FIELDS))


def _expected_places() -> str:
    every = ", ".join(f"{kind}.json" for kind in PARTS)
    named = ", ".join(f"{kind}/*.json" for kind in NAME_FIELDS)
    return f"is no part of a plan, which has {every}, {named} and {PLAN}"


class _RepeatedKeyError(Exception):
    """A key stands twice in one object."""


def _json_object(text: str, source: str) -> dict[str, Any]:
    try:
        content = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise ConfigError(Problem(source, "", f"is not JSON: {error.msg}", error.lineno)) from None
    except _RepeatedKeyError as error:
        raise ConfigError(Problem(source, "", f"has the key {error} twice in one object")) from None
    except RecursionError:
        raise ConfigError(Problem(source, "", "is nested too deeply")) from None
    if not isinstance(content, dict):
        raise ConfigError(Problem(source, "", "expected a JSON Schema that is an object"))
    return content


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedKeyError(next(key for key in keys if keys.count(key) > 1))
    return content


def _untitled(written: Sequence[Written]) -> Iterator[Problem]:
    """Yield the schemas that do not say which event they are of, or say the same as another."""
    seen: dict[tuple[str, str], Path] = {}
    for each in written:
        if "/" not in each.key:
            continue
        if not isinstance(each.title, str) or not each.title:
            told = f"expected the event's name, as producers write it in {NAME_FIELDS[each.type]}"
            yield Problem(str(each.file), "title", told)
        elif (other := seen.setdefault((each.type, each.title), each.file)) != each.file:
            yield Problem(str(each.file), "title", f"is that of {other.name} too")


def _validator(written: Written, problems: list[Problem]) -> Validator | None:
    """Return what checks events against a schema; note what is wrong with the schema."""
    found = list(_not_schema(written.schema))
    if not found:
        try:
            return validator_for(
                written.schema,
                validate_formats=True,
                ignore_unknown_formats=False,
                offline=True,
                # Linear time, whatever the pattern and the text; no look-around in return.
                pattern_options=RegexOptions(),
            )
        except ValidationError as error:
            found = [error]
        except ValueError as error:
            problems.append(Problem(str(written.file), "", f"is no JSON Schema: {error}"))
            return None
    places = {tuple(error.instance_path): error for error in reversed(found)}
    problems += (
        _problem(written, place, error) for place, error in sorted(places.items(), key=str)
    )
    return None


def _not_schema(schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    """Yield where ``schema`` is not as its draft has schemas."""
    draft = schema.get("$schema", DRAFT)
    try:
        yield from validator_for({"$schema": draft, "$ref": draft}, offline=True).iter_errors(
            schema
        )
    except ValidationError:
        return  # an unknown draft: compiling the schema says so


def _problem(written: Written, place: Location, error: ValidationError) -> Problem:
    (told, *_) = error.message.splitlines()
    hint = "; patterns run in linear time, without look-around" if "regex" in told else ""
    return _document(written).problem(place, f"is no JSON Schema: {told}{hint}")


def _document(written: Written) -> Document:
    try:
        # JSON is YAML, nearly: enough to find the line.
        return Document.parse(written.text, str(written.file))
    except ConfigError:
        return Document(str(written.file), None, None)


def _fingerprint(file: PlanFile, written: Sequence[Written]) -> str:
    content = [file.model_dump(), [(each.key, each.schema) for each in written]]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
