"""Events of any shape, with personal data that is known beforehand."""

from __future__ import annotations

import json
from base64 import b64encode
from urllib.parse import urlencode

import orjson
from hypothesis import strategies as st

__all__ = ["SECRETS", "body", "document", "documents", "ids", "plain", "shown", "text"]

SECRETS = {"qq Qqqq": "PERSON", "qq@qqq.qq": "EMAIL_ADDRESS", "4444123412341234": "CREDIT_CARD"}

plain = st.text(st.characters(codec="utf-8", exclude_characters="q4"), max_size=8)
secret = st.sampled_from(sorted(SECRETS))
text = st.one_of(plain, secret, st.tuples(plain, secret, plain, secret).map("".join))
scalar = st.none() | st.booleans() | st.integers(-99, 99) | text
key = st.one_of(st.sampled_from(["email", "firstName", "note"]), text)
body = st.dictionaries(
    key,
    st.recursive(
        scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(key, inner, max_size=3)
    ),
    max_size=4,
)
document = st.one_of(
    body.map(json.dumps),
    body.map(lambda content: b64encode(json.dumps(content).encode()).decode()),
    st.tuples(text, text).map(lambda pair: urlencode({"a": pair[0], "note": pair[1]})),
    text.map(lambda content: b64encode(f"and {content}".encode()).decode()),
)
documents = st.dictionaries(
    st.one_of(st.sampled_from(["email", "firstName", "note"]), document),
    st.one_of(document, text, st.lists(document, max_size=2)),
    max_size=3,
)
ids = st.fixed_dictionaries({}, optional={"messageId": document, "anonymousId": document})


def shown(value: object) -> str:
    return orjson.dumps(value).decode()
