"""A YAML document as a pydantic model: every problem with its line, and the key that was meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from inspect import isclass
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from streamproc.errors import ConfigError, Problem
from streamproc.rules.document import Document, Location, explained

__all__ = ["in_order", "validated"]

ModelT = TypeVar("ModelT", bound=BaseModel)


def validated(document: Document, model: type[ModelT]) -> ModelT:
    """Return what ``document`` says, as ``model`` has it.

    Raises:
        ConfigError: With every problem, in the order of their lines.
    """

    def explain(item: Any) -> str:
        return explained(item, _keys_at(model, item["loc"]))

    try:
        return model.model_validate(document.content)
    except ValidationError as error:
        raise ConfigError(*in_order(document.problems(error, explain))) from None


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return ``problems`` of one file from its top to its end."""
    return sorted(problems, key=lambda each: (each.line or 0, each.column or 0))


def _keys_at(model: type[BaseModel], location: Location) -> Iterable[str]:
    """Return the keys that may stand where an unknown one was found."""
    models = [model]
    for step in location[:-1]:
        if isinstance(step, str):
            fields = [
                field
                for each in models
                for name, field in each.model_fields.items()
                if step in {name, field.alias}
            ]
            models = [found for field in fields for found in _models_in(field.annotation)] or models
    return [field.alias or key for each in models for key, field in each.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that a value of a type may be, or may have in it."""
    if isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
