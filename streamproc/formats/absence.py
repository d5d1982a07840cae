"""Fields of Avro records that are null: not there, as JSON says it by leaving them out.

A record of Avro always has all of its fields, and ``["null", …]`` is how one of them is optional.
What is null in a map or a list was put there, and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from streamproc.formats.declared import AvroSchema

__all__ = ["Omit", "omit_of"]

Omit: TypeAlias = Callable[[Any], None]
"""Takes the fields that are null out of a value, in place."""


def omit_of(schema: AvroSchema) -> Omit | None:
    """Return what omits fields of values of ``schema``; None where nothing can be left out.

    Values are as fastavro reads them: the name of a union's branch is not told, so a record among
    several is known by its fields.
    """
    return _Compiler(schema.named).omit(schema.schema)


class _Compiler:
    def __init__(self, named: Mapping[str, Any]) -> None:
        self._named = named
        self._omits: dict[str, Omit] = {}

    def omit(self, schema: Any) -> Omit | None:
        if isinstance(schema, str):
            return self.omit(self._named[schema]) if schema in self._named else None
        if isinstance(schema, list):
            return self._of_union(schema)
        kind = schema["type"]
        if kind in {"record", "error"}:
            return self._of_record(schema)
        if kind == "array":
            return _of_each(self.omit(schema["items"]), iter)
        if kind == "map":
            return _of_each(self.omit(schema["values"]), dict.values)
        return self.omit(kind) if isinstance(kind, (dict, list)) else None

    def _of_record(self, schema: Any) -> Omit:
        name = schema["name"]
        if name not in self._omits:
            inner: list[tuple[str, Omit]] = []
            nullable = [each["name"] for each in schema["fields"] if self._may_be_null(each)]
            self._omits[name] = _of_fields(nullable, inner)  # before its fields, which may name it
            inner += (
                (field["name"], omit)
                for field in schema["fields"]
                if (omit := self.omit(field["type"])) is not None
            )
        return self._omits[name]

    def _may_be_null(self, field: Any) -> bool:
        return field["type"] == "null" or "null" in field["type"]

    def _of_union(self, branches: list[Any]) -> Omit | None:
        records: dict[frozenset[str], Omit] = {}
        others: dict[type, Omit] = {}
        for branch in branches:
            schema = self._named.get(branch) if isinstance(branch, str) else branch
            if schema is None or (omit := self.omit(schema)) is None:
                continue
            if schema["type"] in {"record", "error"}:
                records[frozenset(field["name"] for field in schema["fields"])] = omit
            else:
                others[dict if schema["type"] == "map" else list] = omit
        if not records and not others:
            return None

        def omit_in(value: Any) -> None:
            chosen = records.get(frozenset(value)) if type(value) is dict and records else None
            chosen = chosen or others.get(type(value))
            if chosen is not None:
                chosen(value)

        return omit_in


def _of_fields(nullable: list[str], inner: list[tuple[str, Omit]]) -> Omit:
    def omit(value: Any) -> None:
        for name in nullable:
            if value[name] is None:
                del value[name]
        for name, omit_in in inner:
            if name in value:
                omit_in(value[name])

    return omit


def _of_each(omit_in: Omit | None, items: Callable[[Any], Any]) -> Omit | None:
    if omit_in is None:
        return None

    def omit(value: Any) -> None:
        for item in items(value):
            omit_in(item)

    return omit
