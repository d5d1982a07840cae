"""Records of dead letters repaired and sent again, each once: on real Kafka."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from brokers import Broker
from dead_letters import JANE, Yard, number_as_id, without_name

from streamproc.deadletters import generate_key_pair, sealer
from streamproc.events import Micros, Origin
from streamproc.kafka.codecs import encode_dead_letter

pytestmark = pytest.mark.kafka

HOUR_MS = 3_600_000


@pytest.fixture
def yard(kafka: Broker, tmp_path: Path) -> Yard:
    return Yard(kafka, tmp_path)


REPAIR = """\
version: 1
name: ids
repairs:
  - name: ids-are-texts
    when: {codes: [wrong_type], paths: [userId]}
    steps: [{cast: {path: userId, to: string}}]
"""


# -- replay --


def test_every_record_is_sent_again_once_as_it_was(yard: Yard) -> None:
    failed = yard.fail(map(number_as_id, range(40)))
    before = yard.raw()

    first = yard.told("replay", "--all", "--rate", "1000")
    second = yard.told("replay", "--all", "--rate", "1000")

    again = yard.replayed()
    assert (first["sent"], first["left"], first["complete"]) == (40, {}, True)
    assert (second["sent"], second["left"]) == (0, {"sent again already": 40})
    assert len(yard.raw()) == 80
    assert {(each.partition, each.key, each.value, each.timestamp) for each in again} == {
        (each.partition, each.key, each.value, each.timestamp) for each in before
    }
    marks = {each.headers["streamproc-replayed"] for each in again}
    assert len(marks) == len(failed)
    assert {each.headers["streamproc-attempt"] for each in again} == {"1"}
    assert "0 of them waiting" in yard.run("list").stdout.decode()


@pytest.mark.parametrize("sealed", [True, False])
def test_headers_go_along_wherever_the_original_is_had_from(yard: Yard, *, sealed: bool) -> None:
    own = [("trace", b"00-1"), ("streamproc-replayed", b"0-0"), ("trace", b"00-2")]
    yard.fail([number_as_id(1)], headers=own)
    if sealed:
        yard.delete_raw()
    key = ["--private-key", str(yard.key)] if sealed else []

    assert yard.told("replay", "--all", *key)["sent"] == 1

    (place,) = yard.run("list", "--each").stdout.decode().split()[:1]
    *_, again = [each for each in yard.raw() if "streamproc-attempt" in each.headers]
    assert again.headers == {
        "trace": "00-2",
        "streamproc-replayed": place,
        "streamproc-attempt": "1",
    }


def test_records_of_a_key_are_sent_in_the_order_in_which_they_lay(yard: Yard) -> None:
    failed = yard.fail(map(number_as_id, range(60)))
    # Letters of a second worker that was slow: written last, of records that lay first.
    yard.other_dead()
    shuffled = sorted(failed, key=lambda each: hash(each.record.value))
    yard.put(encode_dead_letter(each.letter) for each in shuffled)

    assert yard.told("replay", "--all", "--rate", "7000")["sent"] == 60

    def values(partition: int, *, replayed: bool) -> list[bytes | None]:
        return [
            each.value
            for each in yard.raw()
            if each.partition == partition and bool(each.headers) is replayed
        ]

    for partition in range(4):
        assert values(partition, replayed=True) == values(partition, replayed=False)


def test_only_what_is_named_is_sent(yard: Yard) -> None:
    yard.fail([*map(number_as_id, range(3)), *map(without_name, range(2))])
    ids = [line.split()[0] for line in yard.run("list", "--each").stdout.decode().splitlines()]

    assert yard.told("replay", ids[0], ids[3])["sent"] == 2
    found = yard.told("replay", "--code", "missing_field", "--dry-run")
    assert found["to_send"] + found["left"].get("sent again already", 0) == 2
    missing = yard.run("replay", "3-99")
    assert missing.returncode == 1
    assert b"1 not sent: not there" in missing.stdout
    nothing = yard.run("replay")
    assert nothing.returncode == 2
    assert b"say which letters" in nothing.stderr


def test_sealed_originals_are_sent_when_the_topic_has_none_of_them_any_more(yard: Yard) -> None:
    yard.fail(map(number_as_id, range(5)))
    yard.fail(map(without_name, range(2)), seal=False)
    other = generate_key_pair()
    yard.fail(map(without_name, range(3)), seal=sealer(other.public))
    yard.delete_raw()

    without = yard.run("replay", "--all")
    found = yard.told("replay", "--all", "--private-key", yard.key)
    rest = yard.told("replay", "--all", "--private-key", yard.key_file("other.key", other))

    assert without.returncode == 1
    assert b"8 not sent: sealed, and no private key given" in without.stdout
    assert (found["sent"], found["opened"]) == (5, 5)
    gone = "its topic does not have it any more"
    assert found["left"] == {f"not sealed; {gone}": 2, f"sealed to another key; {gone}": 3}
    assert (rest["sent"], rest["left"][f"not sealed; {gone}"]) == (3, 2)
    opened = [each.get("opened") for each in yard.audited() if each["action"].endswith("done")]
    assert opened == ["0", "5", "3"]


def test_another_record_in_its_place_is_not_taken_for_it(yard: Yard) -> None:
    failed = yard.fail(map(number_as_id, range(3)), seal=False)
    yard.other_dead()
    moved = [replace(each.letter, timestamp=Micros(each.letter.timestamp + 1)) for each in failed]
    yard.put(map(encode_dead_letter, moved))

    found = yard.told("replay", "--all")

    assert found["sent"] == 0
    assert [*found["left"]] == [
        "not sealed; another record lies where it lay: its topic was made anew"
    ]


def test_records_of_long_ago_get_the_time_of_now(yard: Yard) -> None:
    old = int(time.time() * 1_000) - 100 * HOUR_MS  # the topic keeps 168
    yard.fail([number_as_id(1)], timestamp=old)
    started = int(time.time() * 1_000)

    found = yard.told("replay", "--all", "--private-key", yard.key)

    (again,) = yard.replayed()
    assert found["restamped"] == 1
    assert again.timestamp >= started


def test_a_record_that_came_back_twice_is_not_sent_without_insisting(yard: Yard) -> None:
    (failed,) = yard.fail([number_as_id(1)])
    for attempt in ("1", "2", "3"):
        arguments = ["--again"] if attempt == "3" else []
        assert yard.told("replay", "--all", *arguments)["sent"] == 1
        last = [each for each in yard.replayed() if each.headers["streamproc-attempt"] == attempt]
        assert len(last) == 1
        # It fails anew: a letter of the place where it lies now.
        origin = failed.letter.origin._replace(offset=last[0].offset)
        yard.put([encode_dead_letter(replace(failed.letter, origin=origin))])
        if attempt == "2":
            refused = yard.told("replay", "--all")
            assert refused["sent"] == 0
            assert refused["left"]["came back 2 times or more: --again"] == 1
    each = yard.run("list", "--each").stdout.decode()
    assert "came back 3 times" in each


def test_a_record_of_a_partition_that_is_gone_goes_where_its_key_belongs(yard: Yard) -> None:
    (failed,) = yard.fail([number_as_id(1)])
    yard.other_dead()
    origin = failed.letter.origin._replace(partition=99)
    yard.put([encode_dead_letter(replace(failed.letter, origin=origin))])

    assert yard.told("replay", "--all", "--private-key", yard.key)["sent"] == 1

    (again,) = yard.replayed()
    assert (again.key, again.value) == (failed.record.key, failed.record.value)
    assert again.partition in range(4)


def test_letters_of_the_loader_go_back_to_its_topic(yard: Yard) -> None:
    yard.broker.produce(yard.topics.load, [(b"k", b"no row", 2)])
    (row,) = yard.raw(yard.topics.load)
    (failed,) = yard.fail([number_as_id(1)])
    letter = replace(
        failed.letter,
        stage="load",
        code="not_ours",
        origin=Origin(yard.topics.load, row.partition, row.offset),
        timestamp=Micros(row.timestamp * 1_000),
        sealed=None,
    )
    elsewhere = replace(letter, origin=Origin("elsewhere", 0, 0))
    yard.put(map(encode_dead_letter, (letter, elsewhere)))

    found = yard.told("replay", "--stage", "load")

    assert found["sent"] == 1
    assert found["left"] == {"of a topic that the settings do not name": 1}
    assert [each.value for each in yard.raw(yard.topics.load)] == [b"no row", b"no row"]
    assert yard.replayed() == []


def test_a_rate_is_held(yard: Yard) -> None:
    yard.fail(map(number_as_id, range(30)))
    started = time.monotonic()
    assert yard.told("replay", "--all", "--rate", "20")["sent"] == 30
    assert time.monotonic() - started >= 1.0, "30 at 20 a second: the last ten wait a second"


def test_nothing_is_sent_that_cannot_be_audited(yard: Yard) -> None:
    yard.fail([number_as_id(1)])
    yard.audit.mkdir()
    for command in (["replay", "--all"], ["purge", "--before", "2100-01-01", "--reason", "x"]):
        assert (
            yard.run(*command, *(["--apply", "--force"] * (command[0] == "purge"))).returncode == 2
        )
    assert yard.replayed() == []
    assert len(yard.letters()) == 1


# -- repair --


def test_repairs_are_tried_first_and_nothing_is_sent(yard: Yard) -> None:
    yard.fail([*map(number_as_id, range(4)), *map(without_name, range(3))])
    file = yard.folder / "repair.yaml"
    file.write_text(REPAIR)

    done = yard.run("repair", file, "--private-key", yard.key)
    told = yard.told("repair", file, "--private-key", yard.key)

    assert done.returncode == 0
    assert b"Nothing was sent. 4 records would be, with --apply." in done.stdout
    assert told["repairs"] == [
        {"repair": "ids-are-texts", "passes": 4, "dropped": 0, "fails": 0, "unchanged": 0}
    ]
    assert told["no_repair"] == 3
    assert yard.replayed() == []
    assert JANE not in done.stdout.decode()
    opened = [each["opened"] for each in yard.audited() if "opened" in each]
    assert opened == ["4", "4"], "originals that no repair is meant for were opened"


def test_what_passes_is_sent_repaired_and_the_rest_stays(yard: Yard) -> None:
    hopeless = json.dumps({"type": "track", "event": "Seen", "userId": {"x": 1}}).encode()
    yard.fail([*map(number_as_id, range(4)), hopeless, *map(without_name, range(3))])
    file = yard.folder / "repair.yaml"
    file.write_text(REPAIR)

    told = yard.told("repair", file, "--apply", "--rate", "1000")
    again = yard.told("repair", file, "--apply", "--rate", "1000")

    assert told["sent"] == 4
    assert told["left"] == {
        "do not pass after their repair": 1,
        "no repair is meant for them": 3,
    }
    assert told["causes"] == [
        {"repair": "ids-are-texts", "cause": "decode.wrong_type at userId", "letters": 1}
    ]
    assert again["sent"] == 0
    assert again["left"]["sent again already"] == 4
    found = yard.replayed()
    ids = sorted(json.loads(each.value or b"")["userId"] for each in found)
    assert ids == ["0", "1", "2", "3"]
    assert {each.headers["streamproc-repaired"] for each in found} == {told["fingerprint"]}
    groups = [json.loads(line) for line in yard.run("list", "--json").stdout.splitlines()]
    assert {(each["code"], each["waiting"]) for each in groups} == {
        ("wrong_type", 1),
        ("missing_field", 3),
    }


def test_a_broken_file_of_repairs_is_told_before_anything_is_read(yard: Yard) -> None:
    file = yard.folder / "repair.yaml"
    file.write_text(REPAIR.replace("cast:", "cats:"))
    done = yard.run("repair", file, "--apply")
    assert done.returncode == 2
    assert b"repair.yaml:6:" in done.stderr
    assert b"no such key; did you mean cast?" in done.stderr
    assert not yard.audit.exists()
