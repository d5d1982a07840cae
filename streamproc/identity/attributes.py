"""What the business knows of people and accounts: records by token, and what they say of an event.

Of one record the one that was modified last counts; of two that were modified at the same time, the
one that comes later. So records may be delivered again, and in any order across records, and every
worker ends with the same state. A deleted record stays as a mark, so that what it was before cannot
come back; created again, it is modified later.

A record is about a person (it can be joined by a user id or a trait) or about an account (by
``account`` alone); a person's record may name the account that the person belongs to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

import orjson

from streamproc.events import Json, Micros, Token
from streamproc.identity.store import Store

__all__ = [
    "ACCOUNT",
    "MOST_RECORDS",
    "USER_ID",
    "AttributeRecord",
    "Attributes",
    "Known",
    "RecordName",
]

USER_ID: Final = "user_id"
"""The join by an event's user id."""
ACCOUNT: Final = "account"
"""The join by an account; of a person's record, the account that the person belongs to."""

MOST_RECORDS: Final = 16
"""Records that one token may join. A token of more is nobody's own, such as a support address that
stands in every contact, and says nothing of anyone."""

# In the store, fields between NUL bytes, which neither names nor tokens have:
RECORD: Final = b"ar\0"  # + source, object, record: what it says
JOINED: Final = b"aj\0"  # + join, token: the record's name if it is one, else SEVERAL: a look-up
# then costs one get where there is no record or one, which is nearly always, and no scan
INDEX: Final = b"ai\0"  # + join, token, source, object, record: nothing
SEVERAL: Final = b"*"


class RecordName(NamedTuple):
    """What names a record for good: its source, the kind of object there, the token of its id."""

    source: str
    object: str
    record: Token


class AttributeRecord(NamedTuple):
    """A record of the business, without a personal value in it.

    Attributes:
        source: Where it comes from, by the name that the identity configuration gives it.
        object: What it is there, such as ``contact``.
        record: Token of its own id there.
        joins: Whom it is about: pairs of ``user_id``, ``account`` or a trait's name, and a token.
        attributes: What it says, by the attributes' names; what it does not know is left out.
        modified_at: When it was modified, by its source's clock.
        deleted: Whether it is gone.
        version: Of which copy of a whole table it is, where its source counts those.
    """

    source: str
    object: str
    record: Token
    joins: tuple[tuple[str, Token], ...]
    attributes: Mapping[str, Json]
    modified_at: Micros
    deleted: bool = False
    version: int | None = None

    @property
    def name(self) -> RecordName:
        """What names it for good."""
        return RecordName(self.source, self.object, self.record)

    def __repr__(self) -> str:
        """Say which it is, without its values."""
        return f"AttributeRecord(name={self.name}, deleted={self.deleted})"


class Known(NamedTuple):
    """What is known of whom an event belongs to.

    Attributes:
        account: The account, if one is known.
        attributes: By name, in the order of names.
    """

    account: Token | None
    attributes: Mapping[str, Json]


