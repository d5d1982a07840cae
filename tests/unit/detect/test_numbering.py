"""A numbering plan admits every number that libphonenumber verifies."""

import random
from collections.abc import Iterator

import phonenumbers
import pytest
from phonenumbers import Leniency, PhoneNumberFormat, PhoneNumberMatcher

from streamproc.detect.numbering import admits, numbering_plan

REGIONS = ("US", "GB", "DE", "FR", "IL", "IN", "CA", "BR", "AR", "IT", "MX", "SM", "AU", "CN")
KINDS = range(11)


def verified(digits: str, region: str) -> bool:
    matches = PhoneNumberMatcher(digits, region, leniency=Leniency.VALID)
    return [(match.start, match.end) for match in matches] == [(0, len(digits))]


def dialled(region: str) -> Iterator[str]:
    """Yield the digits of example numbers of ``region``, as they are dialled from there."""
    for kind in KINDS:
        number = phonenumbers.example_number_for_type(region, kind)
        if number is not None:
            yield phonenumbers.national_significant_number(number)
            for form in (PhoneNumberFormat.NATIONAL, PhoneNumberFormat.E164):
                yield phonenumbers.normalize_digits_only(phonenumbers.format_number(number, form))


def nearly(digits: str, chooser: random.Random) -> str:
    """Return ``digits`` behind some prefix, or with one of them another or gone."""
    at = chooser.randrange(len(digits))
    changed = digits[:at] + chooser.choice(["", "0", "1", "5", "9"]) + digits[at + 1 :]
    prefix = chooser.choice(["", "", "0", "00", "011", "1", "015", "0041", "180020", "9015"])
    return prefix + chooser.choice([digits, changed])


@pytest.mark.parametrize("region", REGIONS)
def test_every_number_the_library_verifies_is_admitted(region: str) -> None:
    plan = numbering_plan(region)
    assert plan is not None
    chooser = random.Random(region)
    examples = [digits for each in REGIONS for digits in dialled(each)]
    tried = [nearly(digits, chooser) for digits in examples for _ in range(3)]
    tried += [str(chooser.randrange(10**4, 10**12)) for _ in range(300)]
    valid = {digits for digits in tried if verified(digits, region)}
    assert len(valid) > 20
    assert [digits for digits in sorted(valid) if not admits(plan, digits)] == []


def test_most_that_the_library_does_not_verify_is_not_admitted() -> None:
    chooser = random.Random(1)
    rows = [str(chooser.randrange(10**4, 10**11)) for _ in range(1000)]
    plan = numbering_plan("US")
    assert plan is not None
    assert sum(admits(plan, row) for row in rows) < 1.1 * sum(verified(row, "US") for row in rows)


def test_region_whose_prefixes_are_not_its_countrys_has_no_plan() -> None:
    assert numbering_plan("AG") is None
    assert numbering_plan("ZZ") is None


def test_regions_that_share_a_country_code_share_a_plan() -> None:
    assert numbering_plan("US") == numbering_plan("CA")
