import pytest

from streamproc.detect import key_words
from streamproc.detect.gates import plausible, said_by
from streamproc.events import Finding

STANDS = [
    # numbers with a hint, or written as what they are
    ("4010232137", "4010232137", "UK_NHS", "nhs_number"),
    ("401 023 2137", "401 023 2137", "UK_NHS", "reference"),
    ("4158675309", "4158675309", "PHONE_NUMBER", "userPhone"),
    ("4158675309", "4158675309", "PHONE_NUMBER", "contact"),
    ("4158675309", "4158675309", "PHONE_NUMBER", "userId"),
    ("+14158675309", "+14158675309", "PHONE_NUMBER", "to"),
    ("415-867-5309", "415-867-5309", "PHONE_NUMBER", "value"),
    ("(415) 867-5309", "(415) 867-5309", "PHONE_NUMBER", "value"),
    ("020 7946 0958", "020 7946 0958", "PHONE_NUMBER", "value"),
    ("415-867-5309, 415-867-5310", "415-867-5309", "PHONE_NUMBER", "value"),
    ("415-867-5309, 415-867-5310", "415-867-5310", "PHONE_NUMBER", "value"),
    ("020 7946 0958, 020 7946 0959", "020 7946 0958", "PHONE_NUMBER", "value"),
    ("+1 415-867-5309 4111111111111111", "+1 415-867-5309", "PHONE_NUMBER", "value"),
    ("192.0.2.77 (415) 867-5309", "(415) 867-5309", "PHONE_NUMBER", "value"),
    ("tel:4158675309", "4158675309", "PHONE_NUMBER", "target"),
    ("https://example.com/?x=1&phone=4158675309", "4158675309", "PHONE_NUMBER", "url"),
    ("https://wa.me/14158675309", "14158675309", "PHONE_NUMBER", "url"),
    ("jane,4158675309,NYC", "4158675309", "PHONE_NUMBER", "row"),
    ("call 4158675309 now", "4158675309", "PHONE_NUMBER", "note"),
    ("945456787", "945456787", "US_BANK_NUMBER", "account"),
    ("078-05-1120", "078-05-1120", "US_SSN", "value"),
    ("order of patient 4010232137", "4010232137", "UK_NHS", "note"),
    ("536-90-4399.", "536-90-4399", "US_SSN", "value"),
    ("mailto:536-90-4399", "536-90-4399", "US_SSN", "value"),
    ("#536-90-4399", "536-90-4399", "US_SSN", "value"),
    ("2024-01-15", "2024-01-15", "DATE_TIME", "value"),
    ("20240115", "20240115", "DATE_TIME", "start_date"),
    # cards
    ("4111111111111111", "4111111111111111", "CREDIT_CARD", "value"),
    ("378282246310005", "378282246310005", "CREDIT_CARD", "value"),
    ("5610591081018250", "5610591081018250", "CREDIT_CARD", "cardNumber"),
    ("9111-1111-1111-1111", "9111-1111-1111-1111", "CREDIT_CARD", "value"),
    ("my card 5610591081018250 is lost", "5610591081018250", "CREDIT_CARD", "note"),
    ("cards/card=5610591081018250", "5610591081018250", "CREDIT_CARD", "path"),
    # addresses of machines
    ("192.0.2.1", "192.0.2.1", "IP_ADDRESS", "value"),
    ("192.0.2.1", "192.0.2.1", "IP_ADDRESS", "ipVersion"),
    ("Mozilla/5.0 (via 192.0.2.1)", "192.0.2.1", "IP_ADDRESS", "userAgent"),
    ("example.com/192.0.2.1", "192.0.2.1", "IP_ADDRESS", "page"),
    ("2001:db8::1", "2001:db8::1", "IP_ADDRESS", "value"),
    ("fe80::1", "fe80::1", "IP_ADDRESS", "value"),
    ("2001:db8:0:0:0:0:0:1", "2001:db8:0:0:0:0:0:1", "IP_ADDRESS", "value"),
    ("::1", "::1", "IP_ADDRESS", "remote_ip"),
    ("see example.com/a", "example.com/a", "URL", "note"),
    ("see example.com", "example.com", "URL", "note"),
    # what is not of this gate
    ("jane@example.com", "jane@example.com", "EMAIL_ADDRESS", "value"),
    ("12345", "12345", "LOYALTY_NUMBER", "value"),
]
FALLS = [
    ("4010232137", "4010232137", "UK_NHS", "order_id"),
    ("order-4010232137", "4010232137", "UK_NHS", "reference"),
    ("https://example.com/?phone=1&order=4010232137", "4010232137", "UK_NHS", "url"),
    ("/orders/4010232137/lines", "4010232137", "UK_NHS", "path"),
    ("order-536-90-4399", "536-90-4399", "US_SSN", "value"),
    ("2023-order_4158675309", "4158675309", "PHONE_NUMBER", "reference"),
    ("1631210063", "1631210063", "PHONE_NUMBER", "timestamp"),
    ("1631210063.25", "1631210063", "PHONE_NUMBER", "ts"),
    ("order-9434765919", "9434765919", "PHONE_NUMBER", "reference"),
    ("2024-01-15", "2024-01-15", "PHONE_NUMBER", "value"),
    ("10-415-867-5309-22", "415-867-5309", "PHONE_NUMBER", "value"),
    ("1631210063, 1631210064", "1631210064", "PHONE_NUMBER", "value"),
    ("1 4158675309 2", "4158675309", "PHONE_NUMBER", "value"),
    ("Mozilla/5.0 [FBAN/FBIOS;FBBV/140370843]", "140370843", "PHONE_NUMBER", "userAgent"),
    ("945456787", "945456787", "US_BANK_NUMBER", "width"),
    ("945456787", "945456787", "US_BANK_NUMBER", "accountId"),
    ("1631210063", "1631210063", "DATE_TIME", "order"),
    ("1631210063123455", "1631210063123455", "CREDIT_CARD", "ts"),
    ("4006381333931", "4006381333931", "CREDIT_CARD", "sku"),
    ("sku/4006381333931", "4006381333931", "CREDIT_CARD", "path"),
    ("50314b8e9bcf000000000000", "cf0000000", "MEDICAL_LICENSE", "order_id"),
    ("Chrome/120.0.0.0", "120.0.0.0", "IP_ADDRESS", "browser"),
    ("Safari and Chrome/120.0.0.0", "120.0.0.0", "IP_ADDRESS", "browser"),
    ("version 1.2.3.4", "1.2.3.4", "IP_ADDRESS", "note"),
    ("v1.2.3.4", "1.2.3.4", "IP_ADDRESS", "note"),
    ("10.2.33.1", "10.2.33.1", "IP_ADDRESS", "appVersion"),
    ("10.2.33.1", "10.2.33.1", "IP_ADDRESS", "v"),
    ("ab12::", "ab12::", "IP_ADDRESS", "note"),
    ("::", "::", "IP_ADDRESS", "note"),
    ("use std::fmt", "d::f", "IP_ADDRESS", "note"),
    ("checkout.started", "checkout.st", "URL", "event"),
    ("rpc.py", "rpc.py", "URL", "module"),
]


