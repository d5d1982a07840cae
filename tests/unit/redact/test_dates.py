import pytest

from streamproc.redact.dates import generalised_date, shifted


@pytest.mark.parametrize(
    ("written", "five_days_on"),
    [
        ("2024-02-27", "2024-03-03"),
        ("2024/2/7", "2024/2/12"),
        ("2024.12.30", "2025.01.04"),
        ("20240227", "20240303"),
        ("02/27/2024", "03/03/2024"),
        ("2/27/2024", "3/3/2024"),
        ("9-28-2024", "10-3-2024"),
        ("27 February 2024", "3 March 2024"),
        ("Feb 27, 2024", "Mar 3, 2024"),
        ("feb. 27 2024", "mar. 3 2024"),
        ("27-FEB-2024", "03-MAR-2024"),
        ("2024-Feb-27", "2024-Mar-03"),
        ("27. February 2024", "3. March 2024"),
        ("May 28, 2024", "Jun 2, 2024"),
        ("2024-02-27T23:59:59.999Z", "2024-03-03T23:59:59.999Z"),
        ("2024-02-27T23:59:59+05:30", "2024-03-03T23:59:59+05:30"),
        ("2024-02-27 23:59", "2024-03-03 23:59"),
        ("02/27/2024, 11:59 pm", "03/03/2024, 11:59 pm"),
        (" 2024-02-27 ", "2024-03-03"),
    ],
)
def test_a_date_moves_in_the_form_it_is_written_in(written: str, five_days_on: str) -> None:
    assert shifted(written, 5, day_first=False) == five_days_on


def test_who_writes_the_day_first_is_to_say_so() -> None:
    assert shifted("03/04/2024", 1, day_first=False) == "03/05/2024"
    assert shifted("03/04/2024", 1, day_first=True) == "04/04/2024"
    assert shifted("27.02.2024", 1, day_first=False) is None


@pytest.mark.parametrize(
    "written",
    [
        "",
        "hello",
        "2024-02-30",
        "2024-13-01",
        "02/27/24",
        "27 Febtober 2024",
        "2024-02",
        "2024-02/27",
        "2024-02-27 at noon",
        "٢٠٢٤-٠٢-٢٧",
        "1700000000",
    ],
)
def test_what_is_no_date_is_not_read(written: str) -> None:
    assert shifted(written, 1, day_first=False) is None
    if written != "2024-02":
        assert generalised_date(written, "month", day_first=False) is None


def test_a_date_does_not_leave_the_calendar() -> None:
    assert shifted("9999-12-31", 1, day_first=False) is None
    assert shifted("0001-01-01", -1, day_first=False) is None


@pytest.mark.parametrize("written", ["0229", "1231", "3112", "0004-02-29", "9999-12-31"])
def test_four_digits_that_are_a_day_are_no_year(written: str) -> None:
    assert generalised_date(written, "year", day_first=False) is None
    assert generalised_date(written, "month", day_first=False) is None
