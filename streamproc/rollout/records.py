"""What is said on the topic of rules, and how it is written: JSON, a record a statement.

A key is never used twice, so compaction takes nothing: the topic is the whole history.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

__all__ = [
    "Abort",
    "Activate",
    "Prepare",
    "Published",
    "Shadow",
    "ShadowEnd",
    "Statement",
    "decode",
    "encode",
]

Number = Annotated[int, Field(ge=1)]
Offset = Annotated[int, Field(ge=0)]
Partition = Annotated[int, Field(ge=0)]


class _Record(BaseModel):
    # Keys that are not known are left out: a later version may say more.
    model_config = ConfigDict(frozen=True, strict=True)


class Published(_Record):
    """A ruleset is there; nothing of it is in force yet.

    Attributes:
        id: Its number. Of two records with one number the first counts.
        nonce: Tells whose of these it is.
        files: The ruleset's files by their names: its own, and those it is made with.
        fingerprint: Of the ruleset (:attr:`streamproc.rules.Ruleset.fingerprint`).
        rows: What stands on the rows that are made with it, where detectors and tracking plan are
            those of who published it.
        author: Who published it, as they said.
        message: Why.
        at: When, by the clock of who did: ISO 8601, UTC. Decides nothing.
        restores: The number of the ruleset that it is a copy of.
        detectors: Fingerprint of the detectors of who published it; None where nobody said.
    """

    type: Literal["ruleset"] = "ruleset"
    id: Number
    nonce: str
    files: Mapping[str, str] = Field(repr=False)
    fingerprint: str
    rows: str
    author: str
    message: str
    at: str
    restores: Number | None = None
    detectors: str | None = None


class Prepare(_Record):
    """A ruleset is about to take over: hold what was fetched after this.

    Attributes:
        id: The ruleset's number.
        attempt: Which try this is.
    """

    type: Literal["prepare"] = "prepare"
    id: Number
    attempt: Number


class Activate(_Record):
    """A ruleset takes over.

    Attributes:
        id: The ruleset's number.
        attempt: The try.
        topic: The raw topic that the offsets are of.
        fences: By partition, the first offset that it decides; 0 for partitions that are not named.
        topic_id: Which topic of that name; None where the brokers could not tell.
    """

    type: Literal["activate"] = "activate"
    id: Number
    attempt: Number
    topic: str
    fences: Mapping[str, Offset]
    topic_id: str | None = None

    def fence(self, partition: int) -> int:
        """Return the first offset of ``partition`` that the ruleset decides."""
        return self.fences.get(str(partition), 0)


class Abort(_Record):
    """A try has come to nothing.

    Attributes:
        id: The ruleset's number.
        attempt: The try; 0 for a ruleset that is given up before the first.
        by: Who says so: ``publisher``, or the name of a worker.
        reason: Why, in a word or two.
    """

    type: Literal["abort"] = "abort"
    id: Number
    attempt: Annotated[int, Field(ge=0)]
    by: str
    reason: str


class Shadow(_Record):
    """A ruleset is to be tried beside the one in force; what is made of events stays as it is.

    Attributes:
        id: The ruleset's number.
        sample: The share of records that it is tried on.
        until: When that ends, by the clock of whoever tries: ISO 8601, UTC.
    """

    type: Literal["shadow"] = "shadow"
    id: Number
    sample: Annotated[float, Field(gt=0, le=1)]
    until: AwareDatetime


class ShadowEnd(_Record):
    """A ruleset is not to be tried any longer."""

    type: Literal["shadow_end"] = "shadow_end"
    id: Number


Statement: TypeAlias = Published | Prepare | Activate | Abort | Shadow | ShadowEnd

_STATEMENT: TypeAdapter[Statement] = TypeAdapter(Annotated[Statement, Field(discriminator="type")])


def encode(statement: Statement, nonce: str) -> tuple[bytes, bytes]:
    """Return key and value of ``statement``; ``nonce`` makes the key one of a kind."""
    attempt = f"/{statement.attempt}" if isinstance(statement, Prepare | Activate | Abort) else ""
    key = f"{statement.id}/{statement.type}{attempt}/{nonce}"
    return key.encode(), statement.model_dump_json().encode()


def decode(value: bytes | None) -> Statement | None:
    """Return what ``value`` says; None where it is no statement."""
    if value is None:
        return None
    try:
        return _STATEMENT.validate_json(value)
    except (ValidationError, RecursionError):
        return None
