"""What may stand in ``plan.yaml``, version 1, as pydantic models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field

from streamproc.expected import NAME

__all__ = ["Action", "Actions", "Code", "PlanFile", "Responses"]

Action: TypeAlias = Literal["drop", "dead_letter", "mark", "allow"]
"""What is done with an event: left out and counted, put aside, marked in its row, nothing."""

Code: TypeAlias = Literal[
    "unplanned_event", "required_missing", "wrong_type", "additional_property", "other"
]
"""How an event can differ from the plan; ``other`` is every keyword of JSON Schema besides."""

Actions: TypeAlias = Mapping[Code, Action]


class Statement(BaseModel):
    """A mapping of the YAML file; a key that is not listed is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Responses(Statement):
    """What is done by what is wrong; what is left out is as the plan has it for all events."""

    required_missing: Action | None = None
    """A property that the schema requires is not there."""
    wrong_type: Action | None = None
    """A value is of another type: a text where there has to be a number."""
    additional_property: Action | None = None
    """A property that the schema does not allow."""
    other: Action | None = None
    """Anything else: a value that is none of a list, too long, of another form."""


class AllResponses(Responses):
    """The same for all events, those that are not planned included."""

    unplanned_event: Action | None = None
    """An event that no schema is for."""

    def actions(self, own: Responses | None = None) -> Actions:
        """Return what is done by code, as ``own`` says, or as this does, or else ``mark``."""
        said = {**self.model_dump(), **(own.model_dump(exclude_none=True) if own else {})}
        return cast("Actions", {code: action or "mark" for code, action in said.items()})


class PlanFile(Statement):
    """The whole file."""

    version: Literal[1]
    name: Annotated[str, Field(pattern=NAME)]
    """Of the plan."""
    violations: AllResponses = AllResponses()
    """What is done with events that are not as planned."""
    events: Mapping[str, Responses] = {}
    """Where that differs for some, by the file of their schema: ``track/order_completed``."""
