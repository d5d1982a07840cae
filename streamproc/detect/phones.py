r"""Telephone numbers: exactly what Presidio's PhoneRecognizer finds, at a fraction of its cost.

Presidio runs libphonenumber's matcher over a text once for each of eight regions, 230 to 380 µs a
text, whether there is a digit in it or not. Here a region is only asked where it could answer:

* libphonenumber takes as a candidate what is digits with up to four punctuation signs between two
  of them (``phonenumbermatcher._PATTERN``), perhaps an extension after it. A valid number has as
  many digits as the numbering plan of its region says, and nothing the parser does adds a digit.
  So a text whose longest row of such digits is shorter than the shortest number of a region, and
  than the shortest international number after that region's dialling prefix, has no number of that
  region. :data:`ROW` lets the prefilter (``scan``) see such rows; then the digits are counted.
* The counting does not hold where a plus sign stands for the dialling prefix, or where letters
  can count as digits (the words for an extension). :data:`EXTENSION` is the prefilter's pattern for
  those words; such texts go to every region.
* Where the whole text is one international number (``+`` first), the region makes no difference:
  the first region's answer is everybody's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import phonenumbers
from phonenumbers import PhoneMetadata

from streamproc.detect.recognize import remove_duplicates
from streamproc.detect.recognizers import name_of
from streamproc.detect.scan import ScanPattern
from streamproc.events import Finding

__all__ = ["PhoneMatcher"]

_PUNCTUATION = "-x\u2010-\u2015\u2212\u30fc\uff0d-\uff0f \xa0\xad\u200b\u2060\u3000()"
_PUNCTUATION += r"\uff08\uff09\uff3b\uff3d.\[\]/~\u2053\u223c\uff5e"
"""``phonenumberutil._VALID_PUNCTUATION``, which a test compares it with."""

_FEWEST_DIGITS = 4
"""Of any region's national number: Germany's shortest have four."""

ROW = r"\d(?:(?:[-x \[\]()./~\s]|[^\x00-\x7f]){0,4}\d){3}"
"""A row of four digits as libphonenumber joins them, a superset; for ``scan``, case ignored."""

EXTENSION = r"\d[\s,]*(?:;ext=|e?xt|anexo|int|#|[^\x00-\x7f])"
"""A digit and what may begin an extension, a superset; for ``scan``, case ignored."""

_DIGITS_IN_A_ROW = re.compile(rf"\d(?:[{_PUNCTUATION}]{{0,4}}\d)*", re.IGNORECASE)
_PLUS = ("+", "\uff0b")
_SHORTEST_INTERNATIONAL = 6
"""Digits of the shortest number with its country code (+43, +49, +98)."""


class PhoneMatcher:
    """A PhoneRecognizer at work; a :class:`streamproc.detect.recognize.Matcher`."""

    scan = (ScanPattern(ROW, re.IGNORECASE), ScanPattern(EXTENSION, re.IGNORECASE))

    def __init__(self, recognizer: Any) -> None:
        """Search the regions of ``recognizer``, a PhoneRecognizer, with its leniency."""
        self.recognizer = recognizer
        self._fewest = {region: _fewest(region) for region in recognizer.supported_regions}
        if min(self._fewest.values()) < _FEWEST_DIGITS:
            raise ValueError("ROW asks for more digits than some number has")

    def find(self, text: str, patterns: Collection[int]) -> list[Finding]:
        """See :class:`streamproc.detect.recognize.Matcher`."""
        entity, name = self.recognizer.supported_entities[0], name_of(self.recognizer)
        spans = self._spans(text, every_region=1 in patterns)
        return remove_duplicates(
            [Finding(start, end, entity, self.recognizer.SCORE, name) for start, end in spans]
        )

    def _spans(self, text: str, *, every_region: bool) -> set[tuple[int, int]]:
        """Return start and end of every number, which may overlap: regions read digits apart."""
        every_region = every_region or any(plus in text for plus in _PLUS)
        digits = 0 if every_region else _longest_row(text)
        found: set[tuple[int, int]] = set()
        for region, fewest in self._fewest.items():
            if every_region or digits >= fewest:
                spans = list(self._search(text, region))
                found.update(spans)
                if spans == [(0, len(text))] and text.startswith(_PLUS):
                    break
        return found

    def _search(self, text: str, region: str) -> Iterator[tuple[int, int]]:
        for match in phonenumbers.PhoneNumberMatcher(
            text, region, leniency=self.recognizer.leniency
        ):
            yield match.start, match.end


def _longest_row(text: str) -> int:
    rows = _DIGITS_IN_A_ROW.findall(text)
    return max((sum(map(str.isdecimal, row)) for row in rows), default=0)


def _fewest(region: str) -> int:
    """Return the fewest digits a text must have in a row to be a number dialled in ``region``."""
    metadata: Any = PhoneMetadata.metadata_for_region(region)
    if metadata is None or _adds_digits(metadata):
        return 0
    national = min(metadata.general_desc.possible_length)
    prefix = 2  # every international dialling prefix has two digits at least (00, 011)
    return int(min(national, prefix + _SHORTEST_INTERNATIONAL))


def _adds_digits(metadata: Any) -> bool:
    rule = metadata.national_prefix_transform_rule
    return rule is not None and bool(re.search(r"(?<!\\)\d", rule))
