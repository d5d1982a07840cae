"""What SDKs count sessions by, under the rules that are shipped."""

from __future__ import annotations

from random import Random

import orjson
from redaction import RING

from streamproc.assemble import make_pipeline
from streamproc.events import Micros, Origin, Record, Row
from streamproc.identity import View
from streamproc.settings import Settings

FROM, TO = 1_262_304_000, 1_893_456_000  # 2010 and 2030
IDS = 300


def test_session_ids_are_taken_for_nothing_else() -> None:
    # Browsers count in milliseconds, phones in seconds; some of either pass for a card, an account
    # or a telephone number by their digits.
    random = Random(5)
    ids: list[int | str] = [random.randint(FROM * 1_000, TO * 1_000) for _ in range(IDS)]
    ids += [random.randint(FROM, TO) for _ in range(IDS)]
    ids += [str(id_) for id_ in ids]

    result = make_pipeline(Settings(), RING, View()).run(
        [event(number, id_) for number, id_ in enumerate(ids)]
    )

    contexts = [
        orjson.loads(row.payload)["context"] for row in result.outcomes if isinstance(row, Row)
    ]
    assert contexts == [{"sessionId": id_, "sessionStart": True} for id_ in ids]


def event(number: int, session: int | str) -> Record:
    body = {
        "type": "track",
        "event": "Seen",
        "messageId": f"m-{number}",
        "userId": "u-1",
        "context": {"sessionId": session, "sessionStart": True},
    }
    return Record(Origin("events.raw", 0, number), b"k", orjson.dumps(body), Micros(0))
