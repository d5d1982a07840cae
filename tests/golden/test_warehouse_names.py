"""Names of events and keys in, names of tables and columns out, in every warehouse.

``warehouse_names/cases.yaml`` has a group for each rule, with where the rule is written down.
``in`` is an event's name, a path of keys, or (``columns``) the paths of one event; ``out`` is the
name, or the names, by warehouse where they differ.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from streamproc.warehouse.dialects import DUCKDB, PARQUET, POSTGRES, SNOWFLAKE
from streamproc.warehouse.shape.names import Naming

FILE = Path(__file__).parent / "warehouse_names" / "cases.yaml"
NAMINGS = {dialect.name: Naming(dialect) for dialect in (DUCKDB, PARQUET, POSTGRES, SNOWFLAKE)}


def test_names_become_what_is_expected(pytestconfig: pytest.Config) -> None:
    yaml = YAML()
    yaml.width = 4096
    groups = yaml.load(FILE)
    found = [
        [{"in": case["in"], "out": names_of(group["asks"], case["in"])} for case in group["cases"]]
        for group in groups
    ]
    if pytestconfig.getoption("--update-golden", default=False):
        for group, cases in zip(groups, found, strict=True):
            group["cases"] = cases
        yaml.dump(groups, FILE)
    assert found == [group["cases"] for group in groups]


def test_there_are_cases_enough_and_each_rule_has_a_source() -> None:
    groups = YAML(typ="safe").load(FILE)
    assert sum(len(group["cases"]) for group in groups) >= 120
    assert all(group["rule"] and group["source"] for group in groups)
    inputs = Counter(
        (group["asks"], str(case["in"])) for group in groups for case in group["cases"]
    )
    assert [given for given, times in inputs.items() if times > 1] == []


def names_of(asks: str, given: Any) -> Any:
    names = {warehouse: asked(naming, asks, given) for warehouse, naming in NAMINGS.items()}
    first, *others = names.values()
    return first if all(other == first for other in others) else names


def asked(naming: Naming, asks: str, given: Any) -> str | list[str]:
    if asks == "table":
        return naming.table(given)
    if asks == "column":
        return naming.column(tuple(given))
    return list(naming.columns([tuple(path) for path in given]).values())
