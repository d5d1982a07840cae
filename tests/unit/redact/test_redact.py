from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import pytest
from redaction import LIMITS, RING, record_of, redact, redacted, sites_of

from streamproc.decode import decode
from streamproc.errors import EventError
from streamproc.events import Dropped, Json
from streamproc.redact import TOKEN, Tokens, survey

EMAIL = "jane@example.com"
FOUND = {EMAIL: "EMAIL_ADDRESS", "555-0147": "PHONE_NUMBER", "Jane Doe": "PERSON"}
TOKENS = Tokens(RING)
EMAIL_TOKEN = TOKENS.of_value("EMAIL_ADDRESS", EMAIL)


def properties(value: Json, rules: str = "", found: Mapping[str, str] = FOUND) -> Any:
    return redacted({"properties": value}, found, rules).body["properties"]


def rule(text: str) -> str:
    return "{name: test, " + text + "}"


# -- findings -------------------------------------------------------------------------------------


def test_findings_are_redacted_in_nested_objects_and_lists() -> None:
    assert properties({"a": [{"note": f"{EMAIL}, 555-0147!"}, [f"to {EMAIL}"]], "n": 7}) == {
        "a": [{"note": f"{EMAIL_TOKEN}, <PHONE_NUMBER>!"}, [f"to {EMAIL_TOKEN}"]],
        "n": 7,
    }


def test_the_manifest_says_what_was_done_where_without_values() -> None:
    result = redacted({"properties": {"a": [f"x {EMAIL} 555-0147"]}}, FOUND)
    assert result.manifest == (
        ("properties.a[0]", "EMAIL_ADDRESS", "operators.EMAIL_ADDRESS", "hash", 0.9, "k1"),
        ("properties.a[0]", "PHONE_NUMBER", "operators.PHONE_NUMBER", "replace", 0.9, None),
    )


def test_a_rule_on_findings_leaves_the_others_to_operators() -> None:
    keep = rule("fields: [properties.note], entities: [PHONE_NUMBER], operator: keep")
    result = redacted({"properties": {"note": f"{EMAIL} 555-0147"}}, FOUND, keep)
    assert result.body["properties"] == {"note": f"{EMAIL_TOKEN} 555-0147"}
    assert [(entry.rule, entry.operator) for entry in result.manifest] == [
        ("operators.EMAIL_ADDRESS", "hash"),
        ("test", "keep"),
    ]


def test_drop_leaves_out_the_field_and_list_items_move_up() -> None:
    drop = rule("fields: ['**'], entities: [PHONE_NUMBER], operator: drop")
    value: Json = {"a": "555-0147", "b": ["x", "call 555-0147", "555-0147", "y"]}
    assert properties(value, drop) == {"b": ["x", "y"]}


def test_a_finding_in_a_url_is_decoded_for_its_token_and_encoded_in_its_place() -> None:
    found = {"jane%40example.com": "url:EMAIL_ADDRESS", "Jane%20Doe": "url:PERSON"}
    assert properties({"u": "/x?e=jane%40example.com&n=Jane%20Doe#f"}, found=found) == {
        "u": f"/x?e={EMAIL_TOKEN}&n=%3CPERSON%3E#f"
    }


def test_what_redaction_wrote_is_left_and_what_stands_beside_it_is_not() -> None:
    found = {f"{EMAIL_TOKEN}": "PERSON", "Jane Doe <PERSON> Roe": "PERSON"}
    text = f"{EMAIL_TOKEN} and Jane Doe <PERSON> Roe"
    assert properties({"t": text}, found=found) == {
        "t": f"{EMAIL_TOKEN} and <PERSON><PERSON><PERSON>"
    }


def test_a_domain_behind_what_redaction_wrote_is_left() -> None:
    text = f"https://{EMAIL_TOKEN}@example.com/"
    found = {f"{EMAIL_TOKEN}@example.com": "EMAIL_ADDRESS"}
    assert properties({"t": text}, found=found) == {"t": text}


def test_a_value_in_angle_brackets_is_not_what_redaction_wrote() -> None:
    found = {"GB29NWBK60161331926819": "IBAN_CODE", "JANE": "PERSON"}
    assert properties({"t": "pay <GB29NWBK60161331926819>, <JANE>"}, found=found) == {
        "t": "pay <<IBAN_CODE>>, <<PERSON>>"
    }


