import re
from time import thread_time
from typing import Any

import phonenumbers
import pytest
import regex
from phonenumbers import PhoneMetadata, phonenumberutil
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from streamproc.detect import phones
from streamproc.detect.numbering import numbering_plan
from streamproc.detect.phones import PhoneMatcher


def reference(text: str) -> set[tuple[int, int]]:
    found = PhoneRecognizer().analyze(text, ["PHONE_NUMBER"])
    return {(result.start, result.end) for result in found}


def ours(text: str) -> set[tuple[int, int]]:
    matcher = PhoneMatcher(PhoneRecognizer())
    patterns = [
        index
        for index, pattern in enumerate(matcher.scan)
        if regex.search(pattern.regex, text, pattern.flags)
    ]
    if not patterns:
        return set()
    return {(finding.start, finding.end) for finding in matcher.find(text, patterns)}


TEXTS = [
    "",
    "212-555-0123",
    "+1 (212) 555-0123 ext. 99",
    "+12125550123",
    "call 020 7946 0958 or 030 123456",
    "011 44 20 7946 0958",
    "0044 20 7946 0958",
    "tel 110",
    "1161",
    "2023",
    "12.50",
    "1299.00",
    "1631210063",
    "0059915c-dea7-4682-b06d-52f315b12f5e",
    "2023-05-17T22:49:53.310Z",
    "192.0.2.1",
    "\uff0b1 212 555 0123",
    "\uff12\uff11\uff12-\uff15\uff15\uff15-\uff10\uff11\uff12\uff13",
    "٢١٢٥٥٥٠١٢٣",
    "212—555—0123",
    "212\u00ad555\u200b0123",
    "1 ext 5550123",
    "12 доб 3456789",
    "555#1234567",
    "2125550123;ext=12",
    "+1 212 555 0123 / +44 20 7946 0958",
    "+1 212 555 0123+1 212 555 0124",
    "(((212) 555-0123",
    "5, ~18002123456%0471922]36900287831",
    "5,\tx 18002123456",
    "030\u00a0123456",
    "030\u2013123456\uff5e12",
    "1/2/030 123456/212 555-0123",
    "2 1 2 5 5 5 0 1 2 3",
    "0 1",
    "310-1234",  # Canada's short numbers are valid in every region of +1
    "1920x1080",
    "12x34x56x78x90",
    "abc2125550123",
    "(x2125550123",
    "2125550123%",
    "$212555 0123",
    "212.555.0123.4.5.6.7.8.9.0.1.2.3.4",
    "0045 32 12 34 56",
    "180020 20 7946 0958",
    "1 212 555 0123",
    "49 30 123456",
    "0 15 11 2345 6789",
    "123 ext. 4",
    "news+500147@example.net",
    "+ (49) 30-123456",
]


@pytest.mark.parametrize("text", TEXTS)
def test_same_numbers_as_presidio(text: str) -> None:
    assert ours(text) == reference(text)


@pytest.mark.parametrize("piece", ["1/", "1 (2", "123 ext 1 ", "1\u20131", "1 ext 1 ", "+1 "])
def test_hostile_texts_take_bounded_time(piece: str) -> None:
    matcher = PhoneMatcher(PhoneRecognizer())
    text = (piece * 2048)[:2048]
    start = thread_time()
    matcher.find(text, [0, 1])
    assert thread_time() - start < 0.3  # a tenth of it, on a machine that does nothing else


def test_library_asks_the_numbering_plan_before_it_parses(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    monkeypatch.setattr(
        phonenumbers.PhoneNumberMatcher,
        "_parse_and_verify",
        lambda _, candidate, __: parsed.append(candidate),
    )
    PhoneMatcher(PhoneRecognizer()).find("192.0.2.1 +49 30 123456", [0])
    assert set(parsed) == {"+49 30 123456", "+49"}


def test_punctuation_is_that_of_the_library() -> None:
    theirs = re.compile(f"[{phonenumberutil._VALID_PUNCTUATION}]")
    mine = re.compile(f"[{phones._PUNCTUATION}]")
    everything = list(map(chr, range(0x10000)))
    assert list(filter(theirs.match, everything)) == list(filter(mine.match, everything))


def test_row_stands_for_every_punctuation_of_the_library() -> None:
    for character in filter(re.compile(f"[{phones._PUNCTUATION}]").match, map(chr, range(0x10000))):
        assert regex.search(phones.ROW, f"1{character * 4}2{character}3{character}4", regex.I)


def test_no_number_in_the_world_has_fewer_digits_than_a_row() -> None:
    regions = sorted(phonenumbers.SUPPORTED_REGIONS)
    plans = {region: numbering_plan(region) for region in regions}
    fewest = {plan.fewest for plan in plans.values() if plan}
    lengths = {min(_lengths(PhoneMetadata.metadata_for_region(region))) for region in regions}
    assert min(fewest) == min(lengths) == 4


def test_row_is_asked_for_only_where_a_plan_admits_its_digits() -> None:
    matcher = PhoneMatcher(PhoneRecognizer())
    assert matcher._regions("212-555-0123", extensions=False) == ["US", "CA", "IN", "BR"]
    assert matcher._regions("030 123456", extensions=False) == ["DE", "IL"]
    assert matcher._regions("192.0.2.1", extensions=False) == []
    assert matcher._regions("ORD-10355", extensions=False) == []


def test_words_for_an_extension_send_only_texts_with_a_number_before_to_every_region() -> None:
    matcher = PhoneMatcher(PhoneRecognizer())
    assert matcher._regions("1 ext 1 ext 2", extensions=True) == []
    assert len(matcher._regions("123 ext 45", extensions=True)) == 8


def _lengths(metadata: Any) -> tuple[int, ...]:
    lengths: tuple[int, ...] = metadata.general_desc.possible_length
    return lengths
