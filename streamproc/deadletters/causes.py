"""Why records become dead letters: every code there is, what it says, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from streamproc.decode import CODES
from streamproc.errors import Stage

__all__ = ["CAUSES", "Advice", "advice_on", "path_family"]

INDEX: Final = re.compile(r"\[\d+\]")


class Advice(NamedTuple):
    """What a code says, and what to do about it; each one clause."""

    meaning: str
    remedy: str


_PRODUCER: Final = "have the producer mended; repair what is here"
_OURS: Final = Advice(
    "a fault of streamproc's own; the worker's log names its type and place",
    "report it; replay with the version that mends it",
)
_RULES: Final = "write a narrower rule for the field, or leave the step out; then replay"

_DECODE: Final[Mapping[str, str]] = {
    "empty": "have the producer mended; nothing is there to repair",
    "too_large": "repair: remove what is too much; or raise limits.event_bytes and replay",
    "not_utf8": "repair: text.encoding says what it is, such as cp1252",
    "not_json": "repair, where text.mend knows the fault; else have the producer mended",
    "number_too_large": "repair: cast it to a string",
    "lone_surrogate": "repair: text.mend with surrogates",
    "too_deep": "repair: remove the part that is; or raise limits.depth and replay",
    "text_too_long": "repair: remove it; or raise limits.text_characters and replay",
    "not_an_object": "repair: text.mend with wrapped, where the event is in a text or a list",
    "missing_type": "repair: set type",
    "unknown_type": "repair: replace type",
    "missing_field": "repair: set the field, or rename the one that has its value",
    "wrong_type": "repair: cast the field",
    "bad_timestamp": "repair: cast the field to a timestamp, or remove it",
    "utf_16": "repair: text.encoding is utf-16",
    "compressed": "have the producer leave compression to its Kafka client",
    "avro_file": "have the producer use single-object encoding, or Confluent's serializer",
    "no_frame": "have the producer mended",
    "no_registry": "set registry.url and replay",
    "unknown_schema": "register the schema and replay",
    "unusable_schema": "register a schema of records in its place and replay",
    "protobuf": "have the producer send JSON or Avro",
    "not_avro": "have the producer mended",
    "schema_mismatch": "make the schemas compatible (`streamproc schemas check`) and replay",
    "too_many_items": "have the producer mended",
}

_OTHERS: Final[Mapping[Stage, Mapping[str, Advice]]] = {
    "plan": {
        "unplanned_event": Advice(
            "the tracking plan has no such event",
            "add its schema to the plan and replay; or repair: replace event",
        ),
        "required_missing": Advice("a field that the tracking plan requires is absent", _PRODUCER),
        "wrong_type": Advice(
            "a field has another type than the tracking plan's", "repair: cast the field"
        ),
        "additional_property": Advice(
            "a field that the tracking plan does not allow",
            "repair: remove it; or allow it in the plan and replay",
        ),
        "other": Advice("a value that the tracking plan's schema does not allow", _PRODUCER),
    },
    "detect": {
        "detector_failed": Advice(
            "a detector raised on a text of the event; the worker's log says which",
            "report it; replay when it is mended",
        ),
    },
    "redact": {
        "documents_too_deep": Advice(
            "a text holds JSON within JSON beyond what is followed", "repair: remove the field"
        ),
        "too_many_names": Advice(
            "the event states more names than are searched for in its texts",
            "repair: remove the list of them",
        ),
        "expression_too_slow": Advice(
            "an expression of a rule took too long on a value of the event", _RULES
        ),
    },
    "transform": {
        "raised": Advice("a transformation raised; the path names its line", "mend it and replay"),
        "timed_out": Advice(
            "a transformation took longer than transform.batch_seconds", "mend it and replay"
        ),
        "process_ended": Advice(
            "a transformation ended its process, or took more than transform.memory_bytes",
            "mend it and replay",
        ),
        "given_up": Advice(
            "others of its batch ended the process of the transformations too often",
            "mend the transformation that did, then replay",
        ),
        "changed_field": Advice(
            "a transformation changed a field that has to stay", "mend it and replay"
        ),
        "not_json": Advice("a transformation returned what JSON cannot hold", "mend it and replay"),
        "no_list": Advice("transform_batch did not return a list", "mend it and replay"),
        "no_event": Advice("a transformation returned what is no event", "mend it and replay"),
        "several_events": Advice(
            "a transformation returned several events for one", "mend it and replay"
        ),
    },
    "publish": {
        "refused_by_broker": Advice(
            "the row was too large for the loader topic",
            "run `streamproc topics apply` and replay; or repair: remove what is too much",
        ),
    },
    "load": {
        "not_ours": Advice(
            "a record of the loader topic that is no row", "find who else writes to that topic"
        ),
        "unknown_schema": Advice(
            "a row whose schema the registry does not know, or that cannot be read as a row",
            "mend the registry and replay",
        ),
    },
}

CAUSES: Final[Mapping[tuple[str, str], Advice]] = MappingProxyType(
    {
        **{
            ("decode", code): Advice(said, _DECODE.get(code, _PRODUCER))
            for code, said in CODES.items()
        },
        **{(stage, code): said for stage, codes in _OTHERS.items() for code, said in codes.items()},
        **{(stage, "internal_error"): _OURS for stage in ("decode", "detect", "redact", "row")},
    }
)
"""By stage and code; every code that any stage raises is here."""

_UNKNOWN: Final = Advice(
    "a code that this version does not know", "look with the version of the worker that wrote it"
)


def advice_on(stage: str, code: str) -> Advice:
    """Return what a code says and what to do; for one of a newer version, that it is unknown."""
    return CAUSES.get((stage, code), _UNKNOWN)


def path_family(path: str) -> str:
    """Return ``path`` with every index of a list as ``[*]``: what one fault has in common."""
    return INDEX.sub("[*]", path)
