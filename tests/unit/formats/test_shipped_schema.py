from __future__ import annotations

from avro_bodies import body_of

from streamproc.decode import Limits, decode
from streamproc.events import Micros, Origin, Record
from streamproc.formats import Formats, load_schema_folder
from streamproc.shipped import shipped

LIMITS = Limits(event_bytes=10_000, depth=16, text_characters=1_000)


def test_any_event_can_be_written_with_the_shipped_schema() -> None:
    folder = load_schema_folder(shipped("schemas/raw"))
    ((fingerprint, schema),) = folder.known.items()
    event = {
        "type": "track",
        "event": "Order Completed",
        "userId": "u-1",
        "properties": {
            "total": 12.5,
            "coupon": None,
            "products": [{"sku": "a", "quantity": 2, "tags": ["x"]}, {"sku": "b"}],
            "shipping": {"city": "Oslo", "at": {"floor": 3}},
        },
    }
    value = b"\xc3\x01" + fingerprint + body_of(schema, event)
    formats = Formats(folder, LIMITS, registry=False)

    record = Record(Origin("raw", 0, 0), None, value, Micros(0))
    assert decode(record, LIMITS, formats.to_json).body == event
