"""Findings and decisions to the redacted event and its manifest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from streamproc.detect.urls import percent_decoded, percent_encoded
from streamproc.events import (
    Dropped,
    Event,
    Finding,
    ManifestEntry,
    Redacted,
    RedactedBody,
    Subject,
)
from streamproc.redact.answers import Answer, Entry, Rewritten
from streamproc.redact.embedded import embedded, encoded
from streamproc.redact.joins import write_previous
from streamproc.redact.naming import Naming, Subjects
from streamproc.redact.operators import (
    WRITTEN,
    depends_on_subject,
    is_keyed,
    keeps_apart,
    may_hold_written,
    rewritten,
)
from streamproc.redact.places import drop, path_of, rename
from streamproc.redact.siblings import note_siblings
from streamproc.redact.sites import Site
from streamproc.redact.survey import Leaf, Opened, Survey, text_of
from streamproc.redact.tokens import Tokens
from streamproc.rules import Action, Drop, DropEvent, Redact

__all__ = ["Redactor", "beside_written", "would_merge"]

NO_NAMING: Final = Naming()

Findings = Sequence[Finding]
Piece = tuple[int, int, str]
"""Start and end of a span of a text, and what is written there."""


class EventDroppedError(Exception):
    """A rule says to leave out the event; never leaves this module."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class Redactor:
    """Redacts surveyed events with one key ring. Safe to share between threads.

    Attributes:
        subjects: Reads whom events are about.
    """

    def __init__(self, tokens: Tokens, ruleset: str, naming: Naming = NO_NAMING) -> None:
        """Keep the parts.

        Args:
            tokens: Of the key ring.
            ruleset: The fingerprint that redacted events carry.
            naming: What names somebody besides the ids of events, and what names nobody.
        """
        self._tokens = tokens
        self._ruleset = ruleset
        self.subjects = Subjects(tokens, naming)

    def redact(self, found: Survey) -> Redacted | Dropped:
        """Return the redacted event, or that a rule drops it.

        Writes to the event's own body: the raw event is used up.

        Args:
            found: The survey of the event, none of its leaves pending any more.
        """
        event = found.event
        subject = self.subjects.of(event)
        if found.names:
            note_siblings(found.leaves, found.names)
        work = _Work(self._tokens, event, subject)
        try:
            work.rewrite(found)
        except EventDroppedError as dropped:
            return Dropped(event.origin, dropped.rule)
        return Redacted(
            origin=event.origin,
            type=event.type,
            message_id=work.message_id,
            ordering_key=self._ordering_key(event, subject),
            times=event.times,
            body=RedactedBody(event.body),
            manifest=tuple(work.manifest),
            ruleset=self._ruleset,
            subject=subject,
            violations=event.violations,
        )

    def _ordering_key(self, event: Event, subject: Subject) -> bytes:
        if event.key is not None:
            return self._tokens.ordering(event.key)
        if (somebody := subject.anonymous or subject.user) is not None:
            return self._tokens.ordering(somebody.encode())
        return self._tokens.ordering(event.message_id.encode())


