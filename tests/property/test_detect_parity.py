"""Texts made by Hypothesis: our findings are Presidio's, text by text."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from presidio_reference import Reference, found

from streamproc.detect import Detector, Recognition, Text
from streamproc.detect.names import is_name
from streamproc.detect.shapes import machine_made

ENTITIES = """
    CREDIT_CARD US_BANK_NUMBER US_DRIVER_LICENSE US_ITIN US_PASSPORT US_SSN UK_NHS CRYPTO DATE_TIME
    EMAIL_ADDRESS IBAN_CODE IP_ADDRESS MEDICAL_LICENSE MAC_ADDRESS PHONE_NUMBER URL PERSON LOCATION
    NRP UUID
"""

VALUES = """
    jane.doe@example.com
    JANE@EXAMPLE.CO.UK
    jane%40example.com
    müller@bücher.example.org
    4111 1111 1111 1111
    4111111111111112
    5555-5555-5555-4444
    212-555-0123
    +44 20 7946 0958
    +1 (212) 555-0123 ext. 5
    030 123456
    \uff12\uff11\uff12 \uff15\uff15\uff15 \uff10\uff11\uff12\uff13
    078-05-1120
    457-55-5462
    945456787
    A1234567
    AB123456C
    401 023 2137
    GB33BUKB20201555555555
    DE89 3704 0044 0532 0130 00
    1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa
    192.0.2.17
    2001:db8::1
    ::
    00:00:5e:00:53:01
    2023-05-17T22:49:53.310Z
    17/05/1984
    May 3rd 1984
    12-MAY-84
    https://www.example.com/a?b=c#d
    checkout.start
    0059915c-dea7-4682-b06d-52f315b12f5e
    1631210063
    12.50
    Jane Miller
    Nguyễn Văn An
    ali\u0301ce
    \u0130stanbul
    Chicago
"""

WORDS = """
    my the phone phoning number calls called mobile bank account accounts licensed driver date dated
    birthday birthdays ssn social tax passport ip email emails card credit is was us at of medical
    iban transaction link website taxpayer's wallet national health #1 — ¡ ok. (see) : /
    description status
"""

PIECES = st.one_of(
    st.sampled_from([value.strip() for value in VALUES.strip().splitlines()]),
    st.sampled_from(WORDS.split()),
    st.sampled_from(WORDS.split()),
    st.text(st.characters(codec="utf-8"), max_size=12),
)
GAPS = st.sampled_from([" ", " ", "", "\n", ", "])
TEXTS = st.builds(str.join, GAPS, st.lists(PIECES, max_size=9))
EVERY_STEP = st.just(frozenset[str]())
UNGATED = st.just(frozenset({"bare_number"}))  # the gate takes away what Presidio found
CONTEXTS = st.lists(st.sampled_from(["phone", "email", "account", "us", "ip", "birth", "x"]))


@pytest.fixture(scope="module", params=[0.0, 0.4])
def engines(
    request: pytest.FixtureRequest, pytestconfig: pytest.Config
) -> tuple[Detector, Reference]:
    recognition = Recognition(frozenset(ENTITIES.split()), request.param)
    assert pytestconfig.cache
    cache = pytestconfig.cache.mkdir("patterns")
    return Detector(recognition, cache=cache), Reference(recognition)


@given(
    texts=st.lists(st.builds(Text, TEXTS, CONTEXTS.map(tuple), EVERY_STEP), min_size=1, max_size=4)
)
@settings(max_examples=400, deadline=None)
def test_findings_are_presidios(engines: tuple[Detector, Reference], texts: Sequence[Text]) -> None:
    detector, reference = engines
    for text, findings in zip(texts, detector.analyze(texts), strict=True):
        assert found(findings) == reference.expected(text)


@given(text=st.builds(Text, TEXTS, st.just(()), UNGATED))
@settings(max_examples=300, deadline=None)
def test_findings_do_not_overlap_and_uncover_nothing_presidio_found(
    engines: tuple[Detector, Reference], text: Text
) -> None:
    detector, _ = engines
    ((raw,), (findings,)) = detector.analyze([text]), detector.detect([text])
    spans = [(finding.start, finding.end) for finding in findings]
    assert all(0 <= start < end <= len(text.value) for start, end in spans)
    assert all(left[1] <= right[0] for left, right in pairwise(spans))
    if machine_made(frozenset({"UUID"})).fullmatch(text.value):
        return
    if any(finding.step != "text" for finding in findings):
        return  # an address within a URL is found alone, without what Presidio took with it
    covered = {i for start, end in spans for i in range(start, end)}
    standing = [finding for finding in raw if is_name(text.value, finding)]
    presidios = {i for finding in standing for i in range(finding.start, finding.end)}
    assert not any(text.value[i].isalnum() for i in presidios - covered)
