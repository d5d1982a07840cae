"""`identity show`, `merge`, `unmerge` and `status` on links that are in their topic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from brokers import Broker
from commands import Done, run
from workplace import TEST_KEY, Workplace

from streamproc.audit import verify
from streamproc.events import Link, Micros
from streamproc.identity.links import alias
from streamproc.kafka.attribute_topic import attribute_writer
from streamproc.redact import KeyRing, Tokens, write_key_ring
from streamproc.settings import KafkaSettings, Settings

TOKENS = Tokens(KeyRing("k1", {"k1": TEST_KEY}))
ANNA, BEN, PHONE = map(TOKENS.of_identifier, ("anna-17", "ben-18", "phone-1"))
AT = Micros(1_790_000_000_000_000)


class Desk:
    """Whoever looks into identities, and corrects them."""

    def __init__(self, place: Workplace, folder: Path) -> None:
        self._folder = folder
        self.log = folder / "audit.jsonl"
        self._variables = place.environment(audit_file=self.log)
        kafka = KafkaSettings(brokers=place.broker.bootstrap)
        self._settings = Settings(kafka=kafka, topics=place.topics)

    def state(self, *links: Link) -> None:
        with attribute_writer(self._settings) as writer:
            writer.links(links)
            writer.flush()

    def run(self, *arguments: str, given: bytes = b"") -> Done:
        done = run(self._variables, self._folder, "identity", *arguments, given=given)
        assert b"anna" not in done.stdout + done.stderr
        return done

    def told(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)


@pytest.fixture
def desk(embedded: Broker, tmp_path: Path) -> Desk:
    found = Desk(Workplace(embedded, tmp_path), tmp_path)
    account = TOKENS.of_named("account", "acme")
    found.state(Link("identify", PHONE, BEN, at=AT), Link("group", BEN, account, at=AT))
    return found


def test_who_a_device_belongs_to_is_told_by_its_id_or_its_token(desk: Desk) -> None:
    by_token, by_id = desk.told("show", PHONE), desk.told("show", "device=phone-1")

    assert by_token == by_id
    assert by_token["identity"] == {
        "id": BEN,
        "account": TOKENS.of_named("account", "acme"),
        "by": "anonymous_id",
        "since": "2026-09-21 14:13:20+00:00",
        "attributes": {},
    }
    (stated,) = by_token["statements"]
    assert (stated["relation"], stated["token"], stated["state"]) == ("user_id", BEN, "stated")
    shown = desk.run("show", "user=-", given=b"ben-18\n").stdout.decode()
    assert f"{BEN} belongs to {BEN}, by user_id." in shown
    assert "anonymous_id" in shown


def test_nothing_is_known_of_a_stranger(desk: Desk) -> None:
    done = desk.run("show", "user=anna-17")

    assert done.returncode == 1
    assert b"Nothing is known of it." in done.stdout


def test_two_are_merged_and_taken_apart_for_good_and_that_is_written_down(desk: Desk) -> None:
    reason = ("--reason", "ticket 12")
    assert desk.told("merge", "user=anna-17", BEN, *reason)["refused"] is None
    assert desk.told("show", PHONE)["identity"]["id"] == min(ANNA, BEN)
    assert desk.told("merge", ANNA, BEN, *reason)["refused"] == "they are one person already"

    assert [each["kind"] for each in desk.told("unmerge", BEN, ANNA, *reason)["links"]] == ["alias"]
    assert desk.told("show", PHONE)["identity"]["id"] == BEN
    assert desk.told("unmerge", BEN, ANNA, *reason)["refused"] == (
        "there is no link between the two"
    )
    refused = desk.run("merge", ANNA, BEN, *reason)
    assert refused.returncode == 1
    assert b"they were taken apart, for good" in refused.stderr

    assert [json.loads(line)["action"] for line in desk.log.read_text().splitlines()] == [
        "identity-merge",
        "identity-unmerge",
    ]
    assert verify(desk.log).broken is None
    assert "anna" not in desk.log.read_text()


def test_over_whom_two_are_one_person_is_told_where_they_cannot_be_taken_apart(desk: Desk) -> None:
    desk.state(*(alias(ANNA, each, AT) for each in (BEN, PHONE)))

    done = desk.run("unmerge", BEN, PHONE, "--reason", "ticket 13")
    assert done.returncode == 0  # the device was identified as theirs
    done = desk.run("unmerge", BEN, PHONE, "--reason", "ticket 13")
    assert done.returncode == 1
    assert f"they are one person over {ANNA}".encode() in done.stderr


def test_while_keys_overlap_two_are_taken_apart_under_all_of_them(
    desk: Desk, tmp_path: Path
) -> None:
    ring = KeyRing("k1", {"k1": TEST_KEY}).rotated("k2", bytes(32))
    (tmp_path / "keyring.json").write_text(write_key_ring("k2", ring.secrets, ["k1"]))
    new = Tokens(ring)
    links = [
        alias(each.of_identifier("ben-18"), each.of_identifier("kim-19"), AT)
        for each in (TOKENS, new)
    ]
    desk.state(
        *links,
        *(
            alias(TOKENS.of_identifier(name), new.of_identifier(name), AT)
            for name in ("ben-18", "kim-19")
        ),
    )

    done = desk.told("unmerge", "user=ben-18", "user=kim-19", "--reason", "ticket 14")
    assert len(done["links"]) == 2
    identities = {
        desk.told("show", f"user={name}")["identity"]["id"] for name in ("ben-18", "kim-19")
    }
    assert len(identities) == 2


def test_what_is_past_a_limit_is_counted(desk: Desk) -> None:
    users = [Link("identify", PHONE, TOKENS.of_identifier(f"u-{n}"), at=AT) for n in range(30)]
    desk.state(*users)

    assert desk.told("status")["devices_shared"] == 1
    assert b"devices of too many user ids" in desk.run("status").stdout


def test_without_an_audit_log_nothing_is_merged(embedded: Broker, tmp_path: Path) -> None:
    place = Workplace(embedded, tmp_path)
    done = run(
        place.environment(), tmp_path, "identity", "merge", ANNA, BEN, "--reason", "ticket 12"
    )

    assert done.returncode == 2
    assert b"no audit log is configured" in done.stderr
