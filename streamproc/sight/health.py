"""Whether a process can go on, and whether it is ready to do its work, part by part.

*Healthy* is a process that may be left alone: what it waits for (a broker, a warehouse) will be
there again without it being restarted. It is not, once its loop hangs or a part of it has died.
*Ready* is one that does its work now. Reasons are sentences of ours and hold no value of an event.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from streamproc.errors import StreamprocError

__all__ = ["Check", "Health", "Pulse", "trouble_of"]

Check: TypeAlias = Callable[[], str | None]
"""Says what is wrong, None if nothing is. Asked in any thread; must not block."""


class Health:
    """The parts of a process, by name. Safe to use from several threads."""

    def __init__(self, needed: Mapping[str, str] = MappingProxyType({})) -> None:
        """Be healthy, and not ready before each part of ``needed`` was said to be there.

        Args:
            needed: The parts, and what to say of each until then.
        """
        self._lock = threading.Lock()
        self._healthy: dict[str, Check] = {}
        self._ready: dict[str, Check] = {}
        for part, reason in needed.items():
            self.missing(part, reason)

    def missing(self, part: str, reason: str) -> None:
        """Say that ``part`` is not there now, and why."""
        with self._lock:
            self._ready[part] = lambda: reason

    def there(self, part: str, check: Check | None = None) -> None:
        """Say that ``part`` is there; from now on as far as ``check`` says so."""
        with self._lock:
            self._ready[part] = check or _well

    def watch(self, part: str, check: Check) -> None:
        """Be healthy only as far as ``check`` says so."""
        with self._lock:
            self._healthy[part] = check

    def faults(self) -> Mapping[str, str]:
        """Return by part why the process cannot go on; empty if it is healthy."""
        with self._lock:
            checks = dict(self._healthy)
        return _asked(checks)

    def lacks(self) -> Mapping[str, str]:
        """Return by part why it is not ready; empty if it is. What is not healthy is not ready."""
        with self._lock:
            checks = {**self._ready, **self._healthy}
        return _asked(checks)


@dataclass(slots=True)
class Pulse:
    """When something that has to go round was seen to go round last.

    Attributes:
        most_seconds: How long it may take.
        clock: In seconds, never going back.
        since: When it began to be awaited; None while nobody waits for it.
    """

    most_seconds: float
    clock: Callable[[], float]
    since: float | None = None

    def beat(self) -> None:
        """Go round; the first time it begins to be watched."""
        self.since = self.clock()

    def rest(self) -> None:
        """Be waited for no more, until the next beat."""
        self.since = None

    def check(self) -> str | None:
        """Return what is wrong; None if nothing is. A :data:`Check`."""
        since = self.since
        if since is None or (passed := self.clock() - since) <= self.most_seconds:
            return None
        return f"hangs for {passed:.0f} s"


def trouble_of(check: Callable[[], object]) -> Check:
    """Return ``check``, which raises what is wrong, as one that says it."""

    def asked() -> str | None:
        try:
            check()
        except StreamprocError as error:
            return str(error)
        return None

    return asked


def _well() -> None:
    return None


def _asked(checks: Mapping[str, Check]) -> dict[str, str]:
    return {part: reason for part, check in checks.items() if (reason := check()) is not None}
