from __future__ import annotations

from dataclasses import replace

import pytest
from redaction import LIMITS, RING, record_of, sites_of

from streamproc.decode import decode
from streamproc.events import Json, Link, Redacted
from streamproc.identity import links_of
from streamproc.redact import KeyRing, Redactor, Tokens, survey

OLD = Tokens(RING)
ROTATED = replace(RING.rotated("k2", bytes(range(32, 64))), overlap=("k1",))
NEW = Tokens(ROTATED)


def links(body: dict[str, Json], ring: KeyRing = RING) -> tuple[Link, ...]:
    found = survey(decode(record_of(body), LIMITS), sites_of(""))
    for leaf in found.pending:
        leaf.settle(())
    redacted = Redactor(Tokens(ring), "f00d").redact(found)
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
