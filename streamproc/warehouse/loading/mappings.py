"""Keeps ``identity_mappings`` current beside the loading of rows, in a thread of its own.

Of several loaders the one does it that has the first partition of the rows; whoever still does so
for a moment longer does no harm (:mod:`.mapping_batches`). The warehouse is asked at the same desk
as for rows, so a batch of mappings comes between two batches of rows, right after one if there are
any: then the warehouse is awake.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from streamproc.errors import RetryableError, place_of
from streamproc.identity.config import load_identity
from streamproc.identity.language import IdentityConfig
from streamproc.kafka.identity.mapped import FollowedLinks, followed_links
from streamproc.settings import LoaderSettings, Settings
from streamproc.shipped import shipped
from streamproc.warehouse.loading.beside import NOTHING_BESIDE, Beside
from streamproc.warehouse.loading.desk import Desk
from streamproc.warehouse.loading.mapping_writer import MappingWriter, StoppedError, WriterTerms
from streamproc.warehouse.loading.session import Terms, Totals
from streamproc.warehouse.sink import Place
from streamproc.warehouse.sinks import batch_rows, batch_seconds

__all__ = ["MappingKeeper", "keeping_mappings", "plan_mappings"]

log = structlog.get_logger()

MOST_TOKENS: Final = 200_000
"""Of a batch, 500 bytes each."""
ABSENT_SECONDS: Final = 60.0
"""How often it is looked whether there is a topic of links by now."""
WAITS_SECONDS: Final = 5.0
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 30.0


@contextmanager
def keeping_mappings(
    settings: Settings, desk: Desk, terms: Terms, totals: Totals
) -> Iterator[Beside]:
    """Have ``identity_mappings`` kept current, for a session to tell what it does.

    Args:
        settings: Name the topic of links and the identity configuration.
        desk: Where the warehouse is asked.
        terms: How the loader works.
        totals: ``mappings`` is counted up.

    Raises:
        ConfigError: The identity configuration is wrong.
    """
    if not settings.loader.identity_mappings:
        yield NOTHING_BESIDE
        return
    keeper = MappingKeeper(settings, desk, terms, totals)
    keeper.start()
    try:
        yield keeper
    finally:
        keeper.stop()


def plan_mappings(settings: Settings, desk: Desk, terms: Terms) -> None:
    """Tell the warehouse at ``desk``, which is one that plans, what the next batch would be.

    Raises:
        ConfigError: The identity configuration or the folder of identities is wrong.
        RetryableError: The brokers, the disk or the warehouse fail.
    """
    if not settings.loader.identity_mappings:
        return
    with followed_links(settings, _config_of(settings), _table_of(settings.loader)) as links:
        if links is not None:
            try:
                MappingWriter(links, desk, _writer_terms(settings, terms)).preview()
            except StoppedError:
                return


class MappingKeeper(threading.Thread):
    """Writes mappings while its loader has the first partition of the rows."""

    def __init__(self, settings: Settings, desk: Desk, terms: Terms, totals: Totals) -> None:
        """Prepare the thread.

        Raises:
            ConfigError: The identity configuration is wrong.
        """
        super().__init__(name="identity-mappings", daemon=True)
        self._settings = settings
        self._config = _config_of(settings)
        self._desk = desk
        self._terms = terms
        self._totals = totals
        # As nothing is charged for by the time of the warehouse but where batches are far between:
        # twice as long, so that rows that keep it awake come first.
        self._patience = 2 * batch_seconds(settings.loader)
        self._wait = FIRST_WAIT_SECONDS
        self._first = Place(settings.topics.load, 0)
        self._keeps, self._ended, self._wake = (threading.Event() for _ in range(3))
        self._asked, self._caught_up = threading.Event(), threading.Event()
        self._is_absent = False
        self._failure: Exception | None = None

    # -- for the session --------------------------------------------------------------------------

    def has(self, places: Collection[Place]) -> None:
        """Write from now on if the first partition is among ``places``, else no more."""
        if self._first in places:
            self._keeps.set()
        else:
            self._keeps.clear()
        self._wake.set()

    def loaded(self) -> None:
        """Write what is due now."""
        self._raise_failure()
        self._wake.set()

    def has_caught_up(self) -> bool:
        """Return whether all links are in that there were when this was asked first."""
        self._raise_failure()
        if not self._keeps.is_set() or self._is_absent:
            return True
        if not self._asked.is_set():
            self._asked.set()
            self._wake.set()
        return self._caught_up.is_set()

    def stop(self) -> None:
        """End, once what the warehouse was asked is answered."""
        self._ended.set()
        self._wake.set()
        self.join()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    # -- the thread -------------------------------------------------------------------------------

    def run(self) -> None:
        """Keep the table until stopped."""
        while not self._ended.is_set():
            try:
                if self._keeps.is_set():
                    self._keep()
                else:
                    self._pause(self._patience)
            except StoppedError:
                continue
            except RetryableError as error:
                self._later(error)
            except Exception as error:  # noqa: BLE001 - the session has to know, and stops
                cause = f"{type(error).__name__} at {place_of(error)}"
                log.error("identity mappings are not kept", cause=cause)  # noqa: TRY400 - a text may quote
                self._failure = error
                return

    def _keep(self) -> None:
        table = _table_of(self._settings.loader)
        with followed_links(self._settings, self._config, table) as links:
            if links is not None:
                self._is_absent = False
                self._write(links)
                return
        if not self._is_absent:
            topic = self._settings.topics.links
            log.warning("no topic of links, identity mappings are not kept", topic=topic)
        self._is_absent = True
        self._pause(ABSENT_SECONDS)

    def _write(self, links: FollowedLinks) -> None:
        writer = MappingWriter(links, self._desk, _writer_terms(self._settings, self._terms, self))
        while not self.is_to_stop:
            try:
                self._write_all(writer)
            except RetryableError as error:
                links.reader.check()
                self._later(error)
            else:
                self._wait = FIRST_WAIT_SECONDS
                links.reader.check()
                self._pause(min(WAITS_SECONDS, self._patience) if writer.waits else self._patience)

    def _write_all(self, writer: MappingWriter) -> None:
        is_asked, told = self._asked.is_set(), writer.told
        try:
            if is_asked and not self._caught_up.is_set():
                writer.catch_up()
            while writer.step() and not self.is_to_stop:
                continue
        finally:
            self._totals.mappings += writer.told - told
        if is_asked and not writer.waits:
            self._caught_up.set()

    @property
    def is_to_stop(self) -> bool:
        """Return whether the table is not this loader's any more."""
        return self._ended.is_set() or not self._keeps.is_set()

    def _later(self, error: RetryableError) -> None:
        told = "identity mappings are waited for"
        log.warning(told, reason=str(error), wait_seconds=self._wait)
        self._pause(self._wait)
        self._wait = min(2 * self._wait, LONGEST_WAIT_SECONDS)

    def _pause(self, seconds: float) -> None:
        self._wake.wait(seconds)
        self._wake.clear()


def _writer_terms(
    settings: Settings, terms: Terms, keeper: MappingKeeper | None = None
) -> WriterTerms:
    stopped = terms.stop if keeper is None else lambda: keeper.is_to_stop
    most = min(batch_rows(settings.loader), MOST_TOKENS)
    return WriterTerms(terms.loader, most, terms.clock, stopped)


def _config_of(settings: Settings) -> IdentityConfig:
    return load_identity(settings.identity.file or shipped("rules/identity/default.yaml"))


def _table_of(loader: LoaderSettings) -> str:
    """Return what names the warehouse's table among those that loaders of this machine keep."""
    return f"{loader.sink} {loader.group}"
