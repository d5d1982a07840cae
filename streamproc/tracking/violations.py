"""What jsonschema-rs finds wrong, as places and codes.

Its messages quote values, and so do its errors' other attributes: of each only the kind and the
path are looked at, and names of properties.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from jsonschema_rs import ValidationError, ValidationErrorKind

from streamproc.events import Path, Violation, path_text
from streamproc.rules.plan import PLAIN_KEY
from streamproc.tracking.language import Code

__all__ = ["MOST_VIOLATIONS", "violations_of"]

MOST_VIOLATIONS: Final = 100
"""Most violations of one event that are kept: thousands of properties make thousands of them."""

Found = tuple[Path, Code]


def violations_of(errors: Iterable[ValidationError], part: str) -> list[Violation]:
    """Return what ``errors`` say of ``part`` of an event, each thing once, by path and code.

    Keys that are no plain words are written as ``*``, as in a manifest.
    """
    found = {found for error in errors for found in _found(error)}
    written = {Violation(_written((part, *path)), code) for path, code in found}
    return sorted(written)[:MOST_VIOLATIONS]


def _found(error: ValidationError) -> Iterator[Found]:
    path = tuple(error.instance_path)
    match error.kind:
        case ValidationErrorKind.Required(name):
            yield (*path, name), "required_missing"
        case ValidationErrorKind.Type():
            yield path, "wrong_type"
        case ValidationErrorKind.AdditionalProperties(
            names
        ) | ValidationErrorKind.UnevaluatedProperties(names):
            for name in names:
                yield (*path, name), "additional_property"
        case ValidationErrorKind.FalseSchema():
            is_property = bool(path) and isinstance(path[-1], str)
            yield path, "additional_property" if is_property else "other"
        case ValidationErrorKind.AnyOf(branches) | ValidationErrorKind.OneOfNotValid(branches):
            yield from _found_in(branches, path)
        case _:
            yield path, "other"


def _found_in(branches: Sequence[Sequence[ValidationError]], path: Path) -> Iterator[Found]:
    """Yield what is wrong where one of several schemas has to fit.

    If the value has the type of just one of them, that is the one that was meant: an object or
    null, and the object lacks something.
    """
    meant = [branch for branch in branches if not any(_is_type(error, path) for error in branch)]
    if not meant:
        yield path, "wrong_type"
    elif len(meant) == 1:
        for error in meant[0]:
            yield from _found(error)
    else:
        yield path, "other"


def _is_type(error: ValidationError, path: Path) -> bool:
    return isinstance(error.kind, ValidationErrorKind.Type) and tuple(error.instance_path) == path


def _written(path: Path) -> str:
    return path_text(
        tuple(step if isinstance(step, int) or PLAIN_KEY.fullmatch(step) else "*" for step in path)
    )
