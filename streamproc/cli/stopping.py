"""How commands that run until they are stopped hear of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["until_signalled"]


def until_signalled() -> Callable[[], bool]:
    """Return what says whether SIGTERM or SIGINT has come since; they end nothing by themselves."""
    import signal

    signals: list[int] = []  # not an Event: its lock may be held when a signal comes
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: signals.append(received))
    return lambda: bool(signals)
