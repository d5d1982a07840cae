"""Rows of the business to records for the topic of attributes, by the same rules as events.

A row becomes an event that its producer could have sent: identify with the person's ids and the
attributes as traits, group for an account. That event goes through the pipeline of the rules in
force, and what is left of it is the record: the tokens are those that events get, what names nobody
for events names nobody here, and an attribute in which the rules find something personal comes out
as they say, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import orjson

from streamproc.business.totals import Reason, Totals
from streamproc.business.values import identifier, is_true, micros, to_attribute
from streamproc.events import DeadLetter, Json, Link, Micros, Origin, Record, Redacted, Token
from streamproc.identity import View, links_of
from streamproc.identity.attributes import ACCOUNT, USER_ID, AttributeRecord
from streamproc.identity.language import IdentityConfig
from streamproc.identity.sources import IDENTITY, SourceObject
from streamproc.pipeline import Parts, Pipeline
from streamproc.redact import Tokens
from streamproc.redact.tokens import TOKEN

__all__ = ["Made", "Place", "RecordMaker", "SourceRow"]

NOBODY: Final = "record"
"""The anonymous id of events without a user id, which the event spec asks for; it ends here."""


class SourceRow(NamedTuple):
    """A row as its source has it.

    Attributes:
        line: Where it is in the source, counted from 1.
        values: By column; None where the row cannot be read.
        version: Of which copy of a whole table it is, where the source counts those.
    """

    line: int
    values: Mapping[str, Any] | None
    version: int | None = None

    def __repr__(self) -> str:
        """Say which it is, without its values."""
        return f"SourceRow(line={self.line})"


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows come from.

    Attributes:
        source: The source's name in the configuration.
        object: The object's name there.
        said: What the configuration says of it.
    """

    source: str
    object: str
    said: SourceObject


class Made(NamedTuple):
    """What rows became: records, in the order of the rows, and the links that they state."""

    records: Sequence[AttributeRecord]
    links: Sequence[Link]


class _Draft(NamedTuple):
    """A record without what the pipeline has to say of it.

    ``event`` is what the pipeline is asked about, empty for a record that says nothing; ``before``
    are the record's tokens under keys that overlap.
    """

    line: int
    record: AttributeRecord
    before: Sequence[Token]
    event: Mapping[str, Any]