class Attributes:
    """Records in a store, ready to be asked. For one thread at a time."""

    def __init__(self, store: Store, sources: Sequence[str], allowed: Collection[str]) -> None:
        """Ask and keep records in ``store``.

        Args:
            store: Where they are.
            sources: Those that count, the first having precedence; records of others say nothing.
            allowed: Names of the attributes that may be told.
        """
        self._store = store
        self._rank = {name: rank for rank, name in enumerate(sources)}
        self._allowed = frozenset(allowed)

    def apply(self, record: AttributeRecord) -> bool:
        """Take ``record`` in; return whether it changed anything."""
        key = _key(record.name)
        found = self._store.get(RECORD + key)
        value = _written(record)
        before: tuple[tuple[str, Token], ...] = ()
        if found is not None:
            known = _read(key, found)
            if found == value or record.modified_at < known.modified_at:
                return False
            before = known.joins
        self._join(key, before, () if record.deleted else record.joins)
        self._store.put(RECORD + key, value)
        return True

    def forget(self, name: RecordName) -> None:
        """Leave nothing of a record, not even that it was there."""
        key = _key(name)
        if (found := self._store.get(RECORD + key)) is not None:
            self._join(key, _read(key, found).joins, ())
            self._store.delete(RECORD + key)

    def known_of(self, keys: Iterable[tuple[str, Token]], account: Token | None) -> Known:
        """Return what is known of a person and an account.

        Where several records say different things, the one of the first source counts; of one
        source those about the person, before those about the account; of those the one that was
        modified last; of those the smallest token.

        Args:
            keys: The person's user ids and traits, as joins have them.
            account: The account, where it is known already; else that of the records counts.
        """
        people = self._ranked(keys)
        if account is None:
            account = next(
                (token for each in people for name, token in each.joins if name == ACCOUNT), None
            )
        accounts = self._ranked([(ACCOUNT, account)]) if account is not None else []
        if not people and not accounts:
            return Known(account, {})
        told: dict[str, Json] = {}
        # Sorting is stable: of one source the person's records stay in front.
        for record in sorted([*people, *accounts], key=lambda each: self._rank[each.source]):
            for name, value in record.attributes.items():
                if name in self._allowed:
                    told.setdefault(name, value)
        return Known(account, dict(sorted(told.items())))

    def records(self) -> Iterator[AttributeRecord]:
        """Yield the records that are not deleted, by source, object and token."""
        for key, value in self._store.scan(RECORD):
            record = _read(key.removeprefix(RECORD), value)
            if not record.deleted:
                yield record

    def _ranked(self, keys: Iterable[tuple[str, Token]]) -> list[AttributeRecord]:
        found = {key for join in keys for key in self._joined(join)}
        if not found:
            return []
        records = [self._record(key) for key in found]
        known = [record for record in records if record.source in self._rank]
        known.sort(
            key=lambda each: (
                self._rank[each.source],
                -each.modified_at,
                each.record,
                each.object,
            )
        )
        return known

    def _record(self, key: bytes) -> AttributeRecord:
        value = self._store.get(RECORD + key)
        assert value is not None, "what the index names is there: both are committed as one"
        return _read(key, value)

    def _joined(self, join: tuple[str, Token]) -> Sequence[bytes]:
        """Return the keys of the records that ``join`` leads to; none where they are too many."""
        head = self._store.get(JOINED + _join_key(join))
        if head is None:
            return ()
        if head != SEVERAL:
            return (head,)
        keys = list(islice(self._indexed(join), MOST_RECORDS + 1))
        return keys if len(keys) <= MOST_RECORDS else ()

    def _indexed(self, join: tuple[str, Token]) -> Iterator[bytes]:
        prefix = INDEX + _join_key(join) + b"\0"
        return (key.removeprefix(prefix) for key, _ in self._store.scan(prefix))

    def _join(
        self,
        key: bytes,
        before: tuple[tuple[str, Token], ...],
        after: tuple[tuple[str, Token], ...],
    ) -> None:
        old, new = _leading(before), _leading(after)
        for join in old - new:
            self._store.delete(INDEX + _join_key(join) + b"\0" + key)
            self._take_out(join, key)
        for join in new - old:
            self._store.put(INDEX + _join_key(join) + b"\0" + key, b"")
            head = JOINED + _join_key(join)
            self._store.put(head, key if self._store.get(head) in {None, key} else SEVERAL)

    def _take_out(self, join: tuple[str, Token], key: bytes) -> None:
        head = JOINED + _join_key(join)
        if self._store.get(head) == key:
            self._store.delete(head)
            return
        left = list(islice(self._indexed(join), 2))
        self._store.put(head, left[0] if len(left) == 1 else SEVERAL)


def _leading(joins: Iterable[tuple[str, Token]]) -> set[tuple[str, Token]]:
    """Return the joins that lead to a record: of a person's, not the account."""
    of_person = {join for join in joins if join[0] != ACCOUNT}
    return of_person or set(joins)


def _key(name: RecordName) -> bytes:
    return "\0".join(name).encode()


def _join_key(join: tuple[str, Token]) -> bytes:
    return "\0".join(join).encode()


def _written(record: AttributeRecord) -> bytes:
    if record.deleted:
        return orjson.dumps([record.modified_at])
    attributes = dict(sorted(record.attributes.items()))
    return orjson.dumps([record.modified_at, record.joins, attributes])


def _read(key: bytes, value: bytes) -> AttributeRecord:
    source, kind, token = key.decode().split("\0")
    modified_at, *said = orjson.loads(value)
    joins, attributes = said or ((), {})
    return AttributeRecord(
        source,
        kind,
        Token(token),
        tuple((name, Token(joined)) for name, joined in joins),
        attributes,
        Micros(modified_at),
        deleted=not said,
    )
