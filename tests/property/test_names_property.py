"""Names of an event, written in any way: the quick looks for them pass over none."""

from __future__ import annotations

import json
from urllib.parse import quote

import orjson
from hypothesis import assume, given
from hypothesis import strategies as st
from redaction import LIMITS, record_of, redacted, sites_of

from streamproc.decode import decode
from streamproc.detect.siblings import find_known
from streamproc.detect.urls import url_parts
from streamproc.events import Record
from streamproc.redact import survey

RULE = "{name: n, fields: ['**.firstName'], entity: PERSON, operator: hash}"

letters = st.characters(codec="utf-8", categories=["L", "M", "Pd"])
names = st.one_of(
    st.text(letters, min_size=3, max_size=8),
    st.sampled_from(["Jane", "O'Neil", "Ann-Marie", "Al Bo", "Strauß", "José", "Quix/Zork", "ﬁnn"]),
)


def octets(character: str) -> str:
    return "".join(f"%{octet:02X}" for octet in character.encode())


@st.composite
def encodings(draw: st.DrawFn, name: str) -> str:
    """Draw ``name`` as a part of a URL, each letter encoded or not, the whole perhaps again."""
    text = "".join(draw(st.sampled_from([letter, octets(letter)])) for letter in name)
    again = draw(st.sampled_from([None, "quote", "octets"]))
    if again == "octets":
        return "".join(draw(st.sampled_from([letter, octets(letter)])) for letter in text)
    return quote(text, safe="") if again else text


@given(st.data(), names)
def test_a_name_in_a_url_is_found_however_it_is_encoded(data: st.DataObject, name: str) -> None:
    url = "/x?n=" + data.draw(encodings(name))
    assume(any(map(str.isalpha, name)))
    assume(not find_known("<PERSON>", [name]))  # which may stand in its place
    assume(any(find_known(part.text, [name]) for part in url_parts(url)))
    made = redacted({"properties": {"firstName": name, "url": url}}, {}, RULE)
    properties = orjson.loads(orjson.dumps(made.body["properties"]))
    assert not any(find_known(part.text, [name]) for part in url_parts(properties["url"]))
    assert properties["url"] != url


@given(names, st.booleans(), st.booleans())
def test_an_event_that_holds_its_name_again_is_known_to(
    name: str, ascii_only: bool, slashes: bool
) -> None:
    body = {"type": "track", "event": "T", "userId": "u", "a": {"firstName": name, "b": name}}
    value = json.dumps(body, ensure_ascii=ascii_only).encode()
    if slashes:
        value = value.replace(b"/", b"\\/")
    record = Record(record_of({}).origin, None, value, record_of({}).timestamp)
    found = survey(decode(record, LIMITS), sites_of(RULE))
    assert found.names or not find_known(name, [name]) or not any(map(str.isalpha, name))
