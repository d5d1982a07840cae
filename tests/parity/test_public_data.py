"""Texts of public data sets: our findings are Presidio's, and what is exempt is counted."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from parity.comparison import Comparison, Sourced
from parity.recognitions import EVERYTHING
from presidio_reference import Reference

from streamproc.detect import Recognition, Text, key_words
from streamproc.detect.shapes import machine_made

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
SOURCES = {
    "presidio_recognizer_cases.jsonl": 574,
    "segment_events.jsonl": 617,
    "synth_v2.jsonl": 100,
    "pii_anon_test_adversarial.jsonl": 120,
    "pii_anon_test_technology.jsonl": 60,
    "pii_anon_format_variations.jsonl": 60,
    "wnut17.jsonl": 100,
}
"""Files, and how many of their records are compared: all of it in half a minute."""

pytestmark = [
    pytest.mark.skipif(not DATA.is_dir(), reason="the evaluation data is not here"),
    pytest.mark.timeout(900),  # compiling all of Presidio's patterns takes a minute, once
]


def _texts(name: str, records: int) -> Iterator[Sourced]:
    with (DATA / name).open(encoding="utf-8") as lines:
        for number, record in enumerate(map(json.loads, islice(lines, records)), start=1):
            for text in _of(record):
                yield Sourced(f"{name}:{number}", text)


def _of(record: dict[str, Any]) -> Iterator[Text]:
    if "event" in record:
        yield from _leaves(record["event"])
    else:
        yield Text(record["full_text"] if "full_text" in record else record["text"])


def _leaves(value: Any, key: str = "") -> Iterator[Text]:
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _leaves(below, name)
    elif isinstance(value, list):
        for below in value:
            yield from _leaves(below, key)
    elif isinstance(value, str):
        yield Text(value, key_words(key))


def test_findings_equal_presidios_on_public_data(patterns: Path) -> None:
    texts = {sourced.text: sourced for source in SOURCES.items() for sourced in _texts(*source)}
    comparison = Comparison(EVERYTHING, patterns)

    comparison.compare(texts.values())

    assert len(texts) > 1900
    assert comparison.pairs > 170_000
    assert comparison.differences == []


def test_what_is_exempt_is_a_small_part_of_public_data() -> None:
    recognition = Recognition(frozenset({"PERSON", "LOCATION", "NRP", "PHONE_NUMBER"}))
    shape = machine_made(recognition.entities)
    reference = Reference(recognition)
    leaves = sorted({sourced.text for sourced in _texts("segment_events.jsonl", 617)})

    exempt = Counter[str]()
    for leaf in leaves:
        exempt["shape"] += bool(shape.fullmatch(leaf.value))
        exempt["names outside prose"] += reference.gate_matters(leaf)

    # Exact, so that a change of a rule shows how much more, or less, it leaves out.
    assert (len(leaves), exempt) == (920, {"shape": 66, "names outside prose": 85})
