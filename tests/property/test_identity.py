"""Any order and number of links gives what a brute-force reading of the promises gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule
from identity_oracle import Oracle

from streamproc.events import Identity, Link, LinkKind, Micros, Subject, Token
from streamproc.identity import View
from streamproc.identity.language import IdentityConfig
from streamproc.identity.store import MemoryStore
from streamproc.kafka.identity.rocks import RocksStore

NAMES = ("email", "crm")
CONFIG = IdentityConfig.model_validate(
    {
        "version": 1,
        "identifiers": {"traits": [{"name": name, "fields": [name]} for name in NAMES]},
        "limits": {
            "ids_per_person": 3,
            "devices_per_user": 3,
            "users_per_device": 3,
            "traits_per_user": 2,
            "users_per_trait": 3,
            "traits_per_device": 2,
            "devices_per_trait": 2,
            "accounts_per_user": 2,
        },
    }
)


def tokens(letter: str, count: int) -> list[Token]:
    return [Token(f"tok_k1_{letter}{number}") for number in range(count)]


USERS, DEVICES, ACCOUNTS = tokens("u", 6), tokens("d", 4), tokens("z", 3)
TRAITS = {name: tokens(name[0], 2) for name in NAMES}
NAMED = [(name, trait) for name in NAMES for trait in TRAITS[name]]
ENDS: dict[LinkKind, tuple[Sequence[Token], Sequence[Token]]] = {
    "identify": (DEVICES, USERS),
    "alias": (USERS, [*USERS, *DEVICES[:2]]),
    "group": (USERS[:2] + DEVICES[:1], ACCOUNTS),
}

moments = st.integers(0, 5).map(Micros)
cuts = st.sampled_from([False] * 7 + [True])


DISK_MEMORY = 1_048_576
KINDS = get_args(LinkKind)


@st.composite
def links(draw: st.DrawFn, kinds: Sequence[LinkKind] = KINDS) -> Link:
    kind = draw(st.sampled_from(kinds))
    if kind in {"trait", "trait_device"}:
        name, left = draw(st.sampled_from(NAMED))
        right = draw(st.sampled_from(USERS if kind == "trait" else DEVICES))
    else:
        name, (lefts, rights) = "", ENDS[kind]
        left, right = draw(st.sampled_from(lefts)), draw(st.sampled_from(rights))
    if kind == "alias":
        left, right = min(left, right), max(left, right)
    return Link(kind, left, right, name, draw(moments), draw(cuts))


def subjects() -> Iterable[Subject]:
    for user in USERS:
        yield Subject(user, None, None)
        yield Subject(user, None, None, users_before=(USERS[0],))
    for device, (name, trait) in product(DEVICES, [NAMED[0], NAMED[-1]]):
        yield Subject(None, device, None)
        yield Subject(None, device, None, group=ACCOUNTS[0])
        yield Subject(None, device, None, anonymous_before=(DEVICES[-1], DEVICES[0]))
        yield Subject(None, device, None, traits=((name, trait),))
    for name, trait in NAMED:
        yield Subject(None, None, None, traits=((name, trait),))
    yield Subject(None, None, None, traits=tuple(NAMED[:2]))
    yield Subject(None, None, None)


EVERYBODY = list(subjects())


def answers(view: View) -> dict[Subject, Identity]:
    return {subject: view.resolve(subject) for subject in EVERYBODY}


def view_of(sequence: Iterable[Link], hot: int = 50_000) -> View:
    view = View(config=CONFIG, hot=hot)
    for link in sequence:
        view.add(link)
    return view


def expected(sequence: Iterable[Link]) -> dict[Subject, Identity]:
    oracle = Oracle(set(sequence), CONFIG.limits, NAMES)
    return {subject: oracle.resolve(subject) for subject in EVERYBODY}


# Of all kinds, or of few: else links that have to do with each other are rare.
sequences = st.lists(st.sampled_from(KINDS), min_size=1, max_size=3).flatmap(
    lambda kinds: st.lists(links(kinds), max_size=40)
)


@settings(max_examples=300)
@given(sequences)
def test_everybody_belongs_to_whom_the_links_say(sequence: list[Link]) -> None:
    assert answers(view_of(sequence)) == expected(sequence)


ALIASES = [Link("alias", one, other) for one in USERS for other in USERS if one < other]


@given(st.permutations(ALIASES), st.integers(4, 12), st.integers(1, 4))
def test_who_is_left_together_by_aliases_taken_back_is_who_the_rest_says(
    aliases: list[Link], stated: int, cut: int
) -> None:
    sequence = aliases[:stated] + [link._replace(cut=True) for link in aliases[:cut]]

    assert answers(view_of(sequence)) == expected(sequence)


@given(sequences, st.randoms(use_true_random=False))
def test_the_order_and_number_of_links_does_not_matter(
    sequence: list[Link], random: object
) -> None:
    again = sequence + sequence[::3]
    random.shuffle(again)  # type: ignore[attr-defined] # Hypothesis's random.Random

    assert answers(view_of(again)) == answers(view_of(sequence))


@given(sequences)
def test_a_link_is_new_once(sequence: list[Link]) -> None:
    view = view_of(sequence)

    assert not any(view.add(link) for link in reversed(sequence))


@given(sequences)
def test_what_is_not_at_hand_is_as_good(sequence: list[Link]) -> None:
    assert answers(view_of(sequence, hot=2)) == answers(view_of(sequence))


@given(sequences)
def test_links_that_are_not_new_need_not_be_known_to_others(sequence: list[Link]) -> None:
    view = View(config=CONFIG)
    published = [link for link in sequence if view.add(link)]

    assert answers(view_of(reversed(published))) == answers(view)


@given(sequences, links())
def test_nobody_but_those_who_are_said_to_have_moved_has(sequence: list[Link], link: Link) -> None:
    view = view_of(sequence)
    before = answers(view)
    moved = view.change(link).moved
    said = set(view.graph.affected(moved))

    for subject, identity in answers(view).items():
        ids = {subject.user} if subject.user else {subject.anonymous, *subject.anonymous_before}
        of_traits = {trait for _, trait in subject.traits}
        if identity.id != before[subject].id:
            assert said & (ids | of_traits)


@settings(max_examples=20)
@given(sequences, st.integers(0, 40))
def test_a_state_on_disk_goes_on_where_it_was_committed(sequence: list[Link], at: int) -> None:
    with TemporaryDirectory() as folder:
        for part in (sequence[:at], sequence[at:]):
            store = RocksStore(Path(folder), DISK_MEMORY)
            view = View(store, CONFIG, hot=4)
            for link in part:
                view.add(link)
            store.commit()
            told = answers(view)
            store.close()

    assert told == expected(sequence)


class Workers(RuleBasedStateMachine):
    """Three workers that state links and read each other's, in any order, and start again."""

    stated = Bundle("stated")

    def __init__(self) -> None:
        super().__init__()
        self.stores = [MemoryStore() for _ in range(3)]
        self.views = [self.opened(store) for store in self.stores]
        self.seen: list[set[Link]] = [set() for _ in self.views]

    def opened(self, store: MemoryStore) -> View:
        return View(store, CONFIG, hot=8)

    @rule(target=stated, link=links(), worker=st.integers(0, 2))
    def state(self, link: Link, worker: int) -> Link:
        self.read(link, worker)
        return link

    @rule(link=stated, worker=st.integers(0, 2))
    def read(self, link: Link, worker: int) -> None:
        known = link in self.seen[worker]
        assert not (self.views[worker].add(link) and known)
        self.seen[worker].add(link)

    @rule(worker=st.integers(0, 2))
    def start_again(self, worker: int) -> None:
        self.views[worker] = self.opened(self.stores[worker])

    @rule(worker=st.integers(0, 2))
    def ask(self, worker: int) -> None:
        assert answers(self.views[worker]) == expected(self.seen[worker])

    def teardown(self) -> None:
        everything = set().union(*self.seen)
        wanted = expected(everything)
        for view in self.views:
            for link in everything:
                view.add(link)
            assert answers(view) == wanted


TestWorkers = Workers.TestCase
TestWorkers.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
