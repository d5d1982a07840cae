"""What redaction is about to do with an event, value by value, without doing it.

For whoever explains or compares rules: the redactor itself works on answers that it remembers, and
keeps no account of pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from streamproc.events import Finding
from streamproc.redact.operators import WRITTEN
from streamproc.redact.redact import beside_written, would_merge
from streamproc.redact.survey import Leaf, Survey, text_of
from streamproc.rules import Action, Drop, DropEvent, Hash

__all__ = ["Decision", "decisions_of"]


class Decision(NamedTuple):
    """What is to be done with a piece of a value, or with all of it.

    Attributes:
        start: First code point of the piece.
        end: One past its last code point.
        action: What is done with it, and who says so: ``message-id`` and ``identifiers`` are not
            rules but ids that have to stay apart.
        finding: What was found there; None where nothing was searched.
    """

    start: int
    end: int
    action: Action
    finding: Finding | None


def decisions_of(found: Survey) -> Iterator[tuple[Leaf, Sequence[Decision]]]:
    """Yield each value and key with what is to be done with it, in the redactor's order.

    Of an object or list that a rule decides as a whole, ``start`` and ``end`` are 0.

    Args:
        found: The survey of the event, none of its leaves pending any more, names noted.
    """
    for leaf in found.leaves:
        if decisions := _of_leaf(leaf):
            yield leaf, decisions
    for leaf in found.wholes:
        assert leaf.site.whole is not None
        length = 0 if isinstance(leaf.value, dict | list) else len(text_of(leaf.value))
        yield leaf, (Decision(0, length, leaf.site.whole, None),)
    for leaf in found.keys:
        if decisions := _of_leaf(leaf):
            yield leaf, decisions


def _of_leaf(leaf: Leaf) -> Sequence[Decision]:
    answer, site = leaf.answer, leaf.site
    if not answer:
        return ()
    text = text_of(leaf.value)
    if not leaf.is_key:
        if site.role == "message_id":
            return _of_own_id(leaf, text, answer.findings)
        if site.whole is not None:
            return _of_whole(site.whole, text)
        if site.role == "identifier" and would_merge(site, text, answer.findings):
            return _hashed_whole("identifiers", text, _surest(answer.findings))
    return [
        Decision(finding.start, finding.end, site.policy.action(finding, text), finding)
        for finding in beside_written(text, answer.findings)
    ]


def _of_own_id(leaf: Leaf, text: str, findings: Sequence[Finding]) -> Sequence[Decision]:
    if leaf.site.whole is None:
        return _hashed_whole("message-id", text, _surest(findings)) if findings else ()
    if WRITTEN.fullmatch(text):
        return ()
    return (Decision(0, len(text), Action("message-id", leaf.site.whole.entity, Hash()), None),)


def _of_whole(action: Action, text: str) -> Sequence[Decision]:
    written = text == f"<{action.entity}>" or WRITTEN.fullmatch(text)
    if written and not isinstance(action.operator, Drop | DropEvent):
        return ()
    return (Decision(0, len(text), action, None),)


def _hashed_whole(rule: str, text: str, finding: Finding) -> Sequence[Decision]:
    if WRITTEN.fullmatch(text):
        return ()
    return (Decision(0, len(text), Action(rule, finding.entity, Hash()), finding),)


def _surest(findings: Sequence[Finding]) -> Finding:
    return max(findings, key=lambda finding: finding.score)
