from __future__ import annotations

import pytest

from streamproc.events import Link, Subject, Token
from streamproc.identity import View

ANNA, BEN, PHONE, LAPTOP, OLD = (Token(f"tok_k1_{name}") for name in "abplo")


def of(*, user: Token | None = None, anonymous: Token | None = None) -> Subject:
    return Subject(user, anonymous, None)


def who(view: View, subject: Subject) -> Token | None:
    return view.resolve(subject).id


def test_an_anonymous_device_is_its_own_identity_until_it_is_identified() -> None:
    view = View()

    assert who(view, of(anonymous=PHONE)) == PHONE
    assert view.add(Link("identify", PHONE, ANNA))
    assert who(view, of(anonymous=PHONE)) == who(view, of(user=ANNA)) == ANNA


def test_all_devices_of_a_person_have_one_identity() -> None:
    view = View()
    view.add(Link("identify", PHONE, ANNA))
    view.add(Link("identify", LAPTOP, ANNA))

    assert who(view, of(anonymous=PHONE)) == who(view, of(anonymous=LAPTOP))


def test_a_device_that_two_people_used_joins_nobody() -> None:
    view = View()
    view.add(Link("identify", PHONE, ANNA))
    view.add(Link("identify", PHONE, BEN))

    assert who(view, of(user=ANNA)) != who(view, of(user=BEN))
    assert who(view, of(anonymous=PHONE)) == PHONE
    assert who(view, of(user=BEN, anonymous=PHONE)) == BEN


def test_two_user_ids_on_a_device_are_one_person_once_aliased() -> None:
    view = View()
    view.add(Link("identify", PHONE, ANNA))
    view.add(Link("identify", PHONE, OLD))
    view.add(Link("alias", ANNA, OLD))

    assert who(view, of(anonymous=PHONE)) == who(view, of(user=OLD)) == ANNA


def test_an_alias_of_an_anonymous_id_makes_it_the_users() -> None:
    view = View()
    view.add(Link("alias", ANNA, PHONE))

    assert who(view, of(anonymous=PHONE)) == who(view, of(user=ANNA)) == ANNA


def test_a_repeated_link_is_not_new() -> None:
    view = View()

    assert [view.add(Link("identify", PHONE, ANNA)) for _ in range(2)] == [True, False]
    assert [view.add(Link("identify", PHONE, BEN)) for _ in range(2)] == [True, False]
    assert [view.add(Link("alias", ANNA, BEN)) for _ in range(2)] == [True, False]


def test_an_event_that_names_nobody_has_no_identity() -> None:
    assert who(View(), Subject(None, None, None)) is None


@pytest.mark.timeout(10)
def test_a_device_that_everybody_used_costs_no_more_than_another() -> None:
    view = View()
    for number in range(20_000):
        view.add(Link("identify", PHONE, Token(f"tok_{number}")))
    identities = {who(view, of(anonymous=PHONE)) for _ in range(20_000)}
    assert identities == {PHONE}


def test_a_device_identified_under_the_key_before_is_known_while_keys_overlap() -> None:
    view = View()
    new_phone, new_anna = Token("tok_k2_p"), Token("tok_k2_a")
    view.add(Link("identify", PHONE, ANNA))
    view.add(Link("alias", ANNA, new_anna))
    seen = Subject(None, new_phone, None, (), (PHONE,))

    assert who(view, seen) == who(view, of(user=new_anna)) == ANNA


def test_a_device_never_identified_keeps_its_identity_while_keys_overlap() -> None:
    seen = Subject(None, Token("tok_k2_p"), None, (), (PHONE,))

    assert who(View(), seen) == who(View(), of(anonymous=PHONE))
