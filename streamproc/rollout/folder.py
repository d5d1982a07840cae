"""A worker's rules from a folder that it watches: a roll-out among one, by the way of all others.

Its log is in its memory. A changed ruleset takes over at the next record of each partition that
nothing was decided about. Other workers on the same folder switch at records of their own, and a
worker that starts again takes the folder as it is then: where that matters, rules are published
(``rules.follow = "topic"``).
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from streamproc.errors import ConfigError, Problem, place_of
from streamproc.events import Record
from streamproc.pipeline import Pipeline
from streamproc.rollout.bundle import open_bundle, read_bundle
from streamproc.rollout.in_force import Part, records_of
from streamproc.rollout.ledger import Ledger
from streamproc.rollout.pipelines import Pipelines
from streamproc.rollout.records import Activate, Prepare, Published

__all__ = ["FolderRules"]

log = structlog.get_logger()

LOOK_SECONDS: Final = 1.0
"""How often the folder is looked at."""


class FolderRules:
    """Rules in force by a folder; see :class:`.in_force.RulesInForce`."""

    def __init__(self, place: Path, topic: str, pipelines: Pipelines) -> None:
        """Prepare the thread.

        Args:
            place: The ruleset's folder, or its file.
            topic: The raw topic.
            pipelines: Makes rulesets ready.
        """
        self._place = place
        self._pipelines = pipelines
        self._folder = str(place if place.is_dir() else place.parent)
        self._topic = topic
        self._lock = threading.Lock()
        self._ledger = Ledger(topic)
        self._decided: dict[int, int] = {}
        self._seen = self._glimpsed = self._used = ""
        self._number = 0
        self._told: list[str] = []
        self._refused = 0
        self._stop_requested = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="rules-folder", daemon=True)

    def start(self) -> None:
        """Return when the folder's ruleset is ready.

        Raises:
            ConfigError: With every problem of it.
        """
        files = read_bundle(self._place)
        self._seen = self._used = _digest(files)
        published = self._published(files)
        self._pipelines.of(published).result()
        self._take_over(published)
        self._thread.start()

    async def split(self, records: Sequence[Record]) -> Sequence[Part]:
        """Return ``records`` by the rulesets in force for them."""
        partition, first = records[0].origin.partition, records[0].origin.offset
        following = records[-1].origin.offset + 1
        with self._lock:
            pieces = self._ledger.pieces(partition, first, following)
            self._decided[partition] = max(following, self._decided.get(partition, 0))
            rulesets = [self._ledger.rulesets[piece.ruleset or 1] for piece in pieces]
        made = [
            await asyncio.shield(asyncio.wrap_future(self._pipelines.of(each))) for each in rulesets
        ]
        parts = zip(made, (records_of(piece, records) for piece in pieces), strict=True)
        return [Part(pipeline, some) for pipeline, some in parts if some]

    def in_force(self) -> Pipeline | None:
        """Return the pipeline of the ruleset that took over last; None where it is not ready."""
        with self._lock:
            latest = self._ledger.latest
            published = None if latest is None else self._ledger.rulesets[latest]
        return None if published is None else self._pipelines.ready(published)

    def assigned(self, partitions: Iterable[int]) -> None:
        """Do nothing: what was decided of a partition stays, should it come back."""

    def look(self, records: Sequence[Record]) -> None:
        """Do nothing: nobody tries rules beside a folder's; `rules diff` does."""

    def progress(self) -> Mapping[str, object]:
        """Return the fingerprint of the ruleset that took over last, and how many were refused."""
        with self._lock:
            latest = self._ledger.rulesets[self._ledger.latest or 1]
        return {"rules": latest.fingerprint, "rules_refused": self._refused}

    def close(self) -> None:
        """End the threads."""
        self._stop_requested.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pipelines.close()

    # -- the thread -------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._stop_requested.wait(LOOK_SECONDS):
            try:
                self._look()
            except ConfigError as error:
                self._refuse(error.problems)
            except Exception as error:  # noqa: BLE001 - a folder, however odd, must not end the watch
                told = f"meets a fault of streamproc: {type(error).__name__} at {place_of(error)}"
                self._refuse([Problem(str(self._place), "", told)])

    def _look(self) -> None:
        files = read_bundle(self._place)
        digest = _digest(files)
        if self._is_new(digest):
            self._change(self._published(files))
            self._used = digest
        if digest == self._used:
            self._told = []

    def _is_new(self, digest: str) -> bool:
        """Return whether the folder has changed, and is the same for the second time since.

        Half of a file, while an editor writes it, may be a ruleset too, with fewer rules.
        """
        new = digest == self._glimpsed and digest != self._seen
        self._glimpsed = digest
        if new:
            self._seen = digest
        return new

    def _change(self, published: Published) -> None:
        with self._lock:
            known = self._ledger.rulesets[self._ledger.latest or 1]
        if published.fingerprint == known.fingerprint:  # a comment
            return
        self._pipelines.of(published).result()
        self._take_over(published)
        log.info("rules have changed", rules=published.fingerprint)

    def _refuse(self, found: Sequence[Problem]) -> None:
        problems = [str(problem) for problem in found]
        if problems != self._told:
            self._told = problems
            self._refused += 1
            log.error("rules cannot be used, those in force stay", problems=problems)

    def _published(self, files: Mapping[str, str]) -> Published:
        self._number += 1  # never used twice: whether one can be used is remembered by its number
        return Published(
            id=self._number,
            nonce="",
            files=files,
            fingerprint=open_bundle(files, self._folder).fingerprint,
            rows="",
            author="",
            message="",
            at="",
        )

    def _take_over(self, published: Published) -> None:
        """Put ``published`` in force from the first records on that nothing was decided about."""
        with self._lock:
            fences = {str(partition): offset for partition, offset in self._decided.items()}
            self._ledger.apply(published)
            self._ledger.apply(Prepare(id=published.id, attempt=1))
            self._ledger.apply(
                Activate(id=published.id, attempt=1, topic=self._topic, fences=fences)
            )


def _digest(files: Mapping[str, str]) -> str:
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
