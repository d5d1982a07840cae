"""What tests of the loader put in the place of Kafka, of threads and of time.

The topics are lists in memory behind the interface that the loader's sources have; all else of a
loader is the real thing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple, ParamSpec, TypeVar

import orjson

from streamproc.errors import RetryableError
from streamproc.events import ManifestEntry, Micros, Origin, Row, Times
from streamproc.kafka.codecs import ROW, declared_codec, encode_row
from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.loading.plan import NoDeadLetters
from streamproc.warehouse.loading.session import Clock
from streamproc.warehouse.loading.source import AtEnd, Expired, Fetched, Happening, Listener
from streamproc.warehouse.schema import Change, Schema
from streamproc.warehouse.sink import Batch, Load, LoadResult, Place, Position, Sink, Together

__all__ = [
    "NOW",
    "Fault",
    "FaultySink",
    "InlineExecutor",
    "KeptDeadLetters",
    "MemorySource",
    "MemoryTopic",
    "TestClock",
    "earlier_message",
    "fault",
    "message",
    "messages",
    "outage",
    "row",
]

NOW = Micros(1_700_000_000_000_000)
PARTITIONS = 4

P = ParamSpec("P")
T = TypeVar("T")


def row(number: int, event: str = "Paid", *, correction: bool = False, **properties: Any) -> Row:
    """Return the row of a tracked event; its message id is ``m-<number>``."""
    body = {"type": "track", "event": event, "userId": "tok_k1_aa", "properties": properties}
    return Row(
        message_id=f"m-{number}",
        type="track",
        event=event,
        user_id="tok_k1_aa",
        anonymous_id=None,
        identity_id=None,
        times=Times(None, None, NOW, NOW),
        payload=orjson.dumps(body),
        manifest=(ManifestEntry("userId", "*", "ids", "hash", 1.0, "k1"),),
        ruleset="f00d",
        origin=Origin("events.raw", 0, number),
        ordering_key=b"tok_k1_%d" % (number % 50),
        correction=correction,
    )


def message(number: int, **properties: Any) -> tuple[bytes, bytes]:
    """Return key and value of the row ``number``."""
    made = row(number, **properties)
    return made.ordering_key, encode_row(made)


def earlier_message(number: int, **properties: Any) -> bytes:
    """Return the value of the row ``number`` as it was written by the schema before."""
    codec = declared_codec("earlier/row_1")
    fields = ROW.decode(encode_row(row(number, **properties)))
    return codec.encode({each["name"]: fields[each["name"]] for each in codec.schema["fields"]})


def messages(numbers: Iterable[int]) -> list[tuple[bytes, bytes]]:
    """Return keys and values of rows."""
    return [message(number) for number in numbers]


class TestClock:
    """Time that passes when it is told to."""

    __test__ = False

    def __init__(self) -> None:
        self.seconds = 0.0

    def wait(self, seconds: float) -> None:
        self.seconds += seconds

    @property
    def clock(self) -> Clock:
        return Clock(
            lambda: Micros(NOW + round(self.seconds * 1_000_000)), lambda: self.seconds, self.wait
        )


class InlineExecutor(Executor):
    """Runs what it is given at once, in the same thread."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - for who waits for the result
            future.set_exception(error)
        return future


@dataclass
class MemoryTopic:
    """The values in each partition; the first of them at the offset ``low``."""

    name: str
    partitions: list[list[bytes | None]] = field(
        default_factory=lambda: [[] for _ in range(PARTITIONS)]
    )

    def publish(self, values: Iterable[bytes | None], partition: int | None = None) -> None:
        for number, value in enumerate(values):
            place = number % len(self.partitions) if partition is None else partition
            self.partitions[place].append(value)

    @property
    def places(self) -> list[Place]:
        return [Place(self.name, number) for number in range(len(self.partitions))]