# -- whole fields ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "value", "new"),
    [
        ("replace", "x", "<SECRET>"),
        ("replace", 7, "<SECRET>"),
        ("replace", True, "<SECRET>"),
        ("replace", [1, {"a": "x"}], ["<SECRET>", {"a": "<SECRET>"}]),
        ("redact", "x", ""),
        ("redact", 7, None),
        ("redact", {"a": 1}, None),
        ("redact", ["x"], None),
        ("mask", 4111, "****"),
        ("replace", None, None),
        ("replace", "", ""),
        ("replace", "<SECRET>", "<SECRET>"),
    ],
)
def test_a_rule_on_a_field_decides_its_value_whatever_it_is(
    operator: str, value: Json, new: Json
) -> None:
    whole = rule(f"fields: ['**.field'], entity: SECRET, operator: {operator}")
    assert properties({"field": value, "other": "x"}, whole) == {"field": new, "other": "x"}


def test_a_dropped_field_is_gone_with_all_that_is_in_it() -> None:
    drop = rule("fields: ['**.field'], entity: SECRET, operator: drop")
    result = redacted({"properties": {"field": {EMAIL: EMAIL}, "list": [{"field": 1}]}}, {}, drop)
    assert result.body["properties"] == {"list": [{}]}
    assert [entry.path for entry in result.manifest] == [
        "properties.field",
        "properties.list[0].field",
    ]


def test_a_number_and_its_text_have_one_token() -> None:
    whole = rule("fields: ['**.field'], entity: ACCOUNT, operator: hash")
    assert len(set(properties({"field": [15, 15.0, "15"]}, whole)["field"])) == 1


# -- dropped events -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ("fields: [properties.test], entity: TEST_MARK", {"properties": {"test": True}}),
        ("fields: ['**'], entities: [PHONE_NUMBER]", {"properties": {"x": "555-0147"}}),
        ("fields: ['**'], entities: [PHONE_NUMBER]", {"properties": {"555-0147": 1}}),
    ],
)
def test_an_event_is_dropped_by_the_name_of_its_rule(fields: str, body: Mapping[str, Json]) -> None:
    dropped = redact(body, FOUND, rule(f"{fields}, operator: drop_event"))
    assert isinstance(dropped, Dropped)
    assert dropped.rule == "test"


def test_an_event_without_the_field_is_not_dropped() -> None:
    mark = rule("fields: [properties.test], entity: TEST_MARK, operator: drop_event")
    assert redacted({"properties": {"test": None}}, {}, mark).manifest == ()


# -- keys -----------------------------------------------------------------------------------------


def test_personal_data_in_a_key_is_redacted_and_hidden_in_paths() -> None:
    result = redacted({"properties": {EMAIL: {"note": "555-0147"}, "z": 1}}, FOUND)
    assert result.body["properties"] == {EMAIL_TOKEN: {"note": "<PHONE_NUMBER>"}, "z": 1}
    assert [entry.path for entry in result.manifest] == ["properties.*.note", "properties.*"]


def test_keys_that_become_one_are_numbered_and_keep_their_order() -> None:
    value: Json = {"555-0147": 1, "b": 2, "(555-0147)": 3, "<PHONE_NUMBER>": 4, "+555-0147": 5}
    assert list(properties(value).items()) == [
        ("<PHONE_NUMBER>_2", 1),
        ("b", 2),
        ("(<PHONE_NUMBER>)", 3),
        ("<PHONE_NUMBER>", 4),
        ("+<PHONE_NUMBER>", 5),
    ]


def test_keys_below_a_field_that_is_decided_whole_are_searched_too() -> None:
    whole = rule("fields: [properties.people], entity: PERSON, operator: replace")
    assert properties({"people": {EMAIL: "Jane"}}, whole) == {"people": {EMAIL_TOKEN: "<PERSON>"}}


# -- siblings -------------------------------------------------------------------------------------

NAMES = rule("fields: ['**.firstName', '**.lastName', '**.names'], entity: PERSON, operator: hash")


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("Ask Jane Roe.", "Ask <PERSON>."),
        ("jane", "<PERSON>"),
        ("Janet", "Janet"),
        ("/users/jane/orders", "/users/<PERSON>/orders"),
        ("/x?name=Jane%20Roe&y=1", "/x?name=%3CPERSON%3E&y=1"),
        (EMAIL, EMAIL_TOKEN),
    ],
)
def test_names_of_the_event_are_found_in_its_other_texts(text: str, new: str) -> None:
    value: Json = {"firstName": "Jane", "lastName": "Roe", "deep": [{"category": text}]}
    assert properties(value, NAMES)["deep"] == [{"category": new}]


def test_names_in_a_list_are_looked_for_as_well() -> None:
    value: Json = {"names": ["Zoltan", "Imre"], "note": "Imre will come"}
    assert properties(value, NAMES)["note"] == "<PERSON> will come"


def test_the_name_of_what_happened_is_not_taken_for_a_person() -> None:
    body: Mapping[str, Json] = {"event": "Grace Ended", "context": {"firstName": "Grace"}}
    assert redacted(body, {}, NAMES).body["event"] == "Grace Ended"


