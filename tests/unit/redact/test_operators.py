import pytest
from redaction import RING

from streamproc.events import Subject
from streamproc.redact import ENCRYPTED, TOKEN, Tokens
from streamproc.redact.operators import (
    OPERATIONS,
    depends_on_subject,
    is_keyed,
    keeps_apart,
    may_hold_written,
    rewritten,
)
from streamproc.rules import (
    Action,
    DateShift,
    Drop,
    DropEvent,
    Encrypt,
    FormatPreserve,
    Generalise,
    Hash,
    Keep,
    Mask,
    Operator,
    Redact,
    Replace,
    TruncateIp,
)
from streamproc.rules.operators import OPERATORS

TOKENS = Tokens(RING)
NOBODY = Subject(None, None, None)


def subject(user: str | None, anonymous: str | None = None) -> Subject:
    tokens = [TOKENS.of_identifier(name) if name else None for name in (user, anonymous)]
    return Subject(tokens[0], tokens[1], None)


JANE = subject("jane")


def made(
    operator: Operator, value: str, entity: str = "PERSON", about: Subject | None = JANE
) -> str:
    return rewritten(Action("rule", entity, operator), value, TOKENS, about)


@pytest.mark.parametrize(
    ("operator", "value", "new"),
    [
        (Replace(), "Jane", "<PERSON>"),
        (Replace(template="[{entity} removed]"), "Jane", "[PERSON removed]"),
        (Redact(), "Jane", ""),
        (Keep(), "Jane", "Jane"),
        (Mask(), "Jane Doe", "**** ***"),
        (Mask(keep_last=4), "4111 1111-1111 1111", "**** ****-**** 1111"),
        (Mask(keep_first=1, keep_last=1), "abcd", "a**d"),
        (Mask(character="x", keep_first=1), "a-b-c", "a-x-x"),
        (Mask(keep_last=4), "1234", "****"),
        (Mask(keep_last=4), "12", "**"),
        (Mask(keep_last=4), "1*23", "****"),
        (Replace(), "<JANE>", "<PERSON>"),
        (Mask(first=4), "abcd-efgh", "****-efgh"),
        (Mask(last=2), "abc-d", "ab*-*"),
        (Mask(first=1, last=1), "abcd", "*bc*"),
        (Mask(first=9), "abcd", "****"),
        (Mask(skip="@."), "jane.roe+x@example.com", "****.*****@*******.***"),
        (Mask(skip="", keep_last=2), "12-34-56", "******56"),
        (TruncateIp(), "192.0.2.123", "192.0.2.0"),
        (TruncateIp(v4_bits=16), " 192.0.2.123 ", "192.0.0.0"),
        (TruncateIp(), "2001:db8:1:2:3::4", "2001:db8:1::"),
        (TruncateIp(v6_bits=32), "2001:DB8:1:2:3::4", "2001:db8::"),
        (TruncateIp(), "::1", "::"),
        (TruncateIp(), "::ffff:192.0.2.123", "192.0.2.0"),
        (TruncateIp(), "2002:c000:27b::1", "192.0.2.0"),
        (TruncateIp(), "fe80::1%eth0", "fe80::"),
        (TruncateIp(), "192.0.2.123:443", "<PERSON>"),
        (TruncateIp(), "hello", "<PERSON>"),
        (Generalise(dates="month"), "12 April 1985", "1985-04"),
        (Generalise(dates="year"), "1985-04-12T10:00:00Z", "1985"),
        (Generalise(dates="year"), "1985-04", "1985"),
        (Generalise(dates="month"), "1985", "1985"),
        (Generalise(dates="month"), "03/04/1985", "1985-03"),
        (Generalise(dates="month", day_first=True), "03/04/1985", "1985-04"),
        (Generalise(dates="month"), "in spring", "<PERSON>"),
        (Generalise(numbers=10), "37", "[30,40)"),
        (Generalise(numbers=10), "40", "[40,50)"),
        (Generalise(numbers=5), "-3.5", "[-5,0)"),
        (Generalise(numbers=10), "[31,41)", "<PERSON>"),
        (Generalise(numbers=10), "1e99", "<PERSON>"),
        (Generalise(numbers=10), "thirty", "<PERSON>"),
    ],
)
def test_operators(operator: Operator, value: str, new: str) -> None:
    assert made(operator, value) == new


def test_a_hash_is_a_token() -> None:
    assert TOKEN.fullmatch(made(Hash(), "Jane"))


def test_a_ciphertext_says_its_value_to_whoever_has_the_key() -> None:
    ciphertext = made(Encrypt(), "Jané Doe")
    assert ENCRYPTED.fullmatch(ciphertext)
    assert ciphertext == made(Encrypt(), "Jané Doe", about=NOBODY)
    assert TOKENS.ciphers.revealed(ciphertext).value == "Jané Doe"


