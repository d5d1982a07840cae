"""The language of repairs as a JSON Schema, for editors."""

from __future__ import annotations

from typing import Any

from streamproc.deadletters.repair.language import Repairs, Step
from streamproc.rules.conditions import ALONE, TESTS
from streamproc.rules.schema import tidied

__all__ = ["repair_schema"]


def repair_schema() -> dict[str, Any]:
    """Return the schema, draft 2020-12."""
    made = Repairs.model_json_schema(by_alias=True)
    definitions = made.pop("$defs")
    definitions["Step"]["oneOf"] = [{"required": [name]} for name in Step.model_fields]
    definitions["Condition"]["oneOf"] = [
        *({"required": ["path", test], "maxProperties": 2} for test in TESTS),
        *({"required": [test], "maxProperties": 1} for test in ALONE),
    ]
    definitions["Replace"]["oneOf"] = [
        {
            "required": ["value"],
            "not": {"anyOf": [{"required": ["pattern"]}, {"required": ["by"]}]},
        },
        {"required": ["pattern", "by"], "not": {"required": ["value"]}},
    ]
    schema: dict[str, Any] = tidied(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **made,
            "$defs": {name: definitions[name] for name in sorted(definitions)},
        }
    )
    return schema
