from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import unquote

import pytest

from streamproc.demo import Generated, Mix, Planted, generate
from streamproc.demo.people import FIRST_NAMES, LAST_NAMES
from streamproc.events import EVENT_TYPES

COUNT = 3000
KINDS = {"address", "birth_date", "card", "email", "iban", "ip", "person", "phone", "ssn"}
DOCUMENTATION = [
    ip_network(each)
    for each in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]


@pytest.fixture(scope="module")
def records() -> list[Generated]:
    return list(generate(COUNT, seed=7))


@pytest.fixture(scope="module")
def planted(records: list[Generated]) -> list[Planted]:
    return [each for record in records for each in record.planted]


def events(records: list[Generated]) -> list[dict[str, Any]]:
    return [record.event for record in records if not record.malformed]


def leaves(node: Any) -> list[str]:
    """Every string of an event, its keys not among them."""
    if isinstance(node, dict):
        return [leaf for each in node.values() for leaf in leaves(each)]
    if isinstance(node, list):
        return [leaf for each in node for leaf in leaves(each)]
    return [node] if isinstance(node, str) else []


def words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", text.casefold()))


def at(node: Any, path: str) -> str:
    """The text at a planted path; for ``*`` the keys of the object."""
    for step in re.findall(r"[^.\[\]]+", path):
        if step == "*":
            return " ".join(node)
        node = node[int(step)] if isinstance(node, list) else node[step]
    assert isinstance(node, str)
    return node


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, again, other = (list(generate(200, seed)) for seed in (3, 3, 4))

    assert first == again
    assert [record.value for record in first] != [record.value for record in other]


def test_events_are_as_large_as_real_ones(records: list[Generated]) -> None:
    whole = [record for record in records if not record.malformed]

    assert 1200 <= sum(len(record.value) for record in whole) / len(whole) <= 1500
    assert 30 <= sum(len(leaves(record.event)) for record in whole) / len(whole) <= 40


def test_every_type_and_platform_occurs(records: list[Generated]) -> None:
    assert {event["type"] for event in events(records)} == EVENT_TYPES
    assert {event["channel"] for event in events(records)} == {"web", "mobile", "server"}


def test_every_event_says_whom_it_is_about_and_has_its_own_id(records: list[Generated]) -> None:
    assert all("userId" in event or "anonymousId" in event for event in events(records))
    assert len({record.message_id for record in records}) == COUNT


def test_ids_and_traits_recur_over_a_session(records: list[Generated]) -> None:
    devices = Counter(event.get("anonymousId") for event in events(records))
    assert COUNT / len(devices) > 8

    by_device: dict[str, list[dict[str, Any]]] = {}
    for event in events(records):
        by_device.setdefault(event.get("anonymousId", ""), []).append(event)
    signed_in = [each for each in by_device.values() if each[-1].get("userId")]
    assert any("userId" not in each[0] for each in signed_in)
    for session in by_device.values():
        if "anonymousId" in session[0]:
            assert len({event["userId"] for event in session if "userId" in event}) <= 1


def test_the_key_is_the_anonymous_id_or_else_the_user_id(records: list[Generated]) -> None:
    for record in records:
        if not record.malformed:
            event = record.event
            assert record.key.decode() == event.get("anonymousId", event.get("userId"))


def test_timestamp_is_corrected_by_the_skew_of_the_device(records: list[Generated]) -> None:
    for event in events(records):
        sent, original, received, corrected = (
            datetime.fromisoformat(event[name])
            for name in ("sentAt", "originalTimestamp", "receivedAt", "timestamp")
        )
        assert abs(received - (sent - original) - corrected) < timedelta(milliseconds=5)


def test_every_kind_is_planted(planted: list[Planted]) -> None:
    assert {each.kind for each in planted} == KINDS


def test_what_is_planted_is_where_it_is_said_to_be(records: list[Generated]) -> None:
    for record in records:
        if not record.malformed:
            for each in record.planted:
                assert each.value in unquote(at(record.event, each.path))
                assert each.message_id == record.message_id


@pytest.mark.parametrize(
    "site",
    [
        r"traits\.",
        r"context\.traits\.",
        r"properties\.\w+$",
        r"context\.page\.url",
        r"context\.page\.path",
        r"properties\.attendees\[\d\]\.email",
        r"properties\.recipients\[\d\]",
        r"properties\.description",
        r"properties\.roles\.\*",
        r"userId",
    ],
)
def test_personal_data_is_planted_in_every_kind_of_place(planted: list[Planted], site: str) -> None:
    assert any(re.match(site, each.path) for each in planted)


def test_names_are_no_words_of_anything_else(records: list[Generated]) -> None:
    names = {name.casefold() for name in (*FIRST_NAMES, *LAST_NAMES)}
    assert all(len(name) >= 5 for name in names)

    for record in records:
        if record.malformed:
            continue
        own = {word for each in record.planted for word in words(each.value)}
        for leaf in leaves(record.event):
            strangers = words(unquote(leaf)) & names - own
            assert not strangers


def test_people_are_nobody(planted: list[Planted]) -> None:
    for each in planted:
        match each.kind:
            case "email":
                assert re.search(r"@example\.(com|org|net)$", each.value)
            case "phone":
                assert re.search(r"55501\d\d$", re.sub(r"\D", "", each.value))
            case "ip":
                assert any(ip_address(each.value) in network for network in DOCUMENTATION)
            case "ssn":
                assert re.fullmatch(r"9\d\d-[0-4]\d-\d{4}", each.value)
            case _:
                assert each.value


def test_a_name_in_free_text_is_carried_by_another_field_too(records: list[Generated]) -> None:
    for record in records:
        fields = {each.path for each in record.planted if each.kind == "person"}
        if fields & {"properties.description", "properties.comment"}:
            assert "context.traits.firstName" in fields


def test_malformed_records_come_in_the_share_asked_for() -> None:
    records = list(generate(2000, 1, Mix(malformed=0.1)))

    assert 140 <= sum(record.malformed for record in records) <= 260
    assert all(record.planted for record in records if record.malformed)
    assert not any(record.malformed for record in generate(500, 1, Mix(malformed=0)))


def test_duplicates_are_the_same_bytes_and_part_of_the_count() -> None:
    records = list(generate(2000, 1, Mix(duplicates=0.05)))
    twice = [value for value, times in Counter(each.value for each in records).items() if times > 1]

    assert len(records) == 2000
    assert 60 <= len(twice) <= 140
