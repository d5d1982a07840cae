import pytest

from streamproc.detect import key_words
from streamproc.detect.field_names import hints_of, kinds_of

ANNOUNCED = [
    ("email", "email"),
    ("customer_contact_email_2", "email"),
    ("useremailaddress", "email"),
    ("E-Mail", "email"),
    ("userPhone", "phone"),
    ("mobile_no", "phone"),
    ("homephone", "phone"),
    ("contact-phone-numbers", "phone"),
    ("lastName", "person"),
    ("LASTNAME", "person"),
    ("last_names2", "person"),
    ("SurName", "person"),
    ("contact_name", "person"),
    ("emergencyContactName", "person"),
    ("passenger 1 first name", "person"),
    ("created_by", "role"),
    ("userName", "user_name"),
    ("dob", "birth_date"),
    ("dateofbirth", "birth_date"),
    ("birthDate", "birth_date"),
    ("ssn", "ssn"),
    ("passport_no", "national_id"),
    ("driversLicenceNumber", "national_id"),
    ("taxId", "national_id"),
    ("ip_addr", "ip"),
    ("x-forwarded-for", "ip"),
    ("wifiMacAddress", "mac"),
    ("card_no", "card"),
    ("ccnum", "card"),
    ("cvv2", "card_code"),
    ("customerIBAN", "iban"),
    ("bank_account_number", "bank_account"),
    ("postcode", "postcode"),
    ("zipCode", "postcode"),
    ("billing_address_line_1", "street"),
    ("pickupLatitude", "coordinates"),
    ("smtpPassword", "password"),
    ("stripeSecretKey", "password"),
]
NOT_PERSONS = [
    "file_name",
    "event_name",
    "eventName",
    "product_name",
    "campaign name",
    "companyName",
    "hostname",
    "screen_name",
    "customer_list_name",
    "partner_name",
    "name",
    "first_name_count",
    "lastNameUpdatedAt",
    "last_login",
]
NOTHING = [
    *NOT_PERSONS,
    "phone_type",
    "phoneModel",
    "headphones",
    "iphone",
    "microphone",
    "birthPlace",
    "card_type",
    "wallet_address",
    "companyAddressType",
    "token",
    "description",
    "discount",
    "panic",
    "zip_file",
    "latest",
    "passwordChangedAt",
    "",
    "mail" * 40,
]


@pytest.mark.parametrize(("name", "kind"), ANNOUNCED)
def test_a_field_name_announces_what_it_is_about(name: str, kind: str) -> None:
    assert kind in kinds_of(key_words(name))


@pytest.mark.parametrize("name", NOTHING)
def test_a_field_name_about_something_else_announces_nothing(name: str) -> None:
    assert kinds_of(key_words(name)) == frozenset()


def test_names_of_addresses_of_machines_announce_no_street() -> None:
    for name in ("email_address", "ipAddress", "mac-address"):
        assert "street" not in kinds_of(key_words(name))


def test_a_kind_that_another_word_takes_back_remains_a_hint() -> None:
    words = key_words("phone_id")
    assert not kinds_of(words)
    assert hints_of(words) == {"phone"}


def test_every_kind_announced_is_a_hint_too() -> None:
    for name, _ in ANNOUNCED:
        words = key_words(name)
        assert kinds_of(words) <= hints_of(words)
