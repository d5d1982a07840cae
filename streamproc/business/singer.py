"""Messages of Singer taps: https://github.com/singer-io/getting-started/blob/master/docs/SPEC.md.

A tap writes SCHEMA, RECORD and STATE, one JSON object a line; ACTIVATE_VERSION, which many have,
says that all records of a table have been sent, and that older copies of it count no more. A STATE
is passed on only when all records before it are with the brokers: the tap that is started with it
again sends nothing that was lost.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Final, TypeGuard

import orjson

from streamproc.business.files import json_lines
from streamproc.business.known import KnownRecords
from streamproc.business.loading import BATCH_ROWS, Load, gone, write
from streamproc.business.records import RecordMaker, SourceRow
from streamproc.business.topic import read_known
from streamproc.business.totals import MOST_NAMED
from streamproc.kafka.attribute_topic import TopicWriter
from streamproc.settings import Settings

__all__ = ["SingerLoad", "SingerTotals", "StateSink"]

StateSink = Callable[[bytes], object]

FLUSH_RECORDS: Final = 10_000
FLUSH_SECONDS: Final = 5.0
"""The first STATE after so many records, or after so long, is acted upon at once; others wait."""


@dataclass(slots=True)
class SingerTotals:
    """What a tap has sent, beside its rows.

    Attributes:
        lines: Lines read.
        malformed: Lines that are no message.
        malformed_lines: The first of them.
        elsewhere: Records of streams that the configuration does not name, by stream.
        states: States passed on.
    """

    lines: int = 0
    malformed: int = 0
    malformed_lines: list[int] = field(default_factory=list)
    elsewhere: Counter[str] = field(default_factory=Counter)
    states: int = 0


class SingerLoad:
    """Loads what a tap sends. For one thread.

    Attributes:
        totals: What was sent so far.
    """

    def __init__(
        self,
        settings: Settings,
        makers: Mapping[str, RecordMaker],
        load: Load,
        emit: StateSink,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the parts.

        Args:
            settings: Where the topic is.
            makers: What makes the records of each stream, by its name.
            load: Where to; it has a writer.
            emit: Is given each state whose records are with the brokers, as JSON.
            clock: Seconds, from whenever on.
        """
        self._settings = settings
        self._makers = makers
        self._load = load
        self._emit = emit
        self._waiting: dict[str, list[SourceRow]] = {}
        self._state: bytes | None = None
        self._since_flush = 0
        self._copied: set[tuple[str, int]] = set()
        self._begun: dict[str, int] = {}
        self._ends_with_state = False
        self._clock = clock
        self._flushed_at = clock()
        self.totals = SingerTotals()

    @property
    def _writer(self) -> TopicWriter:
        assert self._load.writer is not None
        return self._load.writer

    def read(self, lines: IO[bytes]) -> None:
        """Load all of ``lines``; when this returns the brokers have all of it.

        A line that is no message is counted and named by its number, and no state is passed on any
        more: it may have been a record, and the tap has to send it again. So is the last line of a
        tap that died in the middle of it.

        Raises:
            RetryableError: The brokers did not take all of it.
        """
        for number, line in json_lines(lines):
            self.totals.lines = number
            if line is None or line.strip():
                self._ends_with_state = False
                self._take(number, line)
        self._finish()
        if self._ends_with_state:
            for stream, version in [*self._begun.items()]:
                self._activate(stream, version)

    def _take(self, number: int, line: bytes | None) -> None:
        message = _message(line)
        if message is None or not self._is_taken(number, message):
            self.totals.malformed += 1
            if len(self.totals.malformed_lines) < MOST_NAMED:
                self.totals.malformed_lines.append(number)

    def _is_taken(self, number: int, message: Mapping[str, Any]) -> bool:
        """Take a message; return False where it is not as the specification has it."""
        match message.get("type"):
            case "SCHEMA":
                # What its columns are, the configuration says.
                return isinstance(message.get("stream"), str)
            case "RECORD":
                return self._take_record(number, message)
            case "STATE":
                return self._take_state(message)
            case "ACTIVATE_VERSION":
                return self._take_version(message)
            case _:
                return False

    def _take_record(self, number: int, message: Mapping[str, Any]) -> bool:
        stream, record, version = (
            message.get("stream"),
            message.get("record"),
            message.get("version"),
        )
        if not isinstance(stream, str) or not isinstance(record, dict):
            return False
        if stream not in self._makers:
            self.totals.elsewhere[stream] += 1
            return True
        if _is_version(version):
            self._copied.add((stream, version))
        else:
            version = None
        row = SourceRow(number, record, version)
        rows = self._waiting.setdefault(stream, [])
        rows.append(row)
        if len(rows) >= BATCH_ROWS:
            self._write(stream)
        return True

    def _take_state(self, message: Mapping[str, Any]) -> bool:
        if "value" not in message:
            return False
        self._state = orjson.dumps(message["value"])
        self._ends_with_state = True
        due = self._clock() - self._flushed_at > FLUSH_SECONDS
        if due or self._since_flush >= FLUSH_RECORDS:
            self._finish()
        return True

    def _take_version(self, message: Mapping[str, Any]) -> bool:
        stream, version = message.get("stream"), message.get("version")
        if not isinstance(stream, str) or not _is_version(version):
            return False
        if stream not in self._makers:
            return True
        if (stream, version) in self._copied:
            self._finish()
            self._activate(stream, version)
        else:
            # Some taps say it before the first record: the copy before must not go until there is
            # another. They end with a state, unless they die.
            self._begun[stream] = version
        return True

    def _activate(self, stream: str, version: int) -> None:
        self._begun.pop(stream, None)
        # What could not be read may have been a record of this copy: the copy before stays.
        if self.totals.malformed:
            return
        maker = self._makers[stream]
        place = maker.place
        with KnownRecords() as known:
            read_known(self._settings, place.source, known)
            for record in gone(place.source, known.of_other_versions(place.object, version)):
                self._writer.records([record])
                maker.totals.deleted += 1
        self._writer.flush()

    def _write(self, stream: str) -> None:
        rows = self._waiting.pop(stream, [])
        write(self._makers[stream], rows, self._load)
        self._since_flush += len(rows)
        self._load.tell(len(rows))

    def _finish(self) -> None:
        """Have the brokers take all there is, and pass the last state on."""
        for stream in [*self._waiting]:
            self._write(stream)
        self._writer.flush()
        self._since_flush = 0
        self._flushed_at = self._clock()
        if self._state is not None and not self.totals.malformed:
            self._emit(self._state)
            self.totals.states += 1
        self._state = None


def _message(line: bytes | None) -> dict[str, Any] | None:
    try:
        found = None if line is None else orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _is_version(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and abs(value) < 2**63  # what Avro's longs and SQLite hold
