from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any, cast

import orjson
import pytest
from redaction import LIMITS, find_literals, scoped_sites_of
from rich.console import Console

from streamproc.detect import Detector, Text
from streamproc.errors import EventError
from streamproc.evaluate.inventory import WHOLE_FIELD, Inventory, Row, Scanner
from streamproc.evaluate.inventory_report import inventory_json, render_inventory
from streamproc.events import Finding

JANE, ROSA = "jane@example.com", "rosa@example.org"
POISON = "a text no detector survives"
EMAILS = "{name: emails, fields: ['**.email'], entity: EMAIL_ADDRESS, operator: hash}"
KEEP_IPS = "{name: servers, fields: ['**.server'], entities: [IP_ADDRESS], operator: keep}"


class ToldDetector:
    """Finds two e-mail addresses and an IP address, and fails on one text."""

    def detect(self, texts: Sequence[Text]) -> list[tuple[Finding, ...]]:
        if any(text.value == POISON for text in texts):
            raise EventError("detect", "detector_failed")
        literals = {JANE: "EMAIL_ADDRESS", ROSA: "EMAIL_ADDRESS", "192.0.2.1": "IP_ADDRESS"}
        return list(find_literals(texts, literals))


def scanned(*records: Mapping[str, Any] | bytes, rules: str = "") -> Inventory:
    scanner = Scanner(scoped_sites_of(rules), cast("Detector", ToldDetector()), LIMITS)
    scanner.scan([each if isinstance(each, bytes) else orjson.dumps(each) for each in records])
    return scanner.inventory


def event(**properties: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Tested", "userId": "u", "properties": properties}


def only(inventory: Inventory) -> Row:
    (row,) = inventory.rows()
    return row


def test_findings_are_counted_by_path_entity_and_step() -> None:
    inventory = scanned(event(note=f"{JANE} and {ROSA}"), event(note=JANE), event(note="nobody"))
    where, seen, values = only(inventory)

    assert where == ("properties.note", "EMAIL_ADDRESS", "text", "operators.EMAIL_ADDRESS", "hash")
    assert (seen.count, seen.filled, seen.records, values) == (3, 1, 2, 3)
    assert (seen.lowest, seen.highest) == (0.9, 0.9)
    assert inventory.records == 3


def test_list_items_are_at_the_path_of_the_list() -> None:
    row = only(scanned(event(to=[{"a": JANE}, {"a": ROSA}, {"a": "nobody"}])))

    assert row.where.path == "properties.to.a"
    assert (row.seen.count, row.seen.records, row.values) == (2, 1, 3)


def test_keys_that_are_values_are_not_shown() -> None:
    inventory = scanned(event(roles={JANE: "admin"}))

    assert only(inventory).where[:3] == ("properties.roles.*", "EMAIL_ADDRESS", "key")


def test_what_a_rule_decides_as_a_whole_is_told_by_its_rule() -> None:
    inventory = scanned(event(email="who knows"), rules=EMAILS)

    assert only(inventory).where == (
        "properties.email",
        "EMAIL_ADDRESS",
        WHOLE_FIELD,
        "emails",
        "hash",
    )


def test_what_documents_in_texts_hold_is_told_by_its_own_path() -> None:
    row = only(scanned(event(payload=json.dumps({"to": JANE}))))

    assert row.where.path == "properties.payload.to"
    assert row.values == 1


def test_the_worst_comes_first() -> None:
    inventory = scanned(
        event(server="192.0.2.1"),
        event(email=JANE, rare=JANE, often=JANE),
        event(email=ROSA, often=ROSA),
        event(email=ROSA),
        rules=f"{EMAILS}, {KEEP_IPS}",
    )

    assert [row.where.path for row in inventory.rows()] == [
        "properties.server",  # kept
        "properties.often",
        "properties.rare",
        "properties.email",  # decided as a whole
    ]


def test_objects_that_are_no_events_are_searched_everywhere() -> None:
    inventory = scanned({"type": JANE, "timestamp": "now", "who": ROSA})

    assert {row.where.path: row.where.operator for row in inventory.rows()} == {
        "type": "keep",
        "who": "hash",
    }


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (b"{", "not_json"),
        (b"[1]", "not_an_object"),
        (orjson.dumps(event(note=POISON)), "detector_failed"),
        (orjson.dumps({"type": "?", "timestamp": POISON}), "detector_failed"),
    ],
)
def test_what_cannot_be_scanned_is_counted_and_costs_the_others_nothing(
    record: bytes, code: str
) -> None:
    inventory = scanned(event(note=JANE), record, event(note=ROSA))

    assert inventory.refused == {code: 1}
    assert inventory.records == 2
    assert only(inventory).seen.records == 2


def test_the_json_holds_shares_and_no_value() -> None:
    inventory = scanned(event(note=JANE, roles={ROSA: 1}), event(note="none"))
    told = inventory_json(inventory, [])

    assert [row["share_of_records"] for row in told["found"]] == [0.5, 0.5]
    assert "@" not in json.dumps(told)


# -- the table ------------------------------------------------------------------------------------


def rendered(inventory: Inventory, width: int) -> list[str]:
    told = StringIO()
    render_inventory(inventory, [], Console(file=told, width=width))
    return [line.rstrip() for line in told.getvalue().splitlines()]


def test_a_narrow_table_has_a_line_for_each_place_and_leaves_out_count_and_score() -> None:
    inventory = scanned(event(email=JANE), event(server="192.0.2.1"), rules=f"{EMAILS}, {KEEP_IPS}")
    title, head, kept, whole = rendered(inventory, 80)
    assert (title, head.split()) == ("2 records", ["path", "entity", "step", "operator", "records"])
    assert kept.startswith("properties.server IP_ADDRESS    text        keep (servers) 1 (50.0%)")
    assert "hash (emails)" in whole
    assert rendered(inventory, 120)[1].split()[-2:] == ["count", "score"]


def test_where_nothing_was_found_no_table_is_shown() -> None:
    assert rendered(scanned(event(note="none")), 80) == ["1 record", "Nothing was found."]
