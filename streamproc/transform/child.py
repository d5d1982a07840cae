"""The process in which transformations run; started by its path, so it imports nothing of ours.

It reads batches from one pipe and writes what became of them to another, each a length of four
bytes, big-endian, and JSON. Where it is, it writes into shared memory: that is still to be read
when it has hung or died.

    request   {"events": [body, …], "metadata": [object, …]}
    ready     [], or the answer "failed" of a transformation that cannot be imported
    answer    [["kept", body] | ["dropped", which] | ["failed", which, type, line] | …]

``which`` is the index of the transformation; the last stands for all that came before it.
"""

from __future__ import annotations

import builtins
import ctypes
import importlib.util
import mmap
import os
import resource
import signal
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

PLACE: Final = struct.Struct("=iid")
"""Which transformation has which event of the batch (-1: all of them), and since when."""

PR_SET_PDEATHSIG: Final = 1

IDLE: Final = -1
"""The place of a process that has nothing to do."""

LENGTH: Final = struct.Struct(">I")

LONGEST_NAME: Final = 60

NOT_JSON: Final = ["failed", -1, "not_json", 0]


class _Loaded(NamedTuple):
    function: Callable[..., Any]
    takes_batch: bool
    file: str


class _Events:
    """A batch on its way through the transformations."""

    def __init__(self, request: Mapping[str, Any], place: mmap.mmap) -> None:
        self._bodies: list[Any] = list(request["events"])
        self._metadata: Sequence[Any] = request["metadata"]
        self._place = place
        self.answers: list[Any] = [None] * len(self._bodies)

    def run(self, which: int, loaded: _Loaded) -> None:
        waiting = [index for index, answer in enumerate(self.answers) if answer is None]
        if loaded.takes_batch:
            self._run_batch(which, loaded, waiting)
            return
        for index in waiting:
            self._mark(which, index)
            given = self._bodies[index]
            try:
                made = loaded.function(given, lambda _=None, index=index: self._metadata[index])
            except BaseException as error:  # noqa: BLE001 - sys.exit() among them
                self.answers[index] = _failure(which, loaded.file, error)
                continue
            self._take(which, index, made)

    def finish(self) -> bytes:
        parts = []
        for answer, body in zip(self.answers, self._bodies, strict=True):
            made = answer
            if answer is None:
                try:
                    parts.append(b'["kept",' + orjson.dumps(body) + b"]")
                    continue
                except (TypeError, ValueError, RecursionError):
                    made = NOT_JSON
            parts.append(orjson.dumps(made))
        return b"[" + b",".join(parts) + b"]"

    def _run_batch(self, which: int, loaded: _Loaded, waiting: Sequence[int]) -> None:
        given = self._copies(waiting)
        if not given:
            return
        self._mark(which, waiting[0] if len(waiting) == 1 else -1)
        try:
            made = loaded.function(list(given.values()), self._asked(given))
        except BaseException as error:  # noqa: BLE001 - sys.exit() among them
            if len(waiting) == 1:
                self.answers[waiting[0]] = _failure(which, loaded.file, error)
                return
            middle = len(waiting) // 2
            self._run_batch(which, loaded, waiting[:middle])
            self._run_batch(which, loaded, waiting[middle:])
            return
        if type(made) is not list:
            self.answers = [
                ["failed", which, "no_list", 0] if index in given else answer
                for index, answer in enumerate(self.answers)
            ]
            return
        self._match(which, given, made)

    def _copies(self, indexes: Sequence[int]) -> dict[int, Any]:
        # So that a batch that fails half done can be tried again in parts.
        copies = {}
        for index in indexes:
            try:
                copies[index] = orjson.loads(orjson.dumps(self._bodies[index]))
            except (TypeError, ValueError, RecursionError):
                self.answers[index] = NOT_JSON
        return copies

    def _match(self, which: int, given: Mapping[int, Any], made: Sequence[Any]) -> None:
        by_object = {id(body): index for index, body in given.items()}
        by_id = {self._metadata[index]["messageId"]: index for index in given}
        returned: dict[int, Any] = {}
        for body in made:
            index = by_object.get(id(body))
            if index is None and type(body) is dict:
                index = by_id.get(body.get("messageId"))
            if index is None:
                continue  # of no event that was given: nothing is made from nothing
            if index in returned:
                self.answers[index] = ["failed", which, "several_events", 0]
            returned[index] = body
        for index in given:
            if self.answers[index] is None:
                self._take(which, index, returned.get(index))

    def _take(self, which: int, index: int, made: Any) -> None:
        if made is None:
            self.answers[index] = ["dropped", which]
        elif type(made) is dict:
            self._bodies[index] = made
        else:
            several = type(made) is list
            self.answers[index] = ["failed", which, "several_events" if several else "no_event", 0]

    def _asked(self, given: Mapping[int, Any]) -> Callable[[Any], Any]:
        by_object = {id(body): index for index, body in given.items()}
        by_id = {self._metadata[index]["messageId"]: index for index in given}

        def metadata(event: Any) -> Any:
            index = by_object.get(id(event))
            return self._metadata[by_id[event["messageId"]] if index is None else index]

        return metadata

    def _mark(self, which: int, index: int) -> None:
        # Linux's monotonic clock is the machine's: the worker compares this with its own.
        PLACE.pack_into(self._place, 0, which, index, time.monotonic())


