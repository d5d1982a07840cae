"""Field-name evidence: a value that looks like what its field's name announces.

Neither a name nor a shape is enough alone. ``5550100`` is a telephone number in ``userPhone``, and
an order in ``order``; in ``phone_model`` nothing that looks like a number stands at all. Together
they find what Presidio cannot: numbers no numbering plan knows, names without a sentence around
them, dates that are somebody's birthday.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from types import MappingProxyType
from typing import NamedTuple

from streamproc.detect.field_names import kinds_of
from streamproc.detect.shapes import SHAPES
from streamproc.events import Finding

__all__ = ["EVIDENT", "of_field"]

_RECOGNIZER, _STEP = "FieldName", "field"
_LONGEST = 200
"""Code points of the longest value that is one thing; longer ones are texts about something."""

_NOTHING = frozenset(
    {"", "anonymous", "empty", "false", "n/a", "na", "nan", "nil", "no", "none", "not set", "null"}
    | {"true", "undefined", "unknown", "yes"}
)
"""What programs write where there is no name."""

_MONTH = r"[A-Za-z\u00c0-\u024f]{3,10}\.?"
_TIME = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?\s?(?:Z|UTC|[ap]m|[+-]\d{2}:?\d{2})?)?"
_DATE = re.compile(
    rf"""
      \d{{4}}(?P<y>[-/. ])\d{{1,2}}(?P=y)\d{{1,2}}{_TIME}           # 1984-10-19T02:42:33Z
    | \d{{1,2}}(?P<d>[-/. ])\d{{1,2}}(?P=d)(?:\d{{2}}|\d{{4}}){_TIME}  # 19/10/1984, 10-19-84
    | \d{{1,2}}(?:st|nd|rd|th)?[ .-]+{_MONTH}[ ,-]+\d{{2,4}}      # 19 October 1984, 19-Oct-84
    | {_MONTH}[ -]\d{{1,2}}(?:st|nd|rd|th)?[ ,-]+\d{{2,4}}        # Oct 19th, 1984
    | (?:18|19|20)\d{{2}}(?:[-/]?[01]\d(?:[-/]?[0-3]\d)?)?       # 1984, 1984-10, 19841019
    | -?\d{{8,13}}(?:\.0)?                                       # seconds, milliseconds
    | \d{{1,2}}[-/.]\d{{1,2}}                                    # 19.10
    | --\d{{2}}-?\d{{2}}                                         # --10-19, of vCards
    | \d{{4}}年\d{{1,2}}月\d{{1,2}}日
    """,
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)
_EMAIL = re.compile(
    r"(?:mailto:)?[^\s@,;:<>/]+(?:\s?@\s?|%40|\s?[\[({]at[\])}]\s?|\sat\s)[^\s@,;<>/]+"
    r"(?:(?:\s?[\[({]dot[\])}]\s?|\sdot\s)[^\s@,;<>/]+)*",
    re.IGNORECASE,
)
_PHONE = re.compile(
    r"(?:tel:|sms:|whatsapp:)?(\s?\+?[(]?\d[\d\s().\-/\u2010-\u2013]{5,24})"
    r"(?:\s?(?:[x#;,]|ext\.?|extension)\s?=?\d{1,6})?",
    re.IGNORECASE,
)
_NAME = re.compile(r"[^@/\\_=<>{}\[\]|:;#%*+~^$&?!\r\n\t]{1,80}")
_FULL_NAME = re.compile(r"[^\W\d_][\w.'\u2019-]*(?:,?\s[^\W\d_][\w.'\u2019-]*){1,4}")
_USER_NAME = re.compile(r"@?(?=[\W\d_]*[^\W\d_])[\w.@+-]{2,64}")
_SSN = re.compile(r"\d{3}[- .]?\d{2}[- .]?\d{4}", re.ASCII)
_ID = re.compile(r"(?=(?:[^\d]*\d){4})[A-Za-z0-9][A-Za-z0-9 ./\-]{3,23}[A-Za-z0-9]", re.ASCII)
_IP4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5}|/\d{1,2})?", re.ASCII)
_MAC = re.compile(r"[0-9A-Fa-f]{2}(?:[:.\-]?[0-9A-Fa-f]{2}){5}")
_CARD = re.compile(r"\d(?:[ .-]?\d){11,18}", re.ASCII)
_CARD_CODE = re.compile(r"\d{3,4}", re.ASCII)
_IBAN = re.compile(r"[A-Za-z]{2}\d{2}[ -]?(?:[A-Za-z0-9]{1,4}[ -]?){3,8}", re.ASCII)
_ACCOUNT = re.compile(r"(?=(?:[^\d]*\d){5})[A-Za-z0-9](?:[ ./-]?[A-Za-z0-9]){4,33}", re.ASCII)
_POSTCODE = re.compile(r"(?=\D*\d)[A-Za-z0-9](?:[ -]?[A-Za-z0-9]){2,9}", re.ASCII)
_STREET = re.compile(r"(?=.*[^\W\d_]{2})(?:\S+\s.*\S|(?:[^\W\d_][.'\u2019-]?){5,})", re.DOTALL)
_DEGREES = re.compile(
    r"""[-+]?\d{1,3}\.\d{2,}°?\s?[NSEW]?(?:\s?[,; ]\s?[-+]?\d{1,3}\.\d{2,}°?\s?[NSEW]?)?""",
    re.ASCII,
)
_SECRET = re.compile(r"(?!https?://)\S{4,}")
_MASKED_CARD = r"\*[* .-]{7,}[0-9]{4}"
_WRITTEN = re.compile(
    "|".join((*(SHAPES[shape][0] for shape in ("token", "placeholder")), _MASKED_CARD)), re.ASCII
)
"""What redaction writes, and says nothing about any field. Cards are masked by default, not
replaced."""


def _is_phone(value: str) -> bool:
    match = _PHONE.fullmatch(value)
    return match is not None and 7 <= sum(map(str.isdigit, match[1])) <= 15  # E.164, 6.2


def _is_name(value: str) -> bool:
    return (
        _NAME.fullmatch(value) is not None
        and any(map(str.isalpha, value))
        and sum(map(str.isdigit, value)) <= 2
        and value.count(" ") <= 6
        and value.casefold() not in _NOTHING
    )


def _is_user_name(value: str) -> bool:
    return _USER_NAME.fullmatch(value) is not None and value.casefold() not in _NOTHING


def _is_secret(value: str) -> bool:
    return _SECRET.fullmatch(value) is not None and value.casefold() not in _NOTHING


def _is_ip(value: str) -> bool:
    return all(map(_is_one_ip, value.split(",")))  # X-Forwarded-For lists them


def _is_one_ip(value: str) -> bool:
    value = value.strip()
    if _IP4.fullmatch(value):
        return True
    try:
        return ip_address(value.strip("[]").partition("/")[0]).version == 6
    except ValueError:
        return False


class _Evidence(NamedTuple):
    """What a value is, if its field announces ``kind`` and it looks like that."""

    kind: str
    entity: str
    score: float
    looks: Callable[[str], object]


_LIKELY, _SURE = 0.6, 0.85
"""Above the ruleset's usual minimum; and as sure as the best of Presidio's patterns without a
checksum is with a word beside it that supports it."""

_EVIDENCE = (
    _Evidence("email", "EMAIL_ADDRESS", _SURE, _EMAIL.fullmatch),
    _Evidence("iban", "IBAN_CODE", _SURE, _IBAN.fullmatch),
    _Evidence("card", "CREDIT_CARD", _SURE, _CARD.fullmatch),
    _Evidence("ssn", "US_SSN", _SURE, _SSN.fullmatch),
    _Evidence("birth_date", "DATE_OF_BIRTH", _SURE, _DATE.fullmatch),
    _Evidence("ip", "IP_ADDRESS", _SURE, _is_ip),
    _Evidence("mac", "MAC_ADDRESS", _SURE, _MAC.fullmatch),
    _Evidence("phone", "PHONE_NUMBER", _SURE, _is_phone),
    _Evidence("card_code", "CARD_CODE", _SURE, _CARD_CODE.fullmatch),
    _Evidence("bank_account", "BANK_ACCOUNT", _SURE, _ACCOUNT.fullmatch),
    _Evidence("national_id", "NATIONAL_ID", _SURE, _ID.fullmatch),
    _Evidence("medical_record", "MEDICAL_RECORD_NUMBER", _SURE, _ID.fullmatch),
    _Evidence("insurance", "INSURANCE_POLICY_NUMBER", _SURE, _ID.fullmatch),
    _Evidence("employee_id", "EMPLOYEE_ID", _SURE, _ID.fullmatch),
    _Evidence("coordinates", "COORDINATES", _SURE, _DEGREES.fullmatch),
    _Evidence("postcode", "ADDRESS", _SURE, _POSTCODE.fullmatch),
    _Evidence("street", "ADDRESS", _SURE, _STREET.fullmatch),
    _Evidence("person", "PERSON", _SURE, _is_name),
    _Evidence("role", "PERSON", _LIKELY, _FULL_NAME.fullmatch),
    _Evidence("user_name", "USER_NAME", _SURE, _is_user_name),
    _Evidence("password", "PASSWORD", _SURE, _is_secret),
)
"""What looks like least else comes first: where a field announces two kinds, it is taken."""

EVIDENT: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        entity: frozenset(evidence.kind for evidence in _EVIDENCE if evidence.entity == entity)
        for entity in sorted({evidence.entity for evidence in _EVIDENCE})
    }
)
"""The entities that field names are evidence of, each with the kinds that announce it."""


def of_field(value: str, context: tuple[str, ...]) -> list[Finding]:
    """Return what ``value`` is by the name of its field: the whole value, or nothing.

    Costs 0.1 µs where the name announces nothing, else 1 to 3 µs. The findings of a value are
    those of any other context with the same :func:`~.field_names.kinds_of`.

    Args:
        value: All that the field holds; spaces around it are no part of the finding.
        context: The words of the field's name, lower case, as ``Text.context`` has them.

    Returns:
        At most one finding, recognizer ``FieldName``, step ``field``.
    """
    kinds = kinds_of(context)
    if not kinds or len(value) > _LONGEST:
        return []
    bare = value.strip()
    if not bare or _WRITTEN.fullmatch(bare):
        return []
    for kind, entity, score, looks in _EVIDENCE:
        if kind in kinds and looks(bare):
            start = value.index(bare)
            return [Finding(start, start + len(bare), entity, score, _RECOGNIZER, _STEP)]
    return []
