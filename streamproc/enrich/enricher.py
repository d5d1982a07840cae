"""Events with what their own fields say added to them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import orjson
import structlog

from streamproc.enrich.campaign import campaign
from streamproc.enrich.geo import Locations
from streamproc.enrich.options import Options
from streamproc.enrich.referrer import Referrers
from streamproc.enrich.user_agent import UserAgents
from streamproc.errors import place_of
from streamproc.events import Event, Json

__all__ = ["Additions", "Enricher"]

log = structlog.get_logger()

Additions: TypeAlias = Mapping[str, Mapping[str, Json]]
"""What is added to ``context``: fields by the object they belong into, ``{"os": {"name": …}}``."""

Reads: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any]], Additions]
"""Additions of an event's body and its ``context``."""

USER_AGENT: Final = "userAgent"


class _Enrichment(NamedTuple):
    name: str
    reads: Reads


class Enricher:
    """Adds what is asked for to events. For one thread at a time.

    Attributes:
        fingerprint: Of the options, and of the data that enrichments read beside the event.
        failed: How often each failed, by its name.
    """

    def __init__(self, options: Options) -> None:
        """Make the enrichments ready.

        Raises:
            ConfigError: A file that one of them reads cannot be used.
        """
        self.failed: Counter[str] = Counter()
        self._enrichments: list[_Enrichment] = []
        parts = [options.model_dump_json()]
        self._drops_user_agent = options.user_agent is not None and not options.user_agent.keep
        if options.user_agent is not None:
            agents = UserAgents()
            parts.append(agents.version)
            self._enrichments.append(_Enrichment("user_agent", agents.read))
        if options.geo is not None:
            locations = Locations(options.geo)
            parts.append(locations.version)
            self._enrichments.append(_Enrichment("geo", locations.read))
        if options.campaign:
            self._enrichments.append(_Enrichment("campaign", campaign))
        if options.referrer is not None:
            self._enrichments.append(_Enrichment("referrer", Referrers(options.referrer).read))
        self.fingerprint = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def enrich(self, event: Event) -> Event:
        """Return ``event`` with what was read out of it.

        Writes to the event's own body. An enrichment that fails costs what it would have added; it
        is counted, and told once.
        """
        body: dict[str, Any] = event.body
        context = body.get("context")
        if type(context) is not dict:
            return event
        changed = False
        for name, reads in self._enrichments:
            try:
                found = reads(body, context)
            except Exception as error:  # noqa: BLE001 - a field in a strange shape must not stop the event
                self._fail(name, error)
                continue
            for holder, fields in found.items():
                changed |= _add(context, holder, fields)
        if self._drops_user_agent and USER_AGENT in context:
            del context[USER_AGENT]
            changed = True
        # Redaction counts words in the event as it came, so that has to be the event as it is.
        return event._replace(raw=orjson.dumps(body)) if changed else event

    def _fail(self, name: str, error: Exception) -> None:
        self.failed[name] += 1
        if self.failed[name] == 1:
            log.warning(
                "an enrichment failed; its fields are left out",
                enrichment=name,
                fault=type(error).__name__,
                place=place_of(error),
            )


def _add(context: dict[str, Any], holder: str, fields: Mapping[str, Json]) -> bool:
    there = context.get(holder)
    if there is None:
        new = {name: value for name, value in fields.items() if value is not None}
        if new:
            context[holder] = new
        return bool(new)
    if type(there) is not dict:
        return False
    added = False
    for name, value in fields.items():
        if value is not None and there.get(name) is None:
            there[name] = value
            added = True
    return added
