"""Canaries on real Kafka, with a worker and a loader as processes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson
import pytest
from brokers import Broker
from commands import Done
from commands import run as run_command
from processes import Process, running, wait_until
from prometheus_client.parser import text_string_to_metric_families
from workplace import Workplace

from streamproc.canaries import Finder, Recipe, hatch, known_again
from streamproc.canary import recipe_of
from streamproc.kafka.codecs import decode_row
from streamproc.pages import fetch
from streamproc.settings import load_settings

CANARY = ["-m", "streamproc", "canary", "run"]
SECRET = "0123456789abcdef" * 3
CARELESS = """
version: 1
name: careless
entities: [EMAIL_ADDRESS, PHONE_NUMBER, CREDIT_CARD, IP_ADDRESS, PERSON]
operators: {default: hash}
rules:
  - {name: mail-in-links, fields: [properties.link], entities: [EMAIL_ADDRESS], operator: keep}
"""
pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def place(session_kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """A worker by the shipped rules; its topics hold what every test here has sent."""
    made = Workplace(session_kafka, tmp_path_factory.mktemp("shipped"))
    with made.ready_worker():
        yield made


@pytest.fixture(scope="module")
def careless(
    session_kafka: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workplace]:
    """A worker by rules that let mail addresses through."""
    folder = tmp_path_factory.mktemp("careless")
    rules = folder / "rules"
    rules.mkdir()
    (rules / "rules.yaml").write_text(CARELESS)
    made = Workplace(session_kafka, folder)
    with made.ready_worker(rules_directory=rules):
        yield made


@pytest.fixture
def deserted(session_kafka: Broker, tmp_path: Path) -> Workplace:
    """No worker at all."""
    return Workplace(session_kafka, tmp_path)


def variables(place: Workplace, **settings: object) -> dict[str, str]:
    own: dict[str, object] = {
        "canary_secret": SECRET,
        "canary_interval_seconds": 0.2,
        "canary_removal_seconds": 1,
        "canary_people": 2,
        "canary_kinds": "email,ip,phone,card",
        "metrics_port": 0,
    }
    return place.environment(**own | settings)


def check(place: Workplace, *options: str, **settings: object) -> Done:
    return run_command(variables(place, **settings), place.folder, "canary", "check", *options)


def recipe(place: Workplace) -> Recipe:
    return recipe_of(load_settings(None, variables(place)).settings)


def counters(process: Process) -> Mapping[str, float]:
    """Return the canary's counters, by name and label."""
    line = next(each for each in process.lines if "metrics are served" in each)
    page = fetch(f"http://127.0.0.1:{json.loads(line)['port']}/metrics", 5).decode()
    return {
        ":".join((sample.name, *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_with_the_shipped_rules_canaries_are_clean_and_leave_nothing_in_the_warehouse(
    place: Workplace,
) -> None:
    with (
        running(["-m", "streamproc", "load"], place.environment()) as loader,
        running(CANARY, variables(place, canary_kinds="email,ip,phone,card,person")) as process,
    ):
        loader.wait_for("partitions assigned")
        process.wait_for("metrics are served")
        wait_until(lambda: counters(process).get("streamproc_canaries_total:clean", 0) >= 12)
        assert process.stop() == 0
        loader.stop()
    place.load()

    seen = counters_told(process)
    assert seen.get("leaked", 0) == seen.get("late", 0) == 0
    assert place.query("SELECT count(*) >= 12 FROM streamproc_messages") == [(True,)]
    for table, user in (("tracks", "user_id"), ("identifies", "user_id"), ("users", "id")):
        left = f"SELECT count(*) FROM {table} WHERE {user} LIKE 'canary!_%' ESCAPE '!'"
        assert place.query(left) == [(0,)]
    deleted = place.query("SELECT token, receipt FROM streamproc_deletions")
    assert 2 <= len(deleted) <= 4  # two people at most, by user id and device each
    assert {receipt for _, receipt in deleted} == {"canaries"}


def counters_told(process: Process) -> dict[str, int]:
    process.close()
    line = next(each for each in reversed(process.lines) if "canary stopped" in each)
    return {name: count for name, count in json.loads(line).items() if isinstance(count, int)}


def test_rules_that_let_mail_addresses_through_raise_the_alarm(careless: Workplace) -> None:
    with running(CANARY, variables(careless)) as process:
        told = json.loads(process.wait_for("a canary leaked"))
        wait_until(lambda: counters(process)["streamproc_leaks_total:row"] > 0)
        process.stop()
        process.close()

    assert (told["level"], told["kind"], told["path"]) == ("error", "email", "properties.link")
    assert told["where"] == "row"
    assert told["seconds"] < 30
    made = known_again(recipe(careless), told["message_id"])
    assert made is not None
    assert Finder(made.planted).find("\n".join(process.lines).encode()) == []
    (row,) = [
        row
        for record in careless.broker.consume_all(careless.topics.load)
        if (row := decode_row(record.value)).message_id == told["message_id"]
    ]
    assert row.ruleset == told["ruleset"]


def test_a_check_ends_with_0_when_all_came_clean(place: Workplace) -> None:
    done = check(place, "--json", canary_kinds="email,ip,phone,card,person")
    found = json.loads(done.stdout)
    assert (done.returncode, found["clean"], found["leaks"]) == (0, 8, [])
    assert found["removed"] == 4


def test_a_check_ends_with_1_and_a_line_for_each_way_out(careless: Workplace) -> None:
    done = check(careless, "--once")
    text = done.stdout.decode()
    assert done.returncode == 1
    assert text.count("properties.link") == 1
    assert "4 clean, 4 leaked, 0 late" in text


def test_a_check_ends_with_3_when_no_worker_runs(deserted: Workplace) -> None:
    done = check(deserted, canary_expected_seconds=1)
    assert done.returncode == 3
    assert "8 canaries sent: 0 clean, 0 leaked, 8 late." in done.stdout.decode()
    assert "0, 1, 2, 3" in done.stdout.decode()


def test_a_check_ends_with_3_when_no_broker_answers(deserted: Workplace) -> None:
    done = check(deserted, kafka_brokers="127.0.0.1:1")
    assert done.returncode == 3
    assert b"nothing is known" in done.stderr


def test_a_value_in_a_log_is_found_however_it_is_written(place: Workplace, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("ready\n")
    trait = next(
        each.value
        for each in hatch(recipe(place), bytes(8)).planted
        if each.path.endswith("traits.email")
    )
    settings = variables(place, canary_people=1, canary_logs=str(tmp_path / "*.log"))
    with running(CANARY, settings) as process:
        process.wait_for("canary ready")
        wait_until(lambda: counters(process).get("streamproc_canaries_total:clean", 0) > 2)
        log.write_text(f"ready\nfailed for {trait.upper()}\n")
        told = json.loads(process.wait_for("a canary leaked"))
        process.stop()
    assert (told["where"], told["place"], told["kind"]) == ("log", str(log), "email")


def values(place: Workplace, topic: str) -> set[bytes]:
    return {record.value or b"" for record in place.broker.consume_all(topic)}


def test_who_sends_a_canarys_message_id_has_nobody_deleted(place: Workplace) -> None:
    before = values(place, place.topics.raw)
    with running(CANARY, variables(place, canary_interval_seconds=60)) as process:
        wait_until(lambda: values(place, place.topics.raw) - before)
        (sent,) = values(place, place.topics.raw) - before
        forged = orjson.loads(sent) | {"userId": "somebody", "anonymousId": "else"}
        place.broker.produce(place.topics.raw, [(b"somebody", orjson.dumps(forged))])
        wait_until(lambda: b"somebody" in b"".join(values(place, place.topics.load)))
        wait_until(lambda: counters(process).get("streamproc_canaries_total:clean", 0) == 1)
        process.stop()  # which removes what has come
    deleted = b"".join(values(place, place.topics.deletions))
    assert deleted
    assert b"somebody" not in deleted
    assert b"else" not in deleted
