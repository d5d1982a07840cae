"""The schemas of raw events that are in a folder, so that no registry need be asked for them.

A file ``*.avsc`` in the folder is the schema that events of its name are wanted in: the reader's,
whichever version they were written with. Those in its folder ``earlier`` are only known, so that
what was written with them can be read. ``*.json`` are JSON Schemas, for the registry alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from fastavro.schema import fingerprint, to_parsing_canonical_form

from streamproc.errors import ConfigError, Problem
from streamproc.formats.declared import AvroSchema, Declared, Kind, UnusableSchemaError, parsed

__all__ = ["SchemaFile", "SchemaFolder", "load_schema_file", "load_schema_folder"]

EARLIER: Final = "earlier"
KINDS: Final[Mapping[str, Kind]] = {".avsc": "AVRO", ".json": "JSON"}
BESIDE: Final = "README.md"


class SchemaFile(NamedTuple):
    """A schema in a file.

    Attributes:
        file: The file.
        declared: What is in it.
        schema: The same, parsed; None for a JSON Schema.
    """

    file: Path
    declared: Declared
    schema: AvroSchema | None

    @property
    def name(self) -> str:
        """The full name of what it is of; of a JSON Schema the file's."""
        return (self.schema.name if self.schema else "") or self.file.stem


class SchemaFolder(NamedTuple):
    """The schemas in a folder.

    Attributes:
        files: Those that events are wanted in, by their files' names.
        readers: The Avro ones of them by full name.
        known: All Avro ones, by their fingerprint as single-object encoding has it.
        fingerprint: Of all that tells how an event is read.
    """

    files: tuple[SchemaFile, ...] = ()
    readers: Mapping[str, AvroSchema] = MappingProxyType({})
    known: Mapping[bytes, AvroSchema] = MappingProxyType({})
    fingerprint: str = ""


def load_schema_folder(folder: Path) -> SchemaFolder:
    """Return the schemas in ``folder``.

    Raises:
        ConfigError: With every file that is none, and every name that several have.
    """
    problems: list[Problem] = []
    files = _load_all(folder, problems)
    earlier = _load_all(folder / EARLIER, problems) if (folder / EARLIER).is_dir() else []
    readers: dict[str, AvroSchema] = {}
    for each in files:
        if each.schema is not None:
            if each.name in readers:
                told = f"another schema of {each.name}; move the older one to {folder / EARLIER}"
                problems.append(Problem(str(each.file), "name", told))
            readers[each.name] = each.schema
    if problems:
        raise ConfigError(*problems)
    # Schemas that differ in defaults alone have one fingerprint: the wanted one comes last, and is.
    known = {_crc(each.schema): each.schema for each in (*earlier, *files) if each.schema}
    texts = sorted(each.declared.text for each in files)
    whole = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    return SchemaFolder(tuple(files), readers, known, whole)


def load_schema_file(file: Path) -> SchemaFile:
    """Return the schema in ``file``.

    Raises:
        ConfigError: It is none.
    """
    kind = KINDS.get(file.suffix)
    if kind is None:
        raise ConfigError(Problem(str(file), "", "is no schema: expected *.avsc, or *.json"))
    try:
        declared = Declared(kind, file.read_text(encoding="utf-8"))
        schema = parsed(declared) if kind == "AVRO" else None
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be read: {error.strerror}")) from None
    except UnicodeDecodeError:
        raise ConfigError(Problem(str(file), "", "is not UTF-8 text")) from None
    except UnusableSchemaError as error:
        raise ConfigError(Problem(str(file), "", f"is no Avro schema: {error}")) from None
    if schema is not None and not schema.name:
        raise ConfigError(Problem(str(file), "", "expected a record, not a union"))
    return SchemaFile(file, declared, schema)


def _load_all(folder: Path, problems: list[Problem]) -> list[SchemaFile]:
    try:
        files = sorted(each for each in folder.iterdir() if each.is_file())
    except OSError as error:
        problems.append(Problem(str(folder), "", f"cannot be read: {error.strerror}"))
        return []
    loaded = []
    for file in files:
        if file.name == BESIDE:
            continue
        try:
            loaded.append(load_schema_file(file))
        except ConfigError as error:
            problems += error.problems
    return loaded


def _crc(schema: AvroSchema) -> bytes:
    # fastavro writes it in hexadecimal, least byte first: as it stands on the wire.
    return bytes.fromhex(fingerprint(to_parsing_canonical_form(schema.schema), "CRC-64-AVRO"))
