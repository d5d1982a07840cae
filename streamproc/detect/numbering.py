"""Numbering plans: whether a row of digits can be a telephone number, asked without parsing it.

libphonenumber needs 10 to 15 µs to parse a number as dialled in one region and to verify it. Nearly
all rows of digits in events (order numbers, IP addresses, amounts) fail, and for reasons that a few
regular expressions see in 1 µs. :func:`admits` follows the steps of ``phonenumberutil.parse`` and
``phonenumbermatcher._verify`` on digits alone. Where a step looks at more, or decides between two
readings, it takes both. So it admits more than the library, never less.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from phonenumbers import PhoneMetadata, phonenumberutil

__all__ = ["NumberingPlan", "admits", "numbering_plan"]

SHORTEST_INTERNATIONAL = 6
"""Digits of the shortest number with its country code (+43, +49, +98)."""

_SHORTEST_DIALLING_PREFIX = 2
"""Digits of the shortest prefix for international calls (00)."""

_TYPES = (
    *("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "voip"),
    *("personal_number", "pager", "uan", "voicemail"),
)
"""The kinds of number that ``phonenumberutil._number_type_helper`` tells apart."""


class _Format(NamedTuple):
    """How numbers of one kind are written, and whether the national prefix belongs to them."""

    leading: re.Pattern[str]
    number: re.Pattern[str]
    needs_prefix: bool


class NumberingPlan(NamedTuple):
    """What decides about digits dialled in a region. Two regions with equal plans admit the same.

    Attributes:
        calling_code: The country's, such as ``44``.
        dialling_prefix: What international calls begin with.
        national_prefix: What national calls may begin with.
        transform: What the national prefix is replaced by; the empty string for most.
        numbers: Every valid number of the calling code, national prefix taken off.
        formats: How numbers are written, the first that matches decides.
        fewest: No number is dialled with fewer digits.
    """

    calling_code: str
    dialling_prefix: re.Pattern[str]
    national_prefix: re.Pattern[str]
    transform: str
    numbers: re.Pattern[str]
    formats: tuple[_Format, ...]
    fewest: int


def numbering_plan(region: str) -> NumberingPlan | None:
    """Return the plan of ``region`` (two letters); None where only the library itself can tell."""
    own: Any = PhoneMetadata.metadata_for_region(region)
    if own is None:
        return None
    main: Any = PhoneMetadata.metadata_for_region(
        phonenumberutil.region_code_for_country_code(own.country_code)
    )
    if main is None or _prefixes(own) != _prefixes(main):
        return None
    national_prefix, transform = _prefixes(own)
    return NumberingPlan(
        calling_code=str(own.country_code),
        dialling_prefix=re.compile(own.international_prefix or "(?!)"),
        national_prefix=re.compile(national_prefix or "(?!)"),
        transform=transform or "",
        numbers=_valid_numbers(own.country_code),
        formats=tuple(map(_format, main.number_format)),
        fewest=_fewest(own),
    )


def admits(plan: NumberingPlan, digits: str) -> bool:
    """Return whether ``digits`` (ASCII), dialled in the region of ``plan``, can be a valid number.

    True for every number that the library verifies with leniency ``VALID`` or a stricter one, if it
    was written without a plus sign, and for some more.
    """
    if len(digits) < plan.fewest:
        return False
    if plan.dialling_prefix.match(digits):
        return True
    valid = plan.numbers.fullmatch
    if plan.national_prefix.match(digits):
        if valid(digits) or any(map(valid, _without_prefix(plan, digits))):
            return True
    elif valid(digits) and not _needs_prefix(plan, digits):
        return True
    code = plan.calling_code
    return digits.startswith(code) and any(map(valid, _after_code(plan, digits[len(code) :])))


def _after_code(plan: NumberingPlan, digits: str) -> Iterator[str]:
    """Yield what the library may take for the number after the country's own calling code."""
    yield digits
    for once in _without_prefix(plan, digits):  # it looks for a national prefix twice
        yield once
        yield from _without_prefix(plan, once)


def _without_prefix(plan: NumberingPlan, digits: str) -> Iterator[str]:
    if match := plan.national_prefix.match(digits):
        yield digits[match.end() :]
        if plan.transform:
            yield plan.national_prefix.sub(plan.transform, digits, count=1)


def _needs_prefix(plan: NumberingPlan, number: str) -> bool:
    # As phonenumbermatcher._is_national_prefix_present_if_required.
    for form in plan.formats:
        if form.leading.match(number) and form.number.fullmatch(number):
            return form.needs_prefix
    return False


def _prefixes(metadata: Any) -> tuple[str | None, str | None]:
    return metadata.national_prefix_for_parsing, metadata.national_prefix_transform_rule


def _sharing(calling_code: int) -> Iterator[Any]:
    """Yield the metadata of all regions of ``calling_code``: a number of any of them is valid."""
    for region in phonenumberutil.COUNTRY_CODE_TO_REGION_CODE[calling_code]:
        yield PhoneMetadata.metadata_for_region_or_calling_code(calling_code, region)


def _valid_numbers(calling_code: int) -> re.Pattern[str]:
    patterns: dict[str, None] = {}  # in order, each once: regions share many
    for metadata in _sharing(calling_code):
        described = (getattr(metadata, kind) for kind in _TYPES)
        patterns |= {d.national_number_pattern: None for d in described if d is not None}
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns if pattern))


def _format(form: Any) -> _Format:
    leading = form.leading_digits_pattern
    rule = form.national_prefix_formatting_rule
    needs_prefix = (
        bool(rule)
        and not form.national_prefix_optional_when_formatting
        and not phonenumberutil._formatting_rule_has_first_group_only(rule)  # noqa: SLF001
    )
    return _Format(
        re.compile(leading[-1] if leading else ""), re.compile(form.pattern), needs_prefix
    )


def _fewest(metadata: Any) -> int:
    national = min(
        min(sharing.general_desc.possible_length) for sharing in _sharing(metadata.country_code)
    )
    added = _digits_added(metadata.national_prefix_transform_rule or "")
    return int(min(national - added, _SHORTEST_DIALLING_PREFIX + SHORTEST_INTERNATIONAL))


def _digits_added(transform: str) -> int:
    return len(re.findall(r"(?<!\\)\d", transform))
