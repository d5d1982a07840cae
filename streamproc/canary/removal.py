"""Has the loaders delete the rows of canaries: they stay the only ones who write the warehouse.

By the ids of the row itself, tokens or not as the rules have it, never by the identity that it was
taken for: that is the smallest token of all that links state, and may be anybody's whom they join.
And only of rows that this process knows its own canary to have become, by where the raw record
lies: what carries a canary's message id, and is somebody else's, deletes nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from streamproc.canaries import Canary
from streamproc.events import Deletion, Micros
from streamproc.redact import TOKEN
from streamproc.warehouse.rows import LoadedRow

__all__ = ["RECEIPT", "Removals"]

RECEIPT: Final = "canaries"
"""What deletions of canaries are known by."""


class Removals:
    """Who is to be deleted next; a few people however many canaries there were."""

    def __init__(self) -> None:
        """Have nobody to delete."""
        self._until: dict[str, Micros] = {}

    def add(self, canary: Canary, row: LoadedRow) -> bool:
        """Take the row of ``canary``; False where it has no id to be deleted by."""
        found = list(_ids(canary, row))
        for each in found:
            self._until[each] = max(self._until.get(each, row.received_at), row.received_at)
        return bool(found)

    def publish(self, publish: Callable[[Iterable[Deletion]], None]) -> int:
        """Hand all of them to ``publish`` and return how many; who failed is there the next time.

        Raises:
            RetryableError: What ``publish`` raises.
        """
        deletions = [Deletion(each, until, RECEIPT) for each, until in self._until.items()]
        if deletions:
            publish(deletions)
        self._until.clear()
        return len(deletions)


def _ids(canary: Canary, row: LoadedRow) -> Iterator[str]:
    for value in (row.user_id, row.anonymous_id):
        # Something else that rules made of it, such as <REDACTED>, may be everybody's.
        if value is not None and (value in canary.ids or TOKEN.fullmatch(value)):
            yield value
