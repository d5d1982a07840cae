"""A token that is erased is gone as if no link of it had ever been stated."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from streamproc.events import Link, LinkKind, Micros, Token
from streamproc.identity import View
from streamproc.identity.language import IdentityConfig
from streamproc.identity.store import MemoryStore

CONFIG = IdentityConfig.model_validate(
    {
        "version": 1,
        "identifiers": {"traits": [{"name": "email", "fields": ["traits.email"]}]},
    }
)
USERS, DEVICES, TRAITS, ACCOUNTS = (
    [Token(f"tok_k1_{letter}{number}") for number in range(count)]
    for letter, count in (("u", 4), ("d", 3), ("t", 2), ("z", 2))
)
ENDS: dict[LinkKind, tuple[Sequence[Token], Sequence[Token]]] = {
    "identify": (DEVICES, USERS),
    "alias": (USERS, [*USERS, *DEVICES[:1]]),
    "trait": (TRAITS, USERS),
    "trait_device": (TRAITS, DEVICES),
    "group": (USERS, ACCOUNTS),
}


@st.composite
def links(draw: st.DrawFn) -> Link:
    kind = draw(st.sampled_from(sorted(ENDS)))
    left, right = (draw(st.sampled_from(ends)) for ends in ENDS[kind])
    if kind == "alias":
        left, right = min(left, right), max(left, right)
    name = "email" if kind in {"trait", "trait_device"} else ""
    cut = draw(st.sampled_from([False, False, False, True]))
    return Link(kind, left, right, name, Micros(0 if cut else draw(st.integers(0, 3))), cut)


def kept(said: Sequence[Link], *erased: Token) -> list[tuple[bytes, bytes]]:
    store = MemoryStore()
    view = View(store, CONFIG)
    for link in said:
        view.add(link)
    for token in erased:
        view.erase(token)
        view.erase(token)
    found = store.scan(b"")
    return [each for each in found if each != (b"c/ids_quarantined", b"0")]


tokens = st.sampled_from([*USERS, *DEVICES, *TRAITS])


@given(st.lists(links(), max_size=14), st.lists(tokens, min_size=1, max_size=3, unique=True))
def test_erasing_leaves_what_the_links_of_others_say(said: list[Link], erased: list[Token]) -> None:
    others = [link for link in said if not {link.left, link.right} & set(erased)]

    for order in permutations(erased):
        left = kept(said, *order)

        assert left == kept(others)
        assert not any(token.encode() in key + value for token in erased for key, value in left)