def kept(text: str, found: str, entity: str, name: str) -> bool:
    start = text.index(found)
    finding = Finding(start, start + len(found), entity, 1.0, "AnyRecognizer")
    answer = plausible(text, [finding], key_words(name))
    assert answer in ([], [finding])
    return bool(answer)


@pytest.mark.parametrize(("text", "found", "entity", "name"), STANDS)
def test_a_finding_that_something_speaks_for_stands(
    text: str, found: str, entity: str, name: str
) -> None:
    assert kept(text, found, entity, name)


@pytest.mark.parametrize(("text", "found", "entity", "name"), FALLS)
def test_a_finding_that_luck_explains_is_taken_away(
    text: str, found: str, entity: str, name: str
) -> None:
    assert not kept(text, found, entity, name)


def test_names_that_say_the_same_have_the_same_answer() -> None:
    one, other = key_words("order_number"), key_words("width")
    assert said_by(one) == said_by(other) == frozenset()
    assert said_by(("user", "id")) != said_by(("id",))


def test_findings_keep_their_order() -> None:
    findings = [
        Finding(3, 4, "PERSON", 0.5, "Any"),
        Finding(0, 2, "UK_NHS", 1.0, "Any"),
        Finding(1, 2, "LOCATION", 0.5, "Any"),
    ]
    assert plausible("0123", findings, ()) == [findings[0], findings[2]]
