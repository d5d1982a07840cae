"""A topic is searched for somebody's tokens."""

from __future__ import annotations

from brokers import Broker

from streamproc.events import Token
from streamproc.kafka.traces import find_traces
from streamproc.settings import KafkaSettings, Settings

ANNA, BEN = Token("tok_k1_" + "a" * 32), Token("tok_k1_" + "b" * 32)


def test_what_counts_is_told_from_what_was_replaced_or_taken_back(embedded: Broker) -> None:
    topics = embedded.topics()
    settings = Settings(kafka=KafkaSettings(brokers=embedded.bootstrap), topics=topics)
    annas, bens = ANNA.encode(), BEN.encode()
    written = [
        (b"in the value", b"{" + annas + b"}", 0),
        (b"replaced", annas, 0),
        (b"replaced", bens, 0),
        (b"alias:" + annas, b"x", 0),
        (b"back:" + annas, b"x", 0),
        (b"back:" + annas, None, 0),
        (b"another's", bens, 0),
        (b"longer", annas.replace(b"k1", b"k11"), 0),
    ]
    embedded.produce(topics.links, written)
    told: list[int] = []

    found = find_traces(settings, topics.links, [ANNA], told.append)

    assert set(found.live) == {b"in the value", b"alias:" + annas}
    assert (found.records, sum(told)) == (5, len(written))

    embedded.produce(topics.links, [(b"later", annas, 0)])
    later = find_traces(settings, topics.links, [ANNA], told.append, found.following)

    assert (set(later.live), later.records) == ({b"later"}, 1)
