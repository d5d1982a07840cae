"""What a worker says of itself, every second, on the topic of status: JSON, by the worker's name.

A worker that stops takes its record back; one that is killed leaves its last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

__all__ = ["PartitionStatus", "RulesetStatus", "WorkerStatus", "decode_status", "encode_status"]

Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class PartitionStatus(_Part):
    """Where a worker is in a partition.

    Attributes:
        offset: The next one it will decide about; None before the first.
        ruleset: The ruleset that decided last, by number.
    """

    offset: Count | None = None
    ruleset: int | None = None


class RulesetStatus(_Part):
    """How a worker stands to a ruleset.

    Attributes:
        state: Whether it can be used in that worker.
        rows: What stands on the rows that are made with it there.
    """

    state: Literal["preparing", "ready", "refused"]
    rows: str | None = None


class WorkerStatus(_Part):
    """A worker.

    Attributes:
        worker: Its name.
        version: Of streamproc.
        topic: The raw topic it reads.
        partitions: Those it holds.
        rulesets: Those it met lately, by number.
        read: The next offset of the topic of rules that it will read.
        ignored: Records of that topic that were no statement.
        refused: Rulesets that it could not use.
        wait_ms: The longest that a batch waited for rules, since it said so last.
    """

    worker: str
    version: str
    topic: str
    partitions: Mapping[str, PartitionStatus] = {}
    rulesets: Mapping[str, RulesetStatus] = {}
    read: Count = 0
    ignored: Count = 0
    refused: Count = 0
    wait_ms: Count = 0


def encode_status(status: WorkerStatus) -> tuple[bytes, bytes]:
    """Return key and value."""
    return status.worker.encode(), status.model_dump_json().encode()


def decode_status(value: bytes) -> WorkerStatus | None:
    """Return what ``value`` says; None where it is no worker's."""
    try:
        return WorkerStatus.model_validate_json(value)
    except (ValidationError, RecursionError):
        return None
