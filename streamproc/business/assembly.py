"""From settings to what makes the records of a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from streamproc.assemble import Assembly, load_key_ring
from streamproc.business.records import Place, RecordMaker
from streamproc.errors import ConfigError, Problem
from streamproc.identity import View
from streamproc.identity.language import IdentityConfig
from streamproc.identity.sources import Source
from streamproc.pipeline import Parts
from streamproc.redact import Tokens
from streamproc.rollout import current_ruleset
from streamproc.rules.document import nearest
from streamproc.settings import Settings

__all__ = ["Makers", "find_place", "find_source"]


def find_source(config: IdentityConfig, name: str | None) -> tuple[str, Source]:
    """Return the source of ``name``, or the only one there is.

    Raises:
        ConfigError: There is none of that name, or not one alone.
    """
    if name is None and len(config.sources) == 1:
        return next(iter(config.sources.items()))
    if name is None:
        told = f"name one of {', '.join(config.sources)}" if config.sources else "there are none"
        raise ConfigError(Problem("identity configuration", "sources", told))
    if name not in config.sources:
        told = f"no such source{nearest(name, config.sources, 0.6)}"
        raise ConfigError(Problem("identity configuration", f"sources.{name}", told))
    return name, config.sources[name]


def find_place(config: IdentityConfig, source: str | None, kind: str | None) -> Place:
    """Return the object ``kind`` of a source, or the only one it has.

    Raises:
        ConfigError: There is none of that name, or not one alone.
    """
    name, found = find_source(config, source)
    at = f"sources.{name}.objects"
    if kind is None:
        if len(found.objects) > 1:
            told = f"name one of {', '.join(found.objects)}"
            raise ConfigError(Problem("identity configuration", at, told))
        kind = next(iter(found.objects))
    if kind not in found.objects:
        told = f"no such object{nearest(kind, found.objects, 0.6)}"
        raise ConfigError(Problem("identity configuration", f"{at}.{kind}", told))
    return Place(name, kind, found.objects[kind])


class Makers:
    """Makes what makes records, by the rules in force and the key ring of the settings.

    What it makes shares what it remembers, so it is all for one thread at a time.
    """

    def __init__(self, settings: Settings, config: IdentityConfig) -> None:
        """Keep the parts; the key ring is read.

        Raises:
            ConfigError: There is no key ring, or none that can be used.
        """
        ring = load_key_ring(settings)
        self._settings = settings
        self._config = config
        self._assembly = Assembly(settings, ring, View())
        self._tokens = Tokens(ring)
        self._ruleset = ""
        self._parts: Parts | None = None

    def of(self, places: Mapping[str, Place]) -> dict[str, RecordMaker]:
        """Return what makes the records of each place; takes seconds the first time.

        Raises:
            ConfigError: With every problem of the rules.
            RetryableError: The topic of rules cannot be read.
        """
        ruleset = current_ruleset(self._settings)
        if self._parts is None or ruleset.fingerprint != self._ruleset:
            parts = self._assembly.parts(ruleset)
            # Not what is for events alone: a plan of them, what is read out of them, own code.
            self._parts = replace(parts, plan=None, enricher=None, before=None, after=None)
            self._ruleset = ruleset.fingerprint
        found, raw = self._parts, self._settings.topics.raw
        return {
            name: RecordMaker(place, self._config, found, self._tokens, raw)
            for name, place in places.items()
        }
