"""Names that a text states once and writes again."""

from __future__ import annotations

import pytest

from streamproc.detect.repeated import repeated_names
from streamproc.events import Finding


def finding(text: str, found: str, entity: str) -> Finding:
    start = text.index(found)
    return Finding(start, start + len(found), entity, 0.85, "Any")


def repeated(text: str, *found: tuple[str, str]) -> list[str]:
    findings = [finding(text, said, entity) for said, entity in found]
    return [text[again.start : again.end] for again in repeated_names(text, findings)]


@pytest.mark.parametrize(
    ("text", "address", "names"),
    [
        ("Jane Roe wrote, jane.roe7@example.com", "jane.roe7@example.com", ["Jane Roe"]),
        ("Roe, Jane | jane_roe@example.com", "jane_roe@example.com", ["Roe, Jane"]),
        ("JANE ROE jane.roe+news@example.com", "jane.roe+news@example.com", ["JANE ROE"]),
        ("Jane;Roe;jane-roe@example.com", "jane-roe@example.com", ["Jane", "Roe"]),
        ("Jane Roe janeroe@example.com", "janeroe@example.com", ["Jane Roe"]),
        ("Jane Roe (roejane1@example.com)", "roejane1@example.com", ["Jane Roe"]),
        ("José Núñez jose.nunez@example.com", "jose.nunez@example.com", ["José Núñez"]),
        ("Ann O'Neil ann.oneil@example.com", "ann.oneil@example.com", ["Ann O'Neil"]),
        ("a=Jane+Roe&b=jane.roe%40example.com", "jane.roe%40example.com", ["Jane+Roe"]),
        ("q?n=Jane Roe&m=jane.roe@example.com", "Roe&m=jane.roe@example.com", ["Jane Roe"]),
        ("Jane Roe met Dr. Roe. jane.roe@example.com", "jane.roe@example.com", ["Jane Roe", "Roe"]),
        # nothing speaks of a person
        ("Jane wrote, jane.roe@example.com", "jane.roe@example.com", []),
        ("write to jane roe, jane.roe@example.com", "jane.roe@example.com", []),
        ("Customer Service customer.service@example.com", "customer.service@example.com", []),
        ("Jane is not Roejane7, roejane@example.com", "roejane@example.com", []),
    ],
)
def test_the_words_an_address_is_made_of_are_a_name(
    text: str, address: str, names: list[str]
) -> None:
    assert repeated(text, (address, "EMAIL_ADDRESS")) == names


@pytest.mark.parametrize(
    ("text", "person", "again"),
    [
        ("Jane Roe in.\nAlert: Jane Roe", "Jane Roe", ["Jane Roe"]),
        ("Jordan moved to Jordan", "Jordan", ["Jordan"]),
        ("Customer Jordan of Jordan", "Customer Jordan", ["Jordan"]),
        ("Dr. Jane Roe; Roe, J.; Jane Roe", "Dr. Jane Roe", ["Jane Roe"]),
        ("Customer of Customer", "Customer", []),
        ("Jane Roe, and Jane", "Jane Roe", []),
        ("Jane Roe. Jane 7 Roe", "Jane Roe", []),
        ("Bo or Bo", "Bo", []),
        ("Line 7 of Line 7", "Line 7", []),
        ("Will you? Will asked, will you", "Will", ["Will"]),
        ("New Order of One Two New Order of One Two", "New Order of One Two", []),
    ],
)
def test_a_name_that_was_found_is_one_wherever_it_stands(
    text: str, person: str, again: list[str]
) -> None:
    assert repeated(text, (person, "PERSON")) == again


def test_what_is_found_as_something_else_stays_that() -> None:
    text = "Jane Roe of 4 Jane Roe Street, jane.roe@example.com"
    found = ("4 Jane Roe Street", "ADDRESS"), ("jane.roe@example.com", "EMAIL_ADDRESS")

    assert repeated(text, *found) == ["Jane Roe"]


def test_a_part_of_a_name_that_was_found_is_found_whole() -> None:
    text = "Jane Roe jane.roe@example.com"
    found = ("Roe", "PERSON"), ("jane.roe@example.com", "EMAIL_ADDRESS")

    assert repeated(text, *found) == ["Jane Roe"]


def test_without_an_address_or_a_name_nothing_is_looked_for() -> None:
    assert repeated_names("Jane Roe", []) == []
    assert repeated("Jane Roe 192.0.2.1", ("192.0.2.1", "IP_ADDRESS")) == []


def test_findings_say_how_they_were_made() -> None:
    text = "Jane Roe jane.roe@example.com"
    (found,) = repeated_names(text, [finding(text, "jane.roe@example.com", "EMAIL_ADDRESS")])

    assert found == Finding(0, 8, "PERSON", 0.85, "RepeatedName", "sibling")
