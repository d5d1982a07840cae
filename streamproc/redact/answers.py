"""The memo: what is known of values seen before, in memory only.

Values come back: a session repeats its device, its traits and its pages in every event, and of the
6,894 leaves of some product events 1,400 were distinct. So what was found in a value, and what
redaction made of it, is kept by what decides it: a :class:`Table` for each policy and question of
fields, and in it the value. A hit is one look-up, of a value that is in hand, in a table that the
field holds.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple, TypeAlias

from streamproc.events import Finding

__all__ = ["NOTHING", "Answer", "Entry", "Known", "Memo", "Rewritten", "Table"]

LONGEST_REMEMBERED = 512
"""Code points: bounds the memo's memory; longer texts hardly ever come back."""

SEEDED: dict[Any, Any] = {"": ()}
"""In an empty text there is nothing to find."""


Entry: TypeAlias = tuple[str, str, str, float, str | None]
"""A :class:`~streamproc.events.ManifestEntry` without its path."""


class Rewritten(NamedTuple):
    """What redaction made of a value.

    Attributes:
        value: The new value; None where the field is to be dropped.
        entries: Of the manifest, each without its path.
    """

    value: Any
    entries: Sequence[Entry]

    def __repr__(self) -> str:
        """Return what was done, without the value."""
        return f"Rewritten({self.entries})"


class Answer:
    """What is known of a value in which there is something.

    Attributes:
        findings: What was found in it, by start, not overlapping.
        document: Whether it holds another text or document, in JSON or base64 say.
        rewritten: What redaction made of it, where that is the same for everybody.
        words: The words to look for, if it is a name that the event states; None if that has not
            been asked.
    """

    __slots__ = ("document", "findings", "rewritten", "words")

    def __init__(self, findings: tuple[Finding, ...] = (), *, document: bool = False) -> None:
        self.findings = findings
        self.document = document
        self.rewritten: Rewritten | None = None
        self.words: Sequence[str] | None = None


NOTHING: tuple[()] = ()
"""The answer for a value in which there is nothing: it stands for most, and is false."""

Known: TypeAlias = Answer | tuple[()]


class Table:
    """Values and their answers, of fields that one policy and one question are about.

    Attributes:
        young: Answers that are new or were asked for lately: look here first.
    """

    __slots__ = ("_memo", "_old", "young")

    def __init__(self, memo: Memo) -> None:
        self._memo = memo
        self.young: dict[Any, Known] = dict(SEEDED)
        self._old: dict[Any, Known] = {}

    def __len__(self) -> int:
        """Return how many answers are held, those included that every table begins with."""
        return len(self.young) + len(self._old)

    def known(self, value: Any) -> Known | None:
        """Return the answer for ``value``, which ``young`` does not have; None if there is none."""
        answer = self._old.pop(value, None)
        if answer is not None:
            self.put(value, answer)
        return answer

    def put(self, value: Any, answer: Known) -> None:
        """Remember ``answer``, unless ``value`` is too long to be worth it.

        ``value`` may be a pair too, of a text and what else decides its answer.
        """
        text = value[0] if type(value) is tuple else value
        if (type(text) is not str or len(text) <= LONGEST_REMEMBERED) and self._memo.room():
            self.young[value] = answer

    def age(self) -> None:
        """Make what is young old, and forget what was."""
        self._old, self.young = self.young, dict(SEEDED)


class Memo:
    """All tables; together they hold at most ``entries`` answers.

    In two generations: when the young one is full it becomes the old one, and what was old and not
    asked for since is forgotten at once. A hit so costs nothing beside the look-up.

    Attributes:
        asked: Fields that were met.
        missed: Values that were not known, and had to be searched.
    """

    def __init__(self, entries: int) -> None:
        """Remember at most ``entries`` answers; 0 remembers nothing."""
        self._half = entries // 2
        self._young = 0
        self._tables: dict[Hashable, Table] = {}
        self.asked = 0
        self.missed = 0

    def __len__(self) -> int:
        """Return how many answers are held, about: another thread may be putting more."""
        return sum(map(len, list(self._tables.values())))

    def table(self, decides: Hashable, *, keep: bool = True) -> Table:
        """Return the table of fields whose answers ``decides`` decides, together with the value.

        Args:
            decides: What two fields have in common that share a table.
            keep: Whether to keep a table that is new, which is then there for good.
        """
        table = self._tables.get(decides)
        if table is None:
            table = Table(self)
            if keep:
                self._tables[decides] = table
        return table

    def room(self) -> bool:
        """Make room for one more answer; return whether there is any at all."""
        if not self._half:
            return False
        if self._young >= self._half:
            self._young = 0
            for table in self._tables.values():
                table.age()
        self._young += 1
        return True
