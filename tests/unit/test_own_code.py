"""Enrichments and transformations on the whole way of an event, with the shipped rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from redaction import RING

from streamproc.assemble import make_pipeline
from streamproc.errors import ConfigError
from streamproc.events import DeadLetter, Dropped, Micros, Origin, Outcome, Record, Row
from streamproc.identity import View
from streamproc.settings import IdentitySettings, RulesSettings, Settings, TransformSettings

EMAIL = "jane.doe@example.com"
ENRICHMENTS = "version: 1\nenrichments: {user_agent: {}, campaign: true, referrer: {}}\n"
RULES = "version: 1\nname: own\nentities: [EMAIL_ADDRESS]\noperators: {default: replace}\n"


def run(settings: Settings, *bodies: dict[str, Any]) -> list[Outcome]:
    records = [
        Record(Origin("raw", 0, offset), b"k", orjson.dumps(body), Micros(0))
        for offset, body in enumerate(bodies)
    ]
    return list(make_pipeline(settings, RING, View()).run(records).outcomes)


def event(**more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Seen", "userId": "u-1", "messageId": "m-1"} | more


def payload(outcome: Outcome) -> Any:
    assert isinstance(outcome, Row)
    return orjson.loads(outcome.payload)


def code(outcome: Outcome) -> str:
    assert isinstance(outcome, DeadLetter)
    return f"{outcome.stage}.{outcome.code} {outcome.path}"


def with_code(folder: Path, source: str, room: str = "after", allowed: str = "") -> Settings:
    (folder / "code" / room).mkdir(parents=True)
    (folder / "code" / room / "own.py").write_text(source)
    (folder / "rules").mkdir()
    (folder / "rules" / "rules.yaml").write_text(RULES + allowed)
    return Settings(
        rules=RulesSettings(directory=folder / "rules"),
        transform=TransformSettings(directory=folder / "code"),
    )


def test_what_an_enrichment_adds_is_searched_like_everything_else(tmp_path: Path) -> None:
    (tmp_path / "identity.yaml").write_text(ENRICHMENTS)
    settings = Settings(identity=IdentitySettings(file=tmp_path / "identity.yaml"))
    url = "https://www.example.com/?utm_source=letter&utm_campaign=jane.doe%40example.com"
    agent = f"Reader/7.1 ({EMAIL})"
    context = {"page": {"url": url, "referrer": f"https://x.com/{EMAIL}"}, "userAgent": agent}

    (row,) = run(settings, event(context=context))

    made = payload(row)["context"]
    assert made["campaign"]["source"] == "letter"
    assert made["campaign"]["name"].startswith("tok_k1_")
    assert made["referrer"] == {"type": "social", "name": "x"}
    assert "userAgent" not in made
    assert EMAIL.encode() not in orjson.dumps(payload(row))


def test_a_transformation_sees_redacted_events_alone(tmp_path: Path) -> None:
    source = "def transform_event(event, metadata):\n"
    source += "  event['seen'] = event['properties']['to']\n"
    source += "  return event if metadata(event)['offset'] != 1 else None\n"
    bodies = [event(properties={"to": EMAIL}), event(properties={"to": EMAIL}), event()]

    kept, dropped, failed = run(with_code(tmp_path, source), *bodies)

    assert payload(kept)["seen"] == "<EMAIL_ADDRESS>"
    assert dropped == Dropped(Origin("raw", 0, 1), "transform:own")
    assert code(failed) == "transform.raised own.py:2 KeyError"


def test_what_a_transformation_of_raw_events_returns_is_redacted(tmp_path: Path) -> None:
    source = "def transform_event(event, metadata):\n"
    source += "  event['domain'] = event['properties']['to'].partition('@')[2]\n"
    source += "  event['copy'] = event['properties']['to']\n"
    source += "  return event\n"
    settings = with_code(tmp_path, source, "before", "raw_transformations: [own]\n")

    made, failed = run(settings, event(properties={"to": EMAIL}), event(properties={"to": None}))

    assert payload(made)["domain"] == "example.com"
    assert payload(made)["copy"] == "<EMAIL_ADDRESS>"
    assert code(failed) == "transform.raised own.py:2 AttributeError"


def test_what_a_transformation_of_raw_events_breaks_is_a_dead_letter(tmp_path: Path) -> None:
    source = "def transform_event(event, metadata):\n  return event | {'context': 'no object'}\n"
    settings = with_code(tmp_path, source, "before", "raw_transformations: [own]\n")

    assert [code(each) for each in run(settings, event())] == ["decode.wrong_type context"]


def test_raw_events_are_shown_to_no_transformation_that_the_rules_do_not_name(
    tmp_path: Path,
) -> None:
    source = "def transform_event(event, metadata):\n  return event\n"

    with pytest.raises(ConfigError, match=r"own\.py: sees raw events, which the rules do not"):
        run(with_code(tmp_path, source, "before", "raw_transformations: [other]\n"), event())


def test_transformations_are_part_of_the_fingerprint(tmp_path: Path) -> None:
    source = "def transform_event(event, metadata):\n  return event\n"
    settings = with_code(tmp_path, source)
    prints = {make_pipeline(settings, RING, View()).ruleset}
    prints.add(make_pipeline(settings, RING, View()).ruleset)
    (tmp_path / "code" / "after" / "own.py").write_text(source + "\n")
    prints.add(make_pipeline(settings, RING, View()).ruleset)

    assert len(prints) == 2
