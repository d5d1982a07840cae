"""Whether what was written with one Avro schema can be read with another, and where it cannot.

As https://avro.apache.org/docs/1.12.0/specification/#schema-resolution has it, with names compared
as Avro's own ``SchemaCompatibility`` does, which registries use. Written here because the one in
Python's ``avro`` names no field, and gives places for some mistakes alone; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

from streamproc.formats.declared import AvroSchema

__all__ = ["MODES", "Incompatibility", "Mode", "earlier_versions", "incompatibilities"]

Mode: TypeAlias = Literal[
    "NONE",
    "BACKWARD",
    "BACKWARD_TRANSITIVE",
    "FORWARD",
    "FORWARD_TRANSITIVE",
    "FULL",
    "FULL_TRANSITIVE",
]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
"""What registries hold new versions of a subject to: backward, that the new one reads what the one
before wrote; forward, that the one before reads what the new one writes; transitive, all before."""

PROMOTIONS: Final[Mapping[str, frozenset[str]]] = {
    "int": frozenset({"long", "float", "double"}),
    "long": frozenset({"float", "double"}),
    "float": frozenset({"double"}),
    "string": frozenset({"bytes"}),
    "bytes": frozenset({"string"}),
}
"""What else a written type can be read as."""


class Incompatibility(NamedTuple):
    """Where a reader cannot take what a writer may write.

    Attributes:
        path: The field, such as ``properties.items[].sku``; ``{}`` are the values of a map.
        message: What is wrong there.
        direction: Which way: ``backward``, the new schema cannot read the earlier one's; or
            ``forward``.
    """

    path: str
    message: str
    direction: Literal["backward", "forward"]


def earlier_versions(mode: Mode, versions: Sequence[Any]) -> Sequence[Any]:
    """Return those of ``versions``, oldest first, that a new one is held against."""
    if mode == "NONE":
        return ()
    return versions if mode.endswith("_TRANSITIVE") else versions[-1:]


def incompatibilities(new: AvroSchema, earlier: AvroSchema, mode: Mode) -> list[Incompatibility]:
    """Return all that is wrong between two schemas, each once."""
    found: dict[Incompatibility, None] = {}
    if mode.startswith(("BACKWARD", "FULL")):
        for path, message in _Comparison(new, earlier).compare():
            found[Incompatibility(path, message, "backward")] = None
    if mode.startswith(("FORWARD", "FULL")):
        for path, message in _Comparison(earlier, new).compare():
            found[Incompatibility(path, message, "forward")] = None
    return list(found)


Difference: TypeAlias = tuple[str, str]
"""A path, and what is wrong there."""


class _Comparison:
    def __init__(self, reader: AvroSchema, writer: AvroSchema) -> None:
        self._roots = reader.schema, writer.schema
        self._readers = reader.named
        self._writers = writer.named
        self._pending: set[tuple[str, str]] = set()

    def compare(self) -> Iterator[Difference]:
        yield from self._compare(*self._roots, "")

    def _compare(self, reader: Any, writer: Any, path: str) -> Iterator[Difference]:
        reader, writer = _resolved(reader, self._readers), _resolved(writer, self._writers)
        if isinstance(writer, list):
            for branch in writer:
                yield from self._compare(reader, branch, path)
        elif isinstance(reader, list):
            yield from self._compare_with_union(reader, writer, path)
        else:
            yield from self._compare_types(reader, writer, path)

    def _compare_with_union(self, reader: Any, writer: Any, path: str) -> Iterator[Difference]:
        """Compare with the branch that can read it, else with one that was meant to."""
        closest: list[Difference] | None = None
        for branch in reader:
            found = list(self._compare(branch, writer, path))
            if not found:
                return
            if _kind(_resolved(branch, self._readers)) == _kind(writer):
                closest = found
        names = " | ".join(_name(_resolved(each, self._readers)) for each in reader)
        yield from closest or [(path, f"{_name(writer)} was written, {names} is expected")]

    def _compare_types(self, reader: Any, writer: Any, path: str) -> Iterator[Difference]:
        written, wanted = _kind(writer), _kind(reader)
        if written != wanted:
            if wanted not in PROMOTIONS.get(written, ()):
                yield path, f"{_name(writer)} was written, {_name(reader)} is expected"
        elif written == "array":
            yield from self._compare(reader["items"], writer["items"], f"{path}[]")
        elif written == "map":
            yield from self._compare(reader["values"], writer["values"], f"{path}{{}}")
        elif written in {"record", "enum", "fixed"}:
            yield from self._compare_named(reader, writer, path)

    def _compare_named(self, reader: Any, writer: Any, path: str) -> Iterator[Difference]:
        if not _same_name(reader, writer):
            yield path, f"{_name(writer)} was written, {_name(reader)} is expected"
        kind = _kind(writer)
        if kind == "fixed" and reader["size"] != writer["size"]:
            yield path, f"{writer['size']} bytes were written, {reader['size']} are expected"
        elif kind == "enum" and "default" not in reader:
            for symbol in writer["symbols"]:
                if symbol not in reader["symbols"]:
                    yield path, f"the symbol {symbol} was written, and is not known"
        elif kind == "record":
            pair = reader["name"], writer["name"]
            if pair not in self._pending:  # else it is being compared: a record within itself
                self._pending.add(pair)
                yield from self._compare_fields(reader, writer, path)
                self._pending.discard(pair)

    def _compare_fields(self, reader: Any, writer: Any, path: str) -> Iterator[Difference]:
        written = {field["name"]: field for field in writer["fields"]}
        for field in reader["fields"]:
            below = f"{path}.{field['name']}" if path else field["name"]
            names = (field["name"], *field.get("aliases", ()))
            match = next((written[name] for name in names if name in written), None)
            if match is not None:
                yield from self._compare(field["type"], match["type"], below)
            elif "default" not in field:
                yield below, "was not written, and has no default"


def _resolved(schema: Any, named: Mapping[str, Any]) -> Any:
    return named.get(schema, schema) if isinstance(schema, str) else schema


def _kind(schema: Any) -> str:
    if isinstance(schema, list):
        return "union"
    if isinstance(schema, str):
        return schema
    kind = schema["type"]
    return "record" if kind == "error" else str(kind)


def _name(schema: Any) -> str:
    if isinstance(schema, dict) and "name" in schema:
        return f"{_kind(schema)} {schema['name']}"
    return _kind(schema)


def _same_name(reader: Any, writer: Any) -> bool:
    names = (reader["name"].rpartition(".")[2], writer["name"].rpartition(".")[2])
    return names[0] == names[1] or writer["name"] in reader.get("aliases", ())
