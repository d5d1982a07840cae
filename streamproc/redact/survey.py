"""The walk over an event: where something is known to be, what is to be searched, what is decided.

The one place that touches every value of every event, 60 of them in a usual one; a value that was
met before costs it one look-up.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from streamproc.detect import Text
from streamproc.detect.siblings import name_words
from streamproc.errors import EventError
from streamproc.events import Event, Finding
from streamproc.redact.answers import NOTHING, Answer, Known, Table
from streamproc.redact.embedded import Embedded, embedded
from streamproc.redact.operators import WRITTEN
from streamproc.redact.places import Trail, inner_trail
from streamproc.redact.sites import Site, Sites
from streamproc.rules.values import text_of

__all__ = ["Leaf", "Name", "Opened", "Survey", "encoding_of", "is_searched", "survey", "text_of"]

LARGEST_UNSEARCHED = 999_999
"""No card, phone or account number has fewer than seven digits; where the field's name announces
something, such as a postcode, every number is searched."""

DEEPEST_DOCUMENT = 3
"""Documents in documents that are opened: a JSON text in a base64 text in a JSON text."""

MOST_WORDS = 1_000
"""Names of one event, and words of these; each is looked for in all its texts, so the work grows
with their product."""

_LETTER = re.compile("%(?:25)*(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|[89A-Fa-f][0-9A-Fa-f])")
"""What in a URL may stand for a letter: one of ASCII (41 to 5A, 61 to 7A), one of any other script,
which may fold to ASCII (``ß``), or a digit of a code that is encoded itself (``%25%34%31``)."""

_SIGN = re.compile("%[0-9A-Fa-f]{2}")
_SIGN_OR_SPACE = re.compile(r"%[0-9A-Fa-f]{2}|\+")

ESCAPE = re.compile(r'\\[u"\\]')
"""What in JSON stands for a letter, or for what parts words."""

ESCAPABLE = re.compile(r"[/\x08]")
"""What else of a word JSON writes in two ways: PHP's writes a slash as ``\\/``."""


Name = tuple[str, Sequence[str]]
"""A name, and words one of which is in every text that the name is found in; case folded."""


class Leaf:
    """A value in which there is something, or may be.

    Attributes:
        holder: The object or list it is in, at ``step``.
        step: Its key or index.
        site: Its field.
        trail: Of the holder, if that is in a list.
        value: A text or a number; of a key, the key; or whatever a rule decides as a whole.
        documents: How many documents it is in; 0 for a value of the event itself.
        table: Where its answer is remembered.
        answer: What is known of it; None while that is to be found out.
        document: Whether it holds a document itself.
        is_document: Whether that is all of it: then it is looked into there alone.
    """

    __slots__ = (
        "answer",
        "document",
        "documents",
        "holder",
        "is_document",
        "site",
        "step",
        "table",
        "trail",
        "value",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - made for every value of note: a dataclass costs twice
        self,
        holder: Any,
        step: Any,
        site: Site,
        trail: Trail,
        value: Any,
        documents: int,
        answer: Known | None = None,
    ) -> None:
        self.holder = holder
        self.step = step
        self.site = site
        self.trail = trail
        self.value = value
        self.documents = documents
        self.table: Table = site.table
        self.answer = answer
        self.document = False
        self.is_document = False

    def __repr__(self) -> str:
        """Return the field, without the value."""
        return f"Leaf({self.site!r})"

    @property
    def is_key(self) -> bool:
        """Whether it is the key at ``step``, not the value."""
        return self.table is not self.site.table

    @property
    def text(self) -> Text:
        """What the detector is asked."""
        context = () if self.is_key else self.site.context
        return Text(text_of(self.value), context, self.site.without)

    def settle(self, findings: tuple[Finding, ...]) -> None:
        """Take what was found in it."""
        step = None
        if type(self.value) is not str:
            step = "number"
        elif self.is_key:
            step = "key"
        if findings and step:
            findings = tuple(finding._replace(step=step) for finding in findings)
        something = findings or self.document
        self.answer = Answer(findings, document=self.document) if something else NOTHING
        self.table.put(self.value, self.answer)


@dataclass(frozen=True, slots=True)
class Opened:
    """A document that a text holds, laid open: its content is walked as part of the event.

    Attributes:
        leaf: The text.
        document: What it holds, and how that is written.
        box: The content at the leaf's step, and after redaction what is left of it.
    """

    leaf: Leaf
    document: Embedded
    box: dict[Any, Any] = field(repr=False)


