"""Labelled files to cases: one format a reader, told by the keys of the first record.

Every format is JSON lines, a record a line:

==============  ===================================================================================
``sentences``   ``full_text``, ``spans`` of ``entity_type``, ``start_position``, ``end_position``
``documents``   ``text``, ``template_hash``, ``spans`` of ``entity_type``, ``start``, ``end``;
                ``adversarial_type`` names an attack, ``language`` a language
``social``      ``text``, ``spans`` of ``entity_type``, ``start``, ``end``
``events``      ``event``, a whole event; ``leaves`` of ``path`` and ``label``
==============  ===================================================================================

A text becomes ``properties.text`` of a track event.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from streamproc.errors import ConfigError, Problem
from streamproc.evaluate.labels import (
    DOCUMENTS,
    EVENTS,
    NON_PERSONAL,
    SENTENCES,
    SOCIAL,
    Meaning,
)
from streamproc.events import Path

__all__ = ["TEXT_PATH", "Case", "Dataset", "Gold", "read_dataset", "value_at"]

TEXT_PATH: Path = ("properties", "text")
"""Where the text of a case stands that is no event of its own."""

MASKED = "***"
"""A value with this in it was made unreadable before: what is left of it can leak nothing."""

Body = dict[str, Any]


class Gold(NamedTuple):
    """A piece of personal data that is known to be in a case.

    Attributes:
        path: The leaf.
        start: First code point in the leaf's text.
        end: One past the last.
        label: The data set's name of the kind.
        meaning: Ours.
        hinted: Whether the leaf's key says what it holds.
    """

    path: Path
    start: int
    end: int
    label: str
    meaning: Meaning
    hinted: bool = False


class Case(NamedTuple):
    """An event with what is known of it.

    Attributes:
        body: The event, as a producer would send it.
        gold: The personal data in it.
        clean: The leaves that hold nothing personal.
        groups: What else it is counted under: its attack, its language.
    """

    body: Body
    gold: tuple[Gold, ...]
    clean: tuple[Path, ...] = ()
    groups: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return the counts; a body is personal data."""
        return f"Case({len(self.gold)} gold, {len(self.clean)} clean)"

    def value(self, gold: Gold) -> str:
        """Return the text of ``gold``."""
        return str(value_at(self.body, gold.path))[gold.start : gold.end]


class Dataset(NamedTuple):
    """The cases of one file."""

    name: str
    format: str
    cases: tuple[Case, ...]

    @property
    def of_texts(self) -> bool:
        """Whether its cases are texts, at :data:`TEXT_PATH`, and not events of their own."""
        return self.format != "events"


def _records(file: FilePath, limit: int | None) -> list[Any]:
    records = []
    number = 1
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(islice(lines, limit), 1):  # noqa: B007 - told below
                if line.strip():
                    records.append(json.loads(line))
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be read: {error.strerror}")) from None
    except ValueError:  # of which UnicodeDecodeError is one; its text quotes the line
        raise ConfigError(Problem(str(file), "", "is not JSON", number)) from None
    return records


def read_dataset(file: FilePath, limit: int | None = None) -> Dataset | None:
    """Return the cases of ``file``, the first ``limit`` of them; None if its format is not known.

    Raises:
        ConfigError: It cannot be read, or a line is no record of the format of the first.
    """
    records = _records(file, limit)
    form = _format_of(records[0]) if records and isinstance(records[0], dict) else None
    if form is None:
        return None
    try:
        cases = tuple(_READERS[form](records))
    except (KeyError, TypeError, ValueError, IndexError):
        raise ConfigError(Problem(str(file), "", f"expected records of {form} only")) from None
    return Dataset(file.stem, form, cases)


def value_at(body: Any, path: Path) -> Any:
    """Return what is at ``path``, None if there is nothing."""
    for step in path:
        if isinstance(body, dict):
            body = body.get(str(step))
        elif isinstance(body, list) and isinstance(step, int) and step < len(body):
            body = body[step]
        else:
            return None
    return body


def _format_of(record: Mapping[str, Any]) -> str | None:
    keys = record.keys()
    for form, needed in _KEYS.items():
        if needed <= keys:
            return form if form in _READERS else None
    return None


