"""From a YAML file to the identity configuration: every problem at once, each with its line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from streamproc.errors import ConfigError, Problem
from streamproc.identity.language import IdentityConfig
from streamproc.identity.sources import contradictions
from streamproc.rules.document import Document, read_text
from streamproc.rules.models import in_order, validated

__all__ = ["load_identity", "parse_identity"]


def load_identity(file: Path) -> IdentityConfig:
    """Return the configuration of ``file``.

    Raises:
        ConfigError: With every problem of the file.
    """
    return parse_identity(read_text(file), str(file))


def parse_identity(text: str, source: str) -> IdentityConfig:
    """Return the configuration that ``text`` writes; ``source`` names it in problems.

    Raises:
        ConfigError: With every problem of the text.
    """
    document = Document.parse(text, source)
    config = validated(document, IdentityConfig)
    problems = in_order((*_namesakes(config, document), *_contradictions(config, document)))
    if problems:
        raise ConfigError(*problems)
    return config


def _namesakes(config: IdentityConfig, document: Document) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, trait in enumerate(config.identifiers.traits):
        if (first := seen.setdefault(trait.name, index)) != index:
            told = f"is the name of traits[{first}] too"
            yield document.problem(("identifiers", "traits", index, "name"), told)


def _contradictions(config: IdentityConfig, document: Document) -> Iterator[Problem]:
    traits = {trait.name: trait.fields for trait in config.identifiers.traits}
    for location, told in contradictions(config.attributes, config.sources, config.export, traits):
        yield document.problem(location, told)
