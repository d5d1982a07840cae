"""Validations answer as Presidio's recognizers do, and are left out where there is none."""

import pytest
from presidio_analyzer import Pattern, PatternRecognizer
from presidio_analyzer.predefined_recognizers import (
    EmailRecognizer,
    IpRecognizer,
    UrlRecognizer,
)

from streamproc.detect.recognizers import build_recognizers
from streamproc.detect.texts import Recognition
from streamproc.detect.validate import validation


@pytest.fixture(scope="module", autouse=True)
def offline() -> None:
    build_recognizers(Recognition(frozenset({"EMAIL_ADDRESS"})))


@pytest.mark.parametrize(
    "matched",
    [
        "192.0.2.1",
        "192.0.2.01",
        "192.0.2.0/24",
        "0.0.0.0",
        "198.51.100.300",
        "2001:db8::1",
        "::ffff:192.0.2.1",
        "2001:db8::g",
        "\u0661\u0669\u0662.0.2.1",
    ],
)
def test_ip_addresses_are_judged_as_presidio_judges_them(matched: str) -> None:
    validate = validation(IpRecognizer())
    assert validate is not None
    invalid = IpRecognizer().invalidate_result(matched)
    assert validate(matched, 0.6) == (0 if invalid else 0.6)


@pytest.mark.parametrize(
    "matched",
    [
        "jane.doe@example.com",
        "JANE@EXAMPLE.CO.UK",
        "jane@example.invalid",
        "jane@localhost.local",
        "a/b@example.com",
        "example.com/b@c.local",
        "a?b@example.com",
        "a#b@example.com",
        "a//b@example.com",
        "jane@192.0.2.1",
        "jane@b\u00fccher.example.org",
        "jane@\u4f8b\u3048.jp",
    ],
)
def test_mail_addresses_are_judged_as_presidio_judges_them(matched: str) -> None:
    validate = validation(EmailRecognizer())
    assert validate is not None
    valid = EmailRecognizer().validate_result(matched)
    for _ in range(2):  # asked and remembered
        assert validate(matched, 0.5) == (1.0 if valid else 0.0)


def test_recognizer_without_a_validation_has_none() -> None:
    assert validation(UrlRecognizer()) is None


class _Careless(PatternRecognizer):
    def __init__(self) -> None:
        super().__init__("NUMBER", patterns=[Pattern("number", r"\w+", 0.3)])

    def validate_result(self, pattern_text: str) -> bool:
        return int(pattern_text) % 2 == 0


class _CarelessMail(EmailRecognizer):
    def validate_result(self, pattern_text: str) -> bool:
        raise LookupError(len(pattern_text))


def test_match_stands_where_the_validation_raises() -> None:
    validate = validation(_Careless())
    assert validate is not None
    assert [validate(matched, 0.3) for matched in ("2", "3", "x")] == [1.0, 0.0, 0.3]
    careless = validation(_CarelessMail())
    assert careless is not None
    assert careless("jane@example.com", 0.5) == 0.5
