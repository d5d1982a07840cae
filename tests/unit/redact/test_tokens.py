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
    assert tokens.of_identifier("ABC") != tokens.of_identifier("abc")


def test_a_long_value_is_not_remembered_and_has_its_token(tokens: Tokens) -> None:
    long = "x" * (LONGEST_REMEMBERED + 1)
    before = tokens._value.cache_info().currsize
    assert tokens.of_value("PERSON", long) == tokens.of_value("PERSON", long.upper())
    assert tokens._value.cache_info().currsize == before
