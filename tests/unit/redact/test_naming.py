from __future__ import annotations

from dataclasses import replace

import pytest
from redaction import LIMITS, RING, record_of

from streamproc.decode import decode
from streamproc.events import Json, Subject
from streamproc.redact import NamedTrait, Naming, Tokens, nobody_tokens
from streamproc.redact.naming import Subjects

TOKENS = Tokens(RING)
ROTATED = Tokens(replace(RING.rotated("k2", bytes(range(32, 64))), overlap=("k1",)))
EMAIL = NamedTrait("email", (("traits", "email"), ("context", "traits", "email")), "EMAIL_ADDRESS")
CRM = NamedTrait("crm", (("traits", "crmId"),))
NAMING = Naming(
    traits=(EMAIL, CRM),
    accounts=(("context", "groupId"),),
    generic=frozenset({"anonymous", "0", "support@example.com"}),
    characters=40,
)


def subject(body: dict[str, Json], subjects: Subjects | None = None) -> Subject:
    event = decode(record_of({"type": "identify", **body}), LIMITS)
    return (subjects or Subjects(TOKENS, NAMING)).of(event)


def test_ids_traits_and_account_of_an_event_are_told_as_tokens() -> None:
    found = subject(
        {"anonymousId": "d-1", "traits": {"email": "Jane@Example.com"}, "context": {"groupId": "g"}}
    )

    assert found == Subject(
        TOKENS.of_identifier("u-1"),
        TOKENS.of_identifier("d-1"),
        None,
        traits=(("email", TOKENS.of_named("email", "jane@example.com", "EMAIL_ADDRESS")),),
        group=TOKENS.of_named("account", "g"),
    )


def test_a_trait_has_another_token_than_the_same_text_as_an_id_or_another_trait() -> None:
    text = "jane@example.com"
    made = {
        TOKENS.of_identifier(text),
        TOKENS.of_value("EMAIL_ADDRESS", text),
        *(TOKENS.of_named(name, text, "EMAIL_ADDRESS") for name in ("email", "work", "account")),
    }

    assert len(made) == 5


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"context": {"traits": {"email": "jane@example.com"}}}, ["email"]),
        ({"traits": {"email": None}, "context": {"traits": {"email": "a@b.example"}}}, ["email"]),
        ({"traits": {"crmId": 17, "email": ""}}, ["crm"]),
        ({"traits": {"crmId": True}}, []),
        ({"traits": {"crmId": ["17"]}, "context": {"traits": "none"}}, []),
        ({"traits": {"crmId": 1.5}}, []),
        ({"type": "group", "groupId": "g", "traits": {"email": "jane@example.com"}}, []),
    ],
)
def test_the_first_text_or_whole_number_at_a_traits_fields_counts(
    body: dict[str, Json], names: list[str]
) -> None:
    assert [name for name, _ in subject(body).traits] == names


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("anonymous", "generic"),
        (" ANONYMOUS\n", "generic"),
        ("0", "generic"),
        ("   ", "generic"),
        ("x" * 41, "too_long"),
        ("x" * 200_000, "too_long"),
        ("a\x00b", "control_characters"),
        ("a\x9fb", "control_characters"),
    ],
)
def test_what_is_no_id_names_nobody_and_is_counted_by_reason(value: str, reason: str) -> None:
    subjects = Subjects(ROTATED, NAMING)
    body: dict[str, Json] = {"type": "alias", "userId": value, "previousId": value}
    for _ in range(2):
        found = subject({**body, "anonymousId": "d-1", "context": {"groupId": value}}, subjects)

    assert found.anonymous == ROTATED.of_identifier("d-1")
    assert found._replace(anonymous=None, anonymous_before=()) == Subject(None, None, None)
    assert subjects.unusable == {reason: 6}


@pytest.mark.parametrize(
    ("value", "reason"),
    [("support@EXAMPLE.com", "generic"), ("n/a", "not_an_email"), ("anonymous", "generic")],
)
def test_what_is_no_e_mail_address_of_somebody_is_no_trait(value: str, reason: str) -> None:
    subjects = Subjects(TOKENS, NAMING)

    assert subject({"traits": {"email": value}}, subjects).traits == ()
    assert subjects.unusable == {reason: 1}


def test_the_account_of_a_group_event_is_its_group() -> None:
    body: dict[str, Json] = {"type": "group", "groupId": "g-1", "context": {"groupId": "g-2"}}

    assert subject(body).group == TOKENS.of_named("account", "g-1")


def test_while_keys_overlap_the_tokens_before_are_told_too() -> None:
    body: dict[str, Json] = {"anonymousId": "d-1", "traits": {"email": "jane@example.com"}}
    found, before = subject(body, Subjects(ROTATED, NAMING)), subject(body)

    assert (found.users_before, found.anonymous_before) == ((before.user,), (before.anonymous,))
    new = ROTATED.of_named("email", "jane@example.com", "EMAIL_ADDRESS")
    assert found.traits == (("email", new), *before.traits)


def test_tokens_of_nobody_are_those_of_generic_ids_under_every_key() -> None:
    made = nobody_tokens(ROTATED, NAMING)

    assert {
        ROTATED.of_identifier("Anonymous"),
        TOKENS.of_identifier("ANONYMOUS"),
        TOKENS.of_named("email", "support@example.com", "EMAIL_ADDRESS"),
    } <= made
    assert TOKENS.of_identifier("u-1") not in made
