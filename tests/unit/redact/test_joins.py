from collections.abc import Mapping
from typing import Any

from redaction import LIMITS, RING, record_of, sites_of

from streamproc.decode import decode
from streamproc.events import Json, Redacted
from streamproc.redact import KeyRing, Redactor, Tokens, survey

JOIN = "{name: emails, fields: ['**.email', '**.emails'], entity: EMAIL_ADDRESS, %s}"
JOINED = JOIN % "operator: {hash: {join: true}}"
ROTATED = RING.rotated("k2", bytes(32))
EMAIL = "jane@example.com"
OLD, NEW = (Tokens(ring).of_value("EMAIL_ADDRESS", EMAIL) for ring in (RING, ROTATED))


def redacted(body: Mapping[str, Json], rules: str = JOINED, ring: KeyRing = ROTATED) -> Redacted:
    # Other rules, other sites: what is remembered of values is of one key ring alone.
    sites = sites_of(rules.replace("emails,", f"emails-{len(ring.overlap)},"))
    found = survey(decode(record_of({"properties": body}), LIMITS), sites)
    for leaf in found.pending:
        leaf.settle(())
    result = Redactor(Tokens(ring), "f00d").redact(found)
    assert isinstance(result, Redacted)
    return result


def properties(body: Mapping[str, Json], rules: str = JOINED, ring: KeyRing = ROTATED) -> Any:
    return redacted(body, rules, ring).body["properties"]


def test_while_keys_overlap_the_old_token_stands_beside_the_new_one() -> None:
    result = redacted({"email": EMAIL})
    assert result.body["properties"] == {"email": NEW, "email_previous": OLD}
    assert [(entry.path, entry.key_version) for entry in result.manifest] == [
        ("properties.email", "k2"),
        ("properties.email_previous", "k1"),
    ]


def test_without_an_overlap_there_is_one_token() -> None:
    assert properties({"email": EMAIL}, ring=ROTATED.retired("k1")) == {"email": NEW}


def test_without_the_option_there_is_one_token() -> None:
    assert properties({"email": EMAIL}, JOIN % "operator: hash") == {"email": NEW}


def test_redacting_twice_changes_nothing() -> None:
    once = properties({"email": EMAIL})
    assert properties(once) == once


def test_a_field_of_that_name_stays_as_it_is() -> None:
    assert properties({"email": EMAIL, "email_previous": "-"})["email_previous"] == "-"


def test_a_token_of_the_old_key_has_none_beside_it() -> None:
    assert properties({"email": OLD}) == {"email": OLD}


def test_lists_and_objects_have_new_tokens_alone() -> None:
    assert properties({"emails": [EMAIL], "email": {"work": EMAIL}}) == {
        "emails": [NEW],
        "email": {"work": NEW},
    }


def test_a_key_that_is_no_plain_word_is_not_written_once_more() -> None:
    rules = "{name: emails, fields: ['properties.*'], entity: EMAIL_ADDRESS, %s}"
    joined = rules % "operator: {hash: {join: true}}"
    body = properties({"mail of jane": EMAIL, "work": EMAIL}, joined)
    assert sorted(body) == ["mail of jane", "work", "work_previous"]


def test_a_form_has_the_old_token_beside_the_new_one() -> None:
    text = properties({"posted": f"email={EMAIL}&a=1"})["posted"]
    assert text == f"email={NEW}&email_previous={OLD}&a=1"
    assert properties({"posted": text})["posted"] == text
