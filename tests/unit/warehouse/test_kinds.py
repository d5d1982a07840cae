from __future__ import annotations

import re
from datetime import UTC, date, datetime
from itertools import product
from typing import Any

import duckdb
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.events import Json
from streamproc.warehouse.kinds import WIDER, Kind, Misfit, fit, join, kind_of

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.dates().map(str)
    | st.datetimes(timezones=st.sampled_from([None, UTC])).map(str)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)
KINDS = st.sampled_from(Kind)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, None),
        (True, Kind.BOOLEAN),
        (0, Kind.INTEGER),
        (2**63 - 1, Kind.INTEGER),
        (-(2**63), Kind.INTEGER),
        (2**63, Kind.STRING),
        (-(2**63) - 1, Kind.STRING),
        (1.0, Kind.FLOAT),
        (1e308, Kind.FLOAT),
        ("", Kind.STRING),
        ("true", Kind.STRING),
        ("1", Kind.STRING),
        ([], Kind.JSON),
        ({}, Kind.JSON),
    ],
)
def test_a_value_has_the_narrowest_kind_that_holds_it(value: Json, kind: Kind | None) -> None:
    assert kind_of(value) is kind


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-01-31", date(2026, 1, 31)),
        ("0001-01-01", date(1, 1, 1)),
        ("9999-12-31", date(9999, 12, 31)),
        ("2024-02-29", date(2024, 2, 29)),
    ],
)
def test_a_day_of_the_calendar_is_a_date(text: str, value: date) -> None:
    assert kind_of(text) is Kind.DATE
    assert fit(text, Kind.DATE) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-01-31T10:30", datetime(2026, 1, 31, 10, 30, tzinfo=UTC)),
        ("2026-01-31 10:30:05", datetime(2026, 1, 31, 10, 30, 5, tzinfo=UTC)),
        ("2026-01-31T10:30:05Z", datetime(2026, 1, 31, 10, 30, 5, tzinfo=UTC)),
        ("2026-01-31T10:30:05.5Z", datetime(2026, 1, 31, 10, 30, 5, 500_000, tzinfo=UTC)),
        ("2026-01-31T10:30:05.123456789Z", datetime(2026, 1, 31, 10, 30, 5, 123_456, tzinfo=UTC)),
        ("2026-01-31T10:30:05+01:30", datetime(2026, 1, 31, 9, 0, 5, tzinfo=UTC)),
        ("2026-01-31T10:30:05+0130", datetime(2026, 1, 31, 9, 0, 5, tzinfo=UTC)),
        ("2026-01-31T10:30:05-01", datetime(2026, 1, 31, 11, 30, 5, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_timestamp_in_utc(text: str, value: datetime) -> None:
    assert kind_of(text) is Kind.TIMESTAMP
    assert fit(text, Kind.TIMESTAMP) == value


@pytest.mark.parametrize(
    "text",
    [
        "0000-01-01",
        "2026-02-29",
        "2026-13-01",
        "2026-1-1",
        "2026-01",
        "20260131",
        "+2026-01-31",
        "12026-01-31",
        "2026-W05-6",
        "2026-01-31 ",
        "2026-01-31\n",
        "\N{ARABIC-INDIC DIGIT TWO}026-01-31",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2026-01-31T24:00:00Z",
        "2026-01-31T23:59:60Z",
        "2026-01-31T10",
        "2026-01-31T10:30:05.Z",
        "2026-01-31T10:30:05+25:00",
        "2026-01-31T10:30:05 UTC",
        "2026-01-31t10:30:05z",
        "2026-01-31T10:30:05." + "1" * 40,
    ],
)
def test_what_is_no_moment_is_text(text: str) -> None:
    assert kind_of(text) is Kind.STRING
    with pytest.raises(Misfit):
        fit(text, Kind.TIMESTAMP)


@given(KINDS, KINDS, KINDS)
def test_joining_is_idempotent_commutative_and_associative(
    one: Kind, two: Kind, three: Kind
) -> None:
    assert join(one, one) is one
    assert join(one, two) is join(two, one)
    assert join(join(one, two), three) is join(one, join(two, three))


@pytest.mark.parametrize(("one", "other"), list(product(Kind, Kind)))
def test_a_join_is_the_least_kind_above_both(one: Kind, other: Kind) -> None:
    both = [kind for kind in Kind if kind in WIDER[one] and kind in WIDER[other]]
    assert all(kind in WIDER[join(one, other)] for kind in both)
    assert join(one, other) in both


@given(VALUES, KINDS)
def test_a_value_fits_the_join_of_its_kind_with_any(value: Json, kind: Kind) -> None:
    own = kind_of(value)
    fit(value, kind if own is None else join(own, kind))


@given(VALUES, KINDS)
def test_a_value_fits_no_kind_that_its_own_does_not_widen_to(value: Json, kind: Kind) -> None:
    own = kind_of(value)
    if own is None or kind in WIDER[own]:
        fit(value, kind)
    else:
        with pytest.raises(Misfit) as misfit:
            fit(value, kind)
        assert misfit.value.reason == "type"


@given(VALUES, st.sampled_from([Kind.STRING, Kind.JSON]))
def test_no_text_has_a_nul(value: Json, kind: Kind) -> None:
    try:
        text = fit(value, kind)
    except Misfit:
        return
    assert text is None or (isinstance(text, str) and "\0" not in text)
    if isinstance(value, list | dict):
        assert isinstance(text, str)
        assert "\0" not in str(orjson.loads(text))


@given(
    st.recursive(st.none() | st.text("a\0\\u"), st.lists).filter(lambda of: isinstance(of, list))
)
def test_in_json_only_nul_is_replaced(value: list[Json]) -> None:
    text = fit(value, Kind.JSON)
    assert isinstance(text, str)
    assert orjson.loads(text) == replaced(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_written_as_duckdb_widens_it(value: float) -> None:
    widened = duckdb.execute("SELECT CAST(CAST(? AS DOUBLE) AS VARCHAR)", [value]).fetchone()
    assert widened == (fit(value, Kind.STRING),)


def test_a_whole_number_that_no_double_holds_is_rounded() -> None:
    assert fit(2**53 + 1, Kind.FLOAT) == float(2**53)


def test_text_is_measured_in_bytes() -> None:
    assert fit("é" * 5, Kind.STRING, text_bytes=10) == "é" * 5
    with pytest.raises(Misfit) as misfit:
        fit("é" * 5, Kind.STRING, text_bytes=9)
    assert misfit.value.reason == "length"
    with pytest.raises(Misfit):
        fit(["é" * 5], Kind.JSON, text_bytes=12)


def test_a_misfit_does_not_tell_the_value() -> None:
    with pytest.raises(Misfit) as misfit:
        fit("jane@example.com", Kind.INTEGER)
    assert not re.search("jane", repr(misfit.value))


def replaced(value: Json) -> Json:
    if isinstance(value, list):
        return [replaced(item) for item in value]
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value
