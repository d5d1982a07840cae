"""The language of rulesets as a JSON Schema, for editors: made from the models, keys and texts.

What takes more than one place of a ruleset to see (a name that stands twice, an entity that nobody
searches for) and what a regular expression is worth, it cannot say: that takes ``rules check``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from streamproc.expected import ENTITY
from streamproc.rules.conditions import ALONE, TESTS
from streamproc.rules.language import SEARCHABLE, STEPS, Ruleset
from streamproc.rules.load_recognizers import Recognizers
from streamproc.rules.operators import OPERATORS

__all__ = ["ruleset_schema", "tidied"]

GROUP: Final = "^[a-z][a-z0-9_]{0,63}$"

NEEDS_OPTIONS: Final = frozenset({"generalise"})
"""Operators that do nothing by their names alone."""

FILE: Final = {
    "type": "object",
    "properties": {"file": {"type": "string", "pattern": r"\.txt$"}},
    "required": ["file"],
    "additionalProperties": False,
}


NOISE: Final = frozenset({"title", "uniqueItems"})
"""What the models say and rulesets need not: pydantic's titles, and that a set is one."""


def ruleset_schema(recognizers: Recognizers) -> dict[str, Any]:
    """Return the schema, draft 2020-12.

    Args:
        recognizers: Own recognizers, whose entities and groups editors are to offer too.
    """
    made = Ruleset.model_json_schema(by_alias=True, schema_generator=_Generator)
    definitions = made.pop("$defs")
    for model in OPERATORS.values():
        del definitions[model.__name__]["properties"]["name"]
    _say_rule(definitions["Rule"], recognizers)
    _say_condition(definitions["Condition"])
    made["properties"]["entities"] |= _searched(recognizers)
    made["properties"]["operators"]["required"] = ["default"]
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **made,
        "$defs": {name: definitions[name] for name in sorted(definitions)},
    }
    ordered: dict[str, Any] = tidied(schema)
    return ordered


class _Generator(GenerateJsonSchema):
    """Writes operators as rulesets do: a name, or a name with its options."""

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """Return the schema of an operator, the only such union there is."""
        options = {name: self.generate_inner(each) for name, each in schema["choices"].items()}
        alone = [name for name in options if name not in NEEDS_OPTIONS]
        return {
            "anyOf": [
                {"enum": alone},
                {
                    "type": "object",
                    "properties": options,
                    "additionalProperties": False,
                    "minProperties": 1,
                    "maxProperties": 1,
                },
            ]
        }


def _say_rule(rule: dict[str, Any], recognizers: Recognizers) -> None:
    properties = rule["properties"]
    entities = _of_list(properties["entities"])
    entities |= _searched(recognizers)
    _of_list(properties["without"])["items"] = {
        "oneOf": [{"const": name, "description": said} for name, said in STEPS.items()]
    }
    for name in ("texts", "near"):
        properties[name]["anyOf"].insert(1, FILE)
    searching = {"not": {"required": ["without"]}}
    rule["oneOf"] = [
        {"required": ["entity", "operator"], **searching},
        {"required": ["entities", "operator"], **searching},
        {"required": ["without"], "not": {"required": ["operator"]}},
    ]


def _say_condition(condition: dict[str, Any]) -> None:
    condition["oneOf"] = [
        *({"required": ["path", test], "maxProperties": 2} for test in TESTS),
        *({"required": [test], "maxProperties": 1} for test in ALONE),
    ]


def _of_list(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the list among what may stand at a key."""
    found: dict[str, Any] = next(each for each in said["anyOf"] if each.get("type") == "array")
    return found


def _searched(recognizers: Recognizers) -> dict[str, Any]:
    known = sorted({*SEARCHABLE, *recognizers.entities, *recognizers.groups})
    return {"items": {"anyOf": [{"enum": known}, *_patterns((ENTITY, GROUP))]}}


def _patterns(patterns: Iterable[str]) -> list[dict[str, str]]:
    return [{"type": "string", "pattern": pattern} for pattern in patterns]


def tidied(value: Any, *, names: bool = False) -> Any:
    """Return ``value`` without noise; ``names`` says that its keys are not JSON Schema's own."""
    if isinstance(value, list):
        return [tidied(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: tidied(each, names=key in {"properties", "$defs"} and not names)
        for key, each in value.items()
        if names or not (key in NOISE or (key, each) == ("default", None))
    }
