"""Names read by processes beside the worker's, where there are cores for them.

Texts and findings cross the pipes and nothing else does: no text is written, logged or quoted. The
processes are spawned, so they share no lock and no thread with the worker; each loads the models
once, 2 to 3 s. They end when the pool is let go of, when the worker ends, and when it is killed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from typing import TYPE_CHECKING, TypeAlias

import structlog

from streamproc.detect.texts import Recognition
from streamproc.errors import EventError, RetryableError
from streamproc.events import Finding

if TYPE_CHECKING:
    from streamproc.detect.language import LanguageModel

__all__ = ["NamePool"]

log = structlog.get_logger()

_Read: TypeAlias = list[list[Finding]]

_MOST_CHARACTERS = 8192
"""Of the texts that cross a pipe together, beside one that is longer alone: the last process to
finish is not far behind the others, and a crossing costs a hundredth of the reading."""

_model: LanguageModel | None = None
"""The model of one of the pool's processes."""


class NamePool:
    """Reads names in processes of its own."""

    def __init__(self, recognition: Recognition, processes: int) -> None:
        """Begin to start ``processes`` of them; does not wait until they have."""
        self._recognition = recognition
        self._processes = processes
        self._executor = self._start()

    def names(self, texts: Sequence[str]) -> Iterator[list[Finding]]:
        """Have ``texts`` read from now on, and return the named entities of each, in order.

        What ``LanguageModel.names`` returns for them.

        Raises:
            EventError: Some text cannot be read.
            RetryableError: A process ended, for lack of memory or by a signal; all of them are
                started again, and the same texts can be read then.
        """
        try:
            readings = [self._executor.submit(_read, some) for some in _portions(texts)]
        except BrokenExecutor:
            raise self._restarted() from None
        return self._await(readings)

    def close(self) -> None:
        """End the processes. Called for one when nothing refers to the pool any longer."""
        self._executor.shutdown(cancel_futures=True)

    def _await(self, readings: Sequence[Future[_Read | None]]) -> Iterator[list[Finding]]:
        for reading in readings:
            try:
                read = reading.result()
            except BrokenExecutor:
                raise self._restarted() from None
            if read is None:
                raise EventError("detect", "detector_failed")
            yield from read

    def _start(self) -> ProcessPoolExecutor:
        executor = ProcessPoolExecutor(
            self._processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_load,
            initargs=(self._recognition,),
        )
        executor.submit(_read, [])  # starts them now: the first batch need not wait for the models
        return executor

    def _restarted(self) -> RetryableError:
        log.warning("a process that reads names ended; starting all of them again")
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._executor = self._start()
        return RetryableError("a process that reads names ended")


def _portions(texts: Sequence[str]) -> Iterator[list[str]]:
    portion: list[str] = []
    characters = 0
    for text in texts:
        if portion and characters + len(text) > _MOST_CHARACTERS:
            yield portion
            portion, characters = [], 0
        portion.append(text)
        characters += len(text)
    if portion:
        yield portion


def _load(recognition: Recognition) -> None:
    """Get a process ready."""
    global _model  # noqa: PLW0603  # one process, one model: tasks cannot be given it otherwise
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the worker ends
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy: processes share the cores, not threads
    from streamproc.detect.language import LanguageModel  # noqa: PLC0415

    _model = LanguageModel(recognition)


def _read(texts: list[str]) -> _Read | None:
    """Return the names in ``texts``; None if something raised, whose words may quote a text."""
    assert _model is not None
    try:
        with _model.memory():
            return list(_model.names(texts))
    except Exception:  # noqa: BLE001  # third parties raise anything
        return None


def _end_with_parent() -> None:
    # A worker that is killed says nothing to its processes, which would wait for texts for ever.
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
