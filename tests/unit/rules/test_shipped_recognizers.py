"""What the shipped recognizers find, and what they leave. All keys and people are made up."""

from __future__ import annotations

import random
import string
from typing import Any

import pytest

from streamproc.detect.own import build_own
from streamproc.rules.load_recognizers import load_recognizers
from streamproc.shipped import shipped

UPPER, LOWER, DIGITS = string.ascii_uppercase, string.ascii_lowercase, string.digits
HEX = "0123456789abcdef"
WORD = UPPER + LOWER + DIGITS
RECOGNIZERS: list[Any] = [
    build_own(definition, "en")
    for definition in load_recognizers(shipped("rules/recognizers")).definitions
]


def body(length: int, letters: str = WORD) -> str:
    """Return what a key may end with: made when it is needed, so that none stands in this file."""
    return "".join(random.Random(length).choices(letters, k=length))


def found(text: str) -> set[tuple[str, str]]:
    """Return entity and text of everything found with the score the shipped ruleset wants."""
    return {
        (result.entity_type, text[result.start : result.end])
        for recognizer in RECOGNIZERS
        for result in recognizer.analyze(text, [])
        if result.score >= 0.4
    }


KEYS = [
    "LTAI" + body(20),
    "sk-" + "ant-api03-" + body(93) + "AA",
    "AKCp" + body(69),
    "AKIA" + body(16, UPPER + "234567"),
    "ASIA" + body(16, UPPER + "234567"),
    "xkeysib-" + body(64, HEX) + "-" + body(16),
    "v1.0-" + body(24, HEX) + "-" + body(146, HEX),
    "dt0c01." + body(24, UPPER + DIGITS) + "." + body(64, UPPER + DIGITS),
    "EZAK" + body(54),
    "FLWSECK_TEST-" + body(32, HEX) + "-X",
    "AIza" + body(35),
    "glc_" + body(60),
    "gsk_" + body(52),
    "lin_api_" + body(40),
    body(32, HEX) + "-us12",
    "key-" + body(32, HEX),
    "NRAK-" + body(27, UPPER + DIGITS),
    "API-" + body(26, UPPER + DIGITS),
    "sk-" + "proj-" + body(74) + "T3BlbkFJ" + body(74),
    "sk-" + body(48),
    "pplx-" + body(48),
    "PMAK-" + body(24, HEX) + "-" + body(34, HEX),
    "rdme_" + body(70, LOWER + DIGITS),
    "rubygems_" + body(48, HEX),
    "SG." + body(22) + "." + body(43),
    "sk_" + "live_" + body(24),
    "rk_" + "test_" + body(24),
    "whsec_" + body(32),
    "tskey-auth-" + body(17) + "-" + body(32),
    "SK" + body(32, HEX),
]
TOKENS = [
    "pat" + body(14) + "." + body(64, HEX),
    "ATATT3" + body(180),
    "CLOJARS_" + body(60, LOWER + DIGITS),
    "dapi" + body(32, HEX),
    "dop_v1_" + body(64, HEX),
    "dckr_pat_" + body(27),
    "dp.pt." + body(43),
    "duffel_test_" + body(43),
    "EAAM" + body(120),
    "figd_" + body(40),
    "ghp_" + body(36),
    "gho_" + body(36),
    "ghs_" + body(36),
    "github_pat_" + body(22) + "_" + body(59),
    "glpat-" + body(20),
    "glrt-" + body(20),
    "ya29." + body(60),
    "GOCSPX-" + body(28),
    "glsa_" + body(32) + "_" + body(8, HEX),
    "HRKU-" + body(60),
    "hf_" + body(34, UPPER + LOWER),
    "ntn_" + body(46),
    "npm_" + body(36),
    "sha256~" + body(43),
    "pscale_tkn_" + body(43),
    "pul-" + body(40, HEX),
    "pypi-" + "AgEIcHlwaS5vcmc" + body(80),
    "sntryu_" + body(64, HEX),
    "shippo_live_" + body(40, HEX),
    "shpat_" + body(32, HEX),
    "xoxb-" + body(12, DIGITS) + "-" + body(12, DIGITS) + "-" + body(24),
    "xapp-1-" + body(11, UPPER) + "-" + body(13, DIGITS) + "-" + body(64, LOWER + DIGITS),
    "squ_" + body(40, HEX),
    "sgp_" + body(40, HEX),
    "sq0atp-" + body(22),
    body(9, DIGITS) + ":AA" + body(33),
    body(14) + ".atlasv1." + body(67),
    "tfp_" + body(59),
    "hvs." + body(95),
]
JWT = "eyJ" + body(33) + "." + "eyJ" + body(60) + "." + body(43)
SECRETS = [
    *(("API_KEY", key) for key in KEYS),
    *(("ACCESS_TOKEN", token) for token in TOKENS),
    ("JWT", JWT),
    (
        "PRIVATE_KEY",
        f"-----BEGIN PRIVATE KEY-----\n{body(64)}\n{body(30)}\n-----END PRIVATE KEY-----",
    ),
]


