"""Headers of records, as the client has them."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Message

from streamproc.events import Headers

__all__ = ["headers_of"]


def headers_of(message: Message) -> Headers:
    """Return the headers of a record, in order; none where a name is not UTF-8.

    Brokers do not look at names, and the client fails at such a one (confluent-kafka 2.16).
    """
    try:
        found: Any = message.headers()  # a list of pairs, or None; its types allow for more
    except (SystemError, UnicodeDecodeError):
        return ()
    return tuple(found) if found else ()