class MemorySource:
    """The one member of a group on a :class:`MemoryTopic`; tests say what it is assigned."""

    def __init__(
        self,
        topic: MemoryTopic,
        pass_time: Callable[[float], None],
        places: Sequence[Place] | None = None,
    ) -> None:
        """Assign ``places``, which are all of the topic's unless given, with the first poll."""
        self._topic = topic
        self._pass_time = pass_time
        self._listener: Listener | None = None
        self._happening: list[Callable[[Listener], None]] = []
        self._ended: set[Place] = set()
        self._expired: list[Place] = []
        self.topic_id: str | None = None
        self.positions: dict[Place, int] = {}
        self.committed: dict[Place, int] = {}
        self.begun: list[Mapping[Place, Position | None]] = []
        self.paused = False
        self.pauses = 0
        self.assign(topic.places if places is None else places)

    @property
    def topic(self) -> str:
        return self._topic.name

    def assign(self, places: Sequence[Place]) -> None:
        """Have the next poll say that ``places`` came."""
        self._happening.append(lambda listener: listener.assigned(self.topic, places))

    def revoke(self, places: Sequence[Place], *, lost: bool = False) -> None:
        """Have the next poll say that ``places`` go."""

        def tell(listener: Listener) -> None:
            listener.revoked(places, lost=lost)
            for place in places:
                self.positions.pop(place, None)

        self._happening.append(tell)

    def make_anew(self, topic_id: str) -> None:
        """Have the topic be another one, which is empty; members are told with the next polls."""
        self.topic_id = topic_id
        for partition in self._topic.partitions:
            partition.clear()
        self._expired = list(self.positions)
        self.positions = {}

    def join(self, listener: Listener) -> None:
        self._listener = listener

    def poll(self, seconds: float) -> Happening | None:
        assert self._listener is not None
        while self._happening:
            self._happening.pop(0)(self._listener)
        if self._expired:
            return Expired(self._expired.pop())
        if not self.paused:
            for place, position in self.positions.items():
                values = self._topic.partitions[place.partition]
                if position < len(values):
                    del self.positions[place]
                    self.positions[place] = position + 1  # the last to be asked again
                    return Fetched(place, position, None, values[position], 0)
                if place not in self._ended:
                    self._ended.add(place)
                    return AtEnd(place)
        self._pass_time(seconds)
        return None

    def begin(self, positions: Mapping[Place, Position | None]) -> Mapping[Place, Position]:
        self.begun.append(positions)
        first = {place: self._first(position) for place, position in positions.items()}
        self.positions |= {place: position.offset for place, position in first.items()}
        self._ended.clear()
        return first

    def _first(self, stored: Position | None) -> Position:
        is_known = stored is not None and stored.topic_id in {None, self.topic_id}
        return Position(stored.offset if stored and is_known else 0, self.topic_id)

    def pause(self) -> None:
        self.pauses += not self.paused
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def commit(self, offsets: Mapping[Place, int]) -> None:
        self.committed |= offsets

    def behind(self, positions: Mapping[Place, int]) -> int:
        return sum(
            len(self._topic.partitions[place.partition]) - position
            for place, position in positions.items()
        )

    def close(self) -> None:
        self.positions = {}


class KeptDeadLetters(NoDeadLetters):
    """Keeps dead letters for the test to see."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, letter: Any) -> None:
        self.sent.append(letter)


class Fault(NamedTuple):
    """Something that goes wrong with a call, or happens meanwhile."""

    call: str
    moment: str
    happen: Callable[[], None]


class FaultySink:
    """A real sink and what goes wrong with it.

    Attributes:
        faults: Taken one by one, each by the next call of its method: the method's name, whether it
            happens ``before`` or ``after`` the call is carried out, and what happens.
        calls: The names of the methods that were called.
    """

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.faults: list[Fault] = []
        self.calls: list[str] = []

    @property
    def dialect(self) -> Dialect:
        return self.sink.dialect

    def offsets(self) -> Mapping[Place, Position]:
        return self._call("offsets", self.sink.offsets)

    def schema(self) -> Schema:
        return self._call("schema", self.sink.schema)

    def statements(self, changes: Sequence[Change]) -> list[str]:
        return self.sink.statements(changes)

    def change(self, changes: Sequence[Change]) -> None:
        self._call("change", lambda: self.sink.change(changes))

    def load(self, batch: Batch) -> LoadResult:
        return self._call("load", lambda: self.sink.load(batch))

    def counts(self) -> Mapping[str, int]:
        return self.sink.counts()

    def loads(self, since: Micros) -> Sequence[Load]:
        return self.sink.loads(since)

    def together(self, tokens: Collection[str]) -> Sequence[Together]:
        return self.sink.together(tokens)

    def clean(self) -> int:
        return self._call("clean", self.sink.clean)

    def close(self) -> None:
        """Stay open for the test to look into."""
        self.calls.append("close")

    def _call(self, name: str, function: Callable[[], T]) -> T:
        self.calls.append(name)
        due = self.faults.pop(0) if self.faults and self.faults[0].call == name else None
        if due is not None and due.moment == "before":
            due.happen()
        answer = function()
        if due is not None and due.moment == "after":
            due.happen()
        return answer


def fault(call: str, moment: str, error: Exception) -> Fault:
    """Return what raises ``error`` ``before`` or ``after`` a call."""

    def happen() -> None:
        raise error

    return Fault(call, moment, happen)


def outage(call: str, moment: str) -> Fault:
    """Return the fault of a warehouse that is lost ``before`` or ``after`` a call."""
    return fault(call, moment, RetryableError("the warehouse is away"))
