"""The gate ``bare_number``: findings taken away, because luck explains them as well.

Presidio was made for prose, where a number has words around it. Most numbers of an event have none
but their field's name, and there are many of them. What is taken away, and what that answers:

======================================  ==========================================================
a text that is a number, and one in an  ``1631210063`` is a time and no telephone number,
id or a URL, where neither the field's  ``4010232137`` no NHS number (every eleventh number passes
name nor the word before says anything  its checksum). What is written as a telephone number is
                                        (``+14155550100``, ``415-555-0100``) stands.
the same of a card number that no       Of random numbers of 16 digits 5 % pass Presidio's pattern
network issues                          and the Luhn check, times in microseconds and article
                                        numbers among them; 2 % are of a network too. These stand
                                        without any context: a card that passes on is worse.
a number inside a word                  ``cf0000000`` of ``50314b8e9bcf000000000000`` is a medical
                                        licence to its checksum.
numbers of a user agent                 ``FBBV/140370843`` is a build.
versions of four numbers                ``Chrome/120.0.0.0``, ``v1.2.3.4``, ``appVersion``.
pieces of IPv6                          ``ab12::`` is source code; three in four findings of one
                                        service in production were such.
words with a dot in them                ``checkout.st`` of ``checkout.started`` is no host, nor is
                                        ``rpc.py``.
======================================  ==========================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias

from streamproc.detect.field_names import hints_of
from streamproc.detect.texts import key_words
from streamproc.events import Finding

__all__ = ["plausible", "said_by"]

_Check: TypeAlias = Callable[[str, Finding, frozenset[str]], bool]
"""Whether a finding in a text stands, where the field's name says what it says."""

_PHONES = frozenset({"PHONE_NUMBER", "ZA_MOBILE_NUMBER", "ZA_TELEPHONE_NUMBER"})
_ACCOUNTS = frozenset({"ABA_ROUTING_NUMBER", "US_BANK_NUMBER"})
_OFFICIAL = frozenset(
    {"AU_ABN", "AU_ACN", "AU_MEDICARE", "AU_TFN", "CA_SIN", "DE_BSNR", "DE_LANR", "DE_TAX_ID"}
    | {"DE_TAX_NUMBER", "IN_AADHAAR", "IT_VAT_CODE", "KR_BRN", "KR_FRN", "KR_RRN", "NG_NIN"}
    | {"MEDICAL_LICENSE", "PH_TIN", "PH_UMID", "PL_PESEL", "SE_ORGANISATIONSNUMMER"}
    | {"SE_PERSONNUMMER", "TH_TNIN", "TR_NATIONAL_ID", "UK_NHS", "UK_PASSPORT"}
    | {"US_DRIVER_LICENSE", "US_ITIN", "US_NPI", "US_PASSPORT", "US_SSN", "ZA_ID_NUMBER"}
    | {"ZA_INCOME_TAX_NUMBER", "ZA_TRAFFIC_REGISTER_NUMBER", "ZA_VAT_NUMBER"}
)
"""Numbers that offices give, of Presidio's registry: digits only, or two letters at most."""

_NAMELESS = frozenset({"code", "id", "number", "card"})
"""Parts of entities' names that name none of them."""
_WORDS_FOR: Mapping[str, frozenset[str]] = MappingProxyType(
    {entity: frozenset(entity.lower().split("_")[1:]) - _NAMELESS for entity in sorted(_OFFICIAL)}
    | dict.fromkeys(
        _PHONES, frozenset({"call", "caller", "callee", "contact", "dial", "viber", "wa"})
    )
    | dict.fromkeys(_ACCOUNTS, frozenset({"aba", "account", "bank", "routing"}))
    | {"DATE_TIME": frozenset({"date", "day"})}
    | {"IP_ADDRESS": frozenset({"build", "firmware", "release", "revision", "v", "ver", "version"})}
)
"""Words of a field's name that decide on an entity, beside the kinds of ``field_names``."""
_WORDS = frozenset().union(*_WORDS_FOR.values())

_SUBJECT = "subject"
_SUBJECTS = frozenset({("user", "id"), ("anonymous", "id"), ("previous", "id")})
"""Identifiers of the event spec: a telephone number often, and as useful when it is a token."""

