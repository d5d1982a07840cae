import pytest

from streamproc.detect.checksums import CHECKSUMS

# Numbers that the schemes' own descriptions, or the bodies that give them out, publish as examples.
RIGHT = [
    ("luhn", "4111 1111 1111 1111"),
    ("luhn", "79927398713"),
    ("iban", "GB82 WEST 1234 5698 7654 32"),
    ("iban", "de89370400440532013000"),
    ("mod97", "5493001KJTIIGC8Y1R12"),
    ("mod11", "0-306-40615-2"),
    ("mod11", "0-8044-2957-X"),
    ("mod11", "943 476 5919"),
    ("mod11_2", "0000-0002-1825-0097"),
    ("mod11_2", "0000-0002-1694-233X"),
    ("verhoeff", "2363"),
    ("damm", "5724"),
]


@pytest.mark.parametrize(("name", "number"), RIGHT)
def test_a_published_number_holds(name: str, number: str) -> None:
    assert CHECKSUMS[name](number)


@pytest.mark.parametrize(("name", "number"), RIGHT)
def test_a_number_with_any_one_digit_changed_does_not_hold(name: str, number: str) -> None:
    changed = {
        number[:at] + str((int(digit) + 1) % 10) + number[at + 1 :]
        for at, digit in enumerate(number)
        if digit.isdecimal()
    }
    assert not any(map(CHECKSUMS[name], changed))


@pytest.mark.parametrize("name", CHECKSUMS)
@pytest.mark.parametrize("text", ["", "-", "0", "ÄÖ", "number", "12 34 ab é"])
def test_what_is_no_number_does_not_hold(name: str, text: str) -> None:
    assert not CHECKSUMS[name](text)
