"""The way of a batch, from records to rows, dead letters and links: pure, and readable from here.

    decode → suppress → [transform] → plan → enrich → survey → detect → redact → [transform]
    → identity → row

One detector call serves the whole batch. What is wrong with one event makes it a dead letter and
costs the others nothing: refused by a stage (:class:`~streamproc.errors.EventError`), or a fault of
ours, which is logged by its type and place alone and has the code ``internal_error``. No event
passes a stage that failed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple, TypeAlias, TypeVar

import orjson
import structlog

from streamproc.deadletters import Seal, dead_letter
from streamproc.decode import Limits, Unframe, decode, json_text
from streamproc.detect import Detector
from streamproc.enrich.enricher import Enricher
from streamproc.erasure import NOBODY, Suppression, anonymised, unnamed
from streamproc.errors import EventError, RetryableError, Stage, place_of
from streamproc.events import (
    Dropped,
    Enriched,
    Event,
    Link,
    Origin,
    Outcome,
    Record,
    Redacted,
    RedactedBody,
)
from streamproc.identity import People, links_of
from streamproc.redact import Memo, Redactor, ScopedSites, Survey, survey
from streamproc.tracking import TrackingPlan, check
from streamproc.transform import Given, Made, TransformDropped, Transformer
from streamproc.warehouse.rows import to_row

__all__ = ["Lap", "Parts", "Pipeline", "Result"]

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
    view: People
    seal: Seal | None
    ruleset: str
    """Fingerprint of rules, detectors and tracking plan together."""
    name: str = ""
    """Of the ruleset."""
    plan: TrackingPlan | None = None
    """Which events are planned; None where all are."""
    enricher: Enricher | None = None
    """What is read out of events before they are redacted; None for nothing."""
    before: Transformer | None = None
    """Transformations of raw events, which the rules allow; None where there are none."""
    after: Transformer | None = None
    """Transformations of redacted events; None where there are none."""
    unframe: Unframe | None = None
    """Reads records that are not JSON as they stand; None where all are."""
    suppression: Suppression | None = None
    """What becomes of events of people who were erased; None where nobody can be."""


class Result(NamedTuple):
    """What a batch became: one outcome for each record, in order, and the links it states."""

    outcomes: Sequence[Outcome]
    links: Sequence[Link]
    redacted: Sequence[Redacted | None]
    """The redacted event of each record that became a row, for those who want no row."""
    unusable: Mapping[str, int] = MappingProxyType({})
    """How often an id, trait or account named nobody, by reason."""


Lap: TypeAlias = Callable[[str], None]
"""Is told which stage a batch came past just now. To who looks at a clock then: there is none here.
"""


def _nobody(_stage: str) -> None:
    return


class Pipeline:
    """Takes batches all the way. For one thread at a time.

    Attributes:
        ruleset: Fingerprint of rules and detectors together.
        name: Of the ruleset.
        memo: What it remembers of values; counts how many it had to search.
        detector: What it searches with; counts texts.
    """

    def __init__(self, parts: Parts) -> None:
        """Keep the parts."""
        self._parts = parts
        self.ruleset, self.name = parts.ruleset, parts.name
        self.memo: Memo = parts.sites.memo
        self.detector = parts.detector

    def run(self, records: Sequence[Record], lap: Lap = _nobody) -> Result:
        """Return what ``records`` became; a link of one event counts for the next one already.

        ``lap`` is told of each stage that all of them have come past.

        Raises:
            RetryableError: Something it needs cannot be reached now.
        """
        decoded: Sequence[Event | Dropped | EventError]
        decoded = [self._attempt("decode", record, self._decode) for record in records]
        lap("decode")
        decoded, nobodys = self._suppress(decoded)
        lap("suppress")
        if self._parts.before is not None:
            decoded = self._transform_raw(self._parts.before, records, decoded, nobodys)
            lap("transform")
        surveyed: Sequence[Surveyed] = [
            self._attempt("decode", event, self._survey) if isinstance(event, Event) else event
            for event in decoded
        ]
        lap("survey")
        surveyed = self._search(surveyed)
        lap("detect")
        redacted: Sequence[Redacted | Dropped | EventError] = [
            self._attempt("redact", item, self._redact) if isinstance(item, Survey) else item
            for item in surveyed
        ]
        if nobodys:
            redacted = [
                unnamed(made) if isinstance(made, Redacted) and made.origin in nobodys else made
                for made in redacted
            ]
        lap("redact")
        if self._parts.after is not None:
            redacted = self._transform(self._parts.after, redacted)
            lap("transform")
        result = self._rows(records, redacted, nobodys)
        lap("row")
        return result

    def _rows(
        self,
        records: Sequence[Record],
        redacted: Sequence[Redacted | Dropped | EventError],
        nobodys: Collection[Origin],
    ) -> Result:
        links: dict[Link, None] = {}
        outcomes: list[Outcome] = []
        kept: list[Redacted | None] = []
        for record, made in zip(records, redacted, strict=True):
            outcome: Outcome | EventError
            if isinstance(made, Redacted):
                outcome = self._attempt("row", (made, links), self._row)
            else:
                outcome = made
            if isinstance(outcome, EventError):
                # An original would say for good whose event it was.
                seal = None if record.origin in nobodys else self._parts.seal
                text = self._text(record)
                outcomes.append(
                    dead_letter(record, outcome, ruleset=self.ruleset, seal=seal, text=text)
                )
                kept.append(None)
            else:
                outcomes.append(outcome)
                kept.append(made if isinstance(made, Redacted) else None)
        unusable = self._parts.redactor.subjects.take_unusable()
        return Result(outcomes, list(links), kept, unusable)

    def _text(self, record: Record) -> bytes | None:
        """Return the JSON text that a record stands for; None where it is none or cannot be."""
        text = self._attempt("decode", record, lambda each: json_text(each, self._parts.unframe))
        return None if isinstance(text, EventError) or text is record.value else text or None

    # -- stages -----------------------------------------------------------------------------------

    def _decode(self, record: Record) -> Event:
        return decode(record, self._parts.limits, self._parts.unframe)

    def _suppress(
        self, decoded: Sequence[Event | Dropped | EventError]
    ) -> tuple[Sequence[Event | Dropped | EventError], Collection[Origin]]:
        """Return the events without those of people who were erased, and which are anybody's."""
        suppression = self._parts.suppression
        if suppression is None or not suppression.active:
            return decoded, ()
        handled = [
            self._attempt("decode", event, suppression.handle)
            if isinstance(event, Event)
            else event
            for event in decoded
        ]
        return handled, {
            now.origin
            for before, now in zip(decoded, handled, strict=True)
            if isinstance(now, Event) and now is not before
        }

    def _survey(self, event: Event) -> Survey | Dropped:
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
        return to_row(Enriched(redacted, identity))

    # -- transformations --------------------------------------------------------------------------

    def _transform_raw(
        self,
        transformer: Transformer,
        records: Sequence[Record],
        decoded: Sequence[Event | Dropped | EventError],
        nobodys: Collection[Origin],
    ) -> list[Event | Dropped | EventError]:
        waiting = [event for event in decoded if isinstance(event, Event)]
        made = iter(transformer.run([_given(event) for event in waiting]))
        return [
            self._decode_made(record, next(made), of_nobody=record.origin in nobodys)
            if isinstance(event, Event)
            else event
            for record, event in zip(records, decoded, strict=True)
        ]

    def _decode_made(
        self, record: Record, made: Made, *, of_nobody: bool
    ) -> Event | Dropped | EventError:
        if isinstance(made, TransformDropped):
            return Dropped(record.origin, made.rule)
        if isinstance(made, EventError):
            return made
        if of_nobody:  # which no event may be
            made = {**made, "anonymousId": NOBODY}
        # What code returned is no more to be trusted than what a producer sent.
        written = replace(record, value=orjson.dumps(made))
        event = self._attempt("decode", written, self._decode)
        return anonymised(event) if of_nobody and isinstance(event, Event) else event

    def _transform(
        self, transformer: Transformer, redacted: Sequence[Redacted | Dropped | EventError]
    ) -> list[Redacted | Dropped | EventError]:
        waiting = [event for event in redacted if isinstance(event, Redacted)]
        made = iter(transformer.run([_given(event) for event in waiting]))
        return [
            _with_body(event, next(made)) if isinstance(event, Redacted) else event
            for event in redacted
        ]

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


def _given(event: Event | Redacted) -> Given:
    topic, partition, offset = event.origin
    at = {"topic": topic, "partition": partition, "offset": offset}
    return Given(event.body, {"messageId": event.message_id, **at})


def _with_body(event: Redacted, made: Made) -> Redacted | Dropped | EventError:
    if isinstance(made, TransformDropped):
        return Dropped(event.origin, made.rule)
    return made if isinstance(made, EventError) else event._replace(body=RedactedBody(made))
