"""Findings and decisions to the redacted event and its manifest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote, unquote

from streamproc.events import (
    Dropped,
    Event,
    Finding,
    ManifestEntry,
    Redacted,
    RedactedBody,
    Subject,
)
from streamproc.redact.operators import WRITTEN, rewritten
from streamproc.redact.places import Place, Trail, drop, path_of, rename
from streamproc.redact.siblings import with_siblings
from streamproc.redact.survey import Survey, WholeField
from streamproc.redact.tokens import Tokens
from streamproc.rules import Action, Drop, DropEvent, Hash, Mask, Plan, Redact, Replace

__all__ = ["Redactor"]

Findings = tuple[Finding, ...]

DECODING_ROUNDS = 3
"""How often percent-encoding is undone before a value is hashed, as detection does."""

SUBJECT_FIELDS = ("userId", "anonymousId", "previousId")
IDENTIFIERS = frozenset({*SUBJECT_FIELDS, "groupId"})
MESSAGE_ID: Trail = (None, "messageId")

LOSSY = (Mask, Redact, Replace)
"""Operators that may write the same for two values."""


class EventDroppedError(Exception):
    """A rule says to leave out the event; never leaves this module."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class Redactor:
    """Applies one plan with one key ring. Safe to share between threads."""

    def __init__(self, plan: Plan, tokens: Tokens, ruleset: str) -> None:
        """Keep the plan; ``ruleset`` is the fingerprint that redacted events carry."""
        self._plan = plan
        self._tokens = tokens
        self._ruleset = ruleset

    def redact(
        self, found: Survey, findings: Sequence[Findings], key_findings: Sequence[Findings]
    ) -> Redacted | Dropped:
        """Return the redacted event, or that a rule drops it.

        Writes to the event's own body: the raw event is used up.

        Args:
            found: The survey of the event.
            findings: What was found in each of its texts: sorted by start, not overlapping.
            key_findings: The same for each of its keys that were searched.

        Raises:
            EventError: The event states too many names to look for.
        """
        event = found.event
        subject = self._subject(event)
        try:
            manifest, message_id = self._rewrite(found, findings, key_findings)
        except EventDroppedError as dropped:
            return Dropped(event.origin, dropped.rule)
        return Redacted(
            origin=event.origin,
            type=event.type,
            message_id=message_id,
            ordering_key=self._ordering_key(event, subject),
            times=event.times,
            body=RedactedBody(event.body),
            manifest=manifest,
            ruleset=self._ruleset,
            subject=subject,
        )

    def _rewrite(
        self, found: Survey, findings: Sequence[Findings], key_findings: Sequence[Findings]
    ) -> tuple[tuple[ManifestEntry, ...], str]:
        manifest: list[ManifestEntry] = []
        message_id = found.event.message_id
        dropped: list[Place] = []
        for place, text, in_text in zip(
            found.places, found.texts, with_siblings(found, findings), strict=True
        ):
            if not in_text:
                continue
            if place.trail == MESSAGE_ID:
                best = max(in_text, key=lambda finding: finding.score)
                message_id = self._message_id(found.event, best.entity, best.score, manifest)
            elif (new := self._text(place, text.value, in_text, manifest)) is None:
                dropped.append(place)
            else:
                place.holder[place.step] = new
        for whole in found.wholes:
            if whole.place.trail == MESSAGE_ID:
                message_id = self._message_id(found.event, whole.action.entity, 1.0, manifest)
            elif self._whole(whole, manifest):
                dropped.append(whole.place)
        drop(dropped)
        self._keys(found, key_findings, manifest)
        return tuple(manifest), message_id

    # -- texts and keys ---------------------------------------------------------------------------

    def _text(
        self, place: Place, text: str, findings: Findings, manifest: list[ManifestEntry]
    ) -> str | None:
        """Return the text without its findings, or None if its field is to be dropped."""
        if place.above is None and place.step in IDENTIFIERS and _would_merge(place, findings):
            return self._identifier(place, text, findings, manifest)
        path = path_of(place.trail)
        pieces: list[str] = []
        at = 0
        dropped = False
        for finding in _beside_written(text, findings):
            action = place.field.policy.action(finding.entity)
            manifest.append(self._entry(path, action, finding.score))
            if isinstance(action.operator, DropEvent):
                raise EventDroppedError(action.rule)
            if isinstance(action.operator, Drop):
                dropped = True
            else:
                pieces += text[at : finding.start], self._piece(action, text, finding)
                at = finding.end
        return None if dropped else "".join((*pieces, text[at:]))

    def _piece(self, action: Action, text: str, finding: Finding) -> str:
        value = text[finding.start : finding.end]
        if finding.step != "url":
            return rewritten(action, value, self._tokens)
        decoded = _decoded(value)
        new = rewritten(action, decoded, self._tokens)
        return value if new == decoded else quote(new, safe="*")

    def _keys(
        self, found: Survey, findings: Sequence[Findings], manifest: list[ManifestEntry]
    ) -> None:
        renamed: list[tuple[Place, str]] = []
        for place, in_key in zip(found.key_places, findings, strict=True):
            if not in_key:
                continue
            new = self._text(place, place.step, in_key, manifest)
            if new is None:
                place.holder.pop(place.step, None)
            elif new != place.step:
                renamed.append((place, new))
        rename(renamed)

    def _message_id(
        self, event: Event, entity: str, score: float, manifest: list[ManifestEntry]
    ) -> str:
        # Whole, whatever the rules say of findings: rows are told apart by it, so two ids must
        # never become one text.
        if WRITTEN.fullmatch(event.message_id):
            return event.message_id
        token = self._tokens.of_message_id(event.message_id)
        event.body["messageId"] = token
        version = self._tokens.key_version
        manifest.append(ManifestEntry("messageId", entity, "message-id", "hash", score, version))
        return token

    def _identifier(
        self, place: Place, value: str, findings: Findings, manifest: list[ManifestEntry]
    ) -> str:
        # Whole: with "jane-1" and "bob-1" both "<PERSON>-1", two people would be one in every join.
        if WRITTEN.fullmatch(value):
            return value
        best = max(findings, key=lambda finding: finding.score)
        version = self._tokens.key_version
        manifest.append(
            ManifestEntry(place.step, best.entity, "identifiers", "hash", best.score, version)
        )
        return self._tokens.of_value("IDENTIFIER", value)

    # -- whole fields -----------------------------------------------------------------------------

    def _whole(self, whole: WholeField, manifest: list[ManifestEntry]) -> bool:
        """Rewrite a whole field; return whether it is to be dropped instead."""
        place, _, action = whole
        if isinstance(action.operator, DropEvent):
            raise EventDroppedError(action.rule)
        dropped = isinstance(action.operator, Drop)
        if dropped or self._rewrite_value(action, place.holder, place.step):
            manifest.append(self._entry(path_of(place.trail), action, 1.0))
        return dropped

    def _rewrite_value(self, action: Action, holder: Any, step: Any) -> bool:
        """Rewrite ``holder[step]`` and, in an object or list, all in it; return if that changed."""
        value = holder[step]
        if value is None or value == "":
            return False
        if isinstance(action.operator, Redact):
            holder[step] = "" if isinstance(value, str) else None
            return True
        if isinstance(value, dict | list):
            steps = value if isinstance(value, dict) else range(len(value))
            # A list, not a generator: any() stops at the first change, and the rest would stay.
            changed = [self._rewrite_value(action, value, below) for below in steps]
            return any(changed)
        text = value if isinstance(value, str) else _number_text(value)
        holder[step] = rewritten(action, text, self._tokens)
        return bool(holder[step] != value)

    # -- the rest ---------------------------------------------------------------------------------

    def _entry(self, path: str, action: Action, score: float) -> ManifestEntry:
        hashed = isinstance(action.operator, Hash)
        return ManifestEntry(
            path,
            action.entity,
            action.rule,
            action.operator.name,
            round(score, 4),
            self._tokens.key_version if hashed else None,
        )

    def _subject(self, event: Event) -> Subject:
        return Subject(*(self._of_subject(event.body.get(name)) for name in SUBJECT_FIELDS))

    def _of_subject(self, value: Any) -> Any:
        return self._tokens.of_identifier(value) if value else None

    def _ordering_key(self, event: Event, subject: Subject) -> bytes:
        if event.key is not None:
            return self._tokens.ordering(event.key)
        if (somebody := subject.anonymous or subject.user) is not None:
            return self._tokens.ordering(somebody.encode())
        return self._tokens.ordering(event.message_id.encode())


