"""Bytes to :class:`~streamproc.events.Event`: JSON, bounds, the event spec, timestamps.

Core: imports ``events``, ``errors``, orjson and the standard library's pure parts. Nothing here
knows Kafka, the clock or settings; the bounds come in as :class:`Limits`, and what reads other
formats than JSON as a function (``streamproc.formats`` has one).
"""

from streamproc.decode.codes import CODES, Code
from streamproc.decode.event import BRACE, Unframe, decode, json_text, schema_header
from streamproc.decode.parse import Limits
from streamproc.decode.spec import VOCABULARY

__all__ = [
    "BRACE",
    "CODES",
    "VOCABULARY",
    "Code",
    "Limits",
    "Unframe",
    "decode",
    "json_text",
    "schema_header",
]