@pytest.mark.parametrize(("entity", "secret"), SECRETS, ids=lambda given: str(given)[:12])
@pytest.mark.parametrize("around", ["{}", "see {} here", "key={}&x=1", '{{"k": "{}"}}', "a\n{}\n"])
def test_a_secret_is_found_as_a_whole_wherever_it_stands(
    entity: str, secret: str, around: str
) -> None:
    assert (entity, secret) in found(around.format(secret))


ASSIGNED = [
    ("https://jane:Tr0ub4dor@db.example.org:5432/x", ("PASSWORD", "Tr0ub4dor")),
    ("redis://:p@ssw@cache.example.org", ("PASSWORD", "p@ssw")),
    ("https://jane@example.org/a:b@c", None),
    ("Authorization: Bearer " + body(30), ("ACCESS_TOKEN", body(30))),
    ("Authorization: Basic amFuZTpzZWNyZXQ=", ("ACCESS_TOKEN", "amFuZTpzZWNyZXQ=")),
    ("Basic amFuZTpzZWNyZXQ=", ("ACCESS_TOKEN", "amFuZTpzZWNyZXQ=")),
    ("the bearer of this letter", None),
    ("basic authentication", None),
    ('DB_PASS = "Kf3 x81"', ("PASSWORD", "Kf3 x81")),
    ("dbPass: 'x81%Kf'", ("PASSWORD", "x81%Kf")),
    ('{"password": "hunter22"}', ("PASSWORD", "hunter22")),
    ('{\\"password\\": \\"hunter22\\"}', ("PASSWORD", "hunter22")),
    ("login?user_id=7&password=letmein&x=1", ("PASSWORD", "letmein")),
    ("password: letmein7!", ("PASSWORD", "letmein7!")),
    ("my password is letmein7", ("PASSWORD", "letmein7")),
    ("password: required", None),
    ("the password is wrong", None),
    ("reset your password", None),
    ("compass: 'north'", None),
    ("bypass='always'", None),
    (f"api_key: {body(24)}", ("API_KEY", body(24))),
    (f'"clientSecret":"{body(32, HEX)}"', ("API_KEY", body(32, HEX))),
    (f"refresh_token={body(40)}", ("ACCESS_TOKEN", body(40))),
    ("api_key: aaaaaaaaaaaaaaaaaaaaaaa1", None),  # too little entropy
    ("secret: our-very-special-sauce", None),
    ("token: undefined", None),
    ("primary key: customer_identifier", None),
]
PEOPLE = [
    ('DB_USER = "mgr_6647"', ("USER_NAME", "mgr_6647")),
    ("session opened user=jdoe tty=1", ("USER_NAME", "jdoe")),
    ("login: jane.doe", ("USER_NAME", "jane.doe")),
    ("username is jane_77.", ("USER_NAME", "jane_77")),
    ("user: the one who asked", None),
    ("superuser=yes", None),
    ("DOB: 1984-10-19", ("DATE_OF_BIRTH", "1984-10-19")),
    ("date of birth 19.10.1984", ("DATE_OF_BIRTH", "19.10.1984")),
    ("born on 19 October 1984", ("DATE_OF_BIRTH", "19 October 1984")),
    ("birthday: Oct 19, 1984", ("DATE_OF_BIRTH", "Oct 19, 1984")),
    ("ordered on 19 October 1984", None),
    ("reborn 1984-10-19", None),
    ("a 38-year-old man", ("AGE", "38")),
    ("she turned 40", ("AGE", "40")),
    ("retired at the age of 61", ("AGE", "61")),
    ("a 10 years warranty", None),
    ("turned 90% of it", None),
    ("Phone: 780 6326", ("PHONE_NUMBER", "780 6326")),
    ("Mobile: 03.93.92.16.85", ("PHONE_NUMBER", "03.93.92.16.85")),
    ("call me at 555-0100 x12", ("PHONE_NUMBER", "555-0100 x12")),
    ("555 0100-Office", ("PHONE_NUMBER", "555 0100")),
    ("order 780 6326", None),
    ("My name is Jane", ("PERSON", "Jane")),
    ("my name is on it", None),
    ('{"first_name" : "Jane", ', ("PERSON", "Jane")),
    ("lastName=van Roe", None),  # of two words, and the first is small
    ("Surname: O'Neil-Roe", ("PERSON", "O'Neil-Roe")),
    ("Patient: Jane Q. van der Roe\nWard: 7", ("PERSON", "Jane Q. van der Roe")),
    ('<patient name="Jane Roe" ', ("PERSON", "Jane Roe")),
    ("<employee>Jane Roe</employee>", ("PERSON", "Jane Roe")),
    ("| Passenger | Jane Roe |", ("PERSON", "Jane Roe")),
    ("Dear all,\nTo: Jane Roe\n", ("PERSON", "Jane Roe")),
    ("Employee: see below", None),
    ("outpatient: Jane Roe", None),
    ("Customer: Gold", None),
    ("Name: Jane Roe, phone below", ("PERSON", "Jane Roe")),
    ("Name: Running Shoes, size below", None),
    ("file name: Annual Report, phone list", None),
    ("hostname: Alpha Beta, phone list", None),
    ("12:00Z] Jane Roe logged in", ("PERSON", "Jane Roe")),
    ("Jane Roe has changed her password", ("PERSON", "Jane Roe")),
    ("Jane Roe logged intrusions", None),
    ("asked by Jane Roe (ID: 7)", ("PERSON", "Jane Roe")),
    ("Annual Report (2024)", None),
    ("Jane moved from Springfield to work there", ("PERSON", "Jane")),
    ("there Jane Roe lives on her own", ("PERSON", "Jane Roe")),
    ("He was born in 1984", None),
    ("Meeting moved from Monday to Tuesday", None),
]
PLACES = [
    ("12 Main Street", ("ADDRESS", "12 Main Street")),
    (
        "at 1600 N Example Ave Apt 4, Springfield, IL 62704.",
        ("ADDRESS", "1600 N Example Ave Apt 4, Springfield, IL 62704"),
    ),
    (
        "ship it to 7557 Alder Lane, Fairview, GA 37257",
        ("ADDRESS", "7557 Alder Lane, Fairview, GA 37257"),
    ),
    ("wohnt in der Lindenstraße 14a", ("ADDRESS", "Lindenstraße 14a")),
    ("PO Box 963", ("ADDRESS", "PO Box 963")),
    ("Springfield, IL 62704", ("ADDRESS", "Springfield, IL 62704")),
    ("my address is 5 Rowan Hill", ("ADDRESS", "5 Rowan Hill")),
    ("My MAC address is 00:00:5E:00:53:01", None),
    ("IP address is 192.0.2.1", None),
    ("5 stars, a long road", None),
    ("Summer Sale 2024", None),
    ("Chrome/120.0.0.0 Safari/537.36", None),
    ("Galaxy S21 Ultra 5G", None),
    ("was with Kyrie at 5", None),
    ("at 48.85837,2.294481 now", ("COORDINATES", "48.85837,2.294481")),
    ("-33.8568, 151.2153", ("COORDINATES", "-33.8568, 151.2153")),
    ("1.25,3.50", None),
    ("99.1234,20.1234", None),
]
NUMBERS = [
    ("limit of card 2223003122003222?", ("CREDIT_CARD", "2223003122003222")),
    ("pay 2223 0031 2200 3222 now", ("CREDIT_CARD", "2223 0031 2200 3222")),
    ("my Maestro is 6759649826438453", ("CREDIT_CARD", "6759649826438453")),
    ("credit card no. 4000 000000 00000 0006", ("CREDIT_CARD", "4000 000000 00000 0006")),
    ("6759649826438453 is the card", ("CREDIT_CARD", "6759649826438453")),
    ("card 6759649826438454", None),  # its check digit is wrong
    ("discard 6759649826438453", None),
    ("order 6759649826438453", None),
    ("card 4111-..., cvv 737.", ("CARD_CODE", "737")),
    ("the CVC2 is: 7373", ("CARD_CODE", "7373")),
    ("security code was 737", ("CARD_CODE", "737")),
    ("my cvv is on the back, 2024 model", None),
    ("security code 73712", None),
    ("csv 737", None),
    (
        "swipe %B4111111111111111^ROE/JANE^28121010000? failed",
        ("TRACK_DATA", "%B4111111111111111^ROE/JANE^28121010000?"),
    ),
    (";4111111111111111=28121010000?", ("TRACK_DATA", ";4111111111111111=28121010000?")),
    ("57: 4111111111111111D28121010000F", ("TRACK_DATA", "4111111111111111D28121010000F")),
    ("total=123456789012=12.50", None),
    ("9f86d081884c7d659a2feaa0c55ad015", None),
    ("IBAN GB29 NWBK 6016 1331 9268 19", ("IBAN_CODE", "GB29 NWBK 6016 1331 9268 19")),
    ("iban: FR5183312838268563865", ("IBAN_CODE", "FR5183312838268563865")),
    ("Liban: FR5183312838268563865", None),
    ("| +1 (999) 555-0100 |", ("PHONE_NUMBER", "+1 (999) 555-0100")),
    ("at +999 20 555 0100.", ("PHONE_NUMBER", "+999 20 555 0100")),
    ("1+1 555 0100", None),
    ("offset +12 34", None),
    ("(ID: MRN-1026025)", ("MEDICAL_RECORD_NUMBER", "MRN-1026025")),
    ("medical record no. 1026025", ("MEDICAL_RECORD_NUMBER", "1026025")),
    ("patient ID: P-10260", ("MEDICAL_RECORD_NUMBER", "P-10260")),
    ("impatient id: 10260", None),
    ('"insurance_id": "X-900182623"', ("INSURANCE_POLICY_NUMBER", "X-900182623")),
    ("Policy: POL-2088233", ("INSURANCE_POLICY_NUMBER", "POL-2088233")),
    ("privacy policy: 2024-05", None),
    ("EMP-37273 signed", ("EMPLOYEE_ID", "EMP-37273")),
    ("employee number 4711", ("EMPLOYEE_ID", "4711")),
    ("temp-37273", None),
    ("NID-900182623", ("NATIONAL_ID", "NID-900182623")),
    ("tax id: 79-8430705", ("NATIONAL_ID", "79-8430705")),
    ("Passport No. C01X00T47", ("NATIONAL_ID", "C01X00T47")),
    ("driver's license D123 4567", ("NATIONAL_ID", "D123 4567")),
    ("passport renewal in 2031", None),
    ("protein 120 grams", None),
    ("666-36-1566", ("US_SSN", "666-36-1566")),
    ("1666-36-1566", None),
    ("666-36-1566-2", None),
]


@pytest.mark.parametrize(("text", "expected"), [*ASSIGNED, *PEOPLE, *PLACES, *NUMBERS])
def test_a_text_gives_what_stands_in_the_table(text: str, expected: tuple[str, str] | None) -> None:
    assert found(text) == ({expected} if expected else set())


def test_a_private_key_that_is_cut_off_is_found_to_its_end() -> None:
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{body(64)}\n{body(50)}"
    assert found(f"see {key}") == {("PRIVATE_KEY", key)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Order Completed",
        "sk_live_",
        "AKIA" + "X" * 16,  # one letter over and over
        "AKIDIOSYNCRATICALLY12",
        "ghp_short",
        "5f0f6e2c-7d5a-4c39-9f1b-2a6f2d6a9b3e",
        "2024-05-01T12:34:56.789Z",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "https://www.example.com/a/b?utm_source=mail&id=12345",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36",
        "eyJhbGciOiJIUzI1NiJ9",
    ],
)
def test_what_events_are_full_of_is_left(text: str) -> None:
    assert found(text) == set()
