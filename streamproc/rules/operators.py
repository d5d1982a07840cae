"""The operators of the language: what a rule can do with a value.

An operator is written as its name, or as its name and its options::

    operator: hash
    operator: {mask: {keep_last: 4}}
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

__all__ = [
    "OPERATORS",
    "Drop",
    "DropEvent",
    "Hash",
    "Keep",
    "Mask",
    "Operator",
    "Redact",
    "Replace",
    "Statement",
]


class Statement(BaseModel):
    """A mapping of the YAML file; a key that is not listed is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Replace(Statement):
    """Put a constant text in the place of what was found."""

    name: Literal["replace"] = "replace"
    template: Annotated[str, Field(max_length=200)] = "<{entity}>"
    """The text; ``{entity}`` stands for the entity's name."""


class Redact(Statement):
    """Leave nothing: an empty text, or null in the place of what is no text."""

    name: Literal["redact"] = "redact"


class Mask(Statement):
    """Write one character over letters and digits; what separates them stays."""

    name: Literal["mask"] = "mask"
    character: Annotated[str, Field(min_length=1, max_length=1)] = "*"
    keep_first: Annotated[int, Field(ge=0)] = 0
    """Letters and digits left at the start. A value that has no more than are left is masked."""
    keep_last: Annotated[int, Field(ge=0)] = 0
    """Letters and digits left at the end."""


class Hash(Statement):
    """Put a keyed token in its place: one value, one token, so that joins survive."""

    name: Literal["hash"] = "hash"


class Drop(Statement):
    """Leave out the whole field."""

    name: Literal["drop"] = "drop"


class Keep(Statement):
    """Leave what was found as it is; the manifest says so."""

    name: Literal["keep"] = "keep"


class DropEvent(Statement):
    """Leave out the whole event, counted by the rule's name."""

    name: Literal["drop_event"] = "drop_event"


OPERATORS: dict[str, type[Statement]] = {
    "replace": Replace,
    "redact": Redact,
    "mask": Mask,
    "hash": Hash,
    "drop": Drop,
    "keep": Keep,
    "drop_event": DropEvent,
}


def _spelled_out(written: object) -> object:
    match written:
        case str(name):
            return {"name": name}
        case dict() if len(written) == 1:
            ((name, options),) = written.items()
            if options is None:
                return {"name": name}
            if isinstance(options, dict) and "name" not in options:
                return {**options, "name": name}
    raise PydanticCustomError(
        "operator_form",
        "expected an operator's name, or one name with its options: {{mask: {{…}}}}",
    )


Operator: TypeAlias = Annotated[
    Replace | Redact | Mask | Hash | Drop | Keep | DropEvent,
    Field(discriminator="name"),
    BeforeValidator(_spelled_out),
]
