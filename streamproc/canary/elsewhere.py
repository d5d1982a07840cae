"""Where else values may have got: logs, pages of metrics, and what the warehouse has by now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

import structlog

from streamproc.canaries import Canary, Spot
from streamproc.canary.files import Tails
from streamproc.canary.stored import rows_of
from streamproc.errors import RetryableError
from streamproc.pages import check_addresses, fetch, shown
from streamproc.settings import Settings
from streamproc.warehouse.asking import asked
from streamproc.warehouse.rows import LoadedRow

__all__ = ["Arrived", "Elsewhere"]

log = structlog.get_logger()

PAGE_SECONDS: Final = 3.0
LOADED_SECONDS: Final = 900.0
"""How long a row may take into the warehouse before it is not searched for there any more: three
times Snowflake's own batch."""
MOST_WAITING: Final = 256

SpottedText: TypeAlias = tuple[Spot, bytes]


class Arrived(NamedTuple):
    """A canary whose row is on the loader topic, and when that was seen."""

    canary: Canary
    row: LoadedRow
    at: float


class Elsewhere:
    """Everything but the topics; what cannot be reached is told of once, until it is again."""

    def __init__(self, settings: Settings) -> None:
        """Begin at the ends of the logs.

        Raises:
            ConfigError: A page's address is none.
        """
        check_addresses(settings.canary.pages, "settings", "canary.pages")
        self._settings = settings
        self._pages = settings.canary.pages
        self._tails = Tails(settings.canary.logs)
        self._waiting: list[Arrived] = []
        self._away: dict[str, str] = {}

    @property
    def waiting(self) -> bool:
        """Whether the warehouse is still to be searched for some canary."""
        return bool(self._waiting)

    @property
    def away(self) -> Mapping[str, str]:
        """What could not be searched the last time, and why."""
        return self._away | self._tails.refused

    def expect(self, canary: Canary, row: LoadedRow, now: float) -> bool:
        """Search the warehouse for a canary once it has it; False if that is not wanted."""
        if self._settings.canary.warehouse and len(self._waiting) < MOST_WAITING:
            self._waiting.append(Arrived(canary, row, now))
            return True
        return False

    def texts(self) -> Iterator[SpottedText]:
        """Yield what logs have got since the last time, and the pages as they are now."""
        for file, content in self._tails.grown():
            yield Spot("log", file), content
        for page in self._pages:
            try:
                content = fetch(page, PAGE_SECONDS)
            except RetryableError as error:
                self._tell_away(shown(page), str(error))
            else:
                self._away.pop(shown(page), None)
                yield Spot("metric", shown(page)), content

    def stored(self, now: float) -> Iterator[tuple[Arrived, list[SpottedText]]]:
        """Yield the canaries that the warehouse has by now, each with its rows there.

        One that is not there after :data:`LOADED_SECONDS` is warned of, and yielded without any.
        """
        if not self._waiting:
            return
        try:
            with asked(self._settings) as reader:
                found = [rows_of(reader, each.row.message_id) for each in self._waiting]
        except RetryableError as error:
            self._tell_away("warehouse", str(error))
            found = [[] for _ in self._waiting]
        else:
            self._away.pop("warehouse", None)
        still = []
        for each, rows in zip(self._waiting, found, strict=True):
            if rows:
                yield each, [(Spot("warehouse", table, by), content) for table, by, content in rows]
            elif now - each.at > LOADED_SECONDS:
                log.warning("a canary was not seen in the warehouse", waited_seconds=LOADED_SECONDS)
                yield each, []
            else:
                still.append(each)
        self._waiting = still

    def _tell_away(self, what: str, cause: str) -> None:
        if what not in self._away:
            log.warning("a place cannot be searched, trying again", what=what, cause=cause)
        self._away[what] = cause
