"""The ways a text is read: as it is written, by the decoded parts of its URLs, and as it looks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from streamproc.detect.normalise import Normalised, normalised
from streamproc.detect.texts import Text
from streamproc.detect.urls import Part, url_parts
from streamproc.events import Finding

__all__ = ["View", "views_of"]


class View(NamedTuple):
    """A text to detect, made of another one.

    Attributes:
        text: What is detected.
        step: The step that made it, ``url`` or ``unicode``.
        part: The part of a URL that it is, if it is one.
        looks: How it was normalised, if it was: after it was taken from the URL.
    """

    text: Text
    step: str
    part: Part | None = None
    looks: Normalised | None = None

    def __repr__(self) -> str:
        """Return the step and the text's length."""
        return f"View({self.step}, {self.text!r})"

    def in_original(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield what ``findings`` are in the text that the view was made of.

        Without those that a part of a URL is one, which is no news, and, where the view was
        normalised, without those in what that did not change: they are found there anyway.
        """
        for finding in findings:
            start, end = finding.start, finding.end
            if self.looks:
                if not self.looks.changed(start, end):
                    continue
                start, end = self.looks.origin(start, end)
            if self.part:
                if finding.entity == "URL":
                    continue
                start, end = self.part.origin(start, end)
            yield finding._replace(start=start, end=end, step=self.step)


def views_of(text: Text) -> Iterator[View]:
    """Yield the views of ``text`` beside itself, by the steps it is not without."""
    if "url" not in text.without:
        for part in url_parts(text.value):
            of_part = Text(part.text, part.context, text.without)
            yield View(of_part, "url", part)
            yield from _as_it_looks(of_part, "url", part)
    yield from _as_it_looks(text, "unicode", None)


def _as_it_looks(text: Text, step: str, part: Part | None) -> Iterator[View]:
    if "unicode" not in text.without and (looks := normalised(text.value)):
        yield View(text._replace(value=looks.text), step, part, looks)