def _failure(which: int, file: str, error: BaseException) -> list[Any]:
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    # Whoever makes a type at run time chooses its name, which could be a value.
    name = type(error).__name__
    known = getattr(builtins, name, None) is type(error)
    static = isinstance(getattr(sys.modules.get(type(error).__module__), name, None), type)
    told = name if (known or static) and len(name) <= LONGEST_NAME else "Exception"
    return ["failed", which, told, line]


def _load(which: int, file: str) -> _Loaded:
    spec = importlib.util.spec_from_file_location(f"transformation_{which}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    module.__dict__["log"] = print
    spec.loader.exec_module(module)
    batch = getattr(module, "transform_batch", None)
    return _Loaded(batch or module.transform_event, batch is not None, file)


def _bound(memory_bytes: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.path.sameopenfile(sys.stdout.fileno(), sys.stdin.fileno()):  # else a test shows its log
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _read(source: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(source, min(size, 1 << 20))
        if not part:
            sys.exit(0)  # the worker has ended, or wants no more
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _write(target: int, answer: bytes) -> None:
    whole = LENGTH.pack(len(answer)) + answer
    while whole:
        whole = whole[os.write(target, whole) :]


def main(arguments: Sequence[str]) -> None:
    """Serve batches until the pipe ends.

    Args:
        arguments: The descriptors of requests, answers and shared memory, the most bytes of memory,
            the folder of libraries, and the files of the transformations.
    """
    source, target, shared, memory_bytes = map(int, arguments[:4])
    _bound(memory_bytes)
    sys.path.insert(0, arguments[4])
    place = mmap.mmap(shared, PLACE.size)
    PLACE.pack_into(place, 0, IDLE, -1, 0.0)
    loaded: list[_Loaded] = []
    for which, file in enumerate(arguments[5:]):
        try:
            loaded.append(_load(which, file))
        except BaseException as error:  # noqa: BLE001 - whatever a module does when it is imported
            _write(target, orjson.dumps(_failure(which, file, error)))
            return
    _write(target, b"[]")
    while True:
        (size,) = LENGTH.unpack(_read(source, LENGTH.size))
        events = _Events(orjson.loads(_read(source, size)), place)
        for which, each in enumerate(loaded):
            events.run(which, each)
        answer = events.finish()
        PLACE.pack_into(place, 0, IDLE, -1, 0.0)
        _write(target, answer)


if __name__ == "__main__":
    main(sys.argv[1:])
