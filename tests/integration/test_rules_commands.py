"""``streamproc rules publish``, ``rollback``, ``history`` and ``status``, beside a worker."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from brokers import Broker
from click.testing import CliRunner, Result
from commands import logging_put_back
from workplace import Workplace

from streamproc.cli import main
from streamproc.cli.rules.rolling_out import about
from streamproc.demo import Generated
from streamproc.errors import RetryableError
from streamproc.kafka.codecs import decode_row
from streamproc.kafka.control import LogWriter
from streamproc.rollout.bundle import read_bundle
from streamproc.rollout.log import RulesLog
from streamproc.rollout.publish import Publication, publish
from streamproc.rollout.workers import Workers
from streamproc.settings import KafkaSettings, Settings

RULES = "version: 1\nname: own\nentities: [EMAIL_ADDRESS]\noperators: {default: %s}\n"
CASE = """\
- name: an address in a property
  event: {type: track, event: E, userId: u, properties: {note: jane@example.com}}
  expect: {values: {properties.note: %s}}
"""


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    with logging_put_back():
        yield


class Office(Workplace):
    """Where operations people publish rules."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        super().__init__(broker, folder)
        for topic in (self.topics.rules, self.topics.status):
            broker.create(topic, 1 if broker.kind == "kafka" else 4)

    def write(self, operator: str) -> Path:
        rules = self.folder / "rules"
        rules.mkdir(exist_ok=True)
        (rules / "own.yaml").write_text(RULES % operator)
        return rules

    def rules(self, *arguments: str) -> Result:
        environment = self.environment(rules_follow="topic", log_level="ERROR")
        return CliRunner().invoke(main, ["rules", *arguments], env=environment)

    def told(self, *arguments: str) -> dict[str, Any]:
        result = self.rules(*arguments, "--json")
        assert result.exit_code == 0, result.output
        told: dict[str, Any] = json.loads(result.stdout)
        return told

    def publish_rules(self, operator: str) -> dict[str, Any]:
        message = f"{operator} from now on"
        return self.told("publish", str(self.write(operator)), "--message", message)

    def work(self, numbers: range) -> None:
        """Publish events and wait until they are rows."""
        self.publish(numbered(number) for number in numbers)
        self.wait_until_processed(numbers.stop)

    def notes(self) -> dict[str, Any]:
        """Return by message id what became of the address in each event."""
        rows = map(decode_row, (each.value for each in self.broker.consume_all(self.topics.load)))
        payloads: dict[str, Any] = {row.message_id: row.payload for row in rows}
        return {id_: body["properties"].get("note") for id_, body in payloads.items()}


def numbered(number: int) -> Generated:
    properties = {"note": "jane@example.com"}
    event = {"type": "track", "event": "E", "userId": f"u{number}", "properties": properties}
    event["messageId"] = f"m{number}"
    return Generated(orjson.dumps(event), f"u{number}".encode(), f"m{number}", ())


def test_rules_are_published_taken_back_and_told_about(broker: Broker, tmp_path: Path) -> None:
    office = Office(broker, tmp_path)
    with office.worker(rules_follow="topic") as worker:
        worker.wait_for("no ruleset has been published")
        first = office.publish_rules("mask")
        worker.wait_for("worker ready")
        office.work(range(40))
        second = office.publish_rules("drop")
        office.work(range(40, 80))
        third = office.told("rollback")
        office.work(range(80, 120))
        status = office.told("status")
        assert worker.stop() == 0
    history = office.told("history")

    notes = office.notes()
    assert {notes[f"m{number}"] for number in range(40)} == {"****@*******.***"}
    assert {notes[f"m{number}"] for number in range(40, 80)} == {None}
    assert {notes[f"m{number}"] for number in range(80, 120)} == {"****@*******.***"}
    assert (first["ruleset"], first["fences"]) == (1, {})
    assert sum(second["fences"].values()) == 40
    assert set(second["workers"].values()) == {"ready"}
    assert third["fingerprint"] == first["fingerprint"] != second["fingerprint"]
    assert [(each["message"], each["outcome"]) for each in history["rulesets"]] == [
        ("mask from now on", "replaced"),
        ("drop from now on", "replaced"),
        ("rollback to ruleset 1", "in force"),
    ]
    (told,) = status["workers"]
    assert (status["ruleset"], told["live"], told["lags"], told["refused"]) == (3, True, 0, 0)
    partitions = told["partitions"].values()
    assert sum(each["offset"] for each in partitions) == 120
    assert {(each["ruleset"], each["behind"]) for each in partitions} == {(3, False)}
    assert office.told("status")["workers"] == []  # it said goodbye


