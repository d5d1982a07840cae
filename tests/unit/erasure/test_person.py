from __future__ import annotations

from streamproc.erasure import person_of
from streamproc.events import Link, LinkKind, Micros, Token
from streamproc.identity import View
from streamproc.identity.language import IdentityConfig

ANNA, ANNA_TOO, BEN = (Token(f"tok_k1_{name}") for name in ("anna", "anna2", "ben"))
PHONE, LAPTOP, KIOSK = (Token(f"tok_k1_{name}") for name in ("phone", "laptop", "kiosk"))
MAIL, SUPPORT = (Token(f"tok_k1_{name}") for name in ("mail", "support"))
CONFIG = IdentityConfig.model_validate(
    {
        "version": 1,
        "identifiers": {"traits": [{"name": "email", "fields": ["traits.email"]}]},
        "limits": {"devices_per_user": 3},
    }
)


def link(kind: LinkKind, left: Token, right: Token, *, cut: bool = False) -> Link:
    name = "email" if kind in {"trait", "trait_device"} else ""
    return Link(kind, left, right, name, Micros(0 if cut else 5), cut)


def view_of(*links: Link) -> View:
    view = View(config=CONFIG)
    for each in links:
        view.add(each)
    return view


WHOLE = (
    link("alias", ANNA, ANNA_TOO),
    link("identify", PHONE, ANNA),
    link("identify", LAPTOP, ANNA_TOO),
    link("trait", MAIL, ANNA),
    link("group", ANNA, Token("tok_k1_acme")),
)


def test_a_person_is_all_ids_own_devices_and_own_traits_whichever_is_given() -> None:
    view = view_of(*WHOLE, link("identify", Token("tok_k1_b"), BEN))

    for given in (ANNA, ANNA_TOO, PHONE, LAPTOP, MAIL):
        person = person_of(view, [given])
        assert person.tokens == {
            ANNA: "id",
            ANNA_TOO: "id",
            PHONE: "device",
            LAPTOP: "device",
            MAIL: "trait",
        }
        assert not person.shared
        assert person.known


def test_what_others_use_too_stays() -> None:
    view = view_of(
        *WHOLE,
        link("identify", KIOSK, ANNA),
        link("identify", KIOSK, BEN),
        link("trait", SUPPORT, ANNA_TOO),
        link("trait", SUPPORT, BEN),
    )

    person = person_of(view, [PHONE])

    assert person.tokens.keys() == {ANNA, ANNA_TOO, PHONE, LAPTOP, MAIL}
    assert person.shared == {KIOSK, SUPPORT}
    assert person_of(view, [KIOSK]).tokens.keys() == {KIOSK}, "what is given is always taken"


def test_devices_that_gave_one_trait_are_one_person_before_it_is_anybodys() -> None:
    view = view_of(link("trait_device", MAIL, PHONE), link("trait_device", MAIL, LAPTOP))

    assert person_of(view, [LAPTOP]).tokens == {LAPTOP: "device", MAIL: "trait", PHONE: "device"}


def test_what_was_taken_apart_is_not_joined_again() -> None:
    view = view_of(
        *WHOLE,
        link("alias", min(ANNA, BEN), max(ANNA, BEN), cut=True),
        link("identify", KIOSK, BEN),
        link("identify", KIOSK, ANNA, cut=True),
    )

    assert person_of(view, [BEN]).tokens.keys() == {BEN, KIOSK}


def test_a_stranger_is_the_given_id_alone() -> None:
    person = person_of(view_of(*WHOLE), [BEN])

    assert (person.tokens, person.known) == ({BEN: "id"}, False)
