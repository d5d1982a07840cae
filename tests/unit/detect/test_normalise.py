# ruff: noqa: RUF001  # texts that look otherwise than they read are what this is about
from __future__ import annotations

import pytest

from streamproc.detect.normalise import normalised


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Order Completed",
        "jane@example.com",
        "Jürgen Müller, Łódź",
        "Привет, как дела? Оса",
        "Καλημέρα κόσμε",
        "user@почта.рф",
        "日本語の文章です。",
        "wait … for 10 €",
        "10 000 km",
        "Prix\u00a0: 10\u00a0€",
        "2019 – 2020",
        "I ❤️ it \U0001f468\u200d\U0001f469\u200d\U0001f467 so",
        "B550 SOS",
        "S12345678",
        "call 555 0123 Ill",
    ],
)
def test_texts_that_read_as_they_look_are_left(text: str) -> None:
    assert normalised(text) is None


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("ja\u200bne@exam\u00adple.com", "jane@example.com"),
        ("\u202eJane Doe\u202c | x", "Jane Doe | x"),
        ("\u2066jane\u2069\ufeff", "jane"),
        ("jane\U000e0041\ufe0f", "jane"),
        ("ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "jane@example.com"),
        ("𝓳𝓪𝓷𝓮 ① ²", "jane 1 2"),
        ("Ju\u0308rgen", "Jürgen"),
        ("٤١١١ ۱۲۳", "4111 123"),
        ("536–90−4399", "536-90-4399"),
        ("4111\u00a01111\u202f1111\u20091111", "4111 1111 1111 1111"),
        ("jane@example。com", "jane@example.com"),
        ("Dоrothy Rаmirez", "Dorothy Ramirez"),
        ("Jоsé", "José"),
        ("jane@example.со", "jane@example.co"),
        ("ΡΑΥΡΑL-1", "PAYPAL-1"),
        ("833-64-209l", "833-64-2091"),
        ("+1 (S55) O1O-0100", "+1 (555) 010-0100"),
    ],
)
def test_texts_are_read_as_they_look(text: str, looks: str) -> None:
    found = normalised(text)
    assert found
    assert found.text == looks


@pytest.mark.parametrize(
    ("text", "part", "original"),
    [
        ("to ja\u200bne@example.com now", "jane@example.com", "ja\u200bne@example.com"),
        ("to \u202ejane\u202c now", "jane", "\u202ejane\u202c"),
        ("x \u200b\u200bj\u200b x", "j", "\u200b\u200bj\u200b"),
        ("Ju\u0308rgen ok", "Jürgen", "Ju\u0308rgen"),
        ("½ l", "⁄2", "½"),
        ("½ l", "1", "½"),
        ("Rаmirez!", "Ramirez", "Rаmirez"),
    ],
)
def test_spans_lead_back_to_whole_clusters(text: str, part: str, original: str) -> None:
    found = normalised(text)
    assert found
    at = found.text.index(part)
    start, end = found.origin(at, at + len(part))
    assert text[start:end] == original
    assert found.changed(at, at + len(part))


def test_what_normalisation_leaves_is_not_changed() -> None:
    found = normalised("jane, jа\u200bck")
    assert found
    assert (found.changed(0, 4), found.changed(6, 10)) == (False, True)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0316\u0301" * 100_000,
        "\ufdfa" * 200_000,
        "\u200b" * 200_000 + "a",
        "аa" * 100_000,
        "1O " * 80_000,
        "O" * 200_000 + "1x",
    ],
    ids=lambda text: f"{ord(text[1]):x}",
)
def test_texts_made_to_be_slow_or_to_grow_are_answered_in_time(text: str) -> None:
    found = normalised(text)
    assert found is None or len(found.text) <= 4 * len(text)


def test_normalised_texts_show_no_value() -> None:
    assert "jane" not in repr(normalised("jane\u200b"))