class RecordMaker:
    """Makes the records of one kind of objects. For one thread at a time.

    Attributes:
        place: What the rows are.
        totals: What became of the rows so far.
    """

    def __init__(
        self, place: Place, config: IdentityConfig, parts: Parts, tokens: Tokens, topic: str
    ) -> None:
        """Keep the parts.

        Args:
            place: What the rows are.
            config: What identifies people, and what is allowed.
            parts: Of a pipeline of the rules in force, without a tracking plan or whatever else
                is for events alone.
            tokens: Of the key ring in force.
            topic: That of raw events: rules that are for its events are for records too.
        """
        self.place = place
        self._config = config
        self._parts = parts
        self._tokens = tokens
        self._topic = topic
        self._traits = {trait.name: trait.fields[0] for trait in config.identifiers.traits}
        self.totals = Totals()

    def token_of(self, values: Mapping[str, Any]) -> Token | None:
        """Return the token of a row's own id; None where it has none."""
        own = identifier(values.get(self.place.said.id_column))
        return self._tokens.of_identifier(self._text(own)) if own is not None else None

    def make(self, rows: Sequence[SourceRow], now: Micros) -> Made:
        """Return what is known by ``rows``.

        A row that has an id and says nothing of anyone any more becomes a deleted record: what an
        earlier version of it said must not stay.

        Args:
            rows: In the order of their source.
            now: When they were modified, if their source does not say.

        Raises:
            RetryableError: Something that redaction needs cannot be reached now.
        """
        drafts = [draft for row in rows if (draft := self._draft(row, now)) is not None]
        pending = [draft for draft in drafts if draft.event]
        # A view of its own for each batch: what the rows link is not asked for here.
        result = Pipeline(replace(self._parts, view=View())).run(
            [
                Record(
                    Origin(self._topic, 0, draft.line),
                    None,
                    orjson.dumps(draft.event),
                    draft.record.modified_at,
                )
                for draft in pending
            ]
        )
        outcomes = iter(zip(result.outcomes, result.redacted, strict=True))
        records: list[AttributeRecord] = []
        links: dict[Link, None] = {}
        for draft in drafts:
            record = draft.record
            if draft.event:
                outcome, redacted = next(outcomes)
                if redacted is None:
                    reason: Reason = "refused" if isinstance(outcome, DeadLetter) else "dropped"
                    record = self._nothing(draft, reason)
                else:
                    record = self._finished(draft, redacted)
                    links |= dict.fromkeys(_links(redacted))
            # After a rotation of keys the record has another token: what it was goes.
            gone = record._replace(joins=(), attributes={}, deleted=True)
            records += (record, *(gone._replace(record=token) for token in draft.before))
        self.totals.links += len(links)
        return Made(records, list(links))

    # -- before the pipeline ----------------------------------------------------------------------

    def _draft(self, row: SourceRow, now: Micros) -> _Draft | None:
        self.totals.rows += 1
        if row.values is None:
            self.totals.name("malformed", row.line)
            return None
        begun = self._begun(row, row.values, now)
        if isinstance(begun, str):
            self.totals.name(begun, row.line)
            return None
        deleted = self.place.said.deleted_column
        if deleted and is_true(row.values.get(deleted)):
            self.totals.deleted += 1
            return begun._replace(record=begun.record._replace(deleted=True))
        return self._with_event(begun, row.values)

    def _begun(self, row: SourceRow, values: Mapping[str, Any], now: Micros) -> _Draft | Reason:
        place, modified = self.place, self.place.said.modified_column
        own = identifier(values.get(place.said.id_column))
        if own is None:
            return "no_id"
        stated = values.get(modified) if modified else None
        try:
            modified_at = now if stated is None else micros(stated)
        except ValueError:
            return "bad_time"
        text = self._text(own)
        token, before = self._tokens.of_identifier(text), self._tokens.previous_identifiers(text)
        record = AttributeRecord(
            place.source, place.object, token, (), {}, modified_at, version=row.version
        )
        return _Draft(row.line, record, before, {})

    def _with_event(self, draft: _Draft, values: Mapping[str, Any]) -> _Draft:
        said = self.place.said
        ids = {join: identifier(values.get(column)) for join, column in said.joins.items()}
        known = {join: value for join, value in ids.items() if value is not None}
        identity = known.pop(IDENTITY, None)
        joins: tuple[tuple[str, Token], ...] = ()
        if identity is not None and TOKEN.fullmatch(identity):
            joins = ((USER_ID, Token(identity)),)
        if not joins and not any(self._leads(join) for join in known):
            return draft._replace(record=self._nothing(draft, "no_key"))
        record = draft.record._replace(attributes=self._attributes(values), joins=joins)
        return draft._replace(record=record, event=self._event(known, record.attributes))

    def _leads(self, join: str) -> bool:
        """Return whether a record can be found by ``join``: a person's cannot by the account."""
        return join != ACCOUNT or {*self.place.said.joins} == {ACCOUNT}

    def _attributes(self, values: Mapping[str, Any]) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for name, column in self.place.said.attributes.items():
            try:
                value = to_attribute(values.get(column), self._config.attributes[name].type)
            except ValueError:
                self.totals.count(name, "unreadable")
                continue
            if value is None:
                self.totals.count(name, "nothing")
            else:
                found[name] = value
        return found

    def _event(self, ids: Mapping[str, str], attributes: Mapping[str, Json]) -> dict[str, Any]:
        event: dict[str, Any] = {
            "type": "identify",
            "messageId": NOBODY,
            "traits": dict(attributes),
        }
        event |= {"userId": ids[USER_ID]} if USER_ID in ids else {"anonymousId": NOBODY}
        for join, value in ids.items():
            if join == ACCOUNT and {*self.place.said.joins} == {ACCOUNT}:
                event |= {"type": "group", "groupId": value}
            elif join == ACCOUNT and self._config.accounts.fields:
                _put(event, self._config.accounts.fields[0], value)
            elif join in self._traits:
                _put(event, self._traits[join], value)
        return event

    def _text(self, own: str) -> str:
        """Return what a record's token is made of: elsewhere its id may be something else's."""
        return f"{self.place.source}/{self.place.object}/{own}"

    # -- after the pipeline -----------------------------------------------------------------------

    def _finished(self, draft: _Draft, redacted: Redacted) -> AttributeRecord:
        subject = redacted.subject
        joins = [*draft.record.joins, *subject.traits]
        if subject.user is not None:
            joins.append((USER_ID, subject.user))
        if subject.group is not None:
            joins.append((ACCOUNT, subject.group))
        if not any(self._leads(join) for join, _ in joins):
            return self._nothing(draft, "no_key")
        self.totals.records += 1
        traits = redacted.body.get("traits")
        told = traits if isinstance(traits, dict) else {}
        attributes = {
            name: told[name]
            for name, value in draft.record.attributes.items()
            if self._is_told(name, value, told)
        }
        return draft.record._replace(joins=tuple(sorted({*joins})), attributes=attributes)

    def _is_told(self, name: str, before: Json, after: Mapping[str, Json]) -> bool:
        allowed = self._config.attributes[name]
        if name in after and after[name] == before:
            self.totals.count(name, "told")
            return True
        # What is no text is not of its type any more once something is in its place.
        if allowed.personal == "refuse" or allowed.type != "string" or not after.get(name):
            self.totals.count(name, "refused")
            return False
        self.totals.count(name, "redacted")
        return True

    def _nothing(self, draft: _Draft, reason: Reason) -> AttributeRecord:
        self.totals.name(reason, draft.line)
        return draft.record._replace(joins=(), attributes={}, deleted=True)


def _links(redacted: Redacted) -> Sequence[Link]:
    """Return the links that a row states: those of a user id, and none of its account.

    To which account a person belongs may change; the record says it as long as it is so.
    """
    if redacted.subject.user is None or redacted.type == "group":
        return ()
    return [link for link in links_of(redacted) if link.kind in {"alias", "trait"}]


def _put(event: dict[str, Any], keys: tuple[str, ...], value: str) -> None:
    *above, last = keys
    for key in above:
        event = event.setdefault(key, {})
    event[last] = value