def test_the_type_of_an_event_is_no_persons_name() -> None:
    body: Mapping[str, Json] = {"type": "track", "context": {"firstName": "Track"}}
    assert redacted(body, {}, NAMES).body["type"] == "track"


def test_a_small_number_is_searched_where_its_field_announces_something() -> None:
    value: dict[str, Json] = {
        "billing_zip": 12345,
        "quantity": 12345,
        "pickup_lat": 40.25,
        "price": 40.25,
    }
    found = properties(value, "", {"12345": "PERSON", "40.25": "PERSON"})
    assert found == value | {"billing_zip": "<PERSON>", "pickup_lat": "<PERSON>"}


def test_a_timestamp_is_searched_where_its_field_announces_something() -> None:
    value: dict[str, Json] = {
        "customerBirthDt": "1990-01-01T00:00:00Z",
        "bought": "1990-01-01T00:00:00Z",
    }
    found = properties(value, "", {"1990-01-01T00:00:00Z": "PERSON"})
    assert found == value | {"customerBirthDt": "<PERSON>"}


def test_an_event_of_too_many_names_is_refused() -> None:
    names: Json = [f"first{number} last{number}" for number in range(501)]
    with pytest.raises(EventError, match="too_many_names"):
        redact({"properties": {"names": names, "note": "x"}}, {}, NAMES)


# -- the event itself -----------------------------------------------------------------------------


def test_a_message_id_with_a_finding_becomes_a_token_as_a_whole() -> None:
    ids = [f"{EMAIL}-1", f"{EMAIL}-2"]
    results = [redacted({"messageId": one}, FOUND) for one in ids]
    assert len({result.message_id for result in results}) == 2
    for result in results:
        assert TOKEN.fullmatch(result.message_id)
        assert result.body["messageId"] == result.message_id
        assert result.manifest[0].path == "messageId"


def test_a_message_id_with_nothing_in_it_stays() -> None:
    assert redacted({"messageId": "m-1"}, FOUND).message_id == "m-1"


def test_a_rule_on_the_message_id_never_makes_two_one() -> None:
    everything = rule("fields: [messageId], entity: ID, operator: replace")
    ids = [redacted({"messageId": one}, {}, everything).message_id for one in ("m-1", "m-2")]
    assert ids == [TOKENS.of_message_id("m-1"), TOKENS.of_message_id("m-2")]


@pytest.mark.parametrize("field", ["userId", "anonymousId", "groupId"])
def test_an_id_whose_findings_would_be_replaced_becomes_a_token_as_a_whole(field: str) -> None:
    ids = [f"{number}-555-0147" for number in (1, 2)]
    results = [redacted({field: one}, {one: "PHONE_NUMBER"}) for one in ids]
    assert len({str(result.body[field]) for result in results}) == 2
    assert [result.manifest[0][2:4] for result in results] == [("identifiers", "hash")] * 2
    assert redacted({"userId": EMAIL}, FOUND).body["userId"] == EMAIL_TOKEN


def test_type_and_times_are_out_of_the_reach_of_rules() -> None:
    everything = rule("fields: ['*'], entity: ANYTHING, operator: redact")
    time = "2026-01-05T10:00:00Z"
    body = redacted({"sentAt": time, "timestamp": time, "channel": "web"}, {}, everything).body
    assert (body["type"], body["sentAt"], body["timestamp"]) == ("track", time, time)
    assert body["channel"] == ""


def test_the_subject_is_tokens_of_one_namespace() -> None:
    alias = redacted({"type": "alias", "userId": "u-1", "previousId": "a-1"}).subject
    page = redacted({"type": "page", "userId": None, "anonymousId": "a-1"}).subject
    assert alias.user == TOKENS.of_identifier("u-1")
    assert alias.previous == page.anonymous
    assert page.user is None


def test_the_ordering_key_is_a_token_of_the_records_key_else_of_the_subject() -> None:
    by_key = redacted({}, key=b"some key").ordering_key
    assert by_key == redacted({"userId": "other"}, key=b"some key").ordering_key
    assert by_key == TOKENS.ordering(b"some key")
    assert redacted({"userId": "u-1"}, key=None).ordering_key == (
        redacted({"userId": "u-1"}, key=None).ordering_key
    )
    assert redacted({"userId": "u-2"}, key=None).ordering_key != (
        redacted({"userId": "u-1"}, key=None).ordering_key
    )


