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
from streamproc.redact import Tokens
from streamproc.rollout import current_ruleset
from streamproc.rules.document import nearest
from streamproc.settings import Settings

__all__ = ["find_place", "find_source", "make_makers"]


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


def make_makers(
    settings: Settings, config: IdentityConfig, places: Mapping[str, Place]
) -> dict[str, RecordMaker]:
    """Return what makes the records of each place; takes seconds, for the models.

    By the rules in force and the key ring of the settings. They share what they remember, so they
    are for one thread at a time.

    Raises:
        ConfigError: With every problem of the rules or the keys.
        RetryableError: The topic of rules cannot be read.
    """
    ring = load_key_ring(settings)
    parts = Assembly(settings, ring, View()).parts(current_ruleset(settings))
    # What is for events alone: a plan of them, what is read out of them, and what others wrote.
    parts = replace(parts, plan=None, enricher=None, before=None, after=None)
    tokens = Tokens(ring)
    return {name: RecordMaker(place, config, parts, tokens) for name, place in places.items()}
