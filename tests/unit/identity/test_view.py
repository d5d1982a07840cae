from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from structlog.testing import capture_logs

from streamproc.events import Identity, Link, LinkKind, Micros, Subject, Token
from streamproc.identity import Belonging, View
from streamproc.identity.attributes import Known
from streamproc.identity.language import IdentityConfig
from streamproc.identity.store import MemoryStore

ANNA, BEN, PHONE, LAPTOP, OLD, TABLET = (Token(f"tok_k1_{name}") for name in "abplot")
MAIL, OTHER_MAIL, CRM = (Token(f"tok_k1_{name}") for name in ("mail", "mail2", "crm"))
ACME, BOLT = (Token(f"tok_k1_{name}") for name in ("acme", "bolt"))
TRAITS = [{"name": "email", "fields": ["traits.email"]}, {"name": "crm", "fields": ["traits.crm"]}]


def config_of(**limits: int) -> IdentityConfig:
    said = {"version": 1, "identifiers": {"traits": TRAITS}, "limits": limits}
    return IdentityConfig.model_validate(said)


def view_of(*links: Link, **limits: int) -> View:
    view = View(config=config_of(**limits))
    for link in links:
        view.add(link)
    return view


def link(kind: LinkKind, left: Token, right: Token, at: int = 0, **more: Any) -> Link:
    name = "crm" if left == CRM else "email" if kind in {"trait", "trait_device"} else ""
    return Link(kind, left, right, name, Micros(at), **more)


def of(*, user: Token | None = None, anonymous: Token | None = None, **more: Any) -> Subject:
    return Subject(user, anonymous, None, **more)


def who(view: View, subject: Subject) -> Token | None:
    return view.resolve(subject).id


# -- devices --------------------------------------------------------------------------------------


def test_an_anonymous_device_is_its_own_identity_until_it_is_identified() -> None:
    view = View()

    assert view.resolve(of(anonymous=PHONE)) == Identity(PHONE, by="anonymous_id")
    assert view.add(link("identify", PHONE, ANNA, 7))
    assert view.resolve(of(anonymous=PHONE)) == Identity(ANNA, by="anonymous_id", since=Micros(7))
    assert view.resolve(of(user=ANNA)) == Identity(ANNA, by="user_id")


def test_all_devices_of_a_person_have_one_identity() -> None:
    view = view_of(link("identify", PHONE, ANNA), link("identify", LAPTOP, ANNA))

    assert who(view, of(anonymous=PHONE)) == who(view, of(anonymous=LAPTOP)) == ANNA


def test_a_device_that_two_people_used_joins_nobody() -> None:
    view = view_of(link("identify", PHONE, ANNA), link("identify", PHONE, BEN))

    assert who(view, of(user=ANNA)) != who(view, of(user=BEN))
    assert who(view, of(anonymous=PHONE)) == PHONE
    assert who(view, of(user=BEN, anonymous=PHONE)) == BEN


def test_two_user_ids_on_a_device_are_one_person_once_aliased() -> None:
    view = view_of(
        link("identify", PHONE, ANNA), link("identify", PHONE, OLD), link("alias", ANNA, OLD)
    )

    assert who(view, of(anonymous=PHONE)) == who(view, of(user=OLD)) == ANNA


def test_the_first_time_that_a_link_was_stated_counts() -> None:
    view = view_of(link("identify", PHONE, ANNA, 5))

    assert not view.add(link("identify", PHONE, ANNA, 6))
    assert view.add(link("identify", PHONE, ANNA, 4))
    assert view.resolve(of(anonymous=PHONE)).since == 4


