"""The table ``identity_mappings``: whose an identity token is by all that is known today.

Every row of an event has the ``identity_id`` that was known when it was made. Who was identified
later, or joined with somebody by an alias, is somebody else by now; the loader keeps in this table
who::

    SELECT COALESCE(m.identity_id, e.identity_id) AS identity_id, …
    FROM tracks e LEFT JOIN identity_mappings m ON m.token = e.identity_id

Only a token that belongs to another one has a row: one that stands for itself has none. Ids of
events (``user_id``, ``anonymous_id``) are what the rules have made of them, and no identity tokens.
"""

from __future__ import annotations

from typing import Final

from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import Columns

__all__ = ["COLUMNS", "MAPPINGS"]

MAPPINGS: Final = "identity_mappings"
"""The table's name."""

COLUMNS: Final[Columns] = {
    "token": Kind.STRING,
    "kind": Kind.STRING,
    "identity_id": Kind.STRING,
    "valid_from": Kind.TIMESTAMP,
}
"""Its columns, beside :data:`~streamproc.warehouse.standard.LOADED`: when the row was written.

``token`` is that of one row at most. ``kind`` is what it is a token of: ``user_id``,
``anonymous_id``, or the name of a trait. ``identity_id`` is whom it belongs to, never itself.
``valid_from`` is when that was stated: the time of the event whose link shows it.
"""