_UNGROUPED = re.compile(r"[-+#]?[0-9][0-9.,_]*")
_NUMBER = re.compile(r"[-+#(]?[0-9][0-9.,_ /()-]*")
_ID_OR_URL = re.compile(r"[\w#/?.][\w.:#/?&=%+@~-]*")
_WORD_BEFORE = re.compile(r"([A-Za-z][\w.-]{0,63})[:#/?=-]+$|([A-Za-z]+)[_.]+$", re.ASCII)
_LONGEST_KEY = 80
_USER_AGENT = re.compile(r"[A-Za-z][\w.-]*/[0-9][\w.]*(?: .*)?", re.DOTALL)
_WRITTEN_PHONE = re.compile(
    r"""
      \+.*                                        # +14155550100
    | .*[()].*                                    # (415) 555-0100
    | (?:1[-. ])?[0-9]{3}([-. ])[0-9]{3}\1[0-9]{4}  # 415-555-0100
    | 0[0-9]{1,4}(?:[- /][0-9]{2,8}){1,4}         # 020 7946 0958, 01 23 45 67 89
    """,
    re.VERBOSE,
)
_WRITTEN_SSN = re.compile(r"[0-9]{3}-[0-9]{2}-[0-9]{4}")
_LISTED_PHONE = re.compile(r"\+.*|.*[()].*|(?:1[-. ])?[0-9]{3}([-. ])[0-9]{3}\1[0-9]{4}")
"""Written so that it is one whatever numbers stand before and after it."""
_CARD_GROUPS = re.compile(
    r"[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}|3[0-9]{3}([ -])[0-9]{6}\2[0-9]+"
)
_ISSUED: Mapping[int, re.Pattern[str]] = MappingProxyType(
    {
        14: re.compile(r"3(?:0[0-5]|[689])"),  # Diners Club
        15: re.compile(r"3[47]"),  # American Express
        16: re.compile(
            r"4"  # Visa
            r"|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)"  # Mastercard
            r"|6(?:011|4[4-9]|5)|62"  # Discover, UnionPay
            r"|35(?:2[89]|[3-8])"  # JCB
        ),
    }
)
"""By number of digits, how the numbers of the networks begin (ISO/IEC 7812, issuers' ranges).

Not the 13 digits of old Visa cards: none is in use, and article numbers (EAN) have them."""

_VERSION_BEFORE = re.compile(
    r"(?:(?:^|[\s(;,\[])[A-Za-z]*[A-Z][A-Za-z_.-]*/"  # Chrome/
    r"|\b(?:[Vv](?:er(?:sion)?)?|rv|[Bb]uild)[ .:=/-]*)$"  # v, version:
)
_LONGEST_BEFORE = 32
_MOST_OF = 0.7
"""Part of a number that is a telephone number's, where it is written as one; the rest of it may be
an extension."""
_UNICAST = re.compile(r"(?:[23][0-9a-f]{3}|f[cd][0-9a-f]{2}|fe[89ab][0-9a-f]):", re.IGNORECASE)
_FILE = re.compile(r"[^/:]*\.(?:app|cc|cpp|md|mm|mov|pl|ps|py|rs|sh|so|st|ts|zip)", re.IGNORECASE)


@lru_cache(maxsize=8192)
def said_by(context: tuple[str, ...]) -> frozenset[str]:
    """Return all that a field's name says to this gate, mostly nothing.

    Args:
        context: The words of the name, lower case, as ``Text.context`` has them.
    """
    said = hints_of(context) | _WORDS.intersection(context)
    if "id" in context:
        said -= {"account"}  # a customer's account, not a bank's
    return said | {_SUBJECT} if context in _SUBJECTS else said


def plausible(text: str, findings: Iterable[Finding], context: tuple[str, ...]) -> list[Finding]:
    """Return those of ``findings`` that more than luck speaks for, in their order.

    Costs 0.3 µs where no check is about what was found, else 1 to 2 µs a finding. Two
    contexts with the same :func:`said_by` have the same answer.

    Args:
        text: The text they were found in: a part of a URL is one by itself.
        findings: What recognizers found. Entities that nothing is known of here stand.
        context: The words of the name of the text's field, as ``Text.context`` has them.
    """
    said = said_by(context)
    return [
        finding
        for finding in findings
        if (check := _CHECKS.get(finding.entity)) is None or check(text, finding, said)
    ]


# -- numbers --------------------------------------------------------------------------------------


def _official_stands(text: str, finding: Finding, said: frozenset[str]) -> bool:
    if _WRITTEN_SSN.fullmatch(text, finding.start, finding.end):
        beside = text[: finding.start][-1:] + text[finding.end : finding.end + 1]
        if not any(sign.isalnum() or sign in "-_" for sign in beside):
            return True
    return _number_stands(_UNGROUPED, text, finding, said)