def test_a_device_of_more_users_than_the_limit_is_shared_for_good() -> None:
    links = [link("identify", PHONE, user) for user in (ANNA, BEN, OLD)]
    cuts = [each._replace(cut=True) for each in links[1:]]

    assert who(view_of(*links[:2], cuts[0], users_per_device=2), of(anonymous=PHONE)) == ANNA
    with capture_logs() as logs:
        view = view_of(*links, *cuts, *links, users_per_device=2)
    assert who(view, of(anonymous=PHONE)) == PHONE
    assert view.graph.counts == {"devices_shared": 1}
    assert [(each["log_level"], each["token"], each["kind"]) for each in logs] == [
        ("warning", PHONE, "devices_shared")
    ]


def test_a_user_id_of_more_devices_than_the_limit_says_nothing_of_any() -> None:
    devices = [Token(f"tok_k1_d{number}") for number in range(4)]
    links = [link("identify", device, ANNA) for device in devices]

    assert who(view_of(*links[:3], devices_per_user=3), of(anonymous=devices[0])) == ANNA
    view = view_of(*links, devices_per_user=3)
    assert [who(view, of(anonymous=device)) for device in devices] == devices
    assert who(view, of(user=ANNA)) == ANNA


@pytest.mark.timeout(20)
@pytest.mark.parametrize("ends", ["devices of a user", "users of a device", "aliases of an id"])
def test_a_storm_costs_no_more_than_other_links(ends: str) -> None:
    view = View(config=config_of())
    for number in range(20_000):
        other = Token(f"tok_k1_x{number}")
        if ends == "devices of a user":
            view.add(link("identify", other, ANNA))
        elif ends == "users of a device":
            view.add(link("identify", PHONE, other))
        else:
            view.add(link("alias", ANNA, other))

    assert {who(view, of(anonymous=PHONE)) for _ in range(20_000)} == {PHONE}
    assert who(view, of(user=ANNA)) == ANNA


# -- aliases --------------------------------------------------------------------------------------


def test_an_alias_of_an_anonymous_id_makes_it_the_users() -> None:
    view = view_of(link("alias", ANNA, PHONE, 3))

    assert view.resolve(of(anonymous=PHONE)) == Identity(ANNA, by="alias", since=Micros(3))
    assert who(view, of(user=ANNA)) == ANNA


def test_a_cycle_of_aliases_is_one_person() -> None:
    view = view_of(link("alias", ANNA, BEN), link("alias", BEN, OLD), link("alias", ANNA, OLD))

    assert {who(view, of(user=user)) for user in (ANNA, BEN, OLD)} == {ANNA}


def test_a_repeated_link_and_one_of_an_id_with_itself_are_not_new() -> None:
    view = View()

    assert [view.add(link("identify", PHONE, ANNA)) for _ in range(2)] == [True, False]
    assert [view.add(link("alias", ANNA, BEN)) for _ in range(2)] == [True, False]
    assert not view.add(link("alias", ANNA, ANNA))


def test_an_alias_that_was_taken_back_stays_so_whatever_is_stated_later() -> None:
    stated = link("alias", ANNA, BEN)
    view = view_of(stated, stated._replace(cut=True))

    assert not view.add(stated._replace(at=Micros(9)))
    assert [who(view, of(user=user)) for user in (ANNA, BEN)] == [ANNA, BEN]


def test_two_who_are_joined_by_a_third_stay_so_when_their_own_alias_is_cut() -> None:
    stated = link("alias", ANNA, BEN)
    view = view_of(stated, link("alias", BEN, OLD), link("alias", ANNA, OLD))
    view.add(stated._replace(cut=True))

    assert who(view, of(user=BEN)) == ANNA


def test_a_person_of_too_many_ids_is_quarantined_and_told_of_once() -> None:
    with capture_logs() as logs:
        view = view_of(
            link("alias", ANNA, BEN),
            link("alias", BEN, OLD),
            link("alias", OLD, TABLET),
            ids_per_person=2,
        )

    everybody = (ANNA, BEN, OLD, TABLET)
    assert [who(view, of(user=user)) for user in everybody] == list(everybody)
    assert view.graph.counts == {"ids_quarantined": 4}
    assert [(each["log_level"], each["person"], each["ids"]) for each in logs] == [
        ("warning", ANNA, 3)
    ]