def test_nothing_raw_is_shown() -> None:
    body: Mapping[str, Json] = {"properties": {"a": EMAIL, "names": [EMAIL], EMAIL: 1}}
    assert EMAIL not in repr(redacted(body, FOUND))
    found = survey(decode(record_of(body), LIMITS), sites_of(NAMES))
    shown = repr((found, found.leaves, found.keys, found.pending, found.wholes))
    assert EMAIL not in shown
    assert "properties.names" in shown


# -- events made to be slow -----------------------------------------------------------------------


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "value",
    [
        {f"555-0147{'x' * number}": number for number in range(200)}
        | {f"{number} 555-0147": number for number in range(20_000)},
        {"drop": ["555-0147"] * 50_000},
        {"names": [f"qn{number}" for number in range(1_000)], "t": "qn1 qn999 x " * 20_000},
        {"firstName": "qq", "t": "qqq " * 50_000},
        {"t": f"{EMAIL_TOKEN} 555-0147 " * 3_000},
    ],
    ids=["keys", "drops", "names", "repeats", "tokens"],
)
def test_a_large_event_is_redacted_in_about_linear_time(value: Json) -> None:
    drop = rule("fields: ['**.drop'], entities: [PHONE_NUMBER], operator: drop")
    names = NAMES.replace("test", "names")
    assert "555-0147" not in str(properties(value, f"{drop}, {names}"))


def in_base64(text: str) -> str:
    return b64encode(text.encode()).decode()


def test_message_ids_that_hold_the_same_document_stay_apart() -> None:
    ids = [redacted({"messageId": f"{n} {in_base64(EMAIL)}"}, FOUND).message_id for n in "ab"]
    assert ids == [TOKENS.of_message_id(f"{n} {in_base64(EMAIL)}") for n in "ab"]


@pytest.mark.parametrize("inner", [in_base64("it is for qq Qqqq"), '{"note":"qq Qqqq"}'])
def test_an_id_that_holds_a_document_with_a_finding_becomes_a_token_as_a_whole(inner: str) -> None:
    result = redacted({"userId": inner}, {"qq Qqqq": "PERSON"})
    assert result.body["userId"] == TOKENS.of_value("IDENTIFIER", inner)


def test_a_document_that_states_names_keeps_its_form() -> None:
    text = '{"firstName": "Jane", "city": "Rome", "note": "for Jane"}'
    assert properties({"a": text}, NAMES)["a"] == (
        f'{{"firstName": "{TOKENS.of_value("PERSON", "Jane")}", "city": "Rome", '
        '"note": "for <PERSON>"}'
    )


@pytest.mark.parametrize("text", ['"\\u00e9 for %s"', "x \\u00e9 %s"])
def test_a_text_with_escapes_is_redacted_in_its_place(text: str) -> None:
    assert properties({"a": text % EMAIL}, "", FOUND)["a"] == text % EMAIL_TOKEN


def test_names_in_an_object_are_looked_for_as_well() -> None:
    value: Json = {"names": {"a": "Zoltan", "b": [{"c": "Imre"}]}, "note": "Imre will come"}
    assert properties(value, NAMES)["note"] == "<PERSON> will come"


def test_a_short_name_is_found_beside_a_long_one() -> None:
    value: Json = {"firstName": "Zoltan", "lastName": "Li", "note": "Zoltan Li will come to Li"}
    assert properties(value, NAMES)["note"] == "<PERSON> will come to Li"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Jos\u00e9", "/x?name=Jos%C3%A9"),
        ("Jos\u00e9", "/x?name=Jos%E9"),
        ("Strau\u00df", "/x?name=Strau%C3%9F"),
        ("Quixote", "/x?name=%25%35%31uixote"),
    ],
)
def test_names_are_found_in_urls_however_their_letters_are_encoded(name: str, text: str) -> None:
    value: Json = {"lastName": name, "url": text}
    assert unquote(unquote(properties(value, NAMES)["url"])) == "/x?name=<PERSON>"


def test_what_redaction_wrote_in_a_key_announces_nothing() -> None:
    rules = rule("fields: ['**.person'], entity: PERSON, operator: drop")
    once = properties({"Jane Doe": 12345}, rules)
    assert once == {"<PERSON>": 12345}
    assert properties(once, rules, {"12345": "PERSON"}) == once


def test_a_document_in_a_key_is_redacted_as_any_other() -> None:
    rules = rule("fields: ['**.gone'], entity: PERSON, operator: drop")
    value: Json = {f'{{"to": "{EMAIL}", "gone": 1}}': 1, in_base64(f"to {EMAIL}"): [2], "a b": 3}
    once = properties(value, rules)
    assert once == {
        f'{{"to": "{EMAIL_TOKEN}"}}': 1,
        in_base64(f"to {EMAIL_TOKEN}").rstrip("="): [2],
        "a b": 3,
    }
    assert properties(once, rules) == once
