from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamproc.events import Link, Subject, Token
from streamproc.identity import View

tokens = st.sampled_from([Token(f"tok_k1_{letter}") for letter in "abcdefgh"])
aliases = st.tuples(tokens, tokens).map(lambda pair: Link("alias", min(pair), max(pair)))
identifies = st.tuples(tokens, tokens).map(lambda pair: Link("identify", *pair))
links = st.lists(st.one_of(aliases, identifies), max_size=30)


def answers(sequence: list[Link]) -> dict[Subject, Token | None]:
    view = View()
    for link in sequence:
        view.add(link)
    everyone = [Token(f"tok_k1_{letter}") for letter in "abcdefgh"]
    asked = [Subject(token, None, None) for token in everyone]
    asked += [Subject(None, token, None) for token in everyone]
    return {subject: view.resolve(subject).id for subject in asked}


@given(links, st.randoms(use_true_random=False))
def test_the_order_of_links_does_not_matter(sequence: list[Link], random: object) -> None:
    shuffled = list(sequence)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # Hypothesis's random.Random

    assert answers(shuffled) == answers(sequence)


@given(links)
def test_repeating_links_changes_nothing(sequence: list[Link]) -> None:
    assert answers(sequence + sequence) == answers(sequence)


@given(links, links)
def test_views_can_be_merged_in_any_grouping(one: list[Link], other: list[Link]) -> None:
    assert answers(one + other) == answers(other + one)


@given(links)
def test_asking_in_between_changes_no_later_answer(sequence: list[Link]) -> None:
    view = View()
    for link in sequence:
        view.add(link)
        view.resolve(Subject(link.left, link.right, None))
        view.resolve(Subject(None, link.left, None))

    assert {subject: view.resolve(subject).id for subject in answers(sequence)} == answers(sequence)
