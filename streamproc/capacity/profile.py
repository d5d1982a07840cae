"""What one process does on a machine: what was measured, on what, when. A JSON file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streamproc.errors import ConfigError, Problem

__all__ = ["SHIPPED", "Machine", "Profile", "read_profile"]

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Machine(_Part):
    """Where it was measured.

    Attributes:
        processor: Its name, as the kernel has it.
        cores: How many the process was allowed to use.
        python: Version of Python.
        streamproc: Version of streamproc.
    """

    processor: str
    cores: Count
    python: str
    streamproc: str


class Profile(_Part):
    """What was measured of one process.

    Attributes:
        format: Of this file.
        measured_at: When, ISO 8601, UTC.
        machine: Where.
        source: Which events.
        events: How many of them, after those that warmed it up.
        ruleset: Name of the ruleset.
        fingerprint: What stands on the rows it makes.
        per_second: Events a second, the median of batches.
        micros: Microseconds an event, by stage.
        event_bytes: Mean bytes of a raw event's value.
        row_bytes: Mean bytes of a row's value on the loader topic.
        dead: Part of the events that became dead letters.
        remembered: Part of the values that had been searched before, and were not again.
        memory_bytes: Memory of the process at the end, that of the models included.
    """

    format: Literal[1] = 1
    measured_at: str
    machine: Machine
    source: str
    events: Count
    ruleset: str
    fingerprint: str
    per_second: Positive
    micros: Mapping[str, float]
    event_bytes: Positive
    row_bytes: Positive
    dead: Annotated[float, Field(ge=0, le=1)]
    remembered: Annotated[float, Field(ge=0, le=1)]
    memory_bytes: Count


SHIPPED: Final = Profile(
    measured_at="2026-11-23T21:02:00+00:00",
    machine=Machine(
        processor="AMD EPYC (virtual, shared)", cores=2, python="3.11.7", streamproc="0.1.0"
    ),
    source="generated",
    events=20_000,
    ruleset="default",
    fingerprint="",
    per_second=3_957,
    micros={},
    event_bytes=1_357,
    row_bytes=1_966,
    dead=0.0,
    remembered=0.98,
    memory_bytes=255_000_000,
)
"""What is reckoned with where nothing was measured: no more than a place to begin."""


def read_profile(file: Path) -> Profile:
    """Return the profile in ``file``, as ``streamproc bench --output`` wrote it.

    Raises:
        ConfigError: It cannot be read, or is none.
    """
    try:
        return Profile.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be read: {error.strerror}")) from None
    except ValidationError as error:
        problems = [
            Problem(str(file), ".".join(map(str, each["loc"])), each["msg"].lower())
            for each in error.errors()
        ]
        told = Problem(str(file), "", "is no profile; make one with `streamproc bench --output`")
        raise ConfigError(told, *problems) from None
