"""Enrichments: what is read out of an event's own fields before they are redacted.

A user agent becomes browser, system and device; an address its country; a URL its campaign; a
referrer its kind. Each is off until the identity configuration names it. They run between decoding
and the survey, so that **what they add is searched and redacted like everything else**: an
enrichment can make nothing public. They fill what is not there: what a producer says itself stays.

Core, but for ``geo``, which reads the database file that it is given. Imports ``events`` and the
rules' YAML language. :mod:`~streamproc.enrich.enricher` is imported by name: it brings parsers
along that most commands have no use for.
"""

from streamproc.enrich.options import Options

__all__ = ["Options"]
