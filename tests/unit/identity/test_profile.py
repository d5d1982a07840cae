from __future__ import annotations

from streamproc.events import Identity, Link, Micros, Token
from streamproc.identity import View
from streamproc.identity.language import IdentityConfig
from streamproc.identity.profile import Statement, cuts_between, path_between, profile_of

ANNA, BEN, OLD, PHONE, MAIL, ACME = (Token(f"tok_k1_{name}") for name in "abopmz")
CONFIG = IdentityConfig.model_validate(
    {
        "version": 1,
        "identifiers": {"traits": [{"name": "email", "fields": ["traits.email"]}]},
        "limits": {"ids_per_person": 3, "users_per_trait": 1},
    }
)
AT = Micros(5)
ALIAS, IDENTIFY = Link("alias", ANNA, BEN, at=AT), Link("identify", PHONE, ANNA, at=AT)
TRAIT = Link("trait", MAIL, BEN, "email", AT)
GROUP = Link("group", BEN, ACME, at=AT)


def view_of(*links: Link) -> View:
    view = View(config=CONFIG)
    for link in links:
        view.add(link)
    return view


def test_a_profile_says_whose_a_token_is_and_what_it_was_stated_with() -> None:
    view = view_of(ALIAS, IDENTIFY, TRAIT, GROUP, Link("alias", BEN, OLD, cut=True))

    profile = profile_of(view, BEN)
    assert profile.identity == Identity(ANNA, ACME, "alias", AT)
    assert (profile.ids, profile.quarantined, profile.trait) == ((ANNA, BEN), False, "")
    assert profile.statements == (
        Statement("alias", ANNA, AT),
        Statement("trait", MAIL, AT),
        Statement("account", ACME, AT),
    )
    assert profile_of(view, PHONE).identity.by == "anonymous_id"


def test_the_profile_of_a_trait_has_its_name_and_says_what_was_too_much() -> None:
    view = view_of(TRAIT, Link("trait", MAIL, OLD, "email"), Link("trait_device", MAIL, PHONE))

    profile = profile_of(view, MAIL)
    assert (profile.trait, profile.identity) == ("email", Identity(None))
    assert profile.statements == (
        Statement("user_id", None, None),
        Statement("anonymous_id", PHONE, Micros(0)),
    )


def test_nothing_is_known_of_a_stranger() -> None:
    profile = profile_of(View(), ANNA)

    assert (profile.identity.id, profile.ids, profile.statements) == (ANNA, (ANNA,), ())


def test_every_link_between_two_tokens_themselves_is_cut_and_none_else() -> None:
    both = Link("alias", PHONE, ANNA, at=AT)
    device = Link("trait_device", MAIL, PHONE, "email", AT)
    view = view_of(ALIAS, IDENTIFY, TRAIT, GROUP, both, device)

    for one, other, links in [
        (ANNA, BEN, [ALIAS]),
        (PHONE, ANNA, [both._replace(left=ANNA, right=PHONE), IDENTIFY]),
        (MAIL, BEN, [TRAIT]),
        (PHONE, MAIL, [device]),
        (BEN, ACME, [GROUP]),
        (PHONE, BEN, []),
    ]:
        wanted = [link._replace(cut=True, at=Micros(0)) for link in links]
        assert list(cuts_between(view.graph, one, other)) == wanted
        assert list(cuts_between(view.graph, other, one)) == wanted
        cut = view_of(ALIAS, IDENTIFY, TRAIT, GROUP, both, device, *wanted)
        assert cuts_between(cut.graph, one, other) == ()


def test_the_way_over_which_two_ids_are_one_person_is_told() -> None:
    view = view_of(ALIAS, Link("alias", BEN, OLD))

    assert path_between(view.graph, ANNA, OLD) == (ANNA, BEN, OLD)
    assert path_between(view.graph, ANNA, ANNA) == (ANNA,)
    assert path_between(view.graph, ANNA, PHONE) == ()
