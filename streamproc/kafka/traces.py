"""Which records of a topic have somebody's tokens: in their keys or anywhere in their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from streamproc.events import Token
from streamproc.kafka.attribute_topic import NOWHERE, read_topic
from streamproc.redact import TOKEN
from streamproc.settings import Settings

__all__ = ["Traces", "find_traces"]

TOKENS: Final = re.compile(TOKEN.pattern.encode())
"""Tokens are written as they are in whatever encoding: Avro and JSON leave letters alone."""

TELL_RECORDS: Final = 10_000


@dataclass(slots=True)
class Traces:
    """What was found in a topic.

    Attributes:
        live: By key, the records with a token that no later record of their keys replaces; of
            records without a key the last.
        records: All records with a token, replaced or not.
        following: By partition, the first offset that was not searched.
    """

    live: dict[bytes, bytes | None] = field(default_factory=dict, repr=False)
    records: int = 0
    following: dict[int, int] = field(default_factory=dict)


def find_traces(
    settings: Settings,
    topic: str,
    tokens: Collection[Token],
    tell: Callable[[int], object],
    begin: Mapping[int, int] = NOWHERE,
) -> Traces:
    """Return the traces of ``tokens`` in what is in ``topic`` now; a million records in seconds.

    Args:
        settings: Where the topic is.
        topic: Its name.
        tokens: What is searched for.
        tell: Is told now and then how many more records were searched.
        begin: By partition the first offset to be searched, where that is not the beginning.

    Raises:
        RetryableError: It could not be read to its end.
    """
    sought = frozenset(token.encode() for token in tokens)
    found = Traces(following=dict(begin))
    searched = 0
    for partition, offset, own_key, value in read_topic(settings, topic, begin):
        found.following[partition] = offset + 1
        searched += 1
        if searched == TELL_RECORDS:
            tell(searched)
            searched = 0
        key = own_key or b""
        if value is None:
            # It takes back what was before; its key goes with it, when the topic is compacted.
            found.live.pop(key, None)
            found.records += not sought.isdisjoint(TOKENS.findall(key))
        elif sought.isdisjoint(TOKENS.findall(key)) and sought.isdisjoint(TOKENS.findall(value)):
            found.live.pop(key, None)
        else:
            found.live[key] = value
            found.records += 1
    tell(searched)
    return found