class _Work:
    """The redaction of one event.

    Attributes:
        manifest: What was done.
        message_id: The event's message id, or the token in its place.
    """

    def __init__(self, tokens: Tokens, event: Event, subject: Subject) -> None:
        self._tokens = tokens
        self._event = event
        self._subject = subject
        self._dropped: list[Leaf] = []
        self._renamed: list[tuple[Leaf, str]] = []
        self.manifest: list[ManifestEntry] = []
        self.message_id = event.message_id

    def rewrite(self, found: Survey) -> None:
        for leaf in found.leaves:
            answer = leaf.answer
            if answer and not leaf.document:
                self._put(leaf, answer.rewritten or self._made(leaf))
        for leaf in found.wholes:
            self._whole(leaf)
        if self._tokens.overlap:
            self.manifest += write_previous((*found.leaves, *found.wholes), self._tokens)
        for leaf in found.keys:
            if leaf.answer and not leaf.document:
                self._put(leaf, self._made(leaf))
        if found.opened:
            # What is in documents first: a text is written when all that is in it has been.
            for depth in range(max(opened.leaf.documents for opened in found.opened), -1, -1):
                self._finish(depth + 1)
                self._close([item for item in found.opened if item.leaf.documents == depth])
        self._finish(0)

    def _finish(self, documents: int) -> None:
        """Drop and rename what is to be in the event itself (0) or so many documents deep."""
        if self._dropped:
            drop((leaf.holder, leaf.step) for leaf in self._dropped if leaf.documents == documents)
        if self._renamed:
            rename(
                (leaf.holder, leaf.step, new)
                for leaf, new in self._renamed
                if leaf.documents == documents
            )

    # -- texts, numbers and keys ------------------------------------------------------------------

    def _put(self, leaf: Leaf, made: Rewritten) -> None:
        value, entries = made
        if entries:
            self._note(leaf, entries)
        if value is None:
            self._dropped.append(leaf)
        elif leaf.is_key:
            if value != leaf.value:
                self._renamed.append((leaf, value))
        else:
            leaf.holder[leaf.step] = value
            if leaf.site.role == "message_id" and not leaf.documents:
                self.message_id = value

    def _note(self, leaf: Leaf, entries: Sequence[Entry]) -> None:
        trail = leaf.trail
        path = leaf.site.path if trail is None else path_of(leaf.site, trail, leaf.step)
        # Without the constructor, which takes three times as long: there are eight an event.
        for entry in entries:
            self.manifest.append(tuple.__new__(ManifestEntry, (path, *entry)))

    def _made(self, leaf: Leaf) -> Rewritten:
        """Return what becomes of ``leaf``, remembered where that is the same in every event."""
        answer = leaf.answer
        assert answer
        if answer.rewritten is not None:
            return answer.rewritten
        made, by_subject = self._make(leaf, answer)
        if not by_subject:
            answer.rewritten = made
        return made

    def _make(self, leaf: Leaf, answer: Answer) -> tuple[Rewritten, bool]:
        site, text = leaf.site, text_of(leaf.value)
        if not leaf.is_key:
            if site.role == "message_id":
                return self._own_id(site, text, answer), False
            if site.whole is not None:
                return self._of_whole(site.whole, text), depends_on_subject(site.whole.operator)
            if site.role == "identifier" and would_merge(site, text, answer.findings):
                return self._identifier(text, answer.findings), False
        return self._of_findings(site, text, answer.findings)

    def _of_findings(
        self, site: Site, text: str, findings: Findings, beside: Sequence[Piece] = ()
    ) -> tuple[Rewritten, bool]:
        """Return the text without its findings, and with ``beside`` in it; and if for one alone."""
        pieces, entries = list(beside), []
        by_subject = dropped = False
        for finding in beside_written(text, findings):
            action = site.policy.action(finding, text)
            if isinstance(action.operator, DropEvent):
                raise EventDroppedError(action.rule)
            entries.append(self._entry(action, finding.score))
            if isinstance(action.operator, Drop):
                dropped = True
            else:
                pieces.append((finding.start, finding.end, self._piece(action, text, finding)))
                by_subject = by_subject or depends_on_subject(action.operator)
        return Rewritten(None if dropped else _replaced(text, pieces), entries), by_subject

    def _piece(self, action: Action, text: str, finding: Finding) -> str:
        value = text[finding.start : finding.end]
        if finding.step != "url":
            return self._rewritten(action, value)
        said = percent_decoded(value)
        new = self._rewritten(action, said)
        return value if new == said else percent_encoded(new, like=value)

    def _rewritten(self, action: Action, value: str) -> str:
        return rewritten(action, value, self._tokens, self._subject)

    def _own_id(self, site: Site, value: str, answer: Answer) -> Rewritten:
        # Whole, whatever the rules say of findings: rows are told apart by it, so two ids must
        # never become one text.
        if WRITTEN.fullmatch(value):
            return Rewritten(value, ())
        if site.whole is not None:
            entity, score = site.whole.entity, 1.0
        else:
            best = max(answer.findings, key=lambda finding: finding.score)
            entity, score = best.entity, best.score
        entry = (entity, "message-id", "hash", score, self._tokens.key_version)
        return Rewritten(self._tokens.of_message_id(value), (entry,))

    def _identifier(self, value: str, findings: Findings) -> Rewritten:
        # Whole: with "jane-1" and "bob-1" both "<PERSON>-1", two people would be one in every join.
        if WRITTEN.fullmatch(value):
            return Rewritten(value, ())
        best = max(findings, key=lambda finding: finding.score)
        entry = (best.entity, "identifiers", "hash", best.score, self._tokens.key_version)
        return Rewritten(self._tokens.of_value("IDENTIFIER", value), (entry,))

    # -- whole fields -----------------------------------------------------------------------------

    def _of_whole(self, action: Action, text: str) -> Rewritten:
        if isinstance(action.operator, DropEvent):
            raise EventDroppedError(action.rule)
        if isinstance(action.operator, Drop):
            return Rewritten(None, (self._entry(action, 1.0),))
        new = self._rewritten(action, text)
        return Rewritten(new, (self._entry(action, 1.0),) if new != text else ())

    def _whole(self, leaf: Leaf) -> None:
        """Rewrite a field that is no text, and is decided as a whole."""
        action = leaf.site.whole
        assert action is not None
        if isinstance(action.operator, DropEvent):
            raise EventDroppedError(action.rule)
        dropped = isinstance(action.operator, Drop)
        if dropped:
            self._dropped.append(leaf)
        if dropped or self._rewrite_value(action, leaf.holder, leaf.step):
            self._note(leaf, (self._entry(action, 1.0),))

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
        holder[step] = self._rewritten(action, text_of(value))
        return bool(holder[step] != value)

    # -- documents in texts -----------------------------------------------------------------------

    def _close(self, opened: Sequence[Opened]) -> None:
        """Write the texts that hold ``opened``, whose contents are redacted."""
        by_leaf: dict[Leaf, list[Opened]] = {}
        for item in opened:
            by_leaf.setdefault(item.leaf, []).append(item)
        for leaf, items in by_leaf.items():
            self._enclose(leaf, items)

    def _enclose(self, leaf: Leaf, opened: Sequence[Opened]) -> None:
        pieces: list[Piece] = []
        # The contents were redacted in place: how they were is read once more.
        for item, before in zip(opened, embedded(leaf.value, leaf.site.without), strict=True):
            if leaf.step not in item.box:
                self._dropped.append(leaf)
                return
            if (content := item.box[leaf.step]) != before.content:
                pieces.append((before.start, before.end, encoded(before, content)))
        findings = leaf.answer.findings if leaf.answer else ()
        if leaf.site.role == "message_id" and (pieces or findings):
            self._put(leaf, Rewritten(self._tokens.of_message_id(leaf.value), ()))
        elif leaf.site.role == "identifier" and pieces:
            self._put(leaf, Rewritten(self._tokens.of_value("IDENTIFIER", leaf.value), ()))
        elif pieces:
            around, beside = _around(findings, pieces)
            made, _ = self._of_findings(leaf.site, leaf.value, around, beside)
            self._put(leaf, made)
        elif findings:
            self._put(leaf, self._made(leaf))

    def _entry(self, action: Action, score: float) -> Entry:
        return (
            action.entity,
            action.rule,
            action.operator.name,
            round(score, 4),
            self._tokens.key_version if is_keyed(action.operator) else None,
        )


