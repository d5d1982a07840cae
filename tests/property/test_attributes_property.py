"""Records of the business: whatever is delivered again, the state is that of the last versions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from streamproc.events import Micros, Token
from streamproc.identity.attributes import (
    ACCOUNT,
    MOST_RECORDS,
    USER_ID,
    AttributeRecord,
    Attributes,
    RecordName,
)
from streamproc.identity.store import MemoryStore
from streamproc.kafka.attributes import (
    attribute_key,
    decode_attributes,
    encode_attributes,
    parse_attribute_key,
)

SOURCES = ("crm", "scores")
ALLOWED = ("plan", "seats", "score")
TOKENS = [Token(f"tok_k1_{letter}") for letter in "abcd"]

joins = st.lists(
    st.tuples(st.sampled_from([USER_ID, "email", ACCOUNT]), st.sampled_from(TOKENS)),
    max_size=3,
    unique_by=lambda join: join[0],
).map(tuple)
versions = st.builds(
    AttributeRecord,
    source=st.sampled_from([*SOURCES, "forgotten"]),
    object=st.sampled_from(["contact", "account"]),
    record=st.sampled_from(TOKENS[:2]),
    joins=joins,
    attributes=st.dictionaries(
        st.sampled_from([*ALLOWED, "phone"]), st.sampled_from(["pro", 3, 0.5, True]), max_size=3
    ),
    modified_at=st.integers(0, 4).map(Micros),
    deleted=st.booleans(),
)


def state(records: Iterable[AttributeRecord]) -> dict[bytes, bytes]:
    store = MemoryStore()
    attributes = Attributes(store, SOURCES, ALLOWED)
    for record in records:
        attributes.apply(record)
    return dict(store.scan(b""))


def last_versions(records: Iterable[AttributeRecord]) -> list[AttributeRecord]:
    last: dict[RecordName, AttributeRecord] = {}
    for record in records:
        if record.name not in last or record.modified_at >= last[record.name].modified_at:
            last[record.name] = record
    return list(last.values())


@given(st.lists(versions, max_size=12))
def test_the_state_is_that_of_the_last_version_of_each_record(
    records: list[AttributeRecord],
) -> None:
    assert state(records) == state(last_versions(records))


@given(st.lists(versions, max_size=12), st.lists(st.integers(0, 12), max_size=3))
def test_reading_again_from_anywhere_before_changes_nothing(
    records: list[AttributeRecord], restarts: list[int]
) -> None:
    # As a reader does whose position was committed before its end.
    again = [record for start in restarts for record in records[start:]]

    assert state([*records, *again]) == state(records)


@given(
    st.lists(versions, max_size=12, unique_by=lambda each: (each.name, each.modified_at)),
    st.randoms(use_true_random=False),
)
def test_versions_of_different_times_may_come_in_any_order_and_any_number(
    records: list[AttributeRecord], random: object
) -> None:
    shuffled = [*records, *records]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis types it as an object

    assert state(shuffled) == state(records)


@given(st.lists(versions, max_size=12), st.sampled_from(TOKENS), st.sampled_from(TOKENS))
def test_what_is_known_is_what_a_search_of_all_records_finds(
    records: list[AttributeRecord], user: Token, email: Token
) -> None:
    keys = [(USER_ID, user), ("email", email)]
    attributes = Attributes(MemoryStore(), SOURCES, ALLOWED)
    for record in records:
        attributes.apply(record)

    assert attributes.known_of(keys, None) == searched(last_versions(records), keys)


def searched(
    records: Sequence[AttributeRecord], keys: Sequence[tuple[str, Token]]
) -> tuple[Token | None, dict[str, object]]:
    """Return what is known, without an index."""

    def of_person(record: AttributeRecord) -> bool:
        return any(name != ACCOUNT for name, _ in record.joins)

    counting = sorted(
        (each for each in records if not each.deleted and each.source in SOURCES),
        key=lambda each: (
            SOURCES.index(each.source),
            -each.modified_at,
            each.record,
            each.object,
        ),
    )
    people = [each for each in counting if of_person(each) and {*each.joins} & {*keys}]
    account = next(
        (token for each in people for name, token in each.joins if name == ACCOUNT), None
    )
    accounts = [
        each for each in counting if not of_person(each) and (ACCOUNT, account) in each.joins
    ]
    told: dict[str, object] = {}
    for source in SOURCES:
        for each in [*people, *accounts]:
            if each.source == source:
                for name, value in each.attributes.items():
                    if name in ALLOWED:
                        told.setdefault(name, value)
    return account, dict(sorted(told.items()))


@given(st.lists(versions, max_size=12))
def test_what_is_forgotten_leaves_nothing(records: list[AttributeRecord]) -> None:
    store = MemoryStore()
    attributes = Attributes(store, SOURCES, ALLOWED)
    for record in records:
        attributes.apply(record)
    for record in records:
        attributes.forget(record.name)

    assert list(store.scan(b"")) == []


@given(versions)
def test_records_and_their_keys_come_back_from_the_wire(record: AttributeRecord) -> None:
    assert decode_attributes(encode_attributes(record)) == record
    assert parse_attribute_key(attribute_key(record.name)) == record.name


@given(st.permutations(range(MOST_RECORDS + 1)))
def test_a_token_that_too_many_records_have_says_nothing_of_anyone(order: list[int]) -> None:
    attributes = Attributes(MemoryStore(), SOURCES, ALLOWED)
    records = [
        AttributeRecord(
            "crm",
            "contact",
            Token(f"tok_k1_{number}"),
            (("email", TOKENS[0]),),
            {"plan": "pro"},
            Micros(number),
        )
        for number in order
    ]
    for record in records:
        attributes.apply(record)

    assert attributes.known_of([("email", TOKENS[0])], None).attributes == {}
    attributes.apply(records[0]._replace(deleted=True))
    assert attributes.known_of([("email", TOKENS[0])], None).attributes == {"plan": "pro"}
