"""The mappings that are told, however they are asked for, are those of a brute-force reading."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st
from identity_oracle import Oracle

from streamproc.events import Link, LinkKind, Micros, Subject, Token
from streamproc.identity import View
from streamproc.identity.language import IdentityConfig
from streamproc.identity.mappings import Mapping, MappingView
from streamproc.identity.store import MemoryStore, Store
from streamproc.kafka.identity.rocks import RocksStore

NAMES = ("email", "crm")
CONFIG: Final = IdentityConfig.model_validate(
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
        },
    }
)
DISK_MEMORY: Final = 1_048_576


def tokens(letter: str, count: int) -> list[Token]:
    return [Token(f"tok_k1_{letter}{number}") for number in range(count)]


USERS, DEVICES = tokens("u", 5), tokens("d", 4)
TRAITS = {name: tokens(name[0], 2) for name in NAMES}
ENDS: Final = {"identify": (DEVICES, USERS), "alias": (USERS, [*USERS, *DEVICES[:1]])}


@st.composite
def links(draw: st.DrawFn) -> Link:
    kind: LinkKind = draw(
        st.sampled_from(["identify", "identify", "alias", "trait", "trait_device"])
    )
    name = ""
    if kind in {"trait", "trait_device"}:
        name = draw(st.sampled_from(NAMES))
        left = draw(st.sampled_from(TRAITS[name]))
        right = draw(st.sampled_from(USERS if kind == "trait" else DEVICES))
    elif kind == "alias" and draw(st.integers(0, 4)) == 0:  # while keys overlap
        left, right = TRAITS[draw(st.sampled_from(NAMES))]
    else:
        left, right = (draw(st.sampled_from(ends)) for ends in ENDS[kind])
    if kind == "alias":
        left, right = min(left, right), max(left, right)
    cut = draw(st.sampled_from([False] * 5 + [True]))
    return Link(kind, left, right, name, draw(st.integers(0, 5).map(Micros)), cut)


class Table:
    """What whoever is told knows by now, told in batches of some tokens."""

    def __init__(self) -> None:
        self.rows: dict[Token, Mapping] = {}

    def take(self, mapped: MappingView, most: int, *, settles: bool = True) -> bool:
        due = mapped.due(most)
        for each in due.mappings:
            if each.identity is None:
                self.rows.pop(each.token, None)
            else:
                self.rows[each.token] = each
        if settles:
            mapped.settle()
        return due.more

    def take_all(self, mapped: MappingView, most: int) -> None:
        while self.take(mapped, most):
            pass

    @property
    def answers(self) -> dict[Token, tuple[Token | None, Micros | None]]:
        return {token: (each.identity, each.since) for token, each in self.rows.items()}


def brute_force(stated: list[Link]) -> dict[Token, tuple[Token | None, Micros | None]]:
    oracle = Oracle(set(stated), CONFIG.limits, NAMES)
    users = {link.right for link in stated if link.kind in {"identify", "trait"}}
    aliased = {token for link in stated if link.kind == "alias" for token in link[1:3]}
    users |= {token for token in aliased if oracle.aliases(token)}
    devices = {link.left for link in stated if link.kind == "identify"}
    devices |= {link.right for link in stated if link.kind == "trait_device"}
    named = {link.left: link.name for link in stated if link.name}
    subjects = {token: Subject(None, token, None) for token in devices}
    subjects |= {token: Subject(token, None, None) for token in users}
    subjects |= {
        trait: Subject(None, None, None, traits=((named[trait], trait),)) for trait in named
    }
    found = {token: oracle.resolve(subject) for token, subject in subjects.items()}
    return {
        token: (each.id, each.since)
        for token, each in found.items()
        if each.id not in {None, token}
    }


def view_on(store: Store) -> MappingView:
    mapped = MappingView(store, View(store, CONFIG))
    mapped.begin_anew()
    return mapped


@st.composite
def plays(draw: st.DrawFn) -> list[tuple[Link, int | None, bool]]:
    """Return links, and after each whether the table is told, how much, and whether it settles."""
    told = st.one_of(st.none(), st.integers(1, 4))
    return draw(st.lists(st.tuples(links(), told, st.booleans()), max_size=25))


@settings(max_examples=400, deadline=None)
@given(plays())
def test_a_table_that_is_told_is_what_the_links_say(
    play: list[tuple[Link, int | None, bool]],
) -> None:
    mapped, table = view_on(MemoryStore()), Table()
    for link, most, settles in play:
        mapped.add(link)
        if most is not None:
            table.take(mapped, most, settles=settles)
    mapped.tell_again()
    table.take_all(mapped, 2)

    stated = [link for link, *_ in play]
    assert table.answers == brute_force(stated)


@settings(max_examples=200, deadline=None)
@given(plays(), st.data())
def test_what_is_told_again_from_the_beginning_is_what_was_told_bit_by_bit(
    play: list[tuple[Link, int | None, bool]], data: st.DataObject
) -> None:
    mapped, table = view_on(MemoryStore()), Table()
    added: list[Link] = []
    for link, most, settles in play:
        if added and data.draw(st.integers(0, 3)) == 0:
            mapped.forget(data.draw(st.sampled_from(added)))
        if data.draw(st.integers(0, 9)) == 0:
            mapped.erase(data.draw(st.sampled_from([*USERS, *DEVICES, *TRAITS["crm"]])))
        mapped.add(link)
        added.append(link)
        if most is not None:
            table.take(mapped, most, settles=settles)
    mapped.tell_again()
    table.take_all(mapped, 3)

    mapped.begin_anew()
    anew = Table()
    anew.take_all(mapped, 3)

    assert table.rows == anew.rows


@settings(max_examples=30, deadline=None)
@given(plays(), st.integers(1, 4))
def test_a_process_that_is_killed_leaves_nothing_out(
    play: list[tuple[Link, int | None, bool]], most: int
) -> None:
    with TemporaryDirectory() as folder:
        table = Table()
        for start in range(0, len(play), 5):
            store = RocksStore(Path(folder), DISK_MEMORY)
            mapped = MappingView(store, View(store, CONFIG))
            if start == 0:
                mapped.begin_anew()
            for link, *_ in play[start : start + 5]:
                mapped.add(link)
            store.commit()
            table.take(mapped, most)  # settled, and not committed
            del mapped, store
        store = RocksStore(Path(folder), DISK_MEMORY)
        mapped = MappingView(store, View(store, CONFIG))
        table.take_all(mapped, most)

        mapped.begin_anew()
        anew = Table()
        anew.take_all(mapped, most)
        mapped.tell_again()
        store.close()

    assert table.rows == anew.rows
