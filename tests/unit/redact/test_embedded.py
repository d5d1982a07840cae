from __future__ import annotations

import json
from base64 import b64encode, encodebytes, urlsafe_b64encode
from typing import Any

import pytest

from streamproc.errors import EventError
from streamproc.redact.embedded import embedded, encoded

ADDRESS = "jane@example.com"
BASE64 = b64encode(ADDRESS.encode()).decode()
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqYW5lQGV4YW1wbGUuY29tIn0.dozjgNryP4J3jVmNHl0w5NXgL0n3I9"


def opened(text: str, *without: str) -> list[tuple[str, Any]]:
    return [(found.codec, found.content) for found in embedded(text, frozenset(without))]


def replaced(text: str, old: str, new: str) -> str:
    """Return ``text`` with ``old`` replaced by ``new`` in its one document."""
    (found,) = embedded(text)
    content = json.loads(json.dumps(found.content).replace(old, new))
    return text[: found.start] + encoded(found, content) + text[found.end :]


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "Order Completed",
        "checkout_started",
        "A & B = C",
        "[object Object]",
        "{user}",
        "{}",
        '"quoted"',
        "50% & more",
        "4111111111111111",
        "0059915c-dea7-4682-b06d-52f315b12f5e",
        "d41d8cd98f00b204e9800998ecf8427e",
        "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
        "/users/orders/products/some-long-slug",
        "https://example.com/?a=b&c=d",
        "SummerCampaignNewsletterOfTheYear",
        r"C:\users\jane",
        TOKEN,
    ],
)
def test_ordinary_texts_hold_no_documents(text: str) -> None:
    assert opened(text) == []


@pytest.mark.parametrize(
    ("text", "codec", "content"),
    [
        ('{"email":"jane@example.com"}', "json", {"email": ADDRESS}),
        (' [{"n": 12345678901234567890123}]\n', "json", [{"n": 12345678901234567890123}]),
        (r'"{\"a\":1}"', "json", '{"a":1}'),
        (r'{"e":"jane\u0040example.com"}', "json", {"e": ADDRESS}),
        (r'{"half":"\ud83d"}', "json", {"half": "\ufffd"}),
        (r'"\ud83d\ude00 \ude00"', "json", "\U0001f600 \ufffd"),
        (r"e = 'jane\u0040example.com'", "escapes", "e = 'jane@example.com'"),
        (r'{"a": "\\ud83d\ude00 \\\ud83d"}', "json", {"a": "\\ud83d\ufffd \\\ufffd"}),
        ("\\ud83d\\ude\x01 \\u00e9", "escapes", "\ufffd\\ude\x01 \u00e9"),
        (r"\ud83d\ude00 \ud83d \u0022 \u0000", "escapes", "\U0001f600 \ufffd \\u0022 \\u0000"),
        ("a=&e=jane%40example.com", "form", [{"a": ""}, {"e": ADDRESS}]),
        ("a[]=x&a[]=J%FCrgen+B", "form", [{"a[]": "x"}, {"a[]": "Jürgen B"}]),
        ("phone=+15550100&ok=1", "form", [{"phone": "+15550100"}, {"ok": "1"}]),
        (BASE64, "base64", ADDRESS),
        (BASE64.rstrip("="), "base64", ADDRESS),
        (f"data:text/plain;base64,{BASE64}", "base64", ADDRESS),
        (f"see {BASE64}.", "base64", ADDRESS),
        (f"?d={BASE64.replace('=', '%3D')}", "base64", ADDRESS),
        (f"/confirm/{BASE64}", "base64", ADDRESS),
        (f"user-{BASE64}", "base64", ADDRESS),
        (urlsafe_b64encode(b'{"a":"~~~???"}').decode(), "base64", '{"a":"~~~???"}'),
        (encodebytes(b"jane@example.com " * 9).decode(), "base64", f"{ADDRESS} " * 9),
        (ADDRESS.encode().hex(), "hexadecimal", ADDRESS),
        (f"x {ADDRESS.encode().hex().upper()} y", "hexadecimal", ADDRESS),
    ],
)
def test_documents_are_opened(text: str, codec: str, content: object) -> None:
    assert opened(text) == [(codec, content)]