def _replaced(text: str, pieces: list[Piece]) -> str:
    """Return ``text`` with ``pieces``, which do not overlap, in their places."""
    pieces.sort()
    new: list[str] = []
    at = 0
    for start, end, piece in pieces:
        new += text[at:start], piece
        at = end
    return "".join((*new, text[at:]))


def _around(findings: Findings, pieces: Sequence[Piece]) -> tuple[list[Finding], list[Piece]]:
    """Return ``findings`` made to cover the ``pieces`` they touch, and the other pieces."""
    covering = list(findings)
    beside: list[Piece] = []
    for start, end, new in pieces:
        touching = [i for i, f in enumerate(covering) if f.start < end and start < f.end]
        if not touching:
            beside.append((start, end, new))
            continue
        first, last = touching[0], touching[-1]
        covering[first : last + 1] = [
            covering[first]._replace(
                start=min(start, covering[first].start), end=max(end, covering[last].end)
            )
        ]
    return covering, beside


def would_merge(site: Site, text: str, findings: Findings) -> bool:
    """Return whether rewriting the findings of an id could make it the same as another one."""
    operators = [site.policy.action(finding, text).operator for finding in findings]
    if any(isinstance(operator, Drop | DropEvent) for operator in operators):
        return False
    return not all(map(keeps_apart, operators))


def beside_written(text: str, findings: Findings) -> Iterator[Finding]:
    """Yield ``findings`` without what redaction wrote before: only what is beside it is left."""
    if not may_hold_written(text):
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