@dataclass(slots=True)
class Survey:
    """What there is to do in one event.

    Attributes:
        event: The event.
        leaves: Texts and numbers with findings, and texts that a rule decides as a whole, in the
            order of the walk. Where there are ``names``, the texts they may be in are among them.
        keys: The same of keys.
        wholes: What else a rule decides as a whole.
        pending: Those of leaves and keys that are to be searched.
        opened: Documents in texts and in keys; those in other documents after these.
        names: Names that the event states, and may hold in its texts too.
    """

    event: Event
    leaves: list[Leaf] = field(default_factory=list, repr=False)
    keys: list[Leaf] = field(default_factory=list, repr=False)
    wholes: list[Leaf] = field(default_factory=list, repr=False)
    pending: list[Leaf] = field(default_factory=list, repr=False)
    opened: list[Opened] = field(default_factory=list, repr=False)
    names: Sequence[Name] = field(default=(), repr=False)


def survey(event: Event, sites: Sites) -> Survey:
    """Return what there is to search and to decide in ``event``, what is nested least first.

    Raises:
        EventError: ``too_many_names`` and ``documents_too_deep``: to look at fewer would be to pass
            some on.
    """
    walk = _Walk(event, sites)
    walk.run()
    names = _stated(walk.found)
    if names and _may_recur(names, walk.found):
        walk = _Walk(event, sites, {word for _, words in names for word in words})
        walk.run()
        walk.found.names = names
    sites.memo.missed += len(walk.found.pending)
    return walk.found


def encoding_of(words: Iterable[str]) -> re.Pattern[str]:
    """Return what is in every text that has one of ``words`` in a URL, but written otherwise."""
    others = [word for word in words if not word.isalnum()]
    if not others:
        return _LETTER
    return _SIGN_OR_SPACE if any(" " in word for word in others) else _SIGN


def is_searched(value: object, site: Site) -> bool:
    """Return whether ``value``, which is no text, is searched at ``site`` where numbers are."""
    if type(value) is float:
        return site.evident or (value.is_integer() and abs(value) > LARGEST_UNSEARCHED)
    return type(value) is int and (site.evident or abs(value) > LARGEST_UNSEARCHED)