def test_format_is_preserved_by_entity_and_what_is_kept() -> None:
    card = made(FormatPreserve(keep_last=4), "4111 1111-1111 1111", "CREDIT_CARD")
    assert card == made(FormatPreserve(keep_last=4), "4111 1111-1111 1111", "CREDIT_CARD")
    assert card != made(FormatPreserve(keep_last=4), "4111 1111-1111 1111", "IBAN_CODE")
    assert [card[at] for at in (4, 9, 14)] == [" ", "-", " "]
    assert card.endswith(" 1111")
    other = made(FormatPreserve(keep_last=4), "4111 1111-1111 1112", "CREDIT_CARD")
    assert other[:-1] != card[:-1]


@pytest.mark.parametrize("value", ["12345", "Zoé Straße", "12/34", "1" * 257, "!?"])
def test_what_has_no_million_values_of_its_form_is_replaced(value: str) -> None:
    assert made(FormatPreserve(), value) == "<PERSON>"


def test_dates_of_one_person_move_by_the_same_and_of_others_by_something_else() -> None:
    shifted = [made(DateShift(days=300), day) for day in ("2024-03-09", "9 Mar 2024", "3/9/2024")]
    assert len({made(Generalise(dates="month"), day) for day in shifted}) == 1
    assert "2024-03-09" not in shifted
    others = {
        made(DateShift(days=300), "2024-03-09", about=subject(f"u-{number}"))
        for number in range(20)
    }
    assert len(others) > 15


def test_a_person_is_the_user_else_the_anonymous_id() -> None:
    both = made(DateShift(), "2024-03-09", about=subject("jane", "a-1"))
    assert both == made(DateShift(), "2024-03-09", about=subject("jane", "a-2"))
    alone = made(DateShift(days=36_500), "2024-03-09", about=subject(None, "a-1"))
    assert alone != made(DateShift(days=36_500), "2024-03-09", about=subject(None, "a-2"))


@pytest.mark.parametrize("operator", [DateShift(), Encrypt(per_subject=True)])
@pytest.mark.parametrize("about", [None, NOBODY])
def test_what_is_done_by_person_replaces_where_there_is_none(
    operator: Operator, about: Subject | None
) -> None:
    assert made(operator, "2024-03-09", about=about) == "<PERSON>"


@pytest.mark.parametrize("value", ["hello", "2024-02-30", "03/09/24", "9999-12-31"])
def test_a_date_that_cannot_be_read_or_moved_is_replaced(value: str) -> None:
    moved = [made(DateShift(), value, about=subject(f"u-{number}")) for number in range(20)]
    assert "<PERSON>" in moved
    assert value not in moved


IDEMPOTENT = [
    Replace(),
    Redact(),
    Hash(),
    Encrypt(),
    Mask(),
    Mask(keep_last=4),
    Mask(keep_first=2, keep_last=2),
    Mask(first=3),
    Mask(last=2, skip="*"),
    TruncateIp(),
    Generalise(dates="month"),
    Generalise(numbers=10),
]


@pytest.mark.parametrize("operator", IDEMPOTENT, ids=repr)
@pytest.mark.parametrize(
    "value",
    ["Jane Doe", "4111 1111 1111 1111", "ab", "abcd", "a*b*c", "192.0.2.7", "1985-04-12", "37"],
)
def test_doing_it_twice_changes_nothing(operator: Operator, value: str) -> None:
    once = made(operator, value)
    assert made(operator, once) == once


@pytest.mark.parametrize("operator", [FormatPreserve(), DateShift(), Encrypt(), Hash()])
def test_what_was_replaced_stays_so(operator: Operator) -> None:
    assert made(operator, "<NATIONAL_ID>", "NATIONAL_ID") == "<NATIONAL_ID>"
    assert made(operator, "<PERSON>", "NATIONAL_ID") == "<PERSON>"


@pytest.mark.parametrize("operator", [Hash(), Encrypt()])
def test_what_was_written_is_known_again_whatever_stands_around_it(operator: Operator) -> None:
    written = made(operator, "Jane")
    assert may_hold_written(f"to {written}and so on")
    assert not may_hold_written("token of encouragement")


def test_every_operator_that_leaves_a_value_has_a_function() -> None:
    assert set(OPERATORS.values()) - {Drop, DropEvent} == set(OPERATIONS)


def test_what_operators_depend_on() -> None:
    own = Encrypt(per_subject=True)
    operators: list[Operator] = [Hash(), Encrypt(), own, FormatPreserve(), DateShift(), Keep()]
    assert [depends_on_subject(each) for each in operators] == [0, 0, 1, 0, 1, 0]
    assert [is_keyed(each) for each in operators] == [1, 1, 1, 1, 1, 0]
    assert [keeps_apart(each) for each in operators] == [1, 1, 0, 0, 0, 1]
    assert not depends_on_subject(Mask())
    assert not keeps_apart(Mask())
