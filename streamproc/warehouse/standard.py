"""Tables and columns that are the same in every warehouse, whatever the events hold.

Those of the events follow RudderStack's warehouse schema, so that models and dashboards written for
it work: https://www.rudderstack.com/docs/destinations/warehouse-destinations/warehouse-schema/.
"""

from __future__ import annotations

from typing import Final

from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import Columns, Schema

__all__ = [
    "ATTRIBUTES",
    "BASE",
    "EVERY",
    "LOADED",
    "OVERFLOW",
    "ROW",
    "SYSTEM",
    "TABLES",
    "TRACK",
    "USER",
    "USERS",
]

ROW: Final = "_row"
"""Column of every frame that tells the rows of a batch apart: an integer, rising in the order they
were read, the same in all the tables one event goes to. It is staged, and not loaded."""

LOADED: Final = "uuid_ts"
"""Column of every table of events that the sink fills itself: when the row was loaded."""

OVERFLOW: Final = "other_columns"
"""Column with what is beyond a table's most columns, as one JSON object."""

TABLES: Final = {
    "track": "tracks",
    "identify": "identifies",
    "page": "pages",
    "screen": "screens",
    "group": "groups",
    "alias": "aliases",
}
"""The base table of each type of event: one row an event."""

USERS: Final = "users"
"""One row a user: of every column, the value that came last."""

EVERY: Final[Columns] = {
    "id": Kind.STRING,
    "anonymous_id": Kind.STRING,
    "user_id": Kind.STRING,
    "received_at": Kind.TIMESTAMP,
    "sent_at": Kind.TIMESTAMP,
    "original_timestamp": Kind.TIMESTAMP,
    "timestamp": Kind.TIMESTAMP,
    "identity_id": Kind.STRING,
    "account_id": Kind.STRING,
    "identity_resolved_by": Kind.STRING,
    "identity_resolved_at": Kind.TIMESTAMP,
    "ruleset": Kind.STRING,
}
"""Columns of every table of events, whose kinds never change; ``id`` is the message id."""

OF_EVENTS: Final = {"anonymous_id", "user_id", "identity_resolved_by", "identity_resolved_at"}
"""What says something of one event alone: the last value there was of each would say nothing."""

USER: Final[Columns] = {name: kind for name, kind in EVERY.items() if name not in OF_EVENTS}
"""Columns of ``users``, where ``id`` is the user's."""

ATTRIBUTES: Final = "identity_"
"""What the columns begin with that hold what the business knows of an identity: after it comes the
attribute. No column of anything else begins so, but for those of :data:`EVERY`."""

TRACK: Final[Columns] = {"event": Kind.STRING, "event_text": Kind.STRING}
"""Columns of ``tracks`` and of the table of each tracked event, beside those of every table."""

BASE: Final[Columns] = {
    "redaction_manifest": Kind.JSON,
    "tracking_plan_violations": Kind.JSON,
}
"""Columns of the base tables alone."""

SYSTEM: Final[Schema] = {
    "streamproc_offsets": {
        "topic": Kind.STRING,
        "partition": Kind.INTEGER,
        "next_offset": Kind.INTEGER,
        "topic_id": Kind.STRING,  # NULL where it is not known
    },
    "streamproc_messages": {
        "id": Kind.STRING,
        "received_at": Kind.TIMESTAMP,
        "type": Kind.STRING,
        "event_table": Kind.STRING,  # of a tracked event, beside tracks
        "ruleset": Kind.STRING,
        "user_id": Kind.STRING,
        "anonymous_id": Kind.STRING,
        "identity_id": Kind.STRING,
        "source_topic": Kind.STRING,
        "source_partition": Kind.INTEGER,
        "source_offset": Kind.INTEGER,
        "correction": Kind.BOOLEAN,
        "loaded_at": Kind.TIMESTAMP,
    },
    "streamproc_deletions": {
        "token": Kind.STRING,
        "until": Kind.TIMESTAMP,
        "receipt": Kind.STRING,
        "events": Kind.INTEGER,  # deleted when it came, and kept out since
        "deleted_at": Kind.TIMESTAMP,
    },
    "streamproc_loads": {
        "loader": Kind.STRING,
        "loaded_at": Kind.TIMESTAMP,
        "events": Kind.INTEGER,
        "duplicates": Kind.INTEGER,
        "replaced": Kind.INTEGER,
        "deleted": Kind.INTEGER,
        "discards": Kind.INTEGER,
        "received_up_to": Kind.TIMESTAMP,
        "seconds": Kind.FLOAT,
    },
    "discards": {
        "table_name": Kind.STRING,
        "column_name": Kind.STRING,
        "row_id": Kind.STRING,
        "reason": Kind.STRING,
        "value_type": Kind.STRING,
        "value_length": Kind.INTEGER,
        "sealed": Kind.STRING,  # base64 of the value, encrypted to the dead letters' public key
        "received_at": Kind.TIMESTAMP,
        "uuid_ts": Kind.TIMESTAMP,
    },
}
"""Tables that are not of the events. The sink fills ``loaded_at``, ``uuid_ts``, ``deleted_at``."""
