"""The generated record, and the ways a producer spoils one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson

from streamproc.canaries.planting import Planted

__all__ = ["Generated", "spoil"]


@dataclass(frozen=True, slots=True)
class Generated:
    """One record for the raw topic.

    Attributes:
        value: The record's value; not always JSON (see ``malformed``).
        key: The record's key: the anonymous id, or the user id where there is none.
        message_id: The event's; a duplicate has its original's.
        planted: The personal data in it.
        malformed: Whether it is made to end as a dead letter.
    """

    value: bytes = field(repr=False)
    key: bytes = field(repr=False)
    message_id: str
    planted: tuple[Planted, ...] = field(repr=False)
    malformed: bool = False

    @property
    def event(self) -> dict[str, Any]:
        """The event as an object.

        Raises:
            ValueError: The record is malformed so badly that it is no JSON.
        """
        event: dict[str, Any] = orjson.loads(self.value)
        return event


def spoil(rng: Random, record: Generated) -> Generated:
    """Return ``record`` made malformed in one of five ways, its personal data still in it."""
    value = rng.choice(FAULTS)(record)
    return Generated(value, record.key, record.message_id, record.planted, malformed=True)


def _cut_off(record: Generated) -> bytes:
    return record.value[:-1]


def _without_type(record: Generated) -> bytes:
    return orjson.dumps({key: each for key, each in record.event.items() if key != "type"})


def _of_unknown_type(record: Generated) -> bytes:
    return orjson.dumps({**record.event, "type": "purchase"})


def _with_text_for_context(record: Generated) -> bytes:
    return orjson.dumps({**record.event, "context": orjson.dumps(record.event["context"]).decode()})


def _in_a_list(record: Generated) -> bytes:
    return b"[" + record.value + b"]"


FAULTS: tuple[Callable[[Generated], bytes], ...] = (
    _cut_off,
    _without_type,
    _of_unknown_type,
    _with_text_for_context,
    _in_a_list,
)
