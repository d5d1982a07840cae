from __future__ import annotations

from typing import Any

import pytest
from redaction import record_of, scoped_sites_of

from streamproc.decode import Limits, decode
from streamproc.events import Event
from streamproc.redact import scoped
from streamproc.redact.sites import Site

LIMITS = Limits(10_000, 64, 1_000)
RULES = """
  {name: orders, events: ["Order *"], fields: [properties.note], entity: NOTE, operator: redact},
  {name: rich, when: {path: properties.total, above: 10}, fields: [properties.note], entity: NOTE,
   operator: hash},
  {name: mails, fields: ["**.email"], entity: EMAIL_ADDRESS, operator: hash}"""


def event(name: str, **properties: Any) -> Event:
    return decode(record_of({"event": name, "properties": properties}), LIMITS)


def site(sites: scoped.ScopedSites, given: Event, key: str) -> Site:
    of_event = sites.of(given)
    return of_event.below(of_event.below(of_event.root, "properties"), key)


def rule_of(found: Site) -> str | None:
    return None if found.whole is None else found.whole.rule


def test_a_rule_is_in_force_for_its_events_alone() -> None:
    sites = scoped_sites_of(RULES)

    assert rule_of(site(sites, event("Order Sent"), "note")) == "orders"
    assert rule_of(site(sites, event("Seen", total=11), "note")) == "rich"
    assert rule_of(site(sites, event("Order Sent", total=11), "note")) == "orders"
    assert rule_of(site(sites, event("Seen", total=1), "note")) is None
    assert rule_of(site(sites, event("Seen"), "email")) == "mails"


def test_events_with_the_same_rules_share_their_sites() -> None:
    sites = scoped_sites_of(RULES)

    assert sites.of(event("Seen")) is sites.of(event("Left"))
    assert sites.of(event("Seen")) is not sites.of(event("Order Sent"))


def test_what_is_known_of_a_value_is_known_wherever_the_same_rules_speak_of_its_field() -> None:
    sites = scoped_sites_of(RULES)

    seen, sent = site(sites, event("Seen"), "email"), site(sites, event("Order Sent"), "email")

    assert seen is not sent
    assert seen.table is sent.table


def test_plans_past_the_bound_are_compiled_anew_and_as_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scoped, "KEPT_PLANS", 1)
    sites = scoped_sites_of(RULES)

    for _ in range(2):
        assert rule_of(site(sites, event("Order Sent"), "note")) == "orders"
        assert rule_of(site(sites, event("Seen"), "note")) is None
