from itertools import product

import pytest

from streamproc.rules import FieldPath
from streamproc.rules.automaton import Coverage, Keys, advanced, closed


def paths(*written: str | FieldPath) -> list[FieldPath]:
    return [each if isinstance(each, FieldPath) else FieldPath.parse(each) for each in written]


def covers(others: tuple[str | FieldPath, ...], path: str | FieldPath) -> bool:
    (asked,) = paths(path)
    return Coverage((0, each) for each in paths(*others)).covers(asked, {0})


def keyed(expression: str) -> FieldPath:
    return FieldPath.keyed(expression)


@pytest.mark.parametrize(
    ("path", "others"),
    [
        ("context.traits.email", ["**.email"]),
        ("context.traits.email", ["context.*.email"]),
        ("a.*", ["a.**"]),
        ("a", ["a.**"]),
        ("**.a.**.b", ["**.b"]),
        ("**.b.c", ["**.c"]),
        ("**", ["**"]),
        ("a.**", ["a", "a.*.**"]),  # together, neither alone
        ("firstName", ["first_name"]),
        ("a.b", ["a.*", "c"]),
        ("cards.no", [keyed("^no$")]),
        (keyed("^no$"), [keyed("^no$")]),
        (keyed("^no$"), ["**"]),
        (keyed("^no$"), ["*.**"]),
    ],
)
def test_paths_cover_what_has_no_other_fields(path: str | FieldPath, others: list[str]) -> None:
    assert covers(tuple(others), path)


@pytest.mark.parametrize(
    ("path", "others"),
    [
        ("**.email", ["context.traits.email", "properties.email"]),
        ("**.email", ["*.email"]),
        ("a.**", ["a.*"]),
        ("a.**", ["a.*.**"]),  # which lacks a itself
        ("a.*", ["a.b"]),
        ("**", ["*"]),
        ("a.b", []),
        (keyed("^no$"), ["**.no"]),
        (keyed("^no$"), [keyed("no")]),  # not known to be the wider one
        ("**.x", [keyed("^y$")]),
    ],
)
def test_paths_do_not_cover_what_has_other_fields(path: str | FieldPath, others: list[str]) -> None:
    assert not covers(tuple(others), path)


def test_only_paths_of_the_rules_asked_for_count() -> None:
    coverage = Coverage([(0, FieldPath.parse("**.email")), (1, FieldPath.parse("a.b"))])
    asked = FieldPath.parse("context.email")
    assert coverage.covers(asked, {0, 1})
    assert not coverage.covers(asked, {1})
    assert not coverage.covers(asked, set())


STEPS = ("a", "b", "*", "**")
KEYS = ("a", "b", "c")


def matches(path: FieldPath, keys: tuple[str, ...]) -> bool:
    named = Keys([path])
    state = closed(frozenset({(None, path.steps)}))
    for key in keys:
        state = advanced(state, named.steps(key))
    return (None, ()) in state


def test_coverage_is_that_of_all_fields_there_can_be() -> None:
    written = [FieldPath(steps) for size in (1, 2, 3) for steps in product(STEPS, repeat=size)]
    fields = [keys for size in range(6) for keys in product(KEYS, repeat=size)]
    matched = {path: {keys for keys in fields if matches(path, keys)} for path in written}
    for one, other in product(written[:20], written):
        coverage = Coverage([(0, one)])
        assert coverage.covers(other, {0}) == (matched[other] <= matched[one]), (one, other)


@pytest.mark.parametrize(
    ("expression", "key", "found"),
    [
        ("^card_", "card_number", True),
        ("^card_", "CARD_NUMBER", True),
        ("^card_", "cardNumber", False),
        ("^card_?no$", "card no", True),  # its letters are cardno
        ("^first", "First Name", True),
        ("^x$", "y", False),
        ("z$", "a" * 4_096 + "z", False),  # beyond what is looked at
    ],
)
def test_an_expression_is_looked_for_in_a_key_and_in_its_letters(
    expression: str, key: str, found: bool
) -> None:
    path = keyed(expression)
    assert (path.steps[-1] in Keys([path]).steps(key)) is found