def _sentences(records: Iterable[Body]) -> Iterator[Case]:
    for number, record in enumerate(records):
        spans = (
            (span["entity_type"], span["start_position"], span["end_position"])
            for span in record["spans"]
        )
        yield _text_case(number, record["full_text"], _gold(record["full_text"], spans, SENTENCES))


def _documents(records: Iterable[Body]) -> Iterator[Case]:
    for number, record in enumerate(records):
        attack = record["adversarial_type"]
        language = "English" if record["language"] == "en" else "other languages"
        groups = (*([attack] if attack else []), language)
        yield _text_case(
            number, record["text"], _gold(record["text"], _spans(record), DOCUMENTS), groups
        )


def _social(records: Iterable[Body]) -> Iterator[Case]:
    for number, record in enumerate(records):
        yield _text_case(number, record["text"], _gold(record["text"], _spans(record), SOCIAL))


def _spans(record: Body) -> Iterator[tuple[str, int, int]]:
    return ((span["entity_type"], span["start"], span["end"]) for span in record["spans"])


def _gold(
    text: str, spans: Iterable[tuple[str, int, int]], labels: Mapping[str, Meaning]
) -> tuple[Gold, ...]:
    gold = []
    for label, start, end in spans:
        meaning = labels[label]
        if MASKED in text[start:end]:  # "A***** L****": somebody removed it before
            meaning = meaning._replace(direct=False)
        gold.append(Gold(TEXT_PATH, start, end, label, meaning))
    return tuple(sorted(gold, key=lambda piece: (piece.start, piece.end)))


def _text_case(
    number: int, text: str, gold: tuple[Gold, ...], groups: tuple[str, ...] = ()
) -> Case:
    body = _completed({"type": "track", "event": "Text", "properties": {"text": text}}, number)
    return Case(body, gold, (), groups)


def _events(records: Iterable[Body]) -> Iterator[Case]:
    for number, record in enumerate(records):
        body = record["event"]
        gold: list[Gold] = []
        clean: list[Path] = []
        for leaf in record["leaves"]:
            path, label = tuple(leaf["path"]), leaf["label"]
            value = value_at(body, path)
            if label == NON_PERSONAL:
                clean.append(path)
            elif label in EVENTS and value not in (None, "", True, False):
                hinted = "key" in leaf["basis"] or "mail" in str(path[-1]).lower()
                gold.append(Gold(path, 0, len(str(value)), label, EVENTS[label], hinted))
        yield Case(_completed(body, number), tuple(gold), tuple(clean), ())


def _completed(body: Body, number: int) -> Body:
    """Return the event with what the event spec requires and the record left out."""
    kind = body.get("type") or _kind_of(body)
    added: Body = {"type": kind}
    if not body.get("messageId"):
        added["messageId"] = f"case-{number}"
    if kind == "alias":
        added["userId"] = body.get("userId") or f"user-{number}"
        added["previousId"] = body.get("previousId") or f"previous-{number}"
    elif not (body.get("userId") or body.get("anonymousId")):
        added["anonymousId"] = f"anonymous-{number}"
    if kind == "track" and not body.get("event"):
        added["event"] = "Unnamed"
    if kind == "group" and not body.get("groupId"):
        added["groupId"] = f"group-{number}"
    return {**body, **added}


def _kind_of(body: Body) -> str:
    if body.get("event"):
        return "track"
    if body.get("previousId"):
        return "alias"
    return "identify" if "traits" in body else "track"


_KEYS: Mapping[str, frozenset[str]] = {
    "sentences": frozenset({"full_text", "spans"}),
    "events": frozenset({"event", "leaves"}),
    "documents": frozenset({"text", "spans", "template_hash"}),
    "cases of recognizers": frozenset({"text", "spans", "recognizer"}),
    "social": frozenset({"text", "spans"}),
}
"""What a record of each format has; the first that fits counts. Cases of single recognizers fit no
measure of a whole pipeline; the parity tests are about those."""

_READERS: Mapping[str, Callable[[Iterable[Body]], Iterator[Case]]] = {
    "sentences": _sentences,
    "documents": _documents,
    "social": _social,
    "events": _events,
}