def test_who_was_quarantined_is_a_person_again_once_too_much_is_cut() -> None:
    links = [link("alias", ANNA, BEN), link("alias", BEN, OLD)]
    view = view_of(*links, ids_per_person=2)
    view.add(links[1]._replace(cut=True))

    assert [who(view, of(user=user)) for user in (ANNA, BEN, OLD)] == [ANNA, ANNA, OLD]
    assert view.graph.counts == {"ids_quarantined": 0}


def test_what_is_left_of_a_quarantined_person_is_quarantined_while_it_is_too_much() -> None:
    ids = [Token(f"tok_k1_{letter}") for letter in "abcdef"]
    links = [link("alias", one, other) for one, other in pairwise(ids)]
    view = view_of(*links, links[1]._replace(cut=True), ids_per_person=2)

    assert [who(view, of(user=user)) for user in ids] == [ids[0], ids[0], *ids[2:]]
    assert view.graph.counts == {"ids_quarantined": 4}
    view.add(links[3]._replace(cut=True))
    assert [who(view, of(user=user)) for user in ids[2:]] == [ids[2], ids[2], ids[4], ids[4]]


# -- traits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("known", "given"), [(5, 3), (3, 5)])
def test_a_trait_of_one_person_tells_whose_a_device_is_since_both_were_said(
    known: int, given: int
) -> None:
    view = view_of(link("trait", MAIL, ANNA, known), link("trait_device", MAIL, PHONE, given))

    assert view.resolve(of(anonymous=PHONE)) == Identity(ANNA, by="trait", since=Micros(5))


def test_devices_of_one_trait_belong_together_before_it_is_anybodys() -> None:
    view = view_of(link("trait_device", MAIL, PHONE), link("trait_device", MAIL, LAPTOP))

    assert who(view, of(anonymous=PHONE)) == who(view, of(anonymous=LAPTOP)) == MAIL


def test_a_trait_joins_no_two_user_ids() -> None:
    view = view_of(link("trait", MAIL, ANNA), link("trait", MAIL, BEN))

    assert who(view, of(user=ANNA)) != who(view, of(user=BEN))
    assert who(view, of(anonymous=PHONE, traits=(("email", MAIL),))) == PHONE


def test_what_an_event_itself_says_helps_where_its_device_is_shared() -> None:
    view = view_of(
        link("identify", PHONE, ANNA), link("identify", PHONE, BEN), link("trait", MAIL, BEN)
    )

    assert who(view, of(anonymous=PHONE, traits=(("email", MAIL),))) == BEN
    assert who(view, of(traits=(("email", MAIL),))) == BEN


def test_the_first_trait_of_the_configuration_names_those_who_are_nobody_yet() -> None:
    view = view_of(link("trait_device", CRM, PHONE), link("trait_device", MAIL, PHONE))

    assert who(view, of(anonymous=PHONE)) == MAIL


def test_a_trait_that_is_not_configured_says_nothing() -> None:
    view = view_of(Link("trait", MAIL, ANNA, "phone"), Link("trait_device", MAIL, PHONE, "phone"))

    assert who(view, of(anonymous=PHONE)) == PHONE


@pytest.mark.parametrize(
    ("limit", "links"),
    [
        ("users_per_trait", [("trait", MAIL, ANNA), ("trait", MAIL, BEN)]),
        ("traits_per_user", [("trait", MAIL, ANNA), ("trait", CRM, ANNA)]),
        ("traits_per_device", [("trait_device", CRM, PHONE)]),
        ("devices_per_trait", [("trait_device", MAIL, LAPTOP)]),
    ],
)
def test_traits_past_a_limit_say_nothing_of_a_device(
    limit: str, links: list[tuple[LinkKind, Token, Token]]
) -> None:
    stated = [link("trait", MAIL, ANNA), link("trait_device", MAIL, PHONE)]
    assert who(view_of(*stated, **{limit: 1}), of(anonymous=PHONE)) == ANNA

    view = view_of(*stated, *(link(*each) for each in links), **{limit: 1})
    assert who(view, of(anonymous=PHONE)) != ANNA


