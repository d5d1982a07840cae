"""Repairs that people write for the originals of dead letters, tried before they count.

    repair.yaml ──load_repairs──▶ Repairs ──┐
    Record (original) ──────────────────────┴──▶ mended bytes ──tried──▶ passes | still fails, why

A file is a list of repairs; the first one whose conditions hold is done, its steps in order
(:mod:`.language`). Nothing is executed but these steps: the same bytes and the same file make the
same bytes. What a step cannot do leaves the value as it is, and the trial tells: what comes out
goes through the worker's own decoding and tracking plan. What does not pass is never sent.

Core: imports ``events``, ``errors``, ``deadletters``, ``rules``, orjson, regex, pydantic and
ruamel.yaml. It reads a file when asked to; of its results only the mended bytes hold values.
"""

from streamproc.deadletters.repair.language import Repair, Repairs
from streamproc.deadletters.repair.load import load_repairs, parse_repairs
from streamproc.deadletters.repair.trial import (
    Checks,
    Outcome,
    Tried,
    Tries,
    is_meant,
    tried,
)

__all__ = [
    "Checks",
    "Outcome",
    "Repair",
    "Repairs",
    "Tried",
    "Tries",
    "is_meant",
    "load_repairs",
    "parse_repairs",
    "tried",
]
