"""What a repaired original has to pass: what a worker of these settings does with it first."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamproc.events import Dropped, Event, Record
    from streamproc.formats import SchemaId
    from streamproc.kafka.registry import Registry
    from streamproc.settings import Settings

__all__ = ["Passing"]


class Passing:
    """Decoding and the tracking plan, with the schemas of the registry where there is one."""

    def __init__(self, settings: Settings) -> None:
        """Read the tracking plan and the schemas.

        Raises:
            ConfigError: With every problem of one of them.
        """
        from streamproc.assemble import load_formats, load_plan, make_limits

        self._limits = make_limits(settings)
        self._plan = load_plan(settings)
        self._formats = load_formats(settings)
        self._settings = settings.registry
        self._registry: Registry | None = None

    def __call__(self, record: Record) -> Event | Dropped:
        """Return what becomes of ``record`` before it is searched for personal data.

        Raises:
            EventError: It would become a dead letter.
        """
        from streamproc.decode import decode
        from streamproc.tracking import check

        event = decode(record, self._limits, self.unframe)
        return event if self._plan is None else check(event, self._plan)

    def unframe(self, value: bytes, header: bytes | None) -> bytes:
        """Return the JSON text that a framed value stands for, with the schema that is asked for.

        Raises:
            EventError: Stage ``decode``.
            RetryableError: The registry is away.
        """
        from streamproc.formats import schema_id

        if self._settings.url is not None:
            for schema in self._formats.missing(schema_id(value, header), time.monotonic()):
                self._learn(schema)
        return self._formats.to_json(value, header)

    def _learn(self, schema: SchemaId) -> None:
        from streamproc.kafka.registry import Registry

        self._registry = self._registry or Registry(self._settings, retries=0)
        self._formats.learn(schema, self._registry.declared(schema), time.monotonic())