# -- accounts -------------------------------------------------------------------------------------


def test_the_account_of_a_person_is_the_last_that_any_of_its_ids_was_stated_with() -> None:
    view = view_of(
        link("group", ANNA, ACME, 2),
        link("group", BEN, BOLT, 1),
        link("alias", ANNA, BEN),
        link("identify", PHONE, BEN),
    )
    subjects = [of(user=ANNA), of(user=BEN), of(anonymous=PHONE)]
    assert {view.resolve(subject).account for subject in subjects} == {ACME}

    view.add(link("group", BEN, BOLT, 3))
    assert {view.resolve(subject).account for subject in subjects} == {BOLT}

    view.add(link("alias", ANNA, BEN, cut=True))
    assert [view.resolve(subject).account for subject in subjects] == [ACME, BOLT, BOLT]


def test_an_account_that_the_event_names_goes_before_the_one_that_is_remembered() -> None:
    view = view_of(link("group", ANNA, ACME))

    assert view.resolve(of(user=ANNA, group=BOLT)).account == BOLT
    assert view.resolve(of(group=BOLT)) == Identity(None, BOLT)


def test_the_account_of_a_device_without_a_person_is_its_own() -> None:
    view = view_of(link("group", PHONE, ACME), link("trait_device", MAIL, PHONE))

    assert view.resolve(of(anonymous=PHONE)).account == ACME


def test_accounts_are_not_remembered_where_they_are_not_to_be() -> None:
    config = IdentityConfig.model_validate({"version": 1, "accounts": {"remembered": False}})
    view = View(config=config)
    view.add(link("group", ANNA, ACME))

    assert view.resolve(of(user=ANNA)).account is None


# -- keys that overlap ----------------------------------------------------------------------------


def test_a_device_identified_under_the_key_before_is_known_while_keys_overlap() -> None:
    new_phone, new_anna = Token("tok_k2_p"), Token("tok_k2_a")
    view = view_of(link("identify", PHONE, ANNA), link("alias", ANNA, new_anna))

    assert who(view, of(anonymous=new_phone, anonymous_before=(PHONE,))) == ANNA
    assert view.resolve(of(user=new_anna, users_before=(ANNA,))) == Identity(ANNA, by="user_id")


def test_a_device_never_identified_keeps_its_identity_while_keys_overlap() -> None:
    seen = of(anonymous=Token("tok_k2_p"), anonymous_before=(PHONE,))

    assert who(View(), seen) == who(View(), of(anonymous=PHONE))


def test_a_trait_under_both_keys_is_one_while_keys_overlap() -> None:
    new_mail, new_phone = Token("tok_k2_mail"), Token("tok_k2_p")
    view = view_of(
        link("trait_device", MAIL, PHONE),
        link("trait_device", new_mail, new_phone),
        link("alias", MAIL, new_mail),
    )

    assert who(view, of(anonymous=new_phone, anonymous_before=(PHONE,))) == MAIL
    view.add(link("trait", MAIL, ANNA))
    assert who(view, of(anonymous=new_phone)) == ANNA


# -- what else ------------------------------------------------------------------------------------


def test_nobody_has_no_identity_and_joins_nobody() -> None:
    nobody = Token("tok_k1_n")
    view = View(nobody={nobody})

    assert view.resolve(Subject(None, None, None)) == Identity(None)
    assert not view.add(link("alias", ANNA, nobody))
    assert not view.add(link("identify", nobody, ANNA))


def test_a_view_goes_on_with_what_is_in_its_store() -> None:
    store = MemoryStore()
    before = View(store, config_of(ids_per_person=1))
    before.add(link("identify", PHONE, ANNA, 4))
    before.add(link("alias", BEN, OLD))
    after = View(store, config_of(ids_per_person=1))

    assert after.resolve(of(anonymous=PHONE)) == before.resolve(of(anonymous=PHONE))
    assert after.graph.counts == {"ids_quarantined": 2}