@pytest.mark.parametrize(
    ("text", "old", "new", "expected"),
    [
        ('{"a":"é","b":[1,2.5]}', "\\u00e9", "x", '{"a":"x","b":[1,2.5]}'),
        ('{"a": "x", "b": [1, null]}', "x", "é", r'{"a": "\u00e9", "b": [1, null]}'),
        ('{"ü":"x"}', "x", "é", '{"ü":"é"}'),
        ('\n{\n\t"a": [\n\t\t"x"\n\t]\n}\n', "x", "y", '\n{\n\t"a": [\n\t\t"y"\n\t]\n}\n'),
        (r'"{\"a\":\"x\"}"', "x", "y", r'"{\"a\":\"y\"}"'),
        (r'say "\u0040" or \u0022', "@", "é", r'say "\u00e9" or \u0022'),
        ("a=%41%20x&b=J%FC", "A x", "<X>", "a=%3CX%3E&b=J%FC"),
        ("a=1+x&b=%41", "1 x", "1 y", "a=1+y&b=%41"),
        ("a=1&b=2", '{"a": "1"}', "{}", "b=2"),
        ("a=1&b[]=2", "b[]", "c d", "a=1&c+d=2"),
        (f"x {BASE64} y", ADDRESS, "<E>", "x PEU+ y"),
        (f"x {BASE64.rstrip('=')} y", ADDRESS, "<E?", "x PEU_ y"),
        (f"?d={BASE64.replace('=', '%3D')}&b", ADDRESS, "E", "?d=RQ%3D%3D&b"),
        (ADDRESS.encode().hex(), ADDRESS, "<E>", "3c453e"),
    ],
)
def test_documents_are_written_as_they_were(text: str, old: str, new: str, expected: str) -> None:
    assert replaced(text, old, new) == expected


def test_lines_of_base64_keep_their_length() -> None:
    text = encodebytes(b"jane@example.com " * 9).decode()
    made = replaced(text, ADDRESS, "jack@example.com")
    assert made == encodebytes(b"jack@example.com " * 9).decode()


def test_documents_within_a_text_are_all_found_by_start() -> None:
    text = f"{BASE64}, {ADDRESS.encode().hex()}; {BASE64}"
    assert [text[found.start : found.end] for found in embedded(text)] == [
        BASE64,
        ADDRESS.encode().hex(),
        BASE64,
    ]


def test_json_that_names_a_key_twice_is_no_document() -> None:
    assert opened('{"a":"jane@example.com","a":1}') == []
    assert opened(r'{"a":"jane\u0040example.com","a":1}') == [
        ("escapes", '{"a":"jane@example.com","a":1}')
    ]


@pytest.mark.parametrize(
    ("text", "step"),
    [('{"a":1}', "json"), (r"\u0041", "json"), ("a=1&b=2", "form"), (BASE64, "base64")],
)
def test_documents_of_steps_that_are_not_taken_stay_shut(text: str, step: str) -> None:
    assert embedded(text)
    assert embedded(text, frozenset({step})) == ()


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "text",
    [
        "{" * 200_000 + "}",
        "[" + "9" * 5_000 + "]",
        "a=b&" * 50_000 + " ",
        "A" * 200_000 + ".A",
        ("A" * 76 + "\n") * 3_000 + ".A",
        "AAAA-" * 50_000,
        "\\ud800" * 40_000,
    ],
    ids=lambda text: text[:6],
)
def test_texts_made_to_be_slow_are_answered_in_time(text: str) -> None:
    assert all(0 <= found.start < found.end <= len(text) for found in embedded(text))


def test_documents_show_no_content() -> None:
    assert "jane" not in repr(embedded('{"email":"jane@example.com"}'))


@pytest.mark.parametrize(
    "text", ['{"a": NaN, "b": "<E>"}', '{"a":[-Infinity,1.5],"b":"<E>"}', '{"a":1e99,"b":"<E>"}']
)
def test_numbers_that_are_no_json_stay_as_they_are(text: str) -> None:
    assert replaced(text.replace("<E>", ADDRESS), ADDRESS, "<E>") == text.replace("1e99", "1e+99")


def test_json_with_a_number_past_all_doubles_is_no_document() -> None:
    assert opened('{"a":1e999}') == []


@pytest.mark.parametrize(("before", "after"), [('{"a":', "}"), ("[", "]")])
@pytest.mark.parametrize("depth", [65, 300, 200_000])
def test_json_that_nests_too_deep_is_refused(before: str, after: str, depth: int) -> None:
    assert opened(f"{before * 64}1{after * 64}")
    with pytest.raises(EventError, match="documents_too_deep"):
        opened(f"{before * depth}1{after * depth}")


@pytest.mark.parametrize("text", ["[" * 200_000 + "]", '{"a":' * 100_000 + "}"])
def test_what_nests_too_deep_to_say_whether_it_is_json_is_refused(text: str) -> None:
    with pytest.raises(EventError, match="documents_too_deep"):
        embedded(text)
