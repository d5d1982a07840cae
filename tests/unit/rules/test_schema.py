import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import validator_for
from ruamel.yaml import YAML

from streamproc.rules import load_recognizers
from streamproc.rules.schema import ruleset_schema
from streamproc.shipped import shipped

SCHEMA = json.loads(shipped("schemas/rules.json").read_text(encoding="utf-8"))
VALIDATOR = validator_for(SCHEMA)
RULESETS = [shipped("rules/default.yaml"), *sorted(shipped("rules/examples").glob("*.yaml"))]


def test_the_shipped_schema_is_up_to_date() -> None:
    # Else: streamproc rules schema > schemas/rules.json
    assert ruleset_schema(load_recognizers(shipped("rules/recognizers"))) == SCHEMA


@pytest.mark.parametrize("file", RULESETS, ids=lambda file: file.name)
def test_shipped_rulesets_are_accepted_and_name_the_schema(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    VALIDATOR.validate(YAML(typ="safe", pure=True).load(text))
    _, _, reference = text.splitlines()[0].partition("# yaml-language-server: $schema=")
    assert (file.parent / reference).resolve() == shipped("schemas/rules.json").resolve()


def ruleset(**changed: Any) -> dict[str, Any]:
    rule = {"name": "emails", "fields": ["**.email"], "entity": "EMAIL_ADDRESS", "operator": "hash"}
    whole = {
        "version": 1,
        "name": "own",
        "entities": ["EMAIL_ADDRESS", "secrets"],
        "operators": {"default": "replace"},
    }
    of_rule = changed.pop("rule", {})
    rule = {key: value for key, value in {**rule, **of_rule}.items() if value is not None}
    return {**whole, "rules": [rule], **changed}


FOUND = {"entity": None, "entities": ["EMAIL_ADDRESS"]}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"minimum_scores": {"EMAIL_ADDRESS": 0.3}},
        {"entities": ["MY_OWN", "my_group"]},
        {"rule": {"operator": {"mask": {"keep_last": 4}}}},
        {"rule": {"operator": {"generalise": {"dates": "year"}}}},
        {"rule": {"fields": [{"key": "^card"}, "$.properties['first name']", "a.*.b[*]"]}},
        {"rule": {"severity": "high", "types": ["track"], "events": ["Order*"]}},
        {
            "rule": {
                "when": {"all": [{"path": "a.b", "in": [1, "x"]}, {"not": {"identified": True}}]}
            }
        },
        {"rule": {**FOUND, "texts": {"file": "own.txt"}, "near": ["support"]}},
        {"rule": {"entity": None, "operator": None, "without": ["name", "json"]}},
    ],
)
def test_what_the_language_has_is_accepted(changed: dict[str, Any]) -> None:
    VALIDATOR.validate(ruleset(**changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"version": 2},
        {"name": "Own"},
        {"operators": {}},
        {"operators": {"default": "shred"}},
        {"operators": {"default": "generalise"}},
        {"entities": []},
        {"minimum_score": 2},
        {"rulez": []},
        {"rule": {"fields": []}},
        {"rule": {"fields": ["a[0]"]}},
        {"rule": {"fields": [{"keys": "x"}]}},
        {"rule": {"operator": None}},
        {"rule": {"entity": None}},
        {"rule": {"entities": ["EMAIL_ADDRESS"]}},
        {"rule": {"without": ["name"]}},
        {"rule": {"entity": None, "operator": None, "without": ["nme"]}},
        {"rule": {"operator": {"mask": {"keep_lst": 4}}}},
        {"rule": {"operator": {"mask": {}, "hash": {}}}},
        {"rule": {"severity": "critical"}},
        {"rule": {"when": {"path": "a"}}},
        {"rule": {"when": {"equals": 1}}},
        {"rule": {"when": {"path": "a", "equals": 1, "above": 2}}},
        {"rule": {**FOUND, "texts": {"file": "own.csv"}}},
    ],
)
def test_what_the_language_has_not_is_refused(changed: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(ruleset(**changed))
