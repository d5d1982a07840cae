import re
from typing import Any

import pytest
import regex
from phonenumbers import PhoneMetadata, phonenumberutil
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from streamproc.detect import phones
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
    "2 1 2 5 5 5 0 1 2 3",
    "0 1",
]


@pytest.mark.parametrize("text", TEXTS)
def test_same_numbers_as_presidio(text: str) -> None:
    assert ours(text) == reference(text)


def test_punctuation_is_that_of_the_library() -> None:
    theirs = re.compile(f"[{phonenumberutil._VALID_PUNCTUATION}]")
    mine = re.compile(f"[{phones._PUNCTUATION}]")
    everything = list(map(chr, range(0x10000)))
    assert list(filter(theirs.match, everything)) == list(filter(mine.match, everything))


def test_row_stands_for_every_punctuation_of_the_library() -> None:
    for character in filter(re.compile(f"[{phones._PUNCTUATION}]").match, map(chr, range(0x10000))):
        assert regex.search(phones.ROW, f"1{character * 4}2{character}3{character}4", regex.I)


def test_fewest_digits_are_of_the_numbering_plans() -> None:
    fewest = {region: phones._fewest(region) for region in ("US", "GB", "DE", "FR", "ZZ")}
    assert fewest == {"US": 8, "GB": 7, "DE": 4, "FR": 8, "ZZ": 0}


def test_no_number_with_its_country_code_is_shorter_than_assumed() -> None:
    fewest = min(
        len(str(code)) + min(filter(None, _lengths(metadata)))
        for code, regions in phonenumberutil.COUNTRY_CODE_TO_REGION_CODE.items()
        for region in regions
        if (metadata := PhoneMetadata.metadata_for_region_or_calling_code(code, region))
    )
    assert fewest == phones._SHORTEST_INTERNATIONAL


def _lengths(metadata: Any) -> tuple[int, ...]:
    lengths: tuple[int, ...] = metadata.general_desc.possible_length
    return lengths
