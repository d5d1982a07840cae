"""``streamproc schemas`` on a real registry."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from avro_bodies import record_of
from commands import Done
from commands import run as run_command
from confluent_kafka.schema_registry import SchemaRegistryClient

from streamproc.kafka.subjects import OF_TOPICS

pytestmark = pytest.mark.registry

EVENT = record_of(type="string", userId="string")
WITHOUT_DEFAULT = record_of(type="string", userId="string", plan="string")
JSON_SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {"type": {"type": "string"}},
}


class Place:
    """A folder of schemas, and subjects that nobody else has."""

    def __init__(self, folder: Path, registry: str) -> None:
        self.folder = folder
        self.unique = uuid.uuid4().hex[:10]
        self.subject = f"{self.unique}.raw-value"
        self._settings = {
            "STREAMPROC_REGISTRY_URL": registry,
            "STREAMPROC_FORMATS_SCHEMAS": str(folder),
            "STREAMPROC_TOPICS_RAW": f"{self.unique}.raw",
        } | {
            f"STREAMPROC_TOPICS_{topic.upper()}": f"{self.unique}.{topic}"
            for topic in OF_TOPICS.values()
        }

    def write(self, schema: Any, name: str = "event.avsc") -> None:
        (self.folder / name).write_text(json.dumps(schema))

    def run(self, *arguments: str) -> Done:
        return run_command(self._settings, self.folder, "schemas", *arguments)

    def of_events(self, *arguments: str) -> tuple[int, Any]:
        """Return how a command about raw events ended, and what it said of their subject."""
        command, *options = arguments
        done = self.run(command, self.subject, "--json", *options)
        (found,) = json.loads(done.stdout)["subjects"]
        return done.returncode, found


@pytest.fixture
def place(tmp_path: Path, registry: str) -> Place:
    return Place(tmp_path, registry)


def test_all_schemas_are_registered_once(place: Place, registry: str) -> None:
    place.write(EVENT)

    first, again = (json.loads(place.run("push", "--json").stdout)["subjects"] for _ in range(2))

    assert len(first) == len(OF_TOPICS) + 1
    assert {each["result"] for each in first} == {"registered"}
    assert {each["result"] for each in again} == {"as it is registered"}
    assert {each["version"] for each in (*first, *again)} == {1}
    with SchemaRegistryClient({"url": registry}) as client:
        found = client.get_latest_version(place.subject)
    assert json.loads(found.schema.schema_str) == EVENT


def test_a_dry_run_registers_nothing(place: Place) -> None:
    place.write(EVENT)
    for _ in range(2):
        assert place.of_events("push", "--dry-run")[1]["result"] == "to register"


def test_a_version_that_cannot_follow_is_refused_and_check_says_why(place: Place) -> None:
    place.write(EVENT)
    assert place.of_events("push", "--compatibility", "backward")[0] == 0

    place.write(WITHOUT_DEFAULT)
    code, found = place.of_events("push")
    assert (code, found["result"], found["compatibility"]) == (1, "refused", "BACKWARD")

    code, found = place.of_events("check")
    assert (code, found["result"], found["mode"]) == (1, "incompatible", "BACKWARD")
    assert [(each["path"], each["against"]) for each in found["problems"]] == [
        ("plan", "version 1")
    ]

    code, found = place.of_events("diff")
    assert code == 1
    assert found["changes"] == [{"path": "plan", "how": "added", "before": None, "after": "string"}]

    with_default = record_of(type="string", userId="string", plan="string")
    with_default["fields"][2]["default"] = "free"
    place.write(with_default)
    assert place.of_events("check")[0] == 0
    assert place.of_events("push")[1]["version"] == 2
    assert place.of_events("diff") == (
        0,
        {
            "subject": place.subject,
            "file": str(place.folder / "event.avsc"),
            "against": "version 2",
            "changes": [],
        },
    )


@pytest.mark.parametrize(("mode", "code"), [("backward", 0), ("backward_transitive", 1)])
def test_transitive_looks_past_the_last_version(place: Place, mode: str, code: int) -> None:
    """Version 2 gives a field a default that version 3 no longer has."""
    place.write(EVENT)
    place.of_events("push", "--compatibility", "none")
    with_default = record_of(type="string", userId="string", plan="string")
    with_default["fields"][2]["default"] = "free"
    place.write(with_default)
    place.of_events("push")
    place.write(WITHOUT_DEFAULT)

    assert place.of_events("check", "--mode", mode)[0] == code
    # The registry is of the same mind.
    assert place.of_events("push", "--compatibility", mode)[0] == code


@pytest.mark.parametrize("mode", ["backward", "forward", "full"])
@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields.append({"name": "plan", "type": "string"}),
        lambda fields: fields.append({"name": "plan", "type": "string", "default": "free"}),
        lambda fields: fields.pop(),
        lambda fields: fields[1].update(type="long"),
        lambda fields: fields[1].update(type=["null", "string"]),
        lambda fields: fields[1].update(type="bytes"),
    ],
    ids=["added", "added with a default", "removed", "another type", "optional", "as bytes"],
)
def test_the_verdict_is_the_registrys(
    place: Place, mode: str, change: Callable[[list[Any]], Any]
) -> None:
    place.write(EVENT)
    place.of_events("push", "--compatibility", mode)
    changed = json.loads(json.dumps(EVENT))
    change(changed["fields"])
    place.write(changed)

    ours = place.of_events("check", "--mode", mode)[0]

    assert place.of_events("push")[0] == ours


def test_what_only_the_registry_can_judge_is_told_as_its_verdict(place: Place) -> None:
    place.write(JSON_SCHEMA, "event.json")
    place.of_events("push", "--compatibility", "backward")
    stricter = {**JSON_SCHEMA, "properties": {"type": {"type": "integer"}}}
    place.write(stricter, "event.json")

    code, found = place.of_events("check")

    assert code == 1
    assert [each["message"] for each in found["problems"]] == ["the registry does not take it"]


def test_tables_hold_no_lines_of_the_http_client(place: Place) -> None:
    place.write(EVENT)
    done = place.run("push", place.subject)
    assert done.stderr == b""
    assert len(done.stdout.splitlines()) == 2
