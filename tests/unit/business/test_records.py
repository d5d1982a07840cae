from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from streamproc.assemble import load_identity_config
from streamproc.business.assembly import Makers, find_place
from streamproc.business.records import Made, RecordMaker, SourceRow
from streamproc.errors import ConfigError
from streamproc.events import Link, Micros, Token
from streamproc.identity.attributes import ACCOUNT, USER_ID, AttributeRecord
from streamproc.redact import KeyRing, Tokens, write_key_ring
from streamproc.settings import IdentitySettings, KeySettings, RulesSettings, Settings

SECRETS = {"k1": bytes(range(32)), "k2": bytes(range(32, 64))}
NOW = Micros(1_790_000_000_000_000)

RULES = """\
version: 1
name: own
entities: [EMAIL_ADDRESS]
operators: {default: hash}
rules:
  - {name: emails, fields: ["**.email"], entity: EMAIL_ADDRESS, operator: hash}
  - {name: regions, fields: [traits.region], entity: ADDRESS, operator: drop}
  - {name: raw, topics: [events.raw], fields: [traits.segment], entity: USER_NAME, operator: hash}
  - name: tests
    fields: [traits.plan]
    when: {path: traits.plan, equals: test}
    entity: USER_NAME
    operator: drop_event
"""

IDENTITY = """\
version: 1
identifiers:
  traits: [{name: email, entity: EMAIL_ADDRESS, fields: [context.traits.email, traits.email]}]
attributes:
  plan: string
  region: string
  seats: integer
  segment: string
  owner: {type: string, personal: refuse}
sources:
  crm:
    objects:
      contact:
        record: id
        modified_at: at
        deleted: gone
        joins: {user_id: user, email: email, account: account}
        attributes: {plan: plan, region: region, seats: seats, owner: owner, segment: segment}
      account: {joins: {account: id}, attributes: {seats: seats}}
"""


class Business:
    """Makes records by one key ring."""

    def __init__(self, folder: Path, *versions: str) -> None:
        active, *overlap = versions
        ring = SecretStr(write_key_ring(active, SECRETS, overlap))
        self.settings = Settings(
            rules=RulesSettings(directory=folder),
            identity=IdentitySettings(file=folder / "identity" / "identity.yaml"),
            keys=KeySettings(ring=ring),
        )
        self.config = load_identity_config(self.settings)
        self.makers = Makers(self.settings, self.config)
        self.tokens = Tokens(KeyRing(active, SECRETS, tuple(overlap)))

    def maker(self, kind: str = "contact") -> RecordMaker:
        return self.makers.of({kind: find_place(self.config, "crm", kind)})[kind]

    def email(self, value: str) -> Token:
        return self.tokens.of_named("email", value, "EMAIL_ADDRESS")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("business")
    (made / "rules.yaml").write_text(RULES)
    (made / "identity").mkdir()
    (made / "identity" / "identity.yaml").write_text(IDENTITY)
    return made


@pytest.fixture(scope="module")
def business(folder: Path) -> Business:
    return Business(folder, "k1")


def made(maker: RecordMaker, *rows: Mapping[str, Any] | None) -> Made:
    return maker.make([SourceRow(n, row) for n, row in enumerate(rows, start=1)], NOW)


def only(maker: RecordMaker, **row: Any) -> AttributeRecord:
    (record,) = made(maker, {"id": "1", **row}).records
    return record


def test_a_record_has_the_tokens_that_an_event_would_have(business: Business) -> None:
    record = only(business.maker(), user="u-1", email=" Jane@Example.com ", account="a-1")

    of = business.tokens
    assert record.joins == (
        (ACCOUNT, of.of_named("account", "a-1")),
        ("email", business.email("jane@example.com")),
        (USER_ID, of.of_identifier("u-1")),
    )
    assert record.modified_at == NOW
    assert not record.deleted


def test_a_user_and_a_trait_are_linked_at_the_time_of_the_record(business: Business) -> None:
    of = business.tokens.of_identifier
    rows = (
        {"id": "1", "user": "u-1", "email": "jane@example.com", "at": "2026-01-01"},
        {"id": "2", "email": "kim@example.com", "account": "a-1"},
        {"id": "3", "user": "u-3", "account": "a-1"},
    )

    links = made(business.maker(), *rows).links

    at = Micros(1_767_225_600_000_000)
    assert links == [Link("trait", business.email("jane@example.com"), of("u-1"), "email", at)]


