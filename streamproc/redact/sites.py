"""Sites: the fields of events that were met, each with all that the walk over an event needs there.

The walk goes from site to site along the keys, one look-up a key. Keys come from outside, so the
number of sites that are kept is bounded: past it a site is made anew each time, which is slower and
as right.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final, Literal

from streamproc.detect.field_names import kinds_of
from streamproc.detect.shapes import machine_made
from streamproc.redact.answers import NOTHING, Known, Memo, Table
from streamproc.rules import Action, Field, LeafPolicy, Plan

__all__ = ["SUBJECT_FIELDS", "VALIDATED", "Role", "Site", "Sites"]

KEPT_SITES = 50_000
"""Most sites kept; a site is some 500 bytes."""
LONGEST_KEPT_KEY = 128
"""Longest key that is kept, so that :data:`KEPT_SITES` bounds bytes as well."""

VALIDATED = frozenset({"type", "originalTimestamp", "sentAt", "receivedAt", "timestamp"})
"""Fields of the event itself that decoding has read: one of six words, or a time. They are not
searched, and no rule reaches them; all else of an event is, and can be."""

SUBJECT_FIELDS = ("userId", "anonymousId", "previousId")

NAMING = frozenset({"event", "category", "channel", "messageId"})
"""Fields of the event itself that name things, where a person's name is a coincidence: ``Grace
Period Ended`` of a Grace."""

Role = Literal["", "identifier", "message_id"]
"""What is special about a field: ids of the event itself stay apart from each other."""

ROLES: Final[Mapping[str, Role]] = {
    **dict.fromkeys((*SUBJECT_FIELDS, "groupId"), "identifier"),
    "messageId": "message_id",
}

Question = Callable[[tuple[str, ...], frozenset[str]], Hashable]


class Site:
    """A field by its path without list indexes.

    Attributes:
        field: The plan's field.
        path: As manifests write it: keys that are no plain words are ``*``.
        policy: What the ruleset says about it.
        whole: What is done with its whole value, unsearched; None to search it.
        plain: Whether its key is a plain word, which cannot be personal data itself.
        context: The words of its key.
        without: The steps that are not taken here.
        role: What is special about it.
        named: Whether names of sibling fields are looked for in it.
        names: Whether its values are names of people, by a rule.
        numbers: Whether numbers are searched.
        evident: Whether its name announces personal data, so that every value of it is searched.
        table: What is known of its values.
        children: The sites below it whose keys are plain, by key.
        odd: The others.
    """

    __slots__ = (
        "children",
        "context",
        "evident",
        "field",
        "named",
        "names",
        "numbers",
        "odd",
        "path",
        "plain",
        "policy",
        "role",
        "table",
        "whole",
        "without",
    )

    def __init__(self, field: Field, path: str, role: Role, table: Table) -> None:
        self.field = field
        self.path = path
        self.policy: LeafPolicy = field.policy
        self.whole: Action | None = field.policy.whole
        self.plain = field.plain
        self.context = field.context
        self.without = field.policy.without
        self.role: Role = role
        self.named = "sibling" not in self.without
        self.names = self.whole is not None and self.whole.entity == "PERSON"
        self.numbers = "number" not in self.without
        self.evident = "field" not in self.without and bool(kinds_of(field.context))
        self.table = table
        self.children: dict[str, Site] = {}
        self.odd: dict[str, Site] = {}

    def __repr__(self) -> str:
        """Name the site by its path."""
        return f"Site({self.path})"


class Sites:
    """The sites of one plan, with one memo. For one thread at a time."""

    def __init__(self, plan: Plan, question: Question, memo: Memo, most: int = KEPT_SITES) -> None:
        """Start with the root.

        Args:
            plan: What the ruleset says.
            question: See :meth:`streamproc.detect.Detector.question`.
            memo: What is known of values.
            most: How many sites are kept.
        """
        self._plan = plan
        self._question = question
        self._left = most
        self._machine_made = machine_made(plan.ruleset.entities)
        self.memo = memo
        self.root: Final = self._site(plan.root, "", "", keep=True)
        for name in VALIDATED:
            site = self._site(plan.below(plan.root, name), name, "", keep=True)
            site.whole = None
            site.numbers = False
            site.named = False
            site.table = _PASSING
            self.root.children[name] = site

    def below(self, site: Site, key: str) -> Site:
        """Return the site of ``key`` below ``site``, which has it not among its children."""
        known = site.odd.get(key)
        if known is not None:
            return known
        keep = self._left > 0 and len(key) <= LONGEST_KEPT_KEY
        field = self._plan.below(site.field, key)
        step = key if field.plain else "*"
        path = f"{site.path}.{step}" if site.path else step
        of_event = site is self.root
        below = self._site(field, path, ROLES.get(key, "") if of_event else "", keep=keep)
        below.named = below.named and not (of_event and key in NAMING)
        if keep:
            self._left -= 1
            (site.children if below.plain else site.odd)[key] = below
        return below

    def keys(self, site: Site) -> Table:
        """Return what is known of keys whose site is ``site``."""
        return self._table(site.policy, "key", (), keep=True)

    def passes(self, site: Site, text: str) -> bool:
        """Return whether ``text`` is a shape that machines make, and is not looked into.

        Nothing passes where the field's name announces something: a date of birth, written as a
        timestamp.
        """
        if site.evident or "shape" in site.without:
            return False
        return self._machine_made.fullmatch(text) is not None

    def _site(self, field: Field, path: str, role: Role, *, keep: bool) -> Site:
        whole = field.policy.whole is not None
        kind, context = (f"whole {role}", ()) if whole else (role, field.context)
        return Site(field, path, role, self._table(field.policy, kind, context, keep=keep))

    def _table(
        self, policy: LeafPolicy, kind: str, context: tuple[str, ...], *, keep: bool
    ) -> Table:
        # Policies are shared between the fields the same rules speak of, and live as long as these.
        question = self._question(context, policy.without)
        return self.memo.table((id(policy), kind, question), keep=keep)


class _Nothing(dict[Any, Any]):
    def __missing__(self, _value: Any) -> tuple[()]:
        return NOTHING


class _Passing(Table):
    """Knows of every value that there is nothing in it."""

    def __init__(self) -> None:
        super().__init__(Memo(0))
        self.young = _Nothing()

    def known(self, value: Any) -> Known:
        return self.young[value]


_PASSING = _Passing()
