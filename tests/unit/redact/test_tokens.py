import pytest
from redaction import RING

from streamproc.redact import TOKEN, KeyRing, Tokens
from streamproc.redact.tokens import LONGEST_REMEMBERED


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens(RING)


def test_a_token_names_its_key_and_is_letters_alone(tokens: Tokens) -> None:
    token = tokens.of_value("PERSON", "Jane Doe")
    assert TOKEN.fullmatch(token)
    assert token.startswith("tok_k1_")


def test_tokens_stay_the_same_from_release_to_release(tokens: Tokens) -> None:
    # Tables hold them: another token for the same value is a broken join.
    assert tokens.of_value("EMAIL_ADDRESS", "jane@example.com") == (
        "tok_k1_cmonoimeinkkcajndabhggcpdnefdalf"
    )


@pytest.mark.parametrize(
    ("entity", "written"),
    [
        ("EMAIL_ADDRESS", ["jane@example.com", " Jane@EXAMPLE.com ", "JANE@example.com"]),
        ("EMAIL_ADDRESS", ["jane@bücher.example", "jane@xn--bcher-kva.example"]),
        ("EMAIL_ADDRESS", ["jane@example.com", "jane%40example.com", "jane%2540example.com"]),
        ("EMAIL_ADDRESS", ["jane@example.com", "ja\u200bne@example.com", "jane\uff20example.com"]),
        ("PHONE_NUMBER", ["+12125550147", "%2B1%20212%20555%200147", "+1\u2060 212 555 0147"]),
        ("PERSON", ["Jane Doe", "Jane%20Doe", "\u202aJane Doe\u202c", "Ja\u00adne Doe"]),
        ("IP_ADDRESS", ["192.0.2.1", "::ffff:192.0.2.1", "::FFFF:C000:201"]),
        ("US_DRIVER_LICENSE", ["A123-4567", "a1234567"]),
        ("ES_NIF", ["12345678-Z", "12345678z"]),
        ("UUID", ["6F9619FF-8B86-D011-B42D-00CF4FC964FF", "6f9619ff8b86d011b42d00cf4fc964ff"]),
        ("USER_NAME", ["jane", "ja\u200dne"]),
        ("PHONE_NUMBER", ["+1 212-555-0147", "(212) 555-0147", "212.555.0147", "+12125550147"]),
        ("PERSON", ["Jane Doe", "jane  doe", "JANE\tDOE", "\uff2aane Doe"]),
        ("IP_ADDRESS", ["2001:db8::1", "2001:DB8:0:0:0:0:0:1"]),
        ("IBAN_CODE", ["GB82 WEST 1234 5698 7654 32", "gb82west12345698765432"]),
        ("CREDIT_CARD", ["4111 1111 1111 1111", "4111-1111-1111-1111", "4111111111111111"]),
        ("US_SSN", ["078-05-1120", "078051120"]),
        ("USER_NAME", ["jane", " jane "]),
    ],
)
def test_a_value_has_one_token_however_it_is_written(
    tokens: Tokens, entity: str, written: list[str]
) -> None:
    assert len({tokens.of_value(entity, value) for value in written}) == 1


@pytest.mark.parametrize(
    ("entity", "one", "other"),
    [
        ("EMAIL_ADDRESS", "jane@example.com", "jane@example.org"),
        ("EMAIL_ADDRESS", "not an address", "no address"),
        ("PHONE_NUMBER", "212-555-0147", "212-555-0148"),
        ("PHONE_NUMBER", "ext. 12", "ext. 13"),
        ("IP_ADDRESS", "192.0.2.1", "192.0.2.11"),
        ("CRYPTO", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "1boatSLRHtKNngkdXEeobR76b53LETtpyT"),
        ("USER_NAME", "jane", "Jane"),
        ("USER_NAME", "a%20b", "a b"),
    ],
)
def test_other_values_have_other_tokens(tokens: Tokens, entity: str, one: str, other: str) -> None:
    assert tokens.of_value(entity, one) != tokens.of_value(entity, other)


def test_another_key_another_entity_or_another_purpose_is_another_token(tokens: Tokens) -> None:
    other_ring = Tokens(KeyRing("k1", {"k1": bytes(32)}))
    made = {
        tokens.of_value("PERSON", "x"),
        tokens.of_value("USER_NAME", "x"),
        tokens.of_identifier("x"),
        tokens.of_message_id("x"),
        tokens.ordering(b"x").decode(),
        other_ring.of_value("PERSON", "x"),
    }
    assert len(made) == 6


def test_message_ids_are_taken_exactly(tokens: Tokens) -> None:
    assert tokens.of_message_id("a") != tokens.of_message_id("a ")


def test_identifiers_share_one_namespace_in_which_addresses_are_normalised(tokens: Tokens) -> None:
    assert tokens.of_identifier("Jane@Example.com") == tokens.of_identifier("jane@example.com")
    assert tokens.of_identifier("jane%40example.com") == tokens.of_identifier("jane@example.com")
    assert tokens.of_identifier("ABC") != tokens.of_identifier("abc")
    assert tokens.of_identifier("a%20b") != tokens.of_identifier("a b")


def test_while_keys_overlap_tokens_of_the_keys_before_are_to_be_had(tokens: Tokens) -> None:
    rotated = Tokens(RING.rotated("k2", bytes(32)))
    assert rotated.of_value("PERSON", "Jane").startswith("tok_k2_")
    assert rotated.previous_of_value("PERSON", "Jane") == (tokens.of_value("PERSON", "Jane"),)
    assert rotated.previous_identifiers("u-7") == (tokens.of_identifier("u-7"),)
    assert rotated.overlap == ("k1",)
    assert tokens.previous_of_value("PERSON", "Jane") == ()
    assert tokens.previous_identifiers("u-7") == ()


def test_a_long_value_is_not_remembered_and_has_its_token(tokens: Tokens) -> None:
    long = "x" * (LONGEST_REMEMBERED + 1)
    before = tokens._value.cache_info().currsize
    assert tokens.of_value("PERSON", long) == tokens.of_value("PERSON", long.upper())
    assert tokens._value.cache_info().currsize == before
