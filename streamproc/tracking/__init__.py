"""Tracking plans: which events are planned, what they hold, and what is done with the others.

    folder ──load_tracking_plan──▶ TrackingPlan ──check──▶ Event (marked) | Dropped | EventError

A folder of a plan holds one JSON Schema for every planned event, and ``plan.yaml``, which says what
is done with an event that is not as planned (:mod:`.language`). ``schemas/events/`` is the plan of
the demo's events, and the example to copy:

======================  ============================================================================
``plan.yaml``           what is done: ``drop``, ``dead_letter``, ``mark`` or ``allow``
``track/*.json``        the ``properties`` of one tracked event, whose name is the schema's title
``page/*.json``         the same of one page; and ``screen/*.json``
``page.json``           the ``properties`` of every page without a schema of its own; and
                        ``track.json``, ``screen.json``
``identify.json``       the ``traits``; and ``group.json``
======================  ============================================================================

A type of event that no file speaks of is not held against the plan. Schemas are JSON Schema of any
draft, 2020-12 where they do not say; formats are checked, nothing is fetched, and patterns run in
linear time, so that no event can make one run for long.

Events are checked as they came, before redaction: afterwards a number may be a text. Results name
places and codes only, never a value.

What a schema says of personal data in an event, with ``x-pii``, becomes rules after those of the
ruleset (:mod:`.annotations`). An Avro schema ``*.avsc`` in the place of a JSON Schema, or beside
it, is read for that alone: events are not held against it. So are schemas of whole events, those
that raw events are wanted in (:func:`load_annotated_events`).

Imports ``events``, ``errors``, ``rules``, pydantic and jsonschema-rs. It reads files when asked to;
nothing else here does I/O.
"""

from streamproc.tracking.annotations import with_annotated
from streamproc.tracking.check import TrackingPlan, check, differences
from streamproc.tracking.language import Action, Code
from streamproc.tracking.load import load_annotated_events, load_tracking_plan

__all__ = [
    "Action",
    "Code",
    "TrackingPlan",
    "check",
    "differences",
    "load_annotated_events",
    "load_tracking_plan",
    "with_annotated",
]
