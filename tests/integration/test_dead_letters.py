"""Dead letters counted, shown, opened and purged: on real Kafka."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from brokers import Broker
from dead_letters import JANE, Yard, number_as_id, without_name

from streamproc.audit import verify
from streamproc.deadletters import generate_key_pair
from streamproc.kafka.codecs import declared_codec, encode_dead_letter

pytestmark = pytest.mark.kafka

HOUR_MS = 3_600_000


@pytest.fixture
def yard(kafka: Broker, tmp_path: Path) -> Yard:
    return Yard(kafka, tmp_path)


# -- list and show --


def test_letters_are_listed_by_cause_with_what_to_do(yard: Yard) -> None:
    yard.fail([*map(number_as_id, range(6)), *map(without_name, range(3)), b"{", b"\xff"])

    table = yard.run("list").stdout.decode()
    groups = [json.loads(line) for line in yard.run("list", "--json").stdout.splitlines()]

    assert [(each["code"], each["path"], each["letters"]) for each in groups[:2]] == [
        ("wrong_type", "userId", 6),
        ("missing_field", "event", 3),
    ]
    assert groups[0]["remedy"] == "repair: cast the field"
    assert "11 dead letters, 11 of them waiting." in table
    assert ": a field that this type needs is absent" in table
    assert JANE not in table


def test_letters_are_chosen_by_what_they_say_and_when(yard: Yard) -> None:
    yard.fail(map(number_as_id, range(4)))
    time.sleep(0.05)  # letters of before are of another millisecond
    between = time.time()
    time.sleep(0.05)
    yard.fail(map(without_name, range(3)))
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(between)) + f"{between % 1:.3f}"[1:]

    def count(*arguments: str) -> int:
        return len(yard.run("list", "--each", *arguments).stdout.splitlines())

    assert count() == 7
    assert count("--since", moment) == 3
    assert count("--until", moment) == 4
    assert count("--code", "wrong_type") == 4
    assert count("--code", "wrong_type", "--code", "missing_field") == 7
    assert count("--stage", "plan") == 0
    assert count("--path", "event", "--ruleset", "f00d", "--topic", yard.topics.raw) == 3


def test_a_letter_is_shown_without_a_value(yard: Yard) -> None:
    yard.fail([number_as_id(4_242)])
    (line,) = yard.run("list", "--each").stdout.decode().splitlines()
    letter = line.split()[0]

    said = yard.run("show", letter).stdout.decode()
    told = yard.told("show", letter)

    assert "decode.wrong_type at userId" in said
    assert "repair: cast the field" in said
    assert told["view"]["userId"] == "<integer>"
    assert (told["attempts"], told["replayed"]) == (0, False)
    assert "4242" not in said
    assert JANE not in said


@pytest.mark.parametrize(
    ("letter", "told"),
    [
        ("0-77", "dead letter: 0-77: the partition ends at offset 0"),
        ("9-0", "dead letter: 9-0: the topic has partitions 0 to 3"),
    ],
)
def test_a_letter_that_is_not_there_is_told_with_what_is(
    yard: Yard, letter: str, told: str
) -> None:
    for command in (["show", letter], ["open", letter, "--reason", "why", "--force"]):
        done = yard.run(*command)
        assert (done.returncode, done.stdout) == (2, b"")
        assert told in done.stderr.decode()


def test_what_is_no_letter_is_counted_and_harms_nothing(yard: Yard) -> None:
    (failed,) = yard.fail([number_as_id(1)])
    newer = declared_codec("link")  # any other schema: as a newer version's is
    written = encode_dead_letter(failed.letter)
    yard.put([newer.header + b"rest", written[:-3], b"", b"plain text"], partition=0)

    done = yard.run("list")
    assert b"1 dead letter, 1 of them waiting." in done.stdout
    assert b"4 records that this version cannot read: 0-" in done.stderr
    assert yard.told("replay", "--all")["sent"] == 1


def test_an_empty_topic_has_no_letters(yard: Yard) -> None:
    assert yard.run("list").stdout == b"No dead letters.\n"


def test_a_topic_that_is_not_there_is_told(yard: Yard) -> None:
    yard.topics = yard.topics.model_copy(update={"dead": "no.such.topic"})
    done = yard.run("list")
    assert done.returncode == 1
    assert b"no.such.topic" in done.stderr


# -- open --


def only_letter(yard: Yard) -> str:
    (line,) = yard.run("list", "--each").stdout.decode().splitlines()
    return line.split()[0]


def test_an_original_is_opened_and_written_down_before_it_is_shown(yard: Yard) -> None:
    yard.fail([number_as_id(7)])
    letter = only_letter(yard)

    done = yard.run("open", letter, "--private-key", yard.key, "--reason", "ticket 7", "--force")

    assert json.loads(done.stdout) == json.loads(number_as_id(7))
    (entry,) = yard.audited()
    assert (entry["action"], entry["letter"], entry["reason"]) == ("dead open", letter, "ticket 7")
    assert verify(yard.audit).broken is None
    assert JANE not in yard.audit.read_text()


def test_a_file_of_an_original_is_new_and_for_its_owner_alone(yard: Yard) -> None:
    yard.fail([b"\x00\xffnot json"])
    asked: list[str | Path] = [
        "open",
        only_letter(yard),
        "--private-key",
        yard.key,
        "--reason",
        "ticket 7",
    ]
    output = yard.folder / "original"

    assert yard.run(*asked, "--output", output).stdout == b""
    assert output.read_bytes() == b"\x00\xffnot json"
    assert output.stat().st_mode & 0o777 == 0o600
    again = yard.run(*asked, "--output", output)
    assert again.returncode == 2
    assert b"cannot be written: File exists" in again.stderr


def test_nothing_is_printed_into_a_pipe_that_nobody_meant(yard: Yard) -> None:
    yard.fail([number_as_id(7)])
    done = yard.run("open", only_letter(yard), "--private-key", yard.key, "--reason", "ticket 7")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"no terminal" in done.stderr
    assert not yard.audit.exists()


def test_a_terminal_is_not_spoken_to_by_an_original(yard: Yard) -> None:
    yard.fail([b"\x1b]0;own\x07 \xc2\x9b31m caf\xe9"])
    asked: list[str | Path] = [
        "open",
        only_letter(yard),
        "--private-key",
        yard.key,
        "--reason",
        "ticket 7",
    ]
    shown = yard.run(*asked, "--force").stdout.decode()
    assert shown == "\\x1b]0;own\\x07 \\x9b31m caf\\xe9\n"


def test_a_wrong_key_is_told_and_written_down(yard: Yard) -> None:
    yard.fail([number_as_id(7)])
    yard.delete_raw()
    letter = only_letter(yard)
    other = yard.key_file("other.key", generate_key_pair())

    done = yard.run("open", letter, "--private-key", other, "--reason", "ticket 7", "--force")

    assert (done.returncode, done.stdout) == (2, b"")
    assert b"cannot be opened: sealed to another key" in done.stderr
    (entry,) = yard.audited()
    assert (entry["action"], entry["letter"]) == ("dead open failed", letter)


def test_without_a_key_the_record_is_read_where_it_lay(yard: Yard) -> None:
    yard.fail([number_as_id(7)], seal=False)
    told = yard.told("open", only_letter(yard), "--reason", "ticket 7", "--force")
    assert told == {"key": "k-0", "value": number_as_id(7).decode()}


def test_a_key_that_others_may_read_is_refused(yard: Yard) -> None:
    yard.fail([number_as_id(7)])
    yard.key.chmod(0o644)
    done = yard.run("replay", "--all", "--private-key", yard.key)
    assert done.returncode == 2
    assert b"others may read it" in done.stderr
    assert yard.replayed() == []


# -- purge --


def purge(yard: Yard, *arguments: str) -> list[dict[str, object]]:
    told = yard.told("purge", "--before", "2100-01-01", "--reason", "old", *arguments)
    found: list[dict[str, object]] = told["partitions"]
    return found


def test_a_purge_goes_to_the_first_letter_that_waits(yard: Yard) -> None:
    failed = yard.fail(map(number_as_id, range(6)), seal=False)
    yard.other_dead()
    yard.put((encode_dead_letter(each.letter) for each in failed), partition=1)
    assert yard.told("replay", "1-0", "1-1", "1-2", "1-4")["sent"] == 4

    tried = purge(yard)
    there = len(yard.letters())
    applied = yard.run("purge", "--before", "2100-01-01", "--reason", "old", "--apply")

    (cut,) = [each for each in tried if each["letters"]]
    assert (cut["partition"], cut["letters"], cut["before"], cut["left"]) == (1, 3, 3, 3)
    assert cut["stops"] == "1-3: never sent again"
    assert there == 10, "a purge that is only tried deleted something"
    assert b"3 letters deleted." in applied.stdout
    assert [each.offset for each in yard.letters()][:3] == [3, 4, 5]
    assert yard.told("replay", "--all")["left"] == {"sent again already": 1}
    done = yard.audited()[-3]
    assert (done["action"], done["letters"], done["never_sent_again"]) == ("dead purge", "3", "0")


def test_what_waits_or_cannot_be_read_is_purged_by_force_alone(yard: Yard) -> None:
    failed = yard.fail(map(number_as_id, range(3)), seal=False)
    yard.other_dead()
    written = [encode_dead_letter(each.letter) for each in failed]
    yard.put([written[0], b"of a newer version", *written[1:]], partition=1)
    assert yard.told("replay", "1-0")["sent"] == 1

    (kept,) = purge(yard, "--apply")
    assert (kept["letters"], kept["stops"]) == (1, "1-1: cannot be read")
    (forced,) = purge(yard, "--apply", "--force")
    assert (forced["letters"], forced["left"]) == (2, 0)
    assert yard.run("list").stdout == b"No dead letters.\n"


def test_a_purge_stops_at_letters_that_are_not_asked_for(yard: Yard) -> None:
    failed = yard.fail(
        [number_as_id(1), without_name(2), number_as_id(3)], seal=False, key=lambda _: b"k"
    )
    yard.other_dead()
    yard.put((encode_dead_letter(each.letter) for each in failed), partition=0)

    (cut,) = purge(yard, "--code", "wrong_type", "--force")
    assert (cut["letters"], cut["stops"], cut["left"]) == (1, "0-1: not asked for", 1)
    (none,) = yard.told("purge", "--before", "2020-01-01", "--reason", "old")["partitions"]
    assert (none["letters"], none["stops"]) == (0, "0-0: not asked for")
