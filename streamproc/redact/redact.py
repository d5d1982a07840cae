"""Findings and decisions to the redacted event and its manifest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, unquote

from streamproc.detect import find_known, resolve_overlaps
from streamproc.events import (
    Dropped,
    Event,
    Finding,
    ManifestEntry,
    Redacted,
    RedactedBody,
    Subject,
    path_text,
)
from streamproc.redact.operators import WRITTEN, rewritten
from streamproc.redact.survey import Place, Survey, Trail, WholeField
from streamproc.redact.tokens import Tokens
from streamproc.rules import Action, Drop, DropEvent, Hash, Plan, Redact
from streamproc.rules.plan import PLAIN_KEY

__all__ = ["Redactor"]

Findings = tuple[Finding, ...]

DECODING_ROUNDS = 3
"""How often percent-encoding is undone before a value is hashed, as detection does."""
STRUCTURAL = frozenset({"event", "category", "channel", "messageId"})
"""Fields of the event itself that name things, where a person's name is a coincidence."""


GONE = object()
MESSAGE_ID: Trail = (None, "messageId")


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
            findings: What was found in each of its texts.
            key_findings: What was found in each of its keys that were searched.
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
        names = [
            whole.value
            for whole in found.wholes
            if whole.action.entity == "PERSON" and type(whole.value) is str
        ]
        dropped: list[Place] = []
        for place, text, in_text in zip(found.places, found.texts, findings, strict=True):
            if names and " " in text.value and place.step not in STRUCTURAL:
                in_text = _with_siblings(text.value, in_text, names)  # noqa: PLW2901 - refined
            if not in_text:
                continue
            if place.trail == MESSAGE_ID:
                best = max(in_text, key=lambda finding: finding.score)
                message_id = self._tokenise_message_id(
                    found.event, best.entity, best.score, manifest
                )
            elif self._text(place, text.value, in_text, manifest):
                dropped.append(place)
        for whole in found.wholes:
            if whole.place.trail == MESSAGE_ID:
                entity = whole.action.entity
                message_id = self._tokenise_message_id(found.event, entity, 1.0, manifest)
            elif self._whole(whole, manifest):
                dropped.append(whole.place)
        _drop(dropped)
        self._keys(found, key_findings, manifest)
        return tuple(manifest), message_id

    # -- texts ------------------------------------------------------------------------------------

    def _text(
        self, place: Place, text: str, findings: Findings, manifest: list[ManifestEntry]
    ) -> bool:
        """Rewrite one text; return whether its field is to be dropped instead."""
        policy = place.field.policy
        written = _written_spans(text)
        path = _path(place.trail)
        drop = False
        new = text
        for finding in reversed(findings):  # from the end, so that earlier spans stay right
            if any(start < finding.end and finding.start < end for start, end in written):
                continue
            action = policy.action(finding.entity)
            manifest.append(self._entry(path, action, finding.score))
            if isinstance(action.operator, DropEvent):
                raise EventDroppedError(action.rule)
            if isinstance(action.operator, Drop):
                drop = True
            else:
                piece = self._piece(action, text[finding.start : finding.end], finding.step)
                new = new[: finding.start] + piece + new[finding.end :]
        place.holder[place.step] = new
        return drop

    def _piece(self, action: Action, value: str, step: str) -> str:
        if step != "url":
            return rewritten(action, value, self._tokens)
        decoded = _decoded(value)
        new = rewritten(action, decoded, self._tokens)
        return value if new == decoded else quote(new, safe="*")

    def _tokenise_message_id(
        self, event: Event, entity: str, score: float, manifest: list[ManifestEntry]
    ) -> str:
        # Whole, whatever the rules say of findings: rows are told apart by it, so two ids must
        # never become one text.
        if WRITTEN.fullmatch(event.message_id):
            return event.message_id
        token = self._tokens.of_message_id(event.message_id)
        event.body["messageId"] = token
        manifest.append(
            ManifestEntry(
                "messageId", entity, "message-id", "hash", score, self._tokens.key_version
            )
        )
        return token

    # -- whole fields -----------------------------------------------------------------------------

    def _whole(self, whole: WholeField, manifest: list[ManifestEntry]) -> bool:
        """Rewrite a whole field; return whether it is to be dropped instead."""
        place, _, action = whole
        if isinstance(action.operator, DropEvent):
            raise EventDroppedError(action.rule)
        if isinstance(action.operator, Drop):
            manifest.append(self._entry(_path(place.trail), action, 1.0))
            return True
        if self._rewrite_value(action, place.holder, place.step):
            manifest.append(self._entry(_path(place.trail), action, 1.0))
        return False

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

    # -- keys -------------------------------------------------------------------------------------

    def _keys(
        self, found: Survey, findings: Sequence[Findings], manifest: list[ManifestEntry]
    ) -> None:
        # Deepest first: a new key above must not hide where the ones below stand.
        for place, in_key in reversed(list(zip(found.key_places, findings, strict=True))):
            if in_key:
                self._key(place, in_key, manifest)

    def _key(self, place: Place, findings: Findings, manifest: list[ManifestEntry]) -> None:
        key: str = place.step
        new = key
        written = _written_spans(key)
        path = _path(place.trail)
        for finding in reversed(findings):
            if any(start < finding.end and finding.start < end for start, end in written):
                continue
            action = place.field.policy.action(finding.entity)
            manifest.append(self._entry(path, action, finding.score))
            if isinstance(action.operator, DropEvent):
                raise EventDroppedError(action.rule)
            if isinstance(action.operator, Drop):
                place.holder.pop(key, None)
                return
            piece = self._piece(action, key[finding.start : finding.end], finding.step)
            new = new[: finding.start] + piece + new[finding.end :]
        if new != key:
            _rename(place.holder, key, new)

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
        return Subject(*(self._identifier(event.body.get(name)) for name in SUBJECT_FIELDS))

    def _identifier(self, value: Any) -> Any:
        return self._tokens.of_identifier(value) if value else None

    def _ordering_key(self, event: Event, subject: Subject) -> bytes:
        if event.key is not None:
            return self._tokens.ordering(event.key)
        if (somebody := subject.anonymous or subject.user) is not None:
            return self._tokens.ordering(somebody.encode())
        return self._tokens.ordering(event.message_id.encode())