def test_links_that_are_forgotten_leave_nothing() -> None:
    links = [
        link("alias", ANNA, BEN),
        link("identify", PHONE, ANNA),
        link("trait", MAIL, ANNA),
        link("trait_device", CRM, PHONE),
        link("group", ANNA, ACME),
        link("alias", ANNA, OLD, cut=True),
    ]
    store = MemoryStore()
    view = View(store, config_of())
    for each in links:
        view.add(each)

    assert [view.forget(each) for each in links] == [True] * len(links)
    assert not any(view.forget(each) for each in links)
    assert list(store.scan(b"")) == []
    assert view.add(link("alias", ANNA, OLD))


@pytest.mark.parametrize("kind", ["alias", "identify", "group"])
def test_a_link_that_was_taken_back_stays_so_when_what_stated_it_is_forgotten(
    kind: LinkKind,
) -> None:
    stated = link(kind, ANNA, BEN)
    view = view_of(stated, stated._replace(cut=True))

    assert not view.forget(stated)
    assert not view.add(stated)
    assert view.forget(stated._replace(cut=True))
    assert view.add(stated)


def test_where_tokens_belong_is_told_of_all_that_hang_on_a_link() -> None:
    view = view_of(
        link("identify", PHONE, BEN), link("trait", MAIL, BEN), link("trait_device", MAIL, LAPTOP)
    )
    moved = view.change(link("alias", ANNA, BEN, 8)).moved

    assert {each[:2]: each.identity.id for each in view.belongings(moved)} == {
        ("user_id", ANNA): ANNA,
        ("anonymous_id", ANNA): ANNA,
        ("user_id", BEN): ANNA,
        ("anonymous_id", BEN): ANNA,
        ("anonymous_id", PHONE): ANNA,
        ("email", MAIL): ANNA,
        ("anonymous_id", LAPTOP): ANNA,
    }
    assert list(view.belongings([])) == []
    (told,) = view.belongings(view.change(link("identify", TABLET, OLD, 9)).moved)
    assert told == Belonging(
        "anonymous_id", TABLET, Identity(OLD, by="anonymous_id", since=Micros(9))
    )


class Crm:
    """Knows a plan of everybody it is asked about, and counts how often it is."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[tuple[str, Token], ...], Token | None]] = []

    def known_of(self, keys: Iterable[tuple[str, Token]], account: Token | None) -> Known:
        self.asked.append((tuple(keys), account))
        return Known(account or ACME, {"plan": f"plan {len(self.asked)}"})


def test_the_business_is_asked_about_a_person_once_until_something_changes() -> None:
    crm = Crm()
    view = View(config=config_of(), business=crm)
    view.add(link("identify", PHONE, BEN))

    first = view.resolve(of(anonymous=PHONE))
    assert first == view.resolve(of(anonymous=PHONE))
    assert (first.account, first.attributes) == (ACME, {"plan": "plan 1"})
    view.add(link("trait", MAIL, BEN))
    view.resolve(of(anonymous=PHONE))
    view.add(link("alias", ANNA, BEN))
    view.resolve(of(anonymous=PHONE))
    view.add(link("alias", ANNA, BEN, cut=True))
    view.resolve(of(user=ANNA))
    view.resolve(of(user=ANNA, group=BOLT))
    assert crm.asked == [
        ((("user_id", BEN),), None),
        ((("user_id", BEN), ("email", MAIL)), None),
        ((("user_id", ANNA), ("user_id", BEN), ("email", MAIL)), None),
        ((("user_id", ANNA),), None),
        ((("user_id", ANNA),), BOLT),
    ]
    view.forget_attributes()
    view.resolve(of(user=ANNA, group=BOLT))
    assert len(crm.asked) == 6
