import pytest

from streamproc.redact.ff1 import Ff1
from streamproc.redact.formats import in_its_form

FF1 = Ff1(bytes(range(32)))


def form(value: str) -> str:
    """Return what kind of character stands where."""
    kinds = [
        "9"
        if letter.isdigit()
        else "A"
        if letter.isupper()
        else "a"
        if letter.islower()
        else letter
        for letter in value
    ]
    return "".join(kinds)


@pytest.mark.parametrize(
    "value", ["212-555-0147", "(212) 555 0147", "janeroe", "JANE-ROE", "4111111111111111"]
)
def test_what_is_of_one_kind_stays_of_that_kind(value: str) -> None:
    new = in_its_form(FF1, b"", value, 0)
    assert new is not None
    assert form(new) == form(value)
    assert new != value


@pytest.mark.parametrize("value", ["AB-123456", "ab-123456", "Jane-Roe", "Jane-7-roe"])
def test_what_is_of_several_kinds_stays_of_those(value: str) -> None:
    new = in_its_form(FF1, b"", value, 0)
    assert new is not None
    assert set(form(new)) == set(form(value))
    assert [at for at, letter in enumerate(new) if letter == "-"] == [
        at for at, letter in enumerate(value) if letter == "-"
    ]


def test_full_width_digits_are_digits() -> None:
    assert in_its_form(FF1, b"", "１２３４５６７", 0) == in_its_form(FF1, b"", "1234567", 0)  # noqa: RUF001 - what is tested


def test_a_tweak_makes_another_value() -> None:
    assert in_its_form(FF1, b"one", "1234567", 0) != in_its_form(FF1, b"two", "1234567", 0)


@pytest.mark.parametrize("keep_last", [8, 7, 2])
def test_more_kept_than_can_be_spared_leaves_nothing_to_encrypt(keep_last: int) -> None:
    assert in_its_form(FF1, b"", "1234567", keep_last) is None


def test_two_values_never_become_one() -> None:
    values = [f"{number:06}" for number in range(0, 1_000_000, 997)]
    made = {in_its_form(FF1, b"", value, 0) for value in values}
    assert len(made) == len(values)