def _phone_stands(text: str, finding: Finding, said: frozenset[str]) -> bool:
    if _SUBJECT in said or _number_stands(_NUMBER, text, finding, said):
        return True
    found = text[finding.start : finding.end]
    # Of numbers in a list, each is looked at by itself.
    before = text[: finding.start].rpartition(",")[2]
    after = text[finding.end :].partition(",")[0]
    item = f"{before}{found}{after}".strip()
    if len(found) >= _MOST_OF * len(item) and _WRITTEN_PHONE.fullmatch(item):
        return True
    apart = not before[-1:].strip() and not after[:1].strip()
    return apart and _LISTED_PHONE.fullmatch(found.strip()) is not None


def _number_stands(
    bare: re.Pattern[str], text: str, finding: Finding, said: frozenset[str]
) -> bool:
    """Return whether the number found is one that words speak for, or stands in a text of words."""
    if _within_word(text, finding):
        return False
    if bare.fullmatch(text.strip()):
        return _is_hinted(finding.entity, said)
    if _ID_OR_URL.fullmatch(text) and finding.end - finding.start < len(text):
        word = _WORD_BEFORE.search(text, max(0, finding.start - _LONGEST_KEY), finding.start)
        before = key_words(word[0]) if word else ()
        return _is_hinted(finding.entity, said | said_by(before))
    return not _USER_AGENT.fullmatch(text)


def _is_hinted(entity: str, said: frozenset[str]) -> bool:
    return not said.isdisjoint(_HINTS[entity])


def _card_stands(text: str, finding: Finding, said: frozenset[str]) -> bool:
    if "card" in said or _CARD_GROUPS.fullmatch(text, finding.start, finding.end):
        return True
    digits = [digit for digit in text[finding.start : finding.end] if digit.isdigit()]
    issued = _ISSUED.get(len(digits))
    if issued is not None and issued.match("".join(digits)):
        return True
    return _number_stands(_NUMBER, text, finding, said)


def _date_stands(text: str, finding: Finding, said: frozenset[str]) -> bool:
    return not text.strip().isdigit() or _is_hinted(finding.entity, said)


# -- addresses of machines ------------------------------------------------------------------------


def _ip_stands(text: str, finding: Finding, said: frozenset[str]) -> bool:
    if "ip" in said:
        return True
    found = text[finding.start : finding.end]
    if ":" in found:
        return _is_whole_ipv6(found)
    if not said.isdisjoint(_WORDS_FOR["IP_ADDRESS"]) and len(found) == len(text.strip()):
        return False
    before = text[max(0, finding.start - _LONGEST_BEFORE) : finding.start]
    return _VERSION_BEFORE.search(before) is None


def _is_whole_ipv6(found: str) -> bool:
    """Return whether ``found`` is an address that is in use, and not a piece of source code.

    With ``::`` in it, it has to begin as unicast addresses do: global, local or of the link (RFC
    4291, 2.4; RFC 4193), and name a host behind that.
    """
    if "::" not in found or "." in found:
        return True
    return _UNICAST.match(found) is not None and not found.endswith("::")


def _url_stands(text: str, finding: Finding, _: frozenset[str]) -> bool:
    found = text[finding.start : finding.end]
    if "/" in found or found.startswith("www."):
        return True
    return not _within_word(text, finding) and not _FILE.fullmatch(found)


def _within_word(text: str, finding: Finding) -> bool:
    """Return whether a letter or digit stands right before or right after what was found."""
    before, after = text[: finding.start][-1:], text[finding.end : finding.end + 1]
    return before.isalnum() or after.isalnum()


_HINTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {entity: words | {"ssn", "national_id"} for entity, words in _WORDS_FOR.items()}
    | {entity: _WORDS_FOR[entity] | {"phone"} for entity in _PHONES}
    | {entity: _WORDS_FOR[entity] | {"bank_account"} for entity in _ACCOUNTS}
    | {"CREDIT_CARD": frozenset({"card"}), "DATE_TIME": _WORDS_FOR["DATE_TIME"] | {"birth_date"}}
)
"""By entity, what a field's name has to say of it: a kind, or a word."""

_CHECKS: Mapping[str, _Check] = MappingProxyType(
    dict.fromkeys(_OFFICIAL | _ACCOUNTS, _official_stands)
    | dict.fromkeys(_PHONES, _phone_stands)
    | {
        "CREDIT_CARD": _card_stands,
        "DATE_TIME": _date_stands,
        "IP_ADDRESS": _ip_stands,
        "URL": _url_stands,
    }
)
"""By entity, the check that decides on it."""
