from urllib.parse import quote

import pytest

from streamproc.detect.urls import ROUNDS, percent_decoded, percent_encoded, url_parts


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
        ("https://jane:secret@example.com/", [("jane", ()), ("secret", ("password",))]),
        ("https://jane%40b@example.com/", [("jane@b", ())]),
        ("https://%6Aane.example.com/", [("jane.example.com", ())]),
        ("/a;sid=x1y;e=jane", [("sid", ()), ("x1y", ("sid",)), ("jane", ("e",))]),
        ("/#/user?e=jane", [("user", ()), ("jane", ("e",))]),
        ("?to=jane+news%40example.com", [("jane+news@example.com", ("to",))]),
        ("?to=jane+news@example.com", [("jane+news@example.com", ("to",))]),
        ("?q=a+b+c", [("a b c", ("q",))]),
        ("mailto:jane%40example.com", [("mailto:jane@example.com", ())]),
        ("see a=1&name=Jane+Doe ok", [("name", ()), ("Jane Doe", ("name",))]),
        ("?e=jane%2540example.com", [("jane@example.com", ("e",))]),
        (
            "?next=https%3A%2F%2Fexample.com%2F%3Femail%3Djane%2540example.com",
            [
                ("next", ()),
                ("example.com", ()),
                ("email", ()),
                ("jane@example.com", ("email",)),
            ],
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


def encoded_often(text: str, rounds: int) -> str:
    for _ in range(rounds):
        text = quote(text, safe="")
    return text


@pytest.mark.parametrize("rounds", range(1, ROUNDS + 1))
def test_parts_are_decoded_as_often_as_they_may_be(rounds: int) -> None:
    (part,) = url_parts("/" + encoded_often("jane@example.com", rounds))
    assert part.text == "jane@example.com"


def test_parts_encoded_more_often_stay_encoded() -> None:
    (part,) = url_parts("/" + encoded_often("jane@example.com", ROUNDS + 1))
    assert part.text == "jane%40example.com"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("jane@example.com", "jane@example.com"),
        ("jane%40example.com", "jane@example.com"),
        ("jane%2540example.com", "jane@example.com"),
        ("Jane+Doe", "Jane Doe"),
        ("jane+news@example.com", "jane+news@example.com"),
        ("+1+555-0100", "+1 555-0100"),
        ("100%", "100%"),
    ],
)
def test_findings_say_what_they_were_decoded_to(written: str, text: str) -> None:
    assert percent_decoded(written) == text


@pytest.mark.parametrize(
    ("like", "written"),
    [
        ("jane@example.com", "%3CE%20F%3E%2F"),
        ("jane%40example.com", "%3CE%20F%3E%2F"),
        ("jane%2540example.com", "%253CE%2520F%253E%252F"),
    ],
)
def test_replacements_are_encoded_like_what_they_replace(like: str, written: str) -> None:
    assert percent_encoded("<E F>/", like) == written


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "text",
    [
        "?a=" + "+" * 200_000,
        "?a=" + "a+" * 100_000,
        "/" + "%25" * 80_000,
        "?&a=" * 50_000,
        "x" * 200_000 + "&",
    ],
    ids=lambda text: text[:6],
)
def test_urls_made_to_be_slow_are_taken_apart_in_time(text: str) -> None:
    assert sum(len(part.text) for part in url_parts(text)) <= ROUNDS * len(text)
