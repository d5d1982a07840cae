"""Whom an event is about, as tokens: its ids, what else names a person, and its account.

What no program would call an id names nobody: ids that stand for "none", that are longer than any
id is, that have control characters in them. The event is then taken as if it had not said them; how
often that was is counted, by reason.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from streamproc.events import Event, Subject, Token
from streamproc.redact.sites import SUBJECT_FIELDS
from streamproc.redact.tokens import LONGEST_REMEMBERED, REMEMBERED_TOKENS, Tokens

__all__ = ["ACCOUNT", "NamedTrait", "Naming", "Subjects", "nobody_tokens"]

ACCOUNT: Final = "account"
"""The name of accounts among what names somebody or something."""

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class NamedTrait:
    """What names a person besides the ids of an event.

    Attributes:
        name: What it is called.
        fields: Where events have it: keys from the root. The first that has one counts.
        entity: How it is normalised.
    """

    name: str
    fields: tuple[tuple[str, ...], ...]
    entity: str = ""


@dataclass(frozen=True, slots=True)
class Naming:
    """What in an event names somebody.

    Attributes:
        traits: What else than its ids does.
        accounts: Where events name the account; that of a group event is its group id.
        generic: What stands for nobody, case folded.
        characters: Longest id, trait or account.
    """

    traits: tuple[NamedTrait, ...] = ()
    accounts: tuple[tuple[str, ...], ...] = ()
    generic: frozenset[str] = frozenset()
    characters: int = 512


class Subjects:
    """Reads whom raw events are about. Safe to share between threads.

    Attributes:
        unusable: How often an id, trait or account named nobody, by the reason: ``generic``,
            ``too_long``, ``control_characters`` or ``not_an_email``.
    """

    def __init__(self, tokens: Tokens, naming: Naming) -> None:
        """Keep the parts."""
        self._tokens = tokens
        self._naming = naming
        self._remembered = functools.lru_cache(REMEMBERED_TOKENS)(self._token)
        self.unusable: Counter[str] = Counter()

    def of(self, event: Event) -> Subject:
        """Return whom ``event`` is about."""
        body: dict[str, Any] = event.body
        user, anonymous, previous = (body.get(name) for name in SUBJECT_FIELDS)
        naming = self._naming
        of_group = event.type == "group"
        traits: list[tuple[str, Token]] = []
        for trait in naming.traits:
            # The traits of a group event are those of the group.
            if (value := _found(body, trait.fields, without="traits" if of_group else "")) != "":
                traits += self._of_trait(trait, value)
        group = body.get("groupId") or "" if of_group else _found(body, naming.accounts)
        rotating = bool(self._tokens.overlap)
        return Subject(
            user=self._of_id(user),
            anonymous=self._of_id(anonymous),
            previous=self._of_id(previous),
            users_before=self._before(user) if rotating else (),
            anonymous_before=self._before(anonymous) if rotating else (),
            traits=tuple(traits),
            group=self._of_account(group) if group else None,
        )

    def take_unusable(self) -> Counter[str]:
        """Return ``unusable``, and begin to count anew."""
        taken, self.unusable = self.unusable, Counter()
        return taken

    def _of_id(self, value: str | None) -> Token | None:
        if not value:
            return None
        short = len(value) <= LONGEST_REMEMBERED
        token = self._remembered(value) if short else self._token(value)
        if token is None:
            self._why_unusable(value)
        return token

    def _token(self, value: str) -> Token | None:
        return None if self._reason(value) else self._tokens.of_identifier(value)

    def _before(self, value: str | None) -> tuple[Token, ...]:
        if not value or self._reason(value):
            return ()
        return self._tokens.previous_identifiers(value)

    def _of_trait(self, trait: NamedTrait, value: str) -> Sequence[tuple[str, Token]]:
        if self._why_unusable(value, trait.entity):
            return ()
        tokens, named = self._tokens, (trait.name, value, trait.entity)
        made = (tokens.of_named(*named), *tokens.previous_of_named(*named))
        return [(trait.name, token) for token in made]

    def _of_account(self, value: str) -> Token | None:
        return None if self._why_unusable(value) else self._tokens.of_named(ACCOUNT, value)

    def _why_unusable(self, value: str, entity: str = "") -> str | None:
        reason = self._reason(value, entity)
        if reason:
            self.unusable[reason] += 1
        return reason

    def _reason(self, value: str, entity: str = "") -> str | None:
        naming = self._naming
        if len(value) > naming.characters:
            return "too_long"
        stripped = value.strip()
        if not stripped or stripped.casefold() in naming.generic:
            return "generic"
        if CONTROL.search(stripped):
            return "control_characters"
        return "not_an_email" if entity == "EMAIL_ADDRESS" and "@" not in stripped else None


def nobody_tokens(tokens: Tokens, naming: Naming) -> frozenset[Token]:
    """Return the tokens that generic ids have, or had before they were known to be generic.

    Under the keys of ``tokens`` that are active or overlap; written small, large, and as a title.
    """
    found: set[Token] = set()
    for value in naming.generic:
        for written in {value, value.upper(), value.title(), value.capitalize()}:
            found |= {tokens.of_identifier(written), *tokens.previous_identifiers(written)}
            for trait in naming.traits:
                named = (trait.name, written, trait.entity)
                found |= {tokens.of_named(*named), *tokens.previous_of_named(*named)}
    return frozenset(found)


def _found(body: dict[str, Any], fields: Sequence[tuple[str, ...]], without: str = "") -> str:
    """Return the first value at ``fields`` that can name something; empty if there is none.

    Args:
        body: The event.
        fields: Where, by keys from the root.
        without: A key of the root below which nothing counts.
    """
    for keys in fields:
        value: Any = body
        for key in keys:
            value = value.get(key) if type(value) is dict else None
        if value and keys[0] != without:
            if type(value) is str:
                return value
            if type(value) is int:
                return str(value)
    return ""
