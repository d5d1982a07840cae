from __future__ import annotations

import pytest

from streamproc.erasure import Case, SuppressionList
from streamproc.errors import EventError
from streamproc.events import Identity, Link, Micros, Subject, Token
from streamproc.identity.store import MemoryStore, Store
from streamproc.kafka.codecs import encode_link, link_key, parse_link_key
from streamproc.kafka.identity.state import Found, IdentityState, Place, Suppressing
from streamproc.kafka.suppression import encode_case

LINKS, ATTRIBUTES, SUPPRESSED = "links", "attributes", "suppressed"
PLACE = Place(LINKS, 0)
ONE = Link("identify", Token("tok_k1_" + "a" * 32), Token("tok_k1_" + "b" * 32), at=Micros(5))
OTHER = Link("alias", Token("tok_k1_" + "c" * 32), Token("tok_k1_" + "d" * 32), at=Micros(5))


class Kept:
    """Keeps links as they are; of one link the smallest time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, link: Link) -> bool:
        found = self._store.get(b"link" + link_key(link))
        if found is not None and int(found) <= link.at:
            return False
        self._store.put(b"link" + link_key(link), str(link.at).encode())
        return True

    def forget(self, link: Link) -> bool:
        there = self._store.get(b"link" + link_key(link)) is not None
        self._store.delete(b"link" + link_key(link))
        return there

    def erase(self, token: Token) -> bool:
        return any(
            self.forget(parse_link_key(key)) for key in self.links() if token.encode() in key
        )

    def resolve(self, subject: Subject) -> Identity:
        return Identity(subject.user)

    def links(self) -> set[bytes]:
        return {key.removeprefix(b"link") for key, _ in self._store.scan(b"link")}


def taking(store: Store) -> IdentityState:
    def take_attribute(key: bytes | None, value: bytes | None) -> None:
        if value is None:
            raise EventError("load", "not_ours")
        store.put(b"attribute" + (key or b""), value)

    suppressing = Suppressing(SUPPRESSED, SuppressionList(store))
    return IdentityState(store, Kept(store), LINKS, {ATTRIBUTES: take_attribute}, suppressing)


def read(link: Link, offset: int = 0) -> Found:
    return Found(PLACE, offset, link_key(link), encode_link(link))


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def state(store: MemoryStore) -> IdentityState:
    return taking(store)


def test_an_own_link_is_owed_until_it_is_read_back(state: IdentityState) -> None:
    assert state.add(ONE)
    assert state.owed([ONE]) == [ONE]
    assert not state.add(ONE)
    assert state.owed([ONE]) == [ONE], "an event that states it again has to wait for it too"

    state.take([read(ONE)])

    assert state.owed([ONE]) == []
    assert not state.add(ONE)
    assert state.owed([ONE]) == []


def test_a_link_that_others_stated_is_not_owed(state: IdentityState) -> None:
    state.take([read(ONE)])

    assert not state.add(ONE._replace(at=Micros(9)))
    assert state.owed([ONE]) == []


def test_of_a_link_that_was_stated_twice_the_statement_that_counts_is_published(
    state: IdentityState,
) -> None:
    later = ONE._replace(at=Micros(9))
    state.add(ONE)
    state.add(later)

    assert state.owed([later]) == [ONE]
    assert state.owed([later, ONE, OTHER]) == [ONE]


def test_what_a_process_left_owed_the_next_one_publishes_once(store: MemoryStore) -> None:
    before = taking(store)
    before.add(ONE)
    before.add(OTHER)
    before.take([read(OTHER)])

    state = taking(store)

    assert state.owed([ONE]) == [ONE]
    assert state.left_over() == [ONE]
    assert state.left_over() == []


def test_what_was_left_owed_and_is_read_meanwhile_is_not_published(store: MemoryStore) -> None:
    taking(store).add(ONE)
    state = taking(store)

    state.take([read(ONE)])

    assert state.left_over() == []


def test_links_under_way_are_not_left_over(state: IdentityState) -> None:
    state.add(ONE)

    assert state.left_over() == []


@pytest.mark.parametrize(
    ("link", "theirs", "better"),
    [(ONE, 3, 3), (ONE, 7, 5), (ONE._replace(kind="group"), 7, 7)],
    ids=["theirs-is-earlier", "ours-is-earlier", "of-groups-the-later-counts"],
)
def test_the_better_of_two_versions_of_a_link_is_the_last_in_its_topic(
    state: IdentityState, link: Link, theirs: int, better: int
) -> None:
    state.add(link)
    state.take([read(link._replace(at=Micros(theirs)), 0), read(link, 1)])
    topic = [link._replace(at=Micros(theirs)), link]

    published = state.left_over()
    state.take([read(each, 2) for each in published])
    topic += published

    assert topic[-1].at == better
    assert state.owed([link]) == []


def test_a_tombstone_leaves_nothing_of_a_link(state: IdentityState, store: MemoryStore) -> None:
    state.add(ONE)
    state.take([read(OTHER), Found(PLACE, 1, link_key(ONE), None)])

    assert Kept(store).links() == {link_key(OTHER)}
    assert state.owed([ONE]) == []


def test_records_that_are_not_ours_are_named_and_cost_the_others_nothing(
    state: IdentityState, store: MemoryStore
) -> None:
    other = Place(ATTRIBUTES, 2)
    found = [
        Found(PLACE, 3, b"key", b"jane@example.com"),
        Found(PLACE, 4, b"key", None),
        Found(PLACE, 5, None, None),
        read(ONE, 6),
        Found(other, 8, b"key", None),
        Found(other, 9, b"key", b"value"),
    ]

    refused = state.take(found)

    assert [record.offset for record in refused] == [3, 4, 5, 8]
    assert set(refused.values()) == {"not_ours"}
    assert Kept(store).links() == {link_key(ONE)}
    assert store.get(b"attributekey") == b"value"


def test_positions_are_those_of_the_last_commit(store: MemoryStore) -> None:
    state = taking(store)
    other = Place(ATTRIBUTES, 0)
    assert state.position(PLACE) is None
    state.take([read(ONE, 6)])
    state.commit()
    state.take([read(OTHER, 9), Found(other, 1, b"key", b"value")])

    assert taking(store).position(PLACE) == 7
    state.commit()
    assert taking(store).position(PLACE) == 10
    assert taking(store).position(other) == 2


# -- who was erased -------------------------------------------------------------------------------

RECEIPT = "erasure-20261123-aaaaaaaaaaaa"


def case(*tokens: Token) -> Found:
    value = encode_case(Case(RECEIPT, Micros(9), tokens))
    return Found(Place(SUPPRESSED, 0), 0, RECEIPT.encode(), value)


@pytest.mark.parametrize("first", ["links", "case"])
def test_nothing_is_kept_of_who_was_erased_whichever_topic_is_read_first(
    store: MemoryStore, state: IdentityState, first: str
) -> None:
    found = [read(ONE), case(ONE.left)]
    for record in found if first == "links" else reversed(found):
        assert not state.take([record])

    assert state.is_suppressed([OTHER.left, ONE.left])
    assert not state.is_suppressed([ONE.right])
    assert state.entries_with([ONE.left]) == 0
    assert not Kept(store).links()


def test_a_link_of_who_was_erased_is_neither_owed_nor_published_any_more(
    store: MemoryStore, state: IdentityState
) -> None:
    assert state.add(ONE)
    assert state.add(OTHER)

    state.take([case(ONE.right)])

    assert state.owed([ONE, OTHER]) == [OTHER]
    assert not state.add(ONE), "as an event does whose batch was asked about before"
    assert state.owed([ONE]) == []
    state.commit()
    assert taking(store).left_over() == [OTHER]


def test_who_was_erased_stays_suppressed_over_a_restart_until_the_case_is_lifted(
    store: MemoryStore, state: IdentityState
) -> None:
    state.take([case(ONE.left)])
    state.commit()

    again = taking(store)
    assert again.suppresses
    assert again.is_suppressed([ONE.left])

    again.take([Found(Place(SUPPRESSED, 0), 1, RECEIPT.encode(), None)])
    assert not again.is_suppressed([ONE.left])
    assert again.add(ONE)


@pytest.mark.parametrize(
    "record",
    [
        Found(Place(SUPPRESSED, 0), 0, RECEIPT.encode(), b"what"),
        Found(Place(SUPPRESSED, 0), 0, b"jane@example.com", None),
        case(Token("jane@example.com"))._replace(offset=3),
    ],
)
def test_what_is_no_case_is_refused(state: IdentityState, record: Found) -> None:
    assert state.take([record]) == {record: "not_ours"}
    assert not state.suppresses
