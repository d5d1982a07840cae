"""Personal data that is hidden: between invisible characters, behind look-alikes, in documents."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote

import orjson
import pytest
from redaction import RING, record_of

from streamproc.assemble import make_pipeline
from streamproc.events import Row
from streamproc.identity import View
from streamproc.pipeline import Pipeline
from streamproc.settings import Settings, WorkerSettings

PERSONAL = ("jane.doe@example.com", "+1 212-555-0147", "GB29NWBK60161331926819", "4111111111111111")
HIDINGS: dict[str, Callable[[str], str]] = {
    "zero-width": "\u200b".join,
    "soft hyphen": lambda text: text[:6] + "\u00ad" + text[6:],
    "bidi": lambda text: f"\u202e{text[:5]}\u2066{text[5:]}\u202c",
    "full-width": lambda text: "".join(
        chr(ord(letter) + 0xFEE0) if letter != " " else letter for letter in text
    ),
    "look-alikes": lambda text: text.translate(
        str.maketrans("aeocB", "\u0430\u0435\u043e\u0441\u0412")
    ),
    "encoded zero-width": lambda text: "/u?v=" + quote(f"{text[:4]}\u200b{text[4:]}", safe=""),
    "json": lambda text: json.dumps({"note": [text]}),
    "json in json": lambda text: json.dumps({"note": json.dumps({"x": text})}),
    "escapes": lambda text: "x = '" + "".join(f"\\u{ord(letter):04x}" for letter in text) + "'",
    "form": lambda text: f"a=1&note={quote(text, safe='')}",
    "base64": lambda text: b64encode(f"note: {text}".encode()).decode(),
    "base64url in words": lambda text: (
        f"see {urlsafe_b64encode(f'so {text}'.encode()).decode()}, ok"
    ),
    "json in base64": lambda text: b64encode(json.dumps({"note": text}).encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
}


@pytest.fixture(scope="module")
def pipeline(pytestconfig: pytest.Config) -> Pipeline:
    assert pytestconfig.cache
    worker = WorkerSettings(directory=pytestconfig.cache.mkdir("patterns"))
    return make_pipeline(Settings(worker=worker), RING, View())


@pytest.mark.parametrize("hiding", HIDINGS)
def test_what_is_hidden_is_gone_and_stays_gone(pipeline: Pipeline, hiding: str) -> None:
    values = [HIDINGS[hiding](text) for text in PERSONAL]
    records = [record_of({"properties": {"note": value}}) for value in values]
    for value, row in zip(values, pipeline.run(records).outcomes, strict=True):
        assert isinstance(row, Row)
        body = orjson.loads(row.payload)
        assert value not in body["properties"]["note"], hiding
        again = pipeline.run([record_of(body)]).outcomes[0]
        assert isinstance(again, Row)
        assert orjson.loads(again.payload)["properties"] == body["properties"]
