"""Personal data of every kind, however it is encoded and wherever it stands: found, and gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import cycle, product
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from redaction import RING, record_of

from streamproc.assemble import make_pipeline
from streamproc.events import Json, Micros, Record, Row
from streamproc.identity import View
from streamproc.pipeline import Pipeline
from streamproc.settings import Settings, WorkerSettings

PERSONAL = {
    "email": "jane.q@example.com",
    "phone": "+1 212-555-0147",
    "iban": "GB29NWBK60161331926819",
    "card": "4111111111111111",
    "address": "192.0.2.77",
    "device": "aa:bb:cc:dd:ee:f1",
    "number": "536-90-4399",
}


def octets(text: str) -> str:
    return "".join(f"%{octet:02X}" for octet in text.encode())


ENCODINGS: tuple[Callable[[str], str], ...] = (
    str,
    str.upper,
    lambda text: quote(text, safe=""),
    lambda text: quote(quote(text, safe=""), safe=""),
    octets,
)
AROUND = (
    *("{}", "<{}>", "({})", "[{}]", '"{}"', "'{}'", "`{}`", "*{}*", "|{}|", "-{}-", "#{}"),
    *("mail {} now", "{}.", "{}!", "{}?", "{},{}", "{} {}", "\n{}\n", "\t{}", "{}\0", "{{e:{}}}"),
    *("mailto:{}", '<a href="mailto:{}">', "/u/{}/x", "?a={}", "a={};b=2", "?e[]={}&x"),
    *("https://x.example.com/{}", "https://x.example.com/?q={}&b=1", "https://x.example.com/#a={}"),
    *("https://{}@x.example.com/", "https://x.example.com/a;e={}", "https://x.example.com/a,{},b"),
    "https://x.example.com/r?to=https%3A%2F%2Fy.example.com%2F%3Fe%3D{}",
    *("\u65e5\u672c {} \u8a9e", "\U0001f600{}\U0001f600", "\u200b{}\u200b", "\u00a0{}\u00a0"),
    "<EMAIL_ADDRESS> {}",
)
PLACES: tuple[Callable[[str], Mapping[str, Json]], ...] = (
    lambda text: {"properties": {"note": text}},
    lambda text: {"properties": {text: 1}},
    lambda text: {"traits": {"a": [[{"x": text}], 1]}},
    lambda text: {"event": text},
    lambda text: {"userId": text},
    lambda text: {"messageId": text},
    lambda text: {"integrations": {"All": True, text: {"k": text}}},
    lambda text: {text: text},
)


@pytest.fixture(scope="module")
def pipeline(pytestconfig: pytest.Config) -> Pipeline:
    assert pytestconfig.cache
    worker = WorkerSettings(directory=pytestconfig.cache.mkdir("patterns"))
    return make_pipeline(Settings(worker=worker), RING, View())


def written(value: str) -> Iterator[tuple[str, str]]:
    """Yield ``value`` as it stands in a text, and the text."""
    for encode, around in product(ENCODINGS, AROUND):
        encoded = encode(value)
        yield encoded, around.replace("{}", encoded).replace("{{", "{").replace("}}", "}")


def texts_of(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from texts_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts_of(value)
    elif isinstance(node, str):
        yield node


@pytest.mark.parametrize("kind", PERSONAL)
def test_what_is_personal_is_nowhere_in_its_row(pipeline: Pipeline, kind: str) -> None:
    cases = list(zip(written(PERSONAL[kind]), cycle(PLACES), strict=False))
    records = [record_of(place(text), offset=i) for i, ((_, text), place) in enumerate(cases)]
    for ((value, text), _), row in zip(cases, pipeline.run(records).outcomes, strict=True):
        assert isinstance(row, Row)
        shown = [*texts_of(orjson.loads(row.payload)), repr(row)]
        assert not [part for part in shown if value in part], text


@pytest.mark.parametrize("kind", PERSONAL)
def test_a_row_that_comes_back_as_an_event_stays_as_it_is(pipeline: Pipeline, kind: str) -> None:
    cases = zip(written(PERSONAL[kind]), cycle(PLACES), strict=False)
    once = pipeline.run([record_of(place(text)) for (_, text), place in cases]).outcomes
    payloads = [row.payload for row in once if isinstance(row, Row)]
    again = [Record(row.origin, None, row.payload, Micros(0)) for row in once if type(row) is Row]
    assert payloads == [row.payload for row in pipeline.run(again).outcomes if type(row) is Row]
