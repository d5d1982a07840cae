"""Events of people that a CRM knows, or does not, and what their rows say of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from brokers import Broker
from processes import Process
from workplace import Workplace

from streamproc.demo import Generated
from streamproc.kafka.codecs import decode_row
from streamproc.settings import Settings

__all__ = ["events_of", "last_plan", "rows_of", "worker_of", "workplace_of"]


def workplace_of(broker: Broker, settings: Settings) -> Workplace:
    """Return a place for workers and loaders beside the files of ``settings``, on its topics."""
    assert settings.keys.file is not None
    return Workplace(broker, settings.keys.file.parent, settings.topics)


@contextmanager
def worker_of(place: Workplace, settings: Settings) -> Iterator[Process]:
    """Run a worker, with what the topic of attributes says so far."""
    own = {"rules_directory": settings.rules.directory, "identity_file": settings.identity.file}
    with place.ready_worker(**own) as worker:
        yield worker


def events_of(user: str, run: str) -> list[Generated]:
    """Return what a user does: sign in on a device, something, and something without its name.

    The device is the user's own; ``run`` tells these events from others of the user.
    """
    device = f"device of {user}"
    return [
        _event(device, f"{user} {run} 1", type="identify", userId=user, anonymousId=device),
        _event(device, f"{user} {run} 2", type="track", event="Seen", userId=user),
        _event(device, f"{user} {run} 3", type="track", event="Seen", anonymousId=device),
    ]


def _event(key: str, id_: str, **fields: Any) -> Generated:
    # A producer may say what it likes of an identity: it is no attribute.
    spoofed = {"identity": {"plan": "of a producer"}}
    body = {"messageId": id_, "properties": spoofed, **spoofed, **fields}
    return Generated(orjson.dumps(body), key.encode(), id_, ())


def rows_of(place: Workplace, columns: Iterable[str]) -> dict[str, tuple[Any, ...]]:
    """Return the columns of every row of an event, by message id; of no table they differ."""
    listed = ", ".join(columns)
    found: dict[str, tuple[Any, ...]] = {}
    for table in ("tracks", "seen", "identifies"):
        for id_, *values in place.query(f"SELECT id, {listed} FROM {table}"):
            assert found.setdefault(id_, tuple(values)) == tuple(values)
    return found


def last_plan(place: Workplace, user: str) -> object:
    """Return the plan of the row that a new event of ``user`` became."""
    place.publish([_event(user, "probe", type="track", event="Probed", userId=user)])
    sent = place.broker.written(place.topics.raw)
    place.wait_until_processed(sent)
    rows = [decode_row(each.value) for each in place.broker.consume_all(place.topics.load)]
    newest = max((row for row in rows if row.event == "Probed"), key=lambda row: row.source_offset)
    identity: Any = newest.payload.get("identity") or {}
    return identity.get("plan")
