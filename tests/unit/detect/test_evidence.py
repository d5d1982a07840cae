from time import process_time

import pytest

from streamproc.detect import key_words
from streamproc.detect.evidence import EVIDENT, of_field

EVIDENCE = [
    ("userPhone", "5550100", "PHONE_NUMBER"),
    ("userPhone", "+1 (555) 010-0199 ext. 12", "PHONE_NUMBER"),
    ("mobile", "tel:+15550100", "PHONE_NUMBER"),
    ("phone", "6786786789", "PHONE_NUMBER"),
    ("email", "jane@intranet", "EMAIL_ADDRESS"),
    ("email", "jane%40example.com", "EMAIL_ADDRESS"),
    ("email", "jane [at] example [dot] com", "EMAIL_ADDRESS"),
    ("emailType", "jane@example.com", "EMAIL_ADDRESS"),
    ("lastName", "O'Neill-Nguyễn", "PERSON"),
    ("lastName", "राम", "PERSON"),
    ("lastName", "Doe, Jr.", "PERSON"),
    ("contact_name", "jane doe", "PERSON"),
    ("created_by", "Jane Doe", "PERSON"),
    ("dob", "19/10/1984", "DATE_OF_BIRTH"),
    ("dob", "10-19-84", "DATE_OF_BIRTH"),
    ("dob", "1984-10-19T00:00:00.000Z", "DATE_OF_BIRTH"),
    ("dob", "Oct 19th, 1984", "DATE_OF_BIRTH"),
    ("dob", "19. Oktober 1984", "DATE_OF_BIRTH"),
    ("dob", "19841019", "DATE_OF_BIRTH"),
    ("dob", "467078400000", "DATE_OF_BIRTH"),
    ("dob", "-86400000", "DATE_OF_BIRTH"),
    ("birth_year", "1984", "DATE_OF_BIRTH"),
    ("ssn", "078-05-1120", "US_SSN"),
    ("ssn", "078051120", "US_SSN"),
    ("ssn", "1-85-05-78-006-084", "NATIONAL_ID"),
    ("passport_no", "X1234567", "NATIONAL_ID"),
    ("ip_addr", "203.0.113.7:443", "IP_ADDRESS"),
    ("ip_addr", "203.0.113.7, 2001:db8::1", "IP_ADDRESS"),
    ("ip_addr", "111.222.333.444", "IP_ADDRESS"),
    ("mac", "0200.5e10.0001", "MAC_ADDRESS"),
    ("mac", "02005E100001", "MAC_ADDRESS"),
    ("card_no", "4111 1111 1111 1112", "CREDIT_CARD"),
    ("cvv", "123", "CARD_CODE"),
    ("iban", "GB29 NWBK 6016 1331 9268 18", "IBAN_CODE"),
    ("accountNumber", "12345678", "BANK_ACCOUNT"),
    ("postcode", "EC1A 1BB", "ADDRESS"),
    ("zip", "12345", "ADDRESS"),
    ("street", "Hauptstraße 5", "ADDRESS"),
    ("deliveryAddressLine", "PO Box 963", "ADDRESS"),
    ("pickup_lat", "40.2964", "COORDINATES"),
    ("location_gps", "40.2964, -76.9411", "COORDINATES"),
    ("userName", "jdoe42", "USER_NAME"),
    ("smtpPassword", "correct-horse", "PASSWORD"),
]
NO_EVIDENCE = [
    ("order", "5550100"),
    ("userPhone", "invalid-phone-number"),
    ("userPhone", "12345"),
    ("userPhone", "4111111111111111"),
    ("userPhone", "iPhone 15"),
    ("phone_model", "5550100"),
    ("email", "weekly"),
    ("email", "sent 3 times"),
    ("lastName", "n/a"),
    ("lastName", "{{ user.last_name }}"),
    ("lastName", "1234"),
    ("created_by", "system"),
    ("created_by", "cron-job 17"),
    ("dob", "unknown"),
    ("dob", "12"),
    ("passport_no", "expired"),
    ("ip_addr", "localhost"),
    ("card", "visa"),
    ("card", "**** **** **** 1111"),
    ("cvv", "12345"),
    ("accountNumber", "main"),
    ("zip", "true"),
    ("address", "0x52908400098527886E0F7030069857D2E4169EE7"),
    ("lat", "7"),
    ("userName", "1234"),
    ("password", "true"),
    ("email", ""),
    ("email", "   "),
    ("lastName", "Jane " * 60),
]


@pytest.mark.parametrize(("name", "value", "entity"), EVIDENCE)
def test_a_value_that_looks_like_what_its_field_announces_is_found(
    name: str, value: str, entity: str
) -> None:
    (finding,) = of_field(value, key_words(name))
    assert finding[:3] == (0, len(value), entity)
    assert finding[4:] == ("FieldName", "field")
    assert entity in EVIDENT


@pytest.mark.parametrize(("name", "value"), NO_EVIDENCE)
def test_a_value_of_another_look_is_none(name: str, value: str) -> None:
    assert of_field(value, key_words(name)) == []


def test_spaces_around_a_value_are_no_part_of_the_finding() -> None:
    (finding,) = of_field("\t5550100 \n", ("phone",))
    assert (finding.start, finding.end) == (1, 8)


@pytest.mark.parametrize(
    "written", ["tok_k1_" + "abcdefghijklmnop" * 2, "<USER_NAME>", "*" * 12 + "1111"]
)
def test_what_redaction_wrote_is_no_evidence(written: str) -> None:
    assert all(not of_field(written, (name,)) for name in ("username", "password", "email"))


@pytest.mark.parametrize(
    "piece", ["1", "a", "a ", "1-", "A1", "a.", "(1", "1234 ", "at ", "@", "é"]
)
@pytest.mark.parametrize("name", sorted({name for name, _, _ in EVIDENCE}))
def test_no_value_takes_long_to_be_told(name: str, piece: str) -> None:
    value = (piece * 200)[:199] + "!"
    started = process_time()
    of_field(value, key_words(name))
    assert process_time() - started < 0.5  # a collection of garbage is among it
