"""No value of an event, and no key that is no plain word, is in what a tracking plan says of it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import RegexOptions, validator_for

from streamproc.rules.plan import PLAIN_KEY
from streamproc.tracking.language import AllResponses
from streamproc.tracking.violations import violations_of

NAMES = ("total", "sku", "note", "items", "a b")
SECRET = "jane@example.com"

keys = st.sampled_from(NAMES) | st.sampled_from(
    [SECRET, f"to {SECRET}", f"[0].{SECRET}", "4111111111111111"]
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from([SECRET, f"hello {SECRET}", 4111111111111111, "4111111111111111", ""]),
)
instances = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
plain_schemas: st.SearchStrategy[Any] = st.sampled_from(
    [
        {"type": "string"},
        {"type": "number", "minimum": 2},
        {"type": "array", "maxItems": 1},
        {"enum": ["x"]},
        {"const": 3},
        {"pattern": "^x"},
        {"format": "email"},
        {"minLength": 50},
        {"uniqueItems": True},
        {"multipleOf": 3},
        False,
    ]
)


def around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.fixed_dictionaries(
            {"properties": st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)},
            optional={
                "required": st.lists(st.sampled_from(NAMES), unique=True),
                "additionalProperties": st.just(False) | inner,
                "unevaluatedProperties": st.just(False),
                "propertyNames": st.just({"pattern": "^t"}),
                "maxProperties": st.just(1),
            },
        ),
        st.builds(lambda schema: {"items": schema}, inner),
        st.builds(lambda schemas: {"anyOf": schemas}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda schemas: {"oneOf": schemas}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda schema: {"not": schema}, inner),
        st.builds(lambda schema: {"if": schema, "then": False}, inner),
        st.builds(lambda schema: {"contains": schema}, inner),
    )


@given(st.recursive(plain_schemas, around, max_leaves=8), instances)
def test_violations_name_places_and_codes_only(schema: Any, instance: Any) -> None:
    validator = validator_for(schema, validate_formats=True, pattern_options=RegexOptions())

    found = violations_of(validator.iter_errors(instance), "properties")

    assert bool(found) == (not validator.is_valid(instance))
    assert found == sorted(set(found))
    for path, code in found:
        assert code in AllResponses.model_fields
        steps = path.replace("]", "").replace("[", ".").split(".")
        assert all(PLAIN_KEY.fullmatch(step) or step == "*" or int(step) < 3 for step in steps)
        assert SECRET not in path
        assert "4111" not in path
