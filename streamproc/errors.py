"""Every exception streamproc raises, by what the caller has to do.

    StreamprocError
    ├── ConfigError      start-up cannot go on: settings, rules or keys are wrong (exit code 2)
    ├── EventError       this event only: it becomes a dead letter and is never tried again
    └── RetryableError   nothing is wrong with the data: back off, try again, do not commit

Anything else that is raised is a bug: the process stops and commits nothing.

No message, attribute or ``repr`` here holds a value of a field of an event. Topic, partition,
offset, path, entity, length and code say enough; the text of a third party's exception may quote
what it was given, so it is never copied into ours.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = [
    "ConfigError",
    "EventError",
    "Problem",
    "RetryableError",
    "Stage",
    "StreamprocError",
    "place_of",
]

Stage: TypeAlias = Literal[
    "decode", "plan", "detect", "redact", "enrich", "transform", "row", "publish", "load"
]


def place_of(error: BaseException) -> str:
    """Return ``module.py:line`` of where ``error`` was raised: what may be told of a stranger's."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "unknown"


class StreamprocError(Exception):
    """The root of the tree; never raised itself."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file of settings, rules or keys.

    Attributes:
        source: The file, or ``environment``, or ``command line``.
        path: Where in it, written the way the file spells it (``rules[2].operator``, a variable's
            name); empty when it is about the file as a whole.
        message: What was expected, and what was found if that is not a secret.
        line: The line in the file, counted from 1; None when it is not known.
        column: The character of the line, counted from 1; None when it is not known.
    """

    source: str
    path: str
    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """Return ``file:line:column: path: message``, leaving out what is not known."""
        place = (self.source, self.line, self.column)
        where = ":".join(str(part) for part in place if part is not None)
        return ": ".join(part for part in (where, self.path, self.message) if part)


class ConfigError(StreamprocError):
    """Settings, rules or keys that cannot be used; carries every problem found, not the first."""

    def __init__(self, *problems: Problem) -> None:
        """Keep ``problems``; the text has one line for each."""
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems: Sequence[Problem] = problems


class EventError(StreamprocError):
    """One event that cannot go on; ``code`` is from a small fixed set, ``path`` names no value."""

    def __init__(self, stage: Stage, code: str, path: str = "") -> None:
        """Say where (``stage``), why (``code``, snake case) and on which field (``path``)."""
        super().__init__(f"{stage}: {code}" + (f" at {path}" if path else ""))
        self.stage = stage
        self.code = code
        self.path = path


class RetryableError(StreamprocError):
    """A broker, a warehouse or a peer that is not there now."""