def _would_merge(place: Place, findings: Findings) -> bool:
    """Return whether rewriting the findings of an id could make it the same as another one."""
    action = place.field.policy.action
    operators = {type(action(finding.entity).operator) for finding in findings}
    return not operators.isdisjoint(LOSSY) and operators.isdisjoint((Drop, DropEvent))


def _beside_written(text: str, findings: Findings) -> Iterator[Finding]:
    """Yield ``findings`` without what redaction wrote before: only what is beside it is left."""
    if "tok_" not in text and "<" not in text:
        yield from findings
        return
    written = [match.span() for match in WRITTEN.finditer(text)]
    first = 0  # both are sorted by start: what ends before one finding ends before all later ones
    for finding in findings:
        while first < len(written) and written[first][1] <= finding.start:
            first += 1
        at = finding.start
        for start, end in islice(written, first, None):
            if start >= finding.end:
                break
            yield from _piece_of(text, finding, at, start)
            at = end
        yield from _piece_of(text, finding, at, finding.end)


def _piece_of(text: str, finding: Finding, start: int, end: int) -> Iterator[Finding]:
    if start == finding.start and end == finding.end:
        yield finding
    elif finding.entity == "EMAIL_ADDRESS" and text.startswith("@", start):
        return  # a domain, the written was the address in front of it: https://tok_…@example.com/
    elif any(map(str.isalnum, text[start:end])):
        yield finding._replace(start=start, end=end)


def _decoded(value: str) -> str:
    for _ in range(DECODING_ROUNDS):
        decoded = unquote(value)
        if decoded == value:
            break
        value = decoded
    return value


def _number_text(value: Any) -> str:
    # 15551234567.0 and 15551234567 are one number, as producers' languages write them.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