def test_personal_values_come_out_as_the_rules_say_or_not_at_all(business: Business) -> None:
    maker = business.maker()
    written = {"plan": "ask jane@example.com", "owner": "jane@example.com", "region": "north"}

    record = only(maker, user="u-1", seats="12", segment=" gold", **written)

    token = business.tokens.of_value("EMAIL_ADDRESS", "jane@example.com")
    segment = business.tokens.of_value("USER_NAME", "gold")
    assert record.attributes == {"plan": f"ask {token}", "seats": 12, "segment": segment}
    assert maker.totals.attributes == {
        "plan": {"redacted": 1},
        "owner": {"refused": 1},
        "region": {"refused": 1},
        "segment": {"redacted": 1},
        "seats": {"told": 1},
    }


def test_a_row_that_says_nothing_any_more_takes_back_what_it_said(business: Business) -> None:
    maker = business.maker()

    records = made(
        maker,
        {"id": "1", "user": "u-1", "gone": True},
        {"id": "2", "account": "a-1", "plan": "pro"},
        {"id": "3", "user": "undefined", "email": "none"},
        {"id": "4", "user": "u-4", "plan": "test"},
        {"id": "5", "user": "u-\x00"},
        {"id": "6", "user": "u" * 5_000},
    ).records

    assert [(each.deleted, each.joins, each.attributes) for each in records] == [(True, (), {})] * 6
    assert maker.totals.reasons == {"no_key": 4, "dropped": 1}
    assert maker.totals.deleted == 1


def test_rows_without_an_id_or_a_time_are_left_out_by_their_lines(business: Business) -> None:
    maker = business.maker()

    rows = ({"user": "u"}, None, {"id": "1", "user": "u", "at": "soon"}, {"id": True, "user": "u"})
    assert made(maker, *rows) == Made([], [])

    assert maker.totals.lines == {"no_id": [1, 4], "malformed": [2], "bad_time": [3]}


def test_a_row_too_large_for_an_event_is_refused_alone(folder: Path) -> None:
    business = Business(folder, "k1")
    limits = business.settings.limits.model_copy(update={"event_bytes": 300})
    makers = Makers(business.settings.model_copy(update={"limits": limits}), business.config)
    maker = makers.of({"c": find_place(business.config, "crm", "contact")})["c"]

    one, two = made(
        maker, {"id": "1", "user": "u", "plan": "x" * 300}, {"id": "2", "user": "v"}
    ).records

    assert (one.deleted, two.deleted) == (True, False)
    assert maker.totals.lines == {"refused": [1]}


def test_an_accounts_record_is_joined_by_the_account_alone(business: Business) -> None:
    record = only(business.maker("account"), seats=3)

    assert record.joins == ((ACCOUNT, business.tokens.of_named("account", "1")),)
    assert record.attributes == {"seats": 3}


def test_while_keys_overlap_a_record_is_found_by_both_and_known_by_the_new(folder: Path) -> None:
    before, after = Business(folder, "k1"), Business(folder, "k2", "k1")
    row = {"id": "1", "user": "u-1", "email": "jane@example.com"}

    old = made(before.maker(), row).records[0]
    new, gone = made(after.maker(), row).records

    assert gone == old._replace(joins=(), attributes={}, deleted=True)
    assert new.record != old.record
    assert ("email", before.email("jane@example.com")) in new.joins
    users = {after.tokens.of_identifier("u-1"), before.tokens.of_identifier("u-1")}
    links = made(after.maker(), row).links
    assert users in [{link.left, link.right} for link in links]


def test_a_place_is_found_by_its_names(business: Business) -> None:
    assert find_place(business.config, None, "account").source == "crm"
    for source, kind, told in (
        ("cmr", None, "no such source; did you mean crm?"),
        ("crm", None, "name one of contact, account"),
        ("crm", "acount", "no such object; did you mean account?"),
    ):
        with pytest.raises(ConfigError, match=told):
            find_place(business.config, source, kind)


def test_nothing_shows_a_value(business: Business) -> None:
    record = only(business.maker(), user="u-1", plan="visible")

    assert "visible" not in repr(record)
