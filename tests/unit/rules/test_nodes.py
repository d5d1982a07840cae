import time
from itertools import pairwise

import pytest

from streamproc.errors import ConfigError
from streamproc.rules.document import Document


def problems(text: str) -> list[tuple[int | None, int | None, str, str]]:
    with pytest.raises(ConfigError) as caught:
        Document.parse(text, "x.yaml")
    return [(each.line, each.column, each.path, each.message) for each in caught.value.problems]


def test_aliases_that_grow_are_refused_before_they_do() -> None:
    names = "abcdefghijklmnopqrst"
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in pairwise(names)]
    before = time.process_time()
    ((line, column, path, message),) = problems("\n".join(lines))
    assert time.process_time() - before < 1
    assert (line, column, path) == (5, 4, "e")
    assert "at most 100,000 values" in message


def test_aliases_that_repeat_little_are_read() -> None:
    document = Document.parse("a: &a [1, 2]\nb: *a\nc: {<<: &m {x: 1}, y: 2}\nd: *m\n", "x.yaml")
    assert document.content == {"a": [1, 2], "b": [1, 2], "c": {"x": 1, "y": 2}, "d": {"x": 1}}


def test_every_key_that_stands_twice_is_told_whatever_it_holds() -> None:
    found = problems("a: 1\nb: {c: 1, c: 2}\na: 3\na: 4\n")
    assert [(line, column, path) for line, column, path, _ in found] == [
        (3, 1, "a"),
        (4, 1, "a"),
        (2, 11, "b.c"),
    ]
    assert "the first time in line 1" in found[0][3]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: !!python/name:os.system x", (1, 4, "a"), "expected no tag"),
        ("a:\n  - !own x", (2, 5, "a[0]"), "expected no tag"),
        ("a: &x [*x]", (1, 4, "a[0]"), "something it stands in"),
        ("a: &x 1\nb: [*x, &x 2]", (2, 9, "b[1]"), "&x names something else in line 1"),
        ("a: 02134", (1, 4, "a"), "a text needs quotes"),
        ("a: [12e5]", (1, 5, "a[0]"), "a text needs quotes"),
        ("? [a]\n: 1", (1, 3, ""), "expected a text as key"),
        ("a: 1\nb: " + "[" * 60 + "]" * 60, (2, 54, "b[0][0]"), "nested too deeply"),
        ("a: 1\nb: " + "[" * 5_000, (2, 53, ""), "nested too deeply"),
        ("a: 2026-02-30", (1, 4, "a"), "it needs quotes"),
        ("a: 'x\nb: 1\nc: 2", (1, 4, ""), "end of stream"),
        ("a: 1\nb: \x00", (2, None, ""), "not a character"),
        ("a: 1\n---\nb: 2", (2, 1, ""), "a file is one"),
    ],
)
def test_what_no_file_can_have_is_told_with_its_place(
    text: str, place: tuple[int, int | None, str], message: str
) -> None:
    ((line, column, path, told),) = problems(text)
    assert (line, column, path) == place
    assert message in told


def test_a_file_without_a_value_has_none() -> None:
    assert Document.parse("# nothing yet\n", "x.yaml").content is None
