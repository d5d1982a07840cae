"""The way of a batch, from records to rows, dead letters and links: pure, and readable from here.

    decode → plan → enrich → survey → detect → redact → identity → row

One detector call serves the whole batch. What is wrong with one event makes it a dead letter and
costs the others nothing: refused by a stage (:class:`~streamproc.errors.EventError`), or a fault of
ours, which is logged by its type and place alone and has the code ``internal_error``. No event
passes a stage that failed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, TypeVar

import structlog

from streamproc.deadletters import Seal, dead_letter
from streamproc.decode import Limits, decode
from streamproc.detect import Detector
from streamproc.enrich.enricher import Enricher
from streamproc.errors import EventError, RetryableError, Stage, place_of
from streamproc.events import Dropped, Enriched, Identity, Link, Outcome, Record, Redacted
from streamproc.identity import View, links_of
from streamproc.redact import Memo, Redactor, ScopedSites, Survey, survey
from streamproc.tracking import TrackingPlan, check
from streamproc.warehouse.rows import to_row

__all__ = ["Parts", "Pipeline", "Result"]

log = structlog.get_logger()

T = TypeVar("T")
MadeT = TypeVar("MadeT")
Surveyed: TypeAlias = Survey | Dropped | EventError


@dataclass(frozen=True, slots=True)
class Parts:
    """What a pipeline is made of."""

    limits: Limits
    sites: ScopedSites
    detector: Detector
    redactor: Redactor
    view: View
    seal: Seal | None
    ruleset: str
    """Fingerprint of rules, detectors and tracking plan together."""
    plan: TrackingPlan | None = None
    """Which events are planned; None where all are."""
    enricher: Enricher | None = None
    """What is read out of events before they are redacted; None for nothing."""


class Result(NamedTuple):
    """What a batch became: one outcome for each record, in order, and the links it states."""

    outcomes: Sequence[Outcome]
    links: Sequence[Link]
    redacted: Sequence[Redacted | None]
    """The redacted event of each record that became a row, for those who want no row."""


class Pipeline:
    """Takes batches all the way. For one thread at a time.

    Attributes:
        ruleset: Fingerprint of rules and detectors together.
        memo: What it remembers of values; counts how many it had to search.
    """

    def __init__(self, parts: Parts) -> None:
        """Keep the parts."""
        self._parts = parts
        self.ruleset = parts.ruleset
        self.memo: Memo = parts.sites.memo

    def run(self, records: Sequence[Record]) -> Result:
        """Return what ``records`` became; a link of one event counts for the next one already.

        Raises:
            RetryableError: Something it needs cannot be reached now.
        """
        surveyed = [self._attempt("decode", record, self._survey) for record in records]
        searched = self._search(surveyed)
        links: dict[Link, None] = {}
        outcomes: list[Outcome] = []
        kept: list[Redacted | None] = []
        for record, item in zip(records, searched, strict=True):
            redacted: Redacted | None = None
            outcome: Outcome | EventError
            if not isinstance(item, Survey):
                outcome = item
            else:
                made = self._attempt("redact", item, self._redact)
                if isinstance(made, Redacted):
                    redacted = made
                    outcome = self._attempt("row", (made, links), self._row)
                else:
                    outcome = made
            if isinstance(outcome, EventError):
                outcome = self._letter(record, outcome)
                redacted = None
            outcomes.append(outcome)
            kept.append(redacted)
        return Result(outcomes, list(links), kept)

    # -- stages -----------------------------------------------------------------------------------

    def _survey(self, record: Record) -> Survey | Dropped:
        event = decode(record, self._parts.limits)
        if self._parts.plan is not None:
            checked = check(event, self._parts.plan)
            if isinstance(checked, Dropped):
                return checked
            event = checked
        if self._parts.enricher is not None:
            event = self._parts.enricher.enrich(event)
        return survey(event, self._parts.sites.of(event))

    def _search(self, surveyed: Sequence[Surveyed]) -> Sequence[Surveyed]:
        events = [item for item in surveyed if isinstance(item, Survey) and item.pending]
        try:
            self._detect(events)
        except EventError:
            # Some event's text makes a detector fail: one by one, to fail that event alone.
            return [
                self._attempt("detect", item, self._detect_one)
                if isinstance(item, Survey)
                else item
                for item in surveyed
            ]
        return surveyed

    def _detect(self, events: Sequence[Survey]) -> None:
        leaves = [leaf for event in events for leaf in event.pending]
        found = self._parts.detector.detect([leaf.text for leaf in leaves])
        for leaf, findings in zip(leaves, found, strict=True):
            leaf.settle(findings)

    def _detect_one(self, event: Survey) -> Survey:
        self._detect([event])
        return event

    def _redact(self, event: Survey) -> Redacted | Dropped:
        return self._parts.redactor.redact(event)

    def _row(self, made: tuple[Redacted, dict[Link, None]]) -> Outcome:
        redacted, links = made
        for link in links_of(redacted):
            self._parts.view.add(link)
            links[link] = None
        identity = self._parts.view.resolve(redacted.subject)
        return to_row(Enriched(redacted, Identity(identity)))

    # -- failures ---------------------------------------------------------------------------------

    def _attempt(
        self, stage: Stage, given: T, function: Callable[[T], MadeT]
    ) -> MadeT | EventError:
        try:
            return function(given)
        except EventError as error:
            return error
        except RetryableError:  # about all events, not about this one
            raise
        except Exception as error:  # noqa: BLE001 - one event must not stop all others
            log.error(  # noqa: TRY400 - a traceback's text may quote a value
                "an event met a fault of ours",
                stage=stage,
                fault=type(error).__name__,
                place=place_of(error),
            )
            return EventError(stage, "internal_error")

    def _letter(self, record: Record, error: EventError) -> Outcome:
        return dead_letter(record, error, ruleset=self.ruleset, seal=self._parts.seal)
