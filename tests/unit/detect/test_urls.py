import pytest

from streamproc.detect.urls import url_parts


def parts(text: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(part.text, part.context) for part in url_parts(text)]


@pytest.mark.parametrize(
    "text", ["", "Jane Doe", "jane@example.com", "50% off", "is it A/B?", "why? because=x"]
)
def test_text_without_url_has_no_parts(text: str) -> None:
    assert parts(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "https://example.com/confirm?email=jane%40example.com&utm_source=mail#top",
            [
                ("confirm", ()),
                ("email", ()),
                ("jane@example.com", ("email",)),
                ("utm_source", ()),
                ("mail", ("utm", "source")),
                ("top", ("utm", "source")),
            ],
        ),
        (
            "/users/jane.doe@example.com/orders",
            [
                ("users", ()),
                ("jane.doe@example.com", ("users",)),
                ("orders", ("jane", "doe", "example", "com")),
            ],
        ),
        ("?q=Jane+Doe", [("Jane Doe", ("q",))]),
        ("?phone=+15550100", [("phone", ()), ("+15550100", ("phone",))]),
        ("https://jane:secret@example.com/", [("jane:secret", ())]),
        ("?e=jane%2540example.com", [("jane@example.com", ("e",))]),
        (
            "?next=https%3A%2F%2Fexample.com%2F%3Femail%3Djane%2540example.com",
            [("next", ()), ("email", ()), ("jane@example.com", ("email",))],
        ),
        ("/a%FFb", [("a\xffb", ())]),
        ("name=Jane&email=jane%40example.com", None),
        ("see host/confirm?email=jane@example.com now", None),
    ],
)
def test_parts_are_decoded_with_their_keys_words(
    text: str, expected: list[tuple[str, tuple[str, ...]]] | None
) -> None:
    if expected is None:
        assert ("jane@example.com", ("email",)) in parts(text)
    else:
        assert parts(text) == expected


@pytest.mark.parametrize(
    ("text", "value", "origin"),
    [
        ("/x?email=jane%40example.com&b=c", "jane@example.com", "jane%40example.com"),
        ("/x?e=jane%2540example.com", "jane@example.com", "jane%2540example.com"),
        ("/x?n=J%C3%BCrgen", "Jürgen", "J%C3%BCrgen"),
        ("/x?u=%2Fy%3Fname%3DJ%25C3%25BCrgen%20B", "Jürgen B", "J%25C3%25BCrgen%20B"),
        ("so /x/?e=jane@example.com, ok", "jane@example.com,", "jane@example.com,"),
    ],
)
def test_spans_lead_back_to_the_encoded_text(text: str, value: str, origin: str) -> None:
    (part,) = [part for part in url_parts(text) if part.text == value]
    start, end = part.origin(0, len(part.text))
    assert text[start:end] == origin


def test_parts_show_no_value() -> None:
    assert "jane" not in repr(list(url_parts("/jane@example.com")))
