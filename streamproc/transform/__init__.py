"""Transformations: the users' own Python, run on events beside the worker.

A folder holds them, each a file with ``transform_event(event, metadata)`` or
``transform_batch(events, metadata)``, as RudderStack's Transformations have them:

    transformations/after/*.py      on redacted events, in the order of the files' names
    transformations/before/*.py     on raw events, if the rules allow it; redaction comes after them
    transformations/libraries/*.py  what they import

They run in a process of their own that has neither the worker's memory nor its environment, within
a time and a memory limit: a transformation that hangs, fills the memory or ends its process costs
the events that it was given, which become dead letters, and nothing else. **One event in, one event
or none out**: every record has to end as one row, one dead letter, or dropped by name. What is told
of a failure is the type of the exception and the line of the transformation, never its text.

Code of the company's own is trusted not to attack the machine; this is no sandbox against that.
"""

from streamproc.transform.code import Code, Phase, load_code
from streamproc.transform.process import Limits
from streamproc.transform.runner import Given, Made, TransformDropped, Transformer

__all__ = [
    "Code",
    "Given",
    "Limits",
    "Made",
    "Phase",
    "TransformDropped",
    "Transformer",
    "load_code",
]
