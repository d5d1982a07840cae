"""From a YAML file to the identity configuration: every problem at once, each with its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from inspect import isclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from streamproc.errors import ConfigError, Problem
from streamproc.identity.language import IdentityConfig
from streamproc.identity.sources import contradictions
from streamproc.rules.document import Document, Location, explained, read_text

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
    try:
        config = IdentityConfig.model_validate(document.content)
    except ValidationError as error:
        raise ConfigError(*_in_order(document.problems(error, _explained))) from None
    problems = _in_order((*_namesakes(config, document), *_contradictions(config, document)))
    if problems:
        raise ConfigError(*problems)
    return config


def _in_order(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda each: (each.line or 0, each.column or 0))


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


def _explained(item: Any) -> str:
    return explained(item, _keys_at(item["loc"]))


def _keys_at(location: Location) -> Iterable[str]:
    """Return the keys that may stand where an unknown one was found."""
    models: list[type[BaseModel]] = [IdentityConfig]
    for step in location[:-1]:
        if isinstance(step, str):
            fields = [model.model_fields[step] for model in models if step in model.model_fields]
            models = [found for field in fields for found in _models_in(field.annotation)] or models
    return [key for model in models for key in model.model_fields]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that a value of a type may be, or may have in it."""
    if isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
