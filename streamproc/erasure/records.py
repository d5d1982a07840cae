"""What the business may go on to know: records without those who were erased."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streamproc.events import Token
from streamproc.identity.attributes import ACCOUNT, AttributeRecord

__all__ = ["spared"]


def spared(
    record: AttributeRecord, suppressed: Callable[[Iterable[Token]], bool]
) -> AttributeRecord | None:
    """Return what may be kept of ``record``; None where it is about nobody else.

    A record that can be joined by somebody else's token as well loses the joins that are
    suppressed; so does one about an account, which is nobody.
    """
    joins = tuple(join for join in record.joins if not suppressed((join[1],)))
    if len(joins) == len(record.joins):
        return record
    was_of_person = any(name != ACCOUNT for name, _ in record.joins)
    if not joins or (was_of_person and all(name == ACCOUNT for name, _ in joins)):
        return None
    return record._replace(joins=joins)