class _Walk:
    """One walk. With ``words`` it also notes the texts that one of these may be in."""

    def __init__(self, event: Event, sites: Sites, words: Collection[str] = ()) -> None:
        self.found = Survey(event)
        self._sites = sites
        self._words = words
        self._encoding = encoding_of(words)
        # Objects and lists yet to be walked through, each with its site, its trail and the number
        # of documents it is in. A queue, not recursion: half the time.
        self._waiting: list[tuple[Any, Site, Trail, int]] = [(event.body, sites.root, None, 0)]

    def run(self) -> None:  # noqa: C901, PLR0912 - every value of every event passes here
        words = self._words
        leaves = self.found.leaves
        waiting = self._waiting
        asked = 0
        for content, above, trail, documents in waiting:
            if type(content) is list:
                for index, value in enumerate(content):
                    self._visit(content, index, above, trail, value, documents)
                continue
            asked += len(content)
            children = above.children
            # The rest is what each value costs: _visit alone would do, in three times the time.
            for key, value in content.items():
                try:
                    site = children[key]
                except KeyError:
                    site = self._unusual(content, key, above, trail, documents)
                kind = type(value)
                if kind is str:
                    try:
                        answer = site.table.young[value]
                    except KeyError:
                        pass
                    else:
                        if not answer:
                            if not words or not self._may_hold_name(value):
                                continue
                        elif not answer.document:
                            leaves.append(Leaf(content, key, site, trail, value, documents, answer))
                            continue
                elif value is None:
                    continue
                elif site.whole is None:
                    if kind is dict:
                        inner = None if trail is None else (trail, key)
                        waiting.append((value, site, inner, documents))
                        continue
                    if kind is bool or (
                        kind is not list
                        and -LARGEST_UNSEARCHED <= value <= LARGEST_UNSEARCHED
                        and not site.evident
                    ):
                        continue
                self._visit(content, key, site, trail, value, documents)
        self._sites.memo.asked += asked

    def _visit(  # noqa: PLR0913, PLR0917 - as Leaf takes them
        self, holder: Any, step: Any, site: Site, trail: Trail, value: Any, documents: int
    ) -> None:
        kind = type(value)
        if kind is str:
            if value:
                self._text(Leaf(holder, step, site, trail, value, documents))
        elif value is None:
            pass
        elif site.whole is not None:
            self.found.wholes.append(Leaf(holder, step, site, trail, value, documents))
            self._keys_below(site, inner_trail(site, trail, step, value), value, documents)
        elif kind is dict or kind is list:
            inner = inner_trail(site, trail, step, value)
            self._waiting.append((value, site, inner, documents))
        elif site.numbers and is_searched(value, site):
            self._ask(self.found.leaves, Leaf(holder, step, site, trail, value, documents))

    def _text(self, leaf: Leaf) -> None:
        site, value = leaf.site, leaf.value
        answer = leaf.table.young.get(value)
        if answer is None:
            answer = leaf.table.known(value)
        if answer is None and site.whole is not None:
            answer = Answer()
            leaf.table.put(value, answer)
        elif answer is None and self._sites.passes(site, value):
            answer = NOTHING
            if site.role != "message_id":  # which never comes back
                leaf.table.put(value, answer)
        elif answer is None or (answer and answer.document):
            self._open(leaf)
            if leaf.answer is not None:
                answer = leaf.answer
        leaf.answer = answer
        if answer is None:
            self.found.pending.append(leaf)
        if answer is not NOTHING or (self._words and self._may_hold_name(value)):
            self.found.leaves.append(leaf)

    def _may_hold_name(self, text: str) -> bool:
        folded = text.casefold()
        for word in self._words:  # any() takes twice as long
            if word in folded:
                return True
        return self._encoding.search(text) is not None

    def _open(self, leaf: Leaf) -> None:
        """Lay the documents in ``leaf`` open; settle it if that is all there is to it."""
        for document in embedded(leaf.value, leaf.site.without):
            if leaf.documents >= DEEPEST_DOCUMENT:
                raise EventError("redact", "documents_too_deep", leaf.site.path)
            leaf.document = True
            box = {leaf.step: document.content}
            self.found.opened.append(Opened(leaf, document, box))
            self._visit(box, leaf.step, leaf.site, leaf.trail, document.content, leaf.documents + 1)
            if document.is_all:
                leaf.is_document = True
                leaf.settle(())

    def _unusual(self, holder: Any, key: str, above: Site, trail: Trail, documents: int) -> Site:
        """Return the site of a key that is new, or no plain word: then it is searched itself."""
        site = self._sites.below(above, key)
        if not site.plain and "key" not in site.without:
            leaf = Leaf(holder, key, site, trail, key, documents)
            leaf.table = self._sites.keys(site)
            self._ask(self.found.keys, leaf)
        return site

    def _keys_below(self, site: Site, trail: Trail, value: Any, documents: int) -> None:
        """Note the keys below a field that is decided as a whole: its values go, its keys stay."""
        if type(value) is dict:
            for key, item in value.items():
                below = self._unusual(value, key, site, trail, documents)
                self._keys_below(below, inner_trail(below, trail, key, item), item, documents)
        elif type(value) is list:
            for index, item in enumerate(value):
                self._keys_below(site, inner_trail(site, trail, index, item), item, documents)

    def _ask(self, leaves: list[Leaf], leaf: Leaf) -> None:
        answer = leaf.table.young.get(leaf.value)
        if answer is None:
            answer = leaf.table.known(leaf.value)
        if type(leaf.value) is str and (answer is None or (answer and answer.document)):
            self._open(leaf)
            answer = answer if leaf.answer is None else leaf.answer
        leaf.answer = answer
        if answer is None:
            self.found.pending.append(leaf)
        if answer is not NOTHING:
            leaves.append(leaf)


# -- names of the event ---------------------------------------------------------------------------


def _stated(found: Survey) -> Sequence[Name]:
    names: dict[str, Sequence[str]] = {}
    for leaf in found.leaves:
        if leaf.site.names and (answer := leaf.answer):
            if answer.words is None:
                answer.words = name_words(leaf.value) if _is_name(leaf.value) else ()
            if answer.words or _is_name(leaf.value):
                names[leaf.value] = answer.words
    for leaf in found.wholes:
        if leaf.site.names:
            names.update((text, name_words(text)) for text in _texts(leaf.value) if _is_name(text))
    return list(names.items())


def _is_name(text: str) -> bool:
    # What redaction wrote is none: a token, or a name that was masked.
    return any(map(str.isalpha, text)) and not WRITTEN.fullmatch(text)


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in ``value``, however deep."""
    waiting = [value]
    for item in waiting:
        if type(item) is str:
            yield item
        elif type(item) is dict:
            waiting += item.values()
        elif type(item) is list:
            waiting += item


def _may_recur(names: Sequence[Name], found: Survey) -> bool:
    """Return whether any of ``names`` can stand anywhere but in values decided as a whole.

    Counting words in the event as it came takes 3 µs, to look through its texts takes 100. Most
    events state their names nowhere else.
    """
    words = {word for _, words in names for word in words}
    if max(len(words), len(names)) > MOST_WORDS:
        raise EventError("redact", "too_many_names")
    text = found.event.raw.decode()
    if found.opened or encoding_of(words).search(text):
        return True
    if "\\" in text and (ESCAPE.search(text) or any(map(ESCAPABLE.search, words))):
        return True
    text = text.casefold()
    decided = "\0".join(leaf.value for leaf in found.leaves if leaf.site.whole).casefold()
    return any(text.count(word) > decided.count(word) for word in words)
