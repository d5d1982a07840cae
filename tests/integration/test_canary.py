"""Canaries on real Kafka, with a worker and a loader as processes."""

from __future__ import annotations

import json
from collections.abc import Mapping
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

SECRET = "0123456789abcdef" * 3
CARELESS = """
version: 1
name: careless
entities: [EMAIL_ADDRESS, PHONE_NUMBER, CREDIT_CARD, IP_ADDRESS, PERSON]
operators: {default: hash}
rules:
  - {name: mail-in-links, fields: [properties.link], entities: [EMAIL_ADDRESS], operator: keep}
"""
TOKENS = "max(user_id), max(anonymous_id), max(identity_id)"

pytestmark = pytest.mark.kafka


@pytest.fixture
def place(kafka: Broker, tmp_path: Path) -> Workplace:
    return Workplace(kafka, tmp_path)


@pytest.fixture
def careless(tmp_path: Path) -> Path:
    folder = tmp_path / "careless"
    folder.mkdir()
    (folder / "rules.yaml").write_text(CARELESS)
    return folder


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
    canary = ["-m", "streamproc", "canary", "run"]
    with (
        place.ready_worker(),
        running(["-m", "streamproc", "load"], place.environment()) as loader,
        running(canary, variables(place, canary_kinds="email,ip,phone,card,person")) as process,
    ):
        process.wait_for("metrics are served")
        wait_until(lambda: counters(process).get("streamproc_canaries_total:clean", 0) >= 12)
        assert process.stop() == 0
        seen = counters_told(process)
        wait_until(lambda: place.broker.written(place.topics.load) >= seen["published"])
        loader.wait_for("partitions assigned")
        loader.stop()
    place.load()

    assert seen.get("leaked", 0) == seen.get("late", 0) == 0
    assert place.query("SELECT count(*) FROM streamproc_messages") == [(seen["published"],)]
    assert place.query(f"SELECT {TOKENS} FROM streamproc_messages") == [(None, None, None)]
    for table in ("tracks", "identifies", "users"):
        assert place.query(f"SELECT count(*) FROM {table}") == [(0,)]
    deleted = place.query("SELECT token, receipt FROM streamproc_deletions")
    assert len(deleted) <= 4  # two people, by user id and device each
    assert {receipt for _, receipt in deleted} == {"canaries"}


def counters_told(process: Process) -> dict[str, int]:
    process.close()
    line = next(each for each in reversed(process.lines) if "canary stopped" in each)
    return {name: count for name, count in json.loads(line).items() if isinstance(count, int)}


def test_rules_that_let_mail_addresses_through_raise_the_alarm(
    place: Workplace, careless: Path
) -> None:
    with (
        place.ready_worker(rules_directory=careless),
        running(["-m", "streamproc", "canary", "run"], variables(place)) as process,
    ):
        told = json.loads(process.wait_for("a canary leaked"))
        wait_until(lambda: counters(process)["streamproc_leaks_total:row"] > 0)
        process.stop()
        process.close()

    assert (told["level"], told["kind"], told["path"]) == ("error", "email", "properties.link")
    assert told["where"] == "row"
    assert told["seconds"] < 30
    made = known_again(recipe(place), told["message_id"])
    assert made is not None
    assert Finder(made.planted).find("\n".join(process.lines).encode()) == []
    (row,) = [
        row
        for record in place.broker.consume_all(place.topics.load)
        if (row := decode_row(record.value)).message_id == told["message_id"]
    ]
    assert row.ruleset == told["ruleset"]


def test_a_check_ends_with_0_when_all_came_clean(place: Workplace) -> None:
    with place.ready_worker():
        done = check(place, "--json", canary_kinds="email,ip,phone,card,person")
    found = json.loads(done.stdout)
    assert (done.returncode, found["clean"], found["leaks"]) == (0, 8, [])
    assert found["removed"] == 4


def test_a_check_ends_with_1_and_a_line_for_each_way_out(place: Workplace, careless: Path) -> None:
    with place.ready_worker(rules_directory=careless):
        done = check(place, "--once")
    text = done.stdout.decode()
    assert done.returncode == 1
    assert text.count("properties.link") == 1
    assert "4 clean, 4 leaked, 0 late" in text


def test_a_check_ends_with_3_when_no_worker_runs(place: Workplace) -> None:
    done = check(place, canary_expected_seconds=1)
    assert done.returncode == 3
    assert "8 canaries sent: 0 clean, 0 leaked, 8 late." in done.stdout.decode()
    assert "0, 1, 2, 3" in done.stdout.decode()


def test_a_check_ends_with_3_when_no_broker_answers(place: Workplace) -> None:
    done = check(place, kafka_brokers="127.0.0.1:1")
    assert done.returncode == 3
    assert b"nothing is known" in done.stderr


def test_a_value_in_somebody_elses_row_in_a_log_and_on_a_page_is_found(
    place: Workplace, tmp_path: Path
) -> None:
    """A canary of an earlier process, as far as the values go: the person's own address."""
    log = tmp_path / "worker.log"
    log.write_text("ready\n")
    trait = next(
        each.value
        for each in hatch(recipe(place), bytes(8)).planted
        if each.path.endswith("traits.email")
    )
    with (
        place.ready_worker() as worker,
        running(
            ["-m", "streamproc", "canary", "run"],
            variables(place, canary_people=1, canary_logs=str(tmp_path / "*.log")),
        ) as process,
    ):
        process.wait_for("canary ready")
        wait_until(lambda: counters(process).get("streamproc_canaries_total:clean", 0) > 2)
        log.write_text(f"ready\nfailed for {trait.upper()}\n")
        told = json.loads(process.wait_for("a canary leaked"))
        worker.stop()
    assert (told["where"], told["place"], told["kind"]) == ("log", str(log), "email")


def test_a_canary_that_carries_somebody_elses_ids_deletes_nobody(place: Workplace) -> None:
    """A producer that sends a canary's message id again, with a user id of its own choice."""
    with (
        place.ready_worker(),
        running(
            ["-m", "streamproc", "canary", "run"], variables(place, canary_interval_seconds=5)
        ) as process,
    ):
        process.wait_for("canary ready")
        wait_until(lambda: place.broker.written(place.topics.raw) >= 1)
        sent = place.broker.consume_all(place.topics.raw)[0]
        forged = orjson.loads(sent.value or b"") | {"userId": "somebody", "anonymousId": "else"}
        place.broker.produce(place.topics.raw, [(b"somebody", orjson.dumps(forged))])
        wait_until(lambda: place.broker.written(place.topics.load) >= 2)
        wait_until(lambda: place.broker.written(place.topics.deletions) >= 2)
        process.stop()
    asked = b"".join(
        (record.key or b"") for record in place.broker.consume_all(place.topics.deletions)
    )
    assert b"somebody" not in asked
    assert b"else" not in asked
