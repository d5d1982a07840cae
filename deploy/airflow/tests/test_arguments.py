from __future__ import annotations

from datetime import UTC, datetime

import pytest
from airflow.sdk.exceptions import AirflowFailException

from streamproc_airflow.arguments import moment, receipt, tokens

ONE = "tok_k1_" + "a" * 32
TWO = "tok_k1_" + "b" * 32


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-31T07:00:00+01:00",
        "2026-01-31 06:00:00+00:00",  # as templates render a moment
        datetime(2026, 1, 31, 6, tzinfo=UTC),
    ],
)
def test_a_moment_is_read_in_utc(value: datetime | str) -> None:
    assert moment(value, "up_to").isoformat() == "2026-01-31T06:00:00+00:00"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("2026-01-31T06:00:00", "up_to is 2026-01-31T06:00:00, which has no time zone"),
        ("", "up_to is '', expected a moment such as 2026-01-31T06:00:00+00:00"),
        ("--until=x", "up_to is '--until=x', expected a moment such as 2026-01-31T06:00:00+00:00"),
    ],
)
def test_what_is_no_moment_fails_for_good(value: str, told: str) -> None:
    with pytest.raises(AirflowFailException) as raised:
        moment(value, "up_to")

    assert str(raised.value) == told


@pytest.mark.parametrize(
    "values", [[ONE, TWO], [ONE, TWO, ONE], f"{ONE},{TWO}", f" {ONE}\n{TWO} ", (ONE, TWO)]
)
def test_tokens_come_as_a_list_or_as_text(values: list[str] | str) -> None:
    assert tokens(values) == (ONE, TWO)


@pytest.mark.parametrize("wrong", ["jane@example.com", "--until=2026-01-01", ONE.upper(), ONE[:-1]])
def test_what_is_no_token_is_refused_and_not_quoted(wrong: str) -> None:
    with pytest.raises(AirflowFailException, match="token 2 of 2 is none") as raised:
        tokens([ONE, wrong])

    assert wrong not in str(raised.value)


@pytest.mark.parametrize(("values", "found"), [([], 0), ("", 0), ([ONE] * 1_001, 1_001)])
def test_no_token_and_too_many_are_refused(values: list[str] | str, found: int) -> None:
    with pytest.raises(AirflowFailException, match=f"expected 1 to 1000 tokens, found {found}"):
        tokens(values)


@pytest.mark.parametrize("value", ["", "a" * 201, "two\nlines", "nul\0"])
def test_a_receipt_is_one_line_of_bounded_text(value: str) -> None:
    with pytest.raises(AirflowFailException, match="receipt is not a text"):
        receipt(value)
