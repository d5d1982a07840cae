"""The thread that the warehouse is talked to in.

A statement there may take minutes, and a consumer that is not polled for so long loses its place in
the group: so the loader asks here, and looks in for the answer between two polls.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TypeVar

import structlog

from streamproc.errors import RetryableError
from streamproc.sight.loader import UNSEEN, LoaderWatch
from streamproc.warehouse.sink import OffsetsMovedError, SchemaMovedError, Sink

__all__ = ["Desk"]

log = structlog.get_logger()

T = TypeVar("T")


class Desk:
    """A sink, opened when it is needed and opened anew when it was lost."""

    def __init__(
        self, open_sink: Callable[[], Sink], executor: Executor, watch: LoaderWatch = UNSEEN
    ) -> None:
        """Ask in ``executor``, which must run one call at a time; ``watch`` is told how it went."""
        self._watch = watch
        self._open_sink = open_sink
        self._executor = executor
        self._sink: Sink | None = None

    def ask(self, question: Callable[[Sink], T]) -> Future[T]:
        """Have ``question`` answered; the future raises what it raises.

        After a :class:`~streamproc.errors.RetryableError` that is about the warehouse itself, the
        next question finds it opened anew.
        """
        return self._executor.submit(self._answer, question)

    def close(self) -> None:
        """Let go of the warehouse, once what was asked is answered."""
        self._executor.submit(self._let_go).result()

    def _answer(self, question: Callable[[Sink], T]) -> T:
        try:
            if self._sink is None:
                self._sink = self._open_sink()
                self._clean(self._sink)
            answer = question(self._sink)
        except (OffsetsMovedError, SchemaMovedError):
            raise
        except RetryableError as error:
            self._watch.heard(str(error))
            self._let_go()
            raise
        self._watch.heard(None)
        return answer

    def _clean(self, sink: Sink) -> None:
        if removed := sink.clean():
            log.info("what dead loaders had staged was removed", things=removed)

    def _let_go(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()
