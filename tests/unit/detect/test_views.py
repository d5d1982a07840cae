from __future__ import annotations

import pytest

from streamproc.detect import Text
from streamproc.detect.views import views_of
from streamproc.events import Finding


def seen(text: str, *without: str) -> list[tuple[str, str]]:
    views = views_of(Text(text, ("key",), frozenset(without)))
    return [(view.step, view.text.value) for view in views]


def original(text: str, value: str, entity: str = "PERSON") -> list[tuple[str, str]]:
    """Return where ``value``, found in each view that holds it, stands in ``text``."""
    found = []
    for view in views_of(Text(text)):
        at = view.text.value.find(value)
        if at >= 0:
            finding = Finding(at, at + len(value), entity, 0.9, "Test", "text")
            found += [(text[f.start : f.end], f.step) for f in view.in_original([finding])]
    return found


def test_plain_text_has_no_other_view() -> None:
    assert seen("jane@example.com") == []


def test_urls_and_what_hides_are_views() -> None:
    assert seen("/jane\u200b/%EF%BD%8Aack") == [
        ("url", "jane\u200b"),
        ("url", "jane"),
        ("url", "\uff4aack"),
        ("url", "jack"),
        ("unicode", "/jane/%EF%BD%8Aack"),
    ]


@pytest.mark.parametrize(("step", "left"), [("url", "unicode"), ("unicode", "url")])
def test_steps_a_text_is_without_make_no_view(step: str, left: str) -> None:
    assert {step for step, _ in seen("/jane\u200b", step)} == {left}


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("/x?n=J%C3%BCrgen", "Jürgen", [("J%C3%BCrgen", "url")]),
        ("so ja\u200bne", "jane", [("ja\u200bne", "unicode")]),
        ("/x/%EF%BD%8Aack", "jack", [("%EF%BD%8Aack", "url")]),
        ("jane and ja\u200bck", "jane", []),
    ],
)
def test_findings_are_led_back(text: str, value: str, expected: list[tuple[str, str]]) -> None:
    assert original(text, value) == expected


def test_url_in_part_of_a_url_is_no_finding() -> None:
    assert original("/go/b.example.com", "b.example.com", "URL") == []


def test_views_show_no_value() -> None:
    assert "jane" not in repr(list(views_of(Text("/jane\u200b"))))
