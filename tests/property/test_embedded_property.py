"""Documents in texts: what is not changed is written as it was."""

from __future__ import annotations

import json
import string
from base64 import b64encode, urlsafe_b64encode
from typing import Any
from urllib.parse import quote, quote_plus

from hypothesis import assume, given
from hypothesis import strategies as st

from streamproc.redact.embedded import embedded, encoded

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
LETTERS = st.text(string.ascii_letters + string.digits + " @.é", min_size=12, max_size=80)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
STYLES: list[dict[str, Any]] = [
    {"separators": (",", ":")},
    {"separators": (",", ":"), "ensure_ascii": False},
    {},
    {"indent": 2},
    {"indent": "\t"},
]


@given(JSON.filter(lambda value: isinstance(value, dict | list) and value), st.sampled_from(STYLES))
def test_json_is_opened_and_written_as_it_was(value: Any, style: dict[str, Any]) -> None:
    text = json.dumps(value, **style)
    (found,) = embedded(text)
    assert found.content == value
    assert encoded(found, value) == text


@given(st.lists(st.tuples(st.from_regex(r"[a-z][\w]{0,5}", fullmatch=True), TEXTS), min_size=2))
def test_forms_are_opened_and_written_as_they_were(pairs: list[tuple[str, str]]) -> None:
    assume(not any(value.startswith("+") for _, value in pairs))
    for write in (quote, quote_plus):
        text = "&".join(f"{quote(key)}={write(value, safe='')}" for key, value in pairs)
        (found,) = embedded(text)
        assert found.content == [{key: value} for key, value in pairs]
        assert encoded(found, found.content) == text


@given(LETTERS, st.sampled_from([b64encode, urlsafe_b64encode]), st.booleans())
def test_base64_is_opened_and_written_as_it_was(content: str, write: Any, padded: bool) -> None:
    text = write(content.encode()).decode()
    text = text if padded else text.rstrip("=")
    (found,) = embedded(text)
    assert (found.content, text[found.start : found.end]) == (content, text)
    # Nothing in a text tells the two alphabets apart that has none of the letters they differ in.
    assert encoded(found, content) == text


@given(st.text(max_size=200), st.lists(LETTERS, max_size=3))
def test_documents_lie_apart_in_any_text(text: str, hidden: list[str]) -> None:
    text = text.join(b64encode(part.encode()).decode() for part in hidden) or "x"
    at = 0
    for found in embedded(text):
        assert at <= found.start < found.end <= len(text)
        assert found.written == text[found.start : found.end]
        assert encoded(found, found.content) is not None
        at = found.end