def test_any_words_may_be_said_of_a_ruleset_that_are_words(
    embedded: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(embedded, tmp_path)
    rules = str(office.write("mask"))
    wrong = [office.rules("publish", rules, "--message", text) for text in ("\udcff", "\x1b[2J")]
    office.told("publish", rules, "--message", "for [/everybody] :warning: [red]", "--author", "é")

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", nobody)
    office.told("publish", rules, "--message", "by a container")
    history = office.rules("history")

    assert [each.exit_code for each in wrong] == [2, 2]
    assert "--message: expected text in UTF-8" in wrong[0].output
    assert "for [/everybody] :warning: [red]" in history.output
    assert f"uid {os.getuid()}" in history.output


def test_a_switch_that_the_brokers_did_not_answer_may_have_happened_and_is_said_so(
    embedded: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(embedded, tmp_path)
    append = LogWriter.append

    def unanswered(
        writer: LogWriter, key: bytes, value: bytes | None, headers: Mapping[str, bytes]
    ) -> int:
        offset = append(writer, key, value, headers)
        if b"/activate/" in key:
            raise RetryableError("not written to rules: no answer")
        return offset

    with monkeypatch.context() as patched:
        patched.setattr(LogWriter, "append", unanswered)
        said = office.rules("publish", str(office.write("mask")), "--message", "m")

    assert said.exit_code == 1
    assert "whether ruleset 1 is in force is not known" in said.output
    assert office.told("status")["ruleset"] == 1


def test_what_is_not_in_order_is_not_published(embedded: Broker, tmp_path: Path) -> None:
    office = Office(embedded, tmp_path)
    broken = office.rules("publish", str(office.write("shred")), "--message", "m")
    rules = office.write("mask")
    (rules / "tests").mkdir()
    (rules / "tests" / "own.yaml").write_text(CASE % "jane")
    failing = office.rules("publish", str(rules), "--message", "m")

    assert (broken.exit_code, failing.exit_code) == (2, 1)
    assert "own.yaml:4" in broken.output
    assert "1 case failed, nothing was published" in failing.output
    assert office.told("history")["rulesets"] == []


def test_without_an_earlier_ruleset_nothing_can_be_taken_back(
    embedded: Broker, tmp_path: Path
) -> None:
    office = Office(embedded, tmp_path)
    office.publish_rules("mask")

    assert "no ruleset was in force before" in office.rules("rollback").output
    assert "there is no ruleset 7" in office.rules("rollback", "7").output


def test_what_was_only_tried_cannot_be_put_in_force_as_if_it_had_been_before(
    embedded: Broker, tmp_path: Path
) -> None:
    office = Office(embedded, tmp_path)
    office.publish_rules("mask")
    office.told("shadow", str(office.write("drop")), "--for", "1s")

    refused = office.rules("rollback", "2")

    assert refused.exit_code == 1
    assert "ruleset 2 was never in force" in refused.output
    assert [each["ruleset"] for each in office.told("history")["rulesets"]] == [1, 2]


def test_what_was_decided_about_another_ruleset_in_force_comes_too_late(
    embedded: Broker, tmp_path: Path
) -> None:
    """As by a promotion or rollback that somebody else's publication overtakes."""
    office = Office(embedded, tmp_path)
    office.publish_rules("mask")
    office.publish_rules("hash")
    settings = Settings(kafka=KafkaSettings(brokers=embedded.bootstrap), topics=office.topics)
    files = read_bundle(office.write("drop"))

    def publication(against: int) -> Publication:
        return about(settings, files, message="m", author="a", against=against)

    with RulesLog(settings) as log, Workers(settings) as workers:
        late = publish(log, workers, publication(1), lambda *_: None, 10)
        undecided = log.ledger.undecided
        in_time = publish(log, workers, publication(2), lambda *_: None, 10)

    assert (late.fences, late.reason, undecided) == (None, "overtaken", [])
    assert in_time.fences is not None
    assert [each["outcome"] for each in office.told("history")["rulesets"]] == [
        "replaced",
        "replaced",
        "not in force: overtaken",
        "in force",
    ]
