"""Telephone numbers: exactly what Presidio's PhoneRecognizer finds, at a fraction of its cost.

Presidio runs libphonenumber's matcher over a text once for each of eight regions, 230 to 630 µs a
text, whether there is a digit in it or not. Here a region is only asked where it could answer.

libphonenumber takes as a candidate what is digits with up to four punctuation signs between two of
them (``phonenumbermatcher._PATTERN``), perhaps an extension after it. If the whole is no number it
tries parts of it, which it cuts at punctuation. So what it parses are, without the extension, the
digits of one or several neighbouring blocks of one row. All of these are listed, and a region in
whose numbering plan (``numbering``) none of them can be a number finds nothing. :data:`ROW` lets
the prefilter (``scan``) see rows that are long enough.

This does not hold where a plus sign stands for the dialling prefix, or where letters can count as
digits (the words for an extension; :data:`EXTENSION` is the prefilter's pattern for those): then
every region is asked. Where the whole text is one international number (``+`` first), the region
makes no difference: the first region's answer is everybody's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import phonenumbers

from streamproc.detect.numbering import NumberingPlan, admits, numbering_plan
from streamproc.detect.recognize import remove_duplicates
from streamproc.detect.recognizers import name_of
from streamproc.detect.scan import ScanPattern
from streamproc.events import Finding

__all__ = ["PhoneMatcher"]

_PUNCTUATION = "-x\u2010-\u2015\u2212\u30fc\uff0d-\uff0f \xa0\xad\u200b\u2060\u3000()"
_PUNCTUATION += r"\uff08\uff09\uff3b\uff3d.\[\]/~\u2053\u223c\uff5e"
"""``phonenumberutil._VALID_PUNCTUATION``, which a test compares it with."""

ROW = r"\d(?:(?:[-x \[\]()./~\s]|[^\x00-\x7f]){0,4}\d){3}"
"""A row of four digits, the fewest of any number in the world, as libphonenumber joins them, a
superset; for ``scan``, case ignored."""

EXTENSION = r"\d[\s,]*(?:;ext=|e?xt|anexo|int|#|[^\x00-\x7f])"
"""A digit and what may begin an extension, a superset; for ``scan``, case ignored."""

_FEWEST_DIGITS = 4
_ROW = re.compile(rf"\d(?:[{_PUNCTUATION}]{{0,4}}\d){{{_FEWEST_DIGITS - 1},}}", re.IGNORECASE)
_VIABLE = re.compile(rf"\d(?:[{_PUNCTUATION}]{{0,4}}\d){{2}}", re.IGNORECASE)
"""What a number begins with, whatever follows (``phonenumberutil._VALID_PHONE_NUMBER``), but for
those of two digits, which no numbering plan has."""
_BLOCK = re.compile("[0-9]+")
_OTHER_DIGIT = re.compile("(?![0-9])\\d")
_PLAIN = re.compile(rf"(?:[0-9]|(?![x~\uff5e])[{_PUNCTUATION}])+")
"""Digits and signs none of which can begin an extension."""
_PLUS = re.compile(rf"[+\uff0b][{_PUNCTUATION}+\uff0b]{{0,10}}\d", re.IGNORECASE)
_EXTENSION = re.compile(
    r"\d[ \xa0\t,-]*(?:;ext=|e?xt|anexo|int|#|\uff45?\uff58\uff54|\u0434\u043e\u0431"
    r"|\uff49\uff4e\uff54|[\uff58\uff03])",
    re.IGNORECASE,
)
_PLUS_SIGNS = ("+", "\uff0b")
_CUT = re.compile(r"\d[ \xa0\t,]*[x~\uff58\uff5e][:.\uff0e]?[ \xa0\t,-]*\d{10}", re.IGNORECASE)
"""An extension of more than the nine digits it may have: the library cuts the block in two."""
_BESIDE_NO_NUMBER = re.compile("[A-WYZa-wyz%$]")
"""ASCII that libphonenumber wants neither before nor after a number; but x may belong to it."""

_MOST_BLOCKS, _LONGEST_ROW, _MOST_CARRIERS = 12, 60, 2
"""Beyond these a row goes to every region: the library cuts rows of more than 21 blocks or blocks
of more than 20 digits elsewhere, and takes letters for digits where there are three (three x)."""


class PhoneMatcher:
    """A PhoneRecognizer at work; a :class:`streamproc.detect.recognize.Matcher`."""

    scan = (ScanPattern(ROW, re.IGNORECASE), ScanPattern(EXTENSION, re.IGNORECASE))

    def __init__(self, recognizer: Any) -> None:
        """Search the regions of ``recognizer``, a PhoneRecognizer, with its leniency."""
        # A process-wide switch of the library's: without it, its patterns push each other out of
        # the cache of ``re``, and a number that is parsed compiles some anew.
        phonenumbers.enable_pattern_cache()
        self.recognizer = recognizer
        self.highest = float(recognizer.SCORE)
        self._plans = _plans(recognizer)
        self._sharing = [  # once, because it takes 40 µs to hash a plan
            (plan, [region for region, its_plan in self._plans.items() if its_plan == plan])
            for plan in dict.fromkeys(self._plans.values())
        ]

    def find(self, text: str, patterns: Sequence[int]) -> list[Finding]:
        """See :class:`streamproc.detect.recognize.Matcher`."""
        regions = self._regions(text, extensions=1 in patterns)
        if not regions:
            return []
        entity, name = self.recognizer.supported_entities[0], name_of(self.recognizer)
        return remove_duplicates(
            [
                Finding(start, end, entity, self.recognizer.SCORE, name)
                for start, end in self._spans(text, regions)
            ]
        )

    def _regions(self, text: str, *, extensions: bool) -> Sequence[str]:
        """Return the regions in which ``text`` can hold a number."""
        if (extensions and _EXTENSION.search(text)) or _PLUS.search(text):
            return list(self._plans) if _VIABLE.search(text) else []
        digits = _digits(text)
        if digits is None:
            return list(self._plans)
        return [
            region
            for plan, regions in self._sharing
            if plan is None or any(admits(plan, each) for each in digits)
            for region in regions
        ]

    def _spans(self, text: str, regions: Sequence[str]) -> set[tuple[int, int]]:
        """Return start and end of every number, which may overlap: regions read digits apart."""
        found: set[tuple[int, int]] = set()
        for region in regions:
            search = _Search(text, region, self.recognizer.leniency, self._plans[region])
            spans = [(match.start, match.end) for match in search]
            found.update(spans)
            if spans == [(0, len(text))] and text.startswith(_PLUS_SIGNS):
                break
        return found


class _Search(phonenumbers.PhoneNumberMatcher):
    """The library's matcher, which does not parse what a numbering plan does not admit.

    That bounds what a text can cost: it tries a row of 20 digits in 20 places (``1/1/1/1/…``), at
    15 µs each and once for each region, 3 s for 32,768 characters. If a new version of the library
    calls the overridden method otherwise, the findings are the same, and a test says so.
    """

    def __init__(self, text: str, region: str, leniency: int, plan: NumberingPlan | None) -> None:
        super().__init__(text, region, leniency)
        self._plan = plan

    def _parse_and_verify(
        self, candidate: str, offset: int
    ) -> phonenumbers.PhoneNumberMatch | None:
        if self._plan and _PLAIN.fullmatch(candidate):
            digits = "".join(_BLOCK.findall(candidate))
            if not admits(self._plan, digits):
                return None
        return super()._parse_and_verify(candidate, offset)


def _plans(recognizer: Any) -> dict[str, NumberingPlan | None]:
    """Return the regions to search and their plans, None for those that have to be asked."""
    strict = recognizer.leniency >= phonenumbers.Leniency.VALID
    regions: Sequence[str] = recognizer.supported_regions
    return {region: numbering_plan(region) if strict else None for region in regions}


def _digits(text: str) -> set[str] | None:
    """Return all that libphonenumber may parse in ``text``, as digits; None if hard to say."""
    found: set[str] = set()
    if _CUT.search(text):
        return None
    for match in _ROW.finditer(text):
        row = match[0]
        start, end = match.span()
        blocks = _BLOCK.findall(row)
        if len(row) > _LONGEST_ROW or len(blocks) > _MOST_BLOCKS or not _is_plain(row):
            return None
        # A number beside a letter is none; parts of the row that do not touch it may be some.
        first = 1 if start and _BESIDE_NO_NUMBER.match(text, start - 1) else 0
        last = len(blocks) - 1 if _BESIDE_NO_NUMBER.match(text, end) else len(blocks)
        parts = ("".join(blocks[i:j]) for i in range(first, last) for j in range(i + 1, last + 1))
        found.update(part for part in parts if len(part) >= _FEWEST_DIGITS)
    return found


def _is_plain(row: str) -> bool:
    return not _OTHER_DIGIT.search(row) and row.count("x") + row.count("X") <= _MOST_CARRIERS