SUBJECT_FIELDS = ("userId", "anonymousId", "previousId")


def _with_siblings(text: str, findings: Findings, names: Sequence[str]) -> Findings:
    known = find_known(text, names)
    return resolve_overlaps(text, [*findings, *known]) if known else findings


def _written_spans(text: str) -> list[tuple[int, int]]:
    if "tok_" not in text and "<" not in text:
        return []
    return [match.span() for match in WRITTEN.finditer(text)]


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


def _path(trail: Trail) -> str:
    return path_text(tuple(reversed(list(_steps(trail)))))


def _steps(trail: Trail) -> Iterator[str | int]:
    while trail is not None:
        trail, step = trail
        yield step if isinstance(step, int) or PLAIN_KEY.fullmatch(step) else "*"


def _drop(places: Sequence[Place]) -> None:
    lists = []
    for place in places:
        if isinstance(place.holder, list):
            place.holder[place.step] = GONE  # taken out below, all at once: indexes stay right
            lists.append(place.holder)
        else:
            place.holder.pop(place.step, None)
    for holder in lists:
        holder[:] = [item for item in holder if item is not GONE]


def _rename(holder: dict[str, Any], old: str, new: str) -> None:
    if old not in holder:
        return
    name, number = new, 1
    while name in holder:
        number += 1
        name = f"{new}_{number}"
    items = list(holder.items())
    holder.clear()
    holder.update((name if key == old else key, value) for key, value in items)
