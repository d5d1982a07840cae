from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from streamproc.business.values import (
    MOST_CHARACTERS,
    identifier,
    is_true,
    micros,
    to_attribute,
)
from streamproc.identity.sources import Kind

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "kind", "attribute"),
    [
        (" pro ", "string", "pro"),
        (12, "string", "12"),
        (True, "string", "true"),
        ("12", "integer", 12),
        ("12.00", "integer", 12),
        (12.0, "integer", 12),
        (Decimal(12), "integer", 12),
        ("1.5e3", "number", 1500.0),
        (Decimal("0.25"), "number", 0.25),
        ("YES", "boolean", True),
        (0, "boolean", False),
        ("2026-03-09", "date", "2026-03-09"),
        (date(2026, 3, 9), "date", "2026-03-09"),
        (NOON, "date", "2026-03-09"),
        ("2026-03-09T14:00:00+02:00", "timestamp", "2026-03-09T12:00:00Z"),
        (NOON.replace(tzinfo=None), "timestamp", "2026-03-09T12:00:00Z"),
        (None, "integer", None),
        ("  ", "number", None),
    ],
)
def test_values_become_what_their_attribute_is(value: Any, kind: Kind, attribute: object) -> None:
    made = to_attribute(value, kind)

    assert made == attribute
    assert type(made) is type(attribute)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("x" * (MOST_CHARACTERS + 1), "string"),
        ("\ud800", "string"),
        (b"x", "string"),
        (["x"], "string"),
        ("1.5", "integer"),
        (1.5, "integer"),
        (True, "integer"),
        (2**63, "integer"),
        ("9" * 5_000, "integer"),
        (float("nan"), "integer"),
        ("nan", "number"),
        ("1e999", "number"),
        (True, "number"),
        ("perhaps", "boolean"),
        ("2026-13-01", "date"),
        (20260309, "date"),
        ("soon", "timestamp"),
        ("0001-01-01T00:00:00+14:00", "timestamp"),
    ],
)
def test_what_is_not_of_the_type_is_refused_without_being_quoted(value: Any, kind: Kind) -> None:
    with pytest.raises(ValueError, match=f"^expected {kind}$"):
        to_attribute(value, kind)


def test_ids_are_texts_and_whole_numbers() -> None:
    assert [identifier(value) for value in (" a ", 7, "", None)] == ["a", "7", None, None]
    assert [identifier(value) for value in (True, 1.5, b"x", [1], "\ud800")] == [None] * 5


def test_only_a_clear_yes_deletes() -> None:
    assert [value for value in (True, "true", "T", 1, "yes") if not is_true(value)] == []
    assert [value for value in (False, "", None, 0, "perhaps", b"x") if is_true(value)] == []


def test_moments_without_a_zone_are_in_utc() -> None:
    assert micros("2026-03-09T12:00:00.000001") == micros(NOON) + 1
    with pytest.raises(ValueError, match="expected a moment"):
        micros("9 March")
