"""What the types of each labelled data set mean to us: the one table of them.

A **direct** identifier names or reaches one person, or opens what is theirs: names, addresses,
numbers of accounts and documents, user names, secrets. What is left in an output of it is a leak.
The rest (dates, of birth too, places, organisations, ages) says something about a person and is
told apart: it counts in recall and precision, not in leaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = [
    "DOCUMENTS",
    "EVENTS",
    "NON_PERSONAL",
    "NOT_COMPARED",
    "SENTENCES",
    "SOCIAL",
    "Meaning",
    "kind_of",
]

NON_PERSONAL = "NONE"
"""The label of leaves that hold nothing personal."""

NOT_COMPARED = frozenset({"ORGANIZATION", "TITLE"})
"""Entities left out when spans are matched whatever their kind: Presidio's default looks for
neither. The figure published for it and the small model (F2 .539 on the 1,500 sentences of
presidio-research) is met without them (.536 on the half of those at hand), not with them (.506)."""


KINDS: Mapping[str, str] = {
    **dict.fromkeys(("ADDRESS", "COORDINATES", "LOCATION"), "place"),
    **dict.fromkeys(("AGE", "DATE_OF_BIRTH", "DATE_TIME"), "date"),
    **dict.fromkeys(("NATIONAL_ID", "US_ITIN", "US_SSN"), "national id"),
    **dict.fromkeys(("ACCESS_TOKEN", "API_KEY", "JWT", "PASSWORD", "PRIVATE_KEY"), "secret"),
}
"""Entities that one system tells apart and another does not: Presidio calls an address a location
and an age a date. Taking one for the other is right where precision is counted."""


class Meaning(NamedTuple):
    """What a label stands for.

    Attributes:
        entity: Our name of it, the one findings have.
        direct: Whether it is a direct identifier.
    """

    entity: str
    direct: bool


def kind_of(entity: str) -> str:
    """Return what ``entity`` is a case of, in :data:`KINDS`, or itself."""
    return KINDS.get(entity, entity)


def _direct(entity: str) -> Meaning:
    return Meaning(entity, direct=True)


def _indirect(entity: str) -> Meaning:
    return Meaning(entity, direct=False)


SENTENCES: Mapping[str, Meaning] = {
    "AGE": _indirect("AGE"),
    "CREDIT_CARD": _direct("CREDIT_CARD"),
    "DATE_TIME": _indirect("DATE_TIME"),
    "DOMAIN_NAME": _indirect("URL"),
    "EMAIL_ADDRESS": _direct("EMAIL_ADDRESS"),
    "GPE": _indirect("LOCATION"),
    "IBAN_CODE": _direct("IBAN_CODE"),
    "IP_ADDRESS": _direct("IP_ADDRESS"),
    "NRP": _indirect("NRP"),
    "ORGANIZATION": _indirect("ORGANIZATION"),
    "PERSON": _direct("PERSON"),
    "PHONE_NUMBER": _direct("PHONE_NUMBER"),
    "STREET_ADDRESS": _direct("ADDRESS"),
    "TITLE": _indirect("TITLE"),
    "US_DRIVER_LICENSE": _direct("US_DRIVER_LICENSE"),
    "US_SSN": _direct("US_SSN"),
    "ZIP_CODE": _indirect("LOCATION"),
}
"""presidio-research's ``synth_dataset_v2``."""

DOCUMENTS: Mapping[str, Meaning] = {
    "API_KEY": _direct("API_KEY"),
    "DATE_OF_BIRTH": _indirect("DATE_OF_BIRTH"),
    "EMAIL_ADDRESS": _direct("EMAIL_ADDRESS"),
    "EMPLOYEE_ID": _direct("EMPLOYEE_ID"),
    "HEALTH_CONDITION": _indirect("HEALTH_CONDITION"),
    "IBAN": _direct("IBAN_CODE"),
    "INSURANCE_POLICY_NUMBER": _direct("INSURANCE_POLICY_NUMBER"),
    "INVOICE_NUMBER": _indirect("INVOICE_NUMBER"),
    "IP_ADDRESS": _direct("IP_ADDRESS"),
    "MAC_ADDRESS": _direct("MAC_ADDRESS"),
    "MEDICAL_RECORD_NUMBER": _direct("MEDICAL_RECORD_NUMBER"),
    "NATIONAL_ID_NUMBER": _direct("NATIONAL_ID"),
    "ORGANIZATION_NAME": _indirect("ORGANIZATION"),
    "PASSWORD": _direct("PASSWORD"),
    "PERSON_NAME": _direct("PERSON"),
    "PHONE_NUMBER": _direct("PHONE_NUMBER"),
    "SALARY": _indirect("SALARY"),
    "SOCIAL_SECURITY_NUMBER": _direct("US_SSN"),
    "STREET_ADDRESS": _direct("ADDRESS"),
    "SWIFT_BIC_CODE": _indirect("SWIFT_BIC_CODE"),
    "TAX_ID": _direct("US_ITIN"),
    "TIMESTAMP": _indirect("DATE_TIME"),
    "USERNAME": _direct("USER_NAME"),
}
"""pii-anon-eval-data: logs, configuration, forms, and attacks on detectors."""

SOCIAL: Mapping[str, Meaning] = {
    "corporation": _indirect("ORGANIZATION"),
    "creative-work": _indirect("CREATIVE_WORK"),
    "group": _indirect("NRP"),
    "location": _indirect("LOCATION"),
    "person": _direct("PERSON"),
    "product": _indirect("PRODUCT"),
}
"""WNUT-17 (Derczynski et al. 2017): posts."""

EVENTS: Mapping[str, Meaning] = {
    "AGE": _indirect("AGE"),
    "DATE_OF_BIRTH": _indirect("DATE_OF_BIRTH"),
    "DEVICE_ID": _indirect("DEVICE_ID"),
    "EMAIL_ADDRESS": _direct("EMAIL_ADDRESS"),
    "GENDER": _indirect("GENDER"),
    "GEO": _indirect("LOCATION"),
    "IP_ADDRESS": _direct("IP_ADDRESS"),
    "LOCATION": _indirect("LOCATION"),
    "ONLINE_ID": _indirect("ONLINE_ID"),
    "PERSON": _direct("PERSON"),
    "PHONE_NUMBER": _direct("PHONE_NUMBER"),
    "STREET_ADDRESS": _direct("ADDRESS"),
    "USER_AGENT": _indirect("USER_AGENT"),
    "ZIP_CODE": _indirect("LOCATION"),
}
"""Events with labelled leaves. A user's id is no direct identifier: events are joined by it, and
where it is an e-mail address it is labelled as one. ``NONE`` and ``REVIEW`` (not decided by those
who labelled) are no types."""
