"""How raw records are written, told apart record by record, and read into JSON.

    {…}                              JSON, read by ``decode`` as it is
    00 | schema id, 4 bytes | …      Confluent's wire format: Avro, or JSON with a JSON Schema
                                     (or the id in a header, and no frame)
    C3 01 | fingerprint, 8 bytes | … Avro's single-object encoding

Whatever a record is written in, ``decode`` sees the JSON text that it stands for, so that bounds,
the event spec and all that follows are the same for all. Schemas come from a folder
(:func:`load_schema_folder`) and from a registry, which an edge asks: :class:`Formats` says what it
has not met yet, and is told. How versions of a schema go together is here, too: which can be read
with which (:func:`incompatibilities`), and what has changed (:func:`changes`).

Pure, as the core is: imports fastavro, orjson, ``errors``, ``events`` and ``decode``; no network,
clock or settings.
"""

from streamproc.formats.changes import Change, changes
from streamproc.formats.compatibility import (
    MODES,
    Incompatibility,
    Mode,
    earlier_versions,
    incompatibilities,
)
from streamproc.formats.declared import AvroSchema, Declared, Kind, UnusableSchemaError, parsed
from streamproc.formats.folder import (
    SchemaFile,
    SchemaFolder,
    load_schema_file,
    load_schema_folder,
)
from streamproc.formats.formats import Formats, SchemaId, schema_id, schema_ids

__all__ = [
    "MODES",
    "AvroSchema",
    "Change",
    "Declared",
    "Formats",
    "Incompatibility",
    "Kind",
    "Mode",
    "SchemaFile",
    "SchemaFolder",
    "SchemaId",
    "UnusableSchemaError",
    "changes",
    "earlier_versions",
    "incompatibilities",
    "load_schema_file",
    "load_schema_folder",
    "parsed",
    "schema_id",
    "schema_ids",
]
