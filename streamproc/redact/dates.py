"""Dates as people write them: read, moved and written again in the same form; or made less exact.

Read are dates with a year of four digits, and whatever time of day stands behind them: 2024-03-09,
2024/03/09, 20240309, 03/09/2024, 03.09.2024, 9 March 2024, Mar 9, 2024, 2024-03-09T10:11:12Z. The
zone of a time is left alone, so days are those of whoever wrote them. English names of months only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Literal

__all__ = ["generalised_date", "shifted"]

MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
SHORT = 3
"""Letters of a short name; May, which has no other, is taken for one."""
NUMBERS: Mapping[str, int] = {
    name: number
    for number, month in enumerate(MONTHS, 1)
    for name in (month, month[:SHORT], month[:SHORT] + ".")
}

CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
ZONE = r"(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})"
TIME = rf"(?:(?:T|,?\s){CLOCK}(?:\s?[AaPp]\.?[Mm]\.?)?(?:\s?{ZONE})?)?"
YEAR = r"(?P<year>\d{4})"
DAY = r"(?P<day>\d{1,2})"
NUMBER = r"(?P<month>\d{1,2})"
NAME = r"(?P<month>[A-Za-z]{3,9}\.?)"

NUMERIC = (
    rf"{YEAR}(?P<mark>[-/.]){NUMBER}(?P=mark){DAY}",
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
)
NAMED = (
    rf"{DAY}(?:\s|-|\s?\.\s?){NAME}(?:,?\s|-){YEAR}",
    rf"{NAME}\s{DAY},?\s{YEAR}",
    rf"{YEAR}-{NAME}-{DAY}",
)
MONTH_FIRST = rf"{NUMBER}(?P<mark>[-/.]){DAY}(?P=mark){YEAR}"
DAY_FIRST = rf"{DAY}(?P<mark>[-/.]){NUMBER}(?P=mark){YEAR}"


def _compiled(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern + TIME, re.ASCII) for pattern in patterns)


PATTERNS: Mapping[bool, tuple[re.Pattern[str], ...]] = {
    False: _compiled(*NUMERIC, MONTH_FIRST, *NAMED),
    True: _compiled(*NUMERIC, DAY_FIRST, *NAMED),
}
"""By whether the day is written first; at most one reads a text."""

ALONE = r"(?:1[5-9]|2[01])\d{2}"
"""A year that can stand alone, 1500 to 2199: 0229 is a day of a month."""
YEARS = range(1500, 2200)
GENERALISED: Mapping[str, re.Pattern[str]] = {
    "month": re.compile(rf"{ALONE}(?:-(?:0[1-9]|1[0-2]))?", re.ASCII),
    "year": re.compile(ALONE, re.ASCII),
}
"""What is no more exact than a month, or a year."""
YEAR_AND_MONTH = re.compile(rf"({ALONE})-(?:0[1-9]|1[0-2])", re.ASCII)


def shifted(text: str, days: int, *, day_first: bool) -> str | None:
    """Return the date ``text`` moved by ``days``, as it is written; None where it is no date."""
    found = _read(text, day_first=day_first)
    if found is None:
        return None
    match, when = found
    try:
        moved = when + timedelta(days=days)
    except OverflowError:
        return None
    return _written(match, moved)


def generalised_date(text: str, to: Literal["month", "year"], *, day_first: bool) -> str | None:
    """Return the month (``2024-03``) or year (``2024``) of ``text``; None where it is no date.

    Nor are dates before 1500 and after 2199, of which four digits might be a day.
    """
    stripped = text.strip()
    if GENERALISED[to].fullmatch(stripped):
        return stripped
    if month := YEAR_AND_MONTH.fullmatch(stripped):
        return month[1]
    found = _read(text, day_first=day_first)
    if found is None:
        return None
    when = found[1]
    if when.year not in YEARS:  # what is written has to be read for what it is the next time
        return None
    return f"{when.year}-{when.month:02}" if to == "month" else f"{when.year}"


def _read(text: str, *, day_first: bool) -> tuple[re.Match[str], date] | None:
    stripped = text.strip()
    for pattern in PATTERNS[day_first]:
        match = pattern.fullmatch(stripped)
        if match is None:
            continue
        month = match["month"]
        number = int(month) if month.isdecimal() else NUMBERS.get(month.lower(), 0)
        try:
            return match, date(int(match["year"]), number, int(match["day"]))
        except ValueError:  # no such day
            return None
    return None


def _written(match: re.Match[str], when: date) -> str:
    text = match.string
    digits = 2 if _pads(match["day"], match["month"], text) else 1
    parts = sorted(
        (
            (*match.span("year"), f"{when.year:04}"),
            (*match.span("month"), _month_like(match["month"], when.month, digits)),
            (*match.span("day"), f"{when.day:0{digits}}"),
        )
    )
    written: list[str] = []
    at = 0
    for start, end, new in parts:
        written += text[at:start], new
        at = end
    return "".join((*written, text[at:]))


def _pads(day: str, month: str, text: str) -> bool:
    """Return whether the 3rd is written 03: as the date does it, or is usual where it has none."""
    numbers = [part for part in (day, month) if part.isdecimal()]
    if any(part.startswith("0") for part in numbers):
        return True
    return min(map(len, numbers)) == 2 and (month.isdecimal() or f"{month}-" in text)


def _month_like(old: str, number: int, digits: int) -> str:
    if old.isdecimal():
        return f"{number:0{digits}}"
    name = MONTHS[number - 1]
    letters = old.rstrip(".")
    if len(letters) == SHORT:
        name = name[:SHORT] + old[SHORT:]
    return _case_of(letters)(name)


def _case_of(text: str) -> Callable[[str], str]:
    if text.isupper():
        return str.upper
    return str.lower if text.islower() else str.capitalize
