from __future__ import annotations

import pytest
from redaction import plan_of

from streamproc.redact import Memo, Sites
from streamproc.redact.sites import Site

RULES = """
{name: mails, fields: ['**.email'], entity: EMAIL_ADDRESS, operator: hash},
{name: raw, fields: [properties.raw], without: [number, key, shape, sibling]}
"""
UUID = "0b9f9a3e-9d63-4d7c-9a2e-6f1a4b3c2d1e"


@pytest.fixture
def sites() -> Sites:
    return Sites(plan_of(RULES), lambda context, without: (context, without), Memo(100))


def at(sites: Sites, *path: str) -> Site:
    site = sites.root
    for key in path:
        site = site.children.get(key) or sites.below(site, key)
    return site


def test_a_site_is_made_once(sites: Sites) -> None:
    assert at(sites, "properties", "email") is at(sites, "properties", "email")
    assert at(sites, "properties", "Jane Doe") is at(sites, "properties", "Jane Doe")


def test_a_site_knows_its_path_and_its_rule(sites: Sites) -> None:
    site = at(sites, "properties", "Jane Doe", "email")

    assert site.path == "properties.*.email"
    assert site.whole is not None
    assert site.whole.rule == "mails"


def test_fields_of_one_policy_and_question_share_what_is_known(sites: Sites) -> None:
    assert at(sites, "a", "email").table is at(sites, "b", "email").table
    assert at(sites, "a", "note").table is at(sites, "b", "note").table
    assert at(sites, "a", "note").table is not at(sites, "a", "phone").table
    assert at(sites, "a", "note").table is not sites.keys(at(sites, "a", "note"))


def test_ids_of_the_event_share_nothing_with_other_fields(sites: Sites) -> None:
    assert at(sites, "userId").role == at(sites, "groupId").role == "identifier"
    assert at(sites, "messageId").role == "message_id"
    assert at(sites, "properties", "userId").role == ""
    assert at(sites, "userId").table is not at(sites, "properties", "userId").table


def test_a_rule_leaves_out_steps(sites: Sites) -> None:
    raw, note = at(sites, "properties", "raw"), at(sites, "properties", "note")

    assert (raw.numbers, raw.named) == (False, False)
    assert (note.numbers, note.named) == (True, True)
    assert (sites.passes(raw, UUID), sites.passes(note, UUID)) == (False, True)


def test_sites_past_the_bound_are_made_anew_and_as_right() -> None:
    sites = Sites(plan_of(RULES), lambda context, without: (context, without), Memo(100), most=2)
    for number in range(10):
        site = at(sites, f"key{number}", "email")
        assert site.whole is not None
        assert site.whole.rule == "mails"

    assert sum(key.startswith("key") for key in sites.root.children) <= 2


def test_a_huge_key_is_not_kept(sites: Sites) -> None:
    huge = "k" * 10_000
    sites.below(sites.root, huge)

    assert huge not in sites.root.children
    assert huge not in sites.root.odd
