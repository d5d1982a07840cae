"""What has changed between two versions of a schema, field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from streamproc.formats.declared import Declared, parsed

__all__ = ["Change", "changes"]

How: TypeAlias = Literal["added", "removed", "changed"]
SAID: Final = ("default", "x-pii", "doc", "aliases")
"""What is told of a field beside its type, where it is said."""


class Change(NamedTuple):
    """A field that is not what it was; None for what is not there."""

    path: str
    how: How
    before: str | None
    after: str | None


def changes(before: Declared, after: Declared) -> list[Change]:
    """Return what is another in ``after`` than in ``before``, by path.

    Of Avro schemas the fields, such as ``properties.items[].sku``; of others every key.

    Raises:
        UnusableSchemaError: One of them is no Avro schema, and says that it is.
        ValueError: One of them is no JSON, and no Avro schema.
    """
    earlier, later = dict(_described(before)), dict(_described(after))
    found = []
    for path in sorted(earlier.keys() | later.keys()):
        was, is_ = earlier.get(path), later.get(path)
        if was != is_:
            how: How = "added" if was is None else "removed" if is_ is None else "changed"
            found.append(Change(path, how, was, is_))
    return found


def _described(declared: Declared) -> Iterator[tuple[str, str]]:
    if declared.kind == "AVRO":
        schema = parsed(declared)
        yield from _fields(schema.schema, schema.named, "", frozenset())
    else:
        yield from _keys(json.loads(declared.text), "")


def _fields(
    schema: Any, named: Mapping[str, Any], path: str, within: frozenset[str]
) -> Iterator[tuple[str, str]]:
    if isinstance(schema, str):
        schema = named.get(schema)
    if isinstance(schema, list):
        for branch in schema:
            yield from _fields(branch, named, path, within)
    elif isinstance(schema, dict):
        kind = schema["type"]
        if kind == "array":
            yield from _fields(schema["items"], named, f"{path}[]", within)
        elif kind == "map":
            yield from _fields(schema["values"], named, f"{path}{{}}", within)
        elif kind in {"record", "error"} and schema["name"] not in within:
            for field in schema["fields"]:
                below = f"{path}.{field['name']}" if path else field["name"]
                yield below, _field(field, named)
                yield from _fields(field["type"], named, below, within | {schema["name"]})


def _field(field: Mapping[str, Any], named: Mapping[str, Any]) -> str:
    said = [f"{name} {json.dumps(field[name])}" for name in SAID if name in field]
    return ", ".join([_type(field["type"], named), *said])


def _type(schema: Any, named: Mapping[str, Any]) -> str:
    if isinstance(schema, list):
        return " | ".join(_type(branch, named) for branch in schema)
    if isinstance(schema, str):
        return _type(named[schema], named) if schema in named else schema
    kind = str(schema["type"])
    told = {
        "array": lambda: f"list of {_type(schema['items'], named)}",
        "map": lambda: f"map of {_type(schema['values'], named)}",
        "enum": lambda: f"enum {schema['name']} ({', '.join(schema['symbols'])})",
        "fixed": lambda: f"fixed {schema['name']} ({schema['size']} bytes)",
        "record": lambda: f"record {schema['name']}",
    }
    if kind in told:
        return told[kind]()
    logical = schema.get("logicalType")
    return f"{kind} ({logical})" if logical else kind


def _keys(node: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict) and node:
        for key, below in node.items():
            yield from _keys(below, f"{path}.{key}" if path else key)
    elif isinstance(node, list) and any(isinstance(each, (dict, list)) for each in node):
        for at, below in enumerate(node):
            yield from _keys(below, f"{path}[{at}]")
    else:
        yield path, json.dumps(node)
