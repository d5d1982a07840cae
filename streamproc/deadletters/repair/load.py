"""From a YAML file to repairs: every problem at once, each with its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from inspect import isclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from streamproc.deadletters.causes import CAUSES
from streamproc.deadletters.repair.language import Repairs
from streamproc.errors import ConfigError, Problem
from streamproc.rules.document import Document, explained, nearest, read_text

__all__ = ["load_repairs", "parse_repairs"]


def load_repairs(file: Path) -> Repairs:
    """Return the repairs of ``file``.

    Raises:
        ConfigError: With every problem of the file.
    """
    return parse_repairs(read_text(file), str(file))


def parse_repairs(text: str, source: str) -> Repairs:
    """Return the repairs that ``text`` writes; ``source`` names it in problems.

    Raises:
        ConfigError: With every problem of the text.
    """
    document = Document.parse(text, source)
    try:
        repairs = Repairs.model_validate(document.content)
    except ValidationError as error:
        raise ConfigError(*_in_order(document.problems(error, _explained))) from None
    problems = _in_order((*_namesakes(repairs, document), *_unknown_codes(repairs, document)))
    if problems:
        raise ConfigError(*problems)
    return repairs


def _in_order(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda each: (each.line or 0, each.column or 0))


def _namesakes(repairs: Repairs, document: Document) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, repair in enumerate(repairs.repairs):
        if (first := seen.setdefault(repair.name, index)) != index:
            told = f"is the name of repairs[{first}] too"
            yield document.problem(("repairs", index, "name"), told)


def _unknown_codes(repairs: Repairs, document: Document) -> Iterator[Problem]:
    known = {code for _, code in CAUSES}
    for index, repair in enumerate(repairs.repairs):
        for code in sorted((repair.when.codes or frozenset()) - known):
            hint = nearest(code, known, 0.6)
            yield document.problem(("repairs", index, "when", "codes"), f"no such code{hint}")


def _explained(item: Any) -> str:
    return explained(item, _keys_at(item["loc"]))


def _keys_at(location: tuple[str | int, ...]) -> Iterable[str]:
    """Return the keys that may stand where an unknown one was found."""
    models: list[type[BaseModel]] = [Repairs]
    for step in location[:-1]:
        if isinstance(step, str):
            fields = [
                field
                for model in models
                for name, field in model.model_fields.items()
                if step in {name, field.alias}
            ]
            models = [found for field in fields for found in _models_in(field.annotation)] or models
    return [field.alias or key for model in models for key, field in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that a value of a type may be, or may have in it."""
    if isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
