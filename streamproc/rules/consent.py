"""Consent, where RudderStack and Segment put it.

``context.consentManagement`` has the ids of categories in ``allowedConsentIds`` and
``deniedConsentIds`` (https://www.rudderstack.com/docs/data-governance/consent-management/), and
``context.consent.categoryPreferences`` has true or false for each category
(https://segment.com/docs/privacy/consent-management/). Case does not count in categories, and
whatever is in doubt is denied: a preference that is neither true nor false, and a category that is
allowed in one place and denied in the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from streamproc.rules.values import text_of

__all__ = ["categories", "denied", "given"]

ALLOWED_IDS: Final = ("context", "consentManagement", "allowedConsentIds")
DENIED_IDS: Final = ("context", "consentManagement", "deniedConsentIds")
PREFERENCES: Final = ("context", "consent", "categoryPreferences")


def categories(names: Iterable[str]) -> frozenset[str]:
    """Return categories as :func:`denied` and :func:`given` write them."""
    return frozenset(map(_category, names))


def denied(body: Mapping[str, Any]) -> set[str]:
    """Return the categories to which the person of an event has denied consent."""
    preferences = _preferences(body)
    return {
        *_ids(_at(body, DENIED_IDS)),
        *(_category(name) for name, said in preferences.items() if said is not True),
    }


def given(body: Mapping[str, Any]) -> set[str]:
    """Return the categories to which the person has consented, and denied consent nowhere."""
    preferences = _preferences(body)
    allowed = {
        *_ids(_at(body, ALLOWED_IDS)),
        *(_category(name) for name, said in preferences.items() if said is True),
    }
    return allowed - denied(body) if allowed else allowed


def _preferences(body: Mapping[str, Any]) -> Mapping[str, Any]:
    preferences = _at(body, PREFERENCES)
    return preferences if isinstance(preferences, dict) else {}


def _ids(written: Any) -> Iterator[str]:
    """Yield ids of categories: a list of them, the keys of an object, or one."""
    listed = written if isinstance(written, list | dict) else [written]
    yield from (_category(text_of(each)) for each in listed if type(each) in {str, int, float})


def _at(value: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _category(written: str) -> str:
    return written.strip().casefold()
