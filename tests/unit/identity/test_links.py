from __future__ import annotations

from dataclasses import replace

import pytest
from redaction import LIMITS, RING, record_of, sites_of

from streamproc.decode import decode
from streamproc.events import Json, Link, Redacted
from streamproc.identity import links_of
from streamproc.redact import KeyRing, NamedTrait, Naming, Redactor, Tokens, survey

OLD = Tokens(RING)
ROTATED = replace(RING.rotated("k2", bytes(range(32, 64))), overlap=("k1",))
NEW = Tokens(ROTATED)
PLAIN = Naming()


def links(body: dict[str, Json], ring: KeyRing = RING, naming: Naming = PLAIN) -> tuple[Link, ...]:
    found = survey(decode(record_of(body), LIMITS), sites_of(""))
    for leaf in found.pending:
        leaf.settle(())
    redacted = Redactor(Tokens(ring), "f00d", naming).redact(found)
    assert isinstance(redacted, Redacted)
    return links_of(redacted)


@pytest.mark.parametrize(
    ("body", "kinds"),
    [
        ({"type": "identify", "anonymousId": "a"}, ["identify"]),
        ({"type": "identify", "anonymousId": "u-1"}, []),
        ({"type": "alias", "previousId": "a"}, ["alias"]),
        ({"type": "track", "anonymousId": "a"}, []),
    ],
)
def test_only_identify_and_alias_state_links(body: dict[str, Json], kinds: list[str]) -> None:
    assert [link.kind for link in links(body)] == kinds


def test_while_keys_overlap_a_user_is_linked_to_who_they_were_before() -> None:
    before, after = OLD.of_identifier("u-1"), NEW.of_identifier("u-1")

    assert links({"type": "track"}, ROTATED) == (
        Link("alias", min(before, after), max(before, after)),
    )


def test_who_an_event_is_about_is_told_under_all_keys_while_they_overlap() -> None:
    found = survey(decode(record_of({"anonymousId": "a"}), LIMITS), sites_of(""))
    for leaf in found.pending:
        leaf.settle(())
    redacted = Redactor(NEW, "f00d").redact(found)
    assert isinstance(redacted, Redacted)

    subject = redacted.subject
    assert subject.anonymous == NEW.of_identifier("a")
    assert subject.anonymous_before == (OLD.of_identifier("a"),)
    assert subject.users_before == (OLD.of_identifier("u-1"),)


EMAIL = NamedTrait("email", (("traits", "email"),), "EMAIL_ADDRESS")


def stated(body: dict[str, Json], ring: KeyRing = RING) -> list[tuple[str, str]]:
    return [(link.kind, link.name) for link in links(body, ring, Naming(traits=(EMAIL,)))]


def test_an_identify_event_links_its_traits_to_its_user_id_else_to_its_device() -> None:
    body: dict[str, Json] = {
        "type": "identify",
        "anonymousId": "a",
        "traits": {"email": "j@example.com"},
    }

    assert stated(body) == [("identify", ""), ("trait", "email")]
    assert stated({**body, "userId": None}) == [("trait_device", "email")]
    assert stated({**body, "type": "track"}) == []


def test_a_trait_is_linked_to_what_it_was_under_the_key_before_while_keys_overlap() -> None:
    body: dict[str, Json] = {"type": "identify", "traits": {"email": "j@example.com"}}

    assert stated(body, ROTATED) == [("alias", ""), ("trait", "email"), ("alias", "")]


@pytest.mark.parametrize(("ids", "left"), [({}, "u-1"), ({"userId": "", "anonymousId": "a"}, "a")])
def test_a_group_event_links_its_user_id_else_its_device_to_the_account(
    ids: dict[str, Json], left: str
) -> None:
    (found,) = links({"type": "group", "groupId": "g", **ids})

    assert found[:3] == ("group", OLD.of_identifier(left), OLD.of_named("account", "g"))


def test_a_link_is_stated_at_the_time_of_its_event() -> None:
    (found,) = links({"type": "identify", "anonymousId": "a", "timestamp": "1970-01-01T00:00:07Z"})

    assert found.at == 7_000_000
