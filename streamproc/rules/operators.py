"""The operators of the language: what a rule can do with a value.

An operator is written as its name, or as its name and its options::

    operator: hash
    operator: {mask: {keep_last: 4}}
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

__all__ = [
    "OPERATORS",
    "DateShift",
    "Drop",
    "DropEvent",
    "Encrypt",
    "FormatPreserve",
    "Generalise",
    "Hash",
    "Keep",
    "Mask",
    "Operator",
    "Redact",
    "Replace",
    "Statement",
    "TruncateIp",
]


class Statement(BaseModel):
    """A mapping of the YAML file; a key that is not listed is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _template(written: str) -> str:
    if "{" in (rest := written.replace("{entity}", "")) or "}" in rest:
        raise PydanticCustomError("template", "expected no braces but those of {entity}")
    return written


Count = Annotated[int, Field(ge=0, strict=True)]


class Replace(Statement):
    """Put a constant text in the place of what was found."""

    name: Literal["replace"] = "replace"
    template: Annotated[str, Field(max_length=200), AfterValidator(_template)] = "<{entity}>"
    """The text; ``{entity}`` stands for the entity's name."""


class Redact(Statement):
    """Leave nothing: an empty text, or null in the place of what is no text."""

    name: Literal["redact"] = "redact"


class Mask(Statement):
    """Write one character over letters and digits; what separates them stays.

    Either what stays is counted (``keep_first``, ``keep_last``) or what goes (``first``, ``last``);
    everything goes where nothing is counted, and in a value no longer than what would stay.
    """

    name: Literal["mask"] = "mask"
    character: Annotated[str, Field(min_length=1, max_length=1)] = "*"
    """What is written over them."""
    keep_first: Count = 0
    """Characters left at the start."""
    keep_last: Count = 0
    """Characters left at the end."""
    first: Count = 0
    """Characters masked at the start; the rest stays."""
    last: Count = 0
    """Characters masked at the end; the rest stays."""
    skip: str | None = None
    """The separators that stay, such as `@.`; every other character is masked. Unset, all stay."""

    @model_validator(mode="after")
    def _counted_once(self) -> Mask:
        if (self.keep_first or self.keep_last) and (self.first or self.last):
            raise PydanticCustomError(
                "mask_counts", "expected either keep_first and keep_last, or first and last"
            )
        if any(map(str.isalnum, self.skip or "")):
            raise PydanticCustomError("mask_skip", "skip is for separators: no letters, no digits")
        return self


class Hash(Statement):
    """Put a keyed token in its place: one value, one token, so that joins survive."""

    name: Literal["hash"] = "hash"
    join: bool = False
    """While keys overlap in a rotation, also write the token of the key before, in a field beside
    it: `email_previous`. For rules on whole fields that hold one text."""


class Encrypt(Statement):
    """Put a ciphertext in its place that `streamproc reveal` can read; one value, one ciphertext.

    AES-SIV (RFC 5297) of the value exactly as it is written. Its length shows the value's.
    """

    name: Literal["encrypt"] = "encrypt"
    per_subject: bool = False
    """Encrypt with a key of the person's own (`keys.subjects`), so that `streamproc keys forget`
    makes all of it unreadable for good. Replaced where an event names nobody, or one forgotten."""


class FormatPreserve(Statement):
    """Put a value of the same form in its place: digits for digits, letters for letters.

    FF1 (NIST SP 800-38G) over the value's ASCII letters and digits; separators stay. Replaced where
    other letters are in it, or fewer than a million values have its form. Written again, it changes
    again: what it writes cannot be told from a value.
    """

    name: Literal["format_preserve"] = "format_preserve"
    keep_last: Count = 0
    """Letters and digits left at the end, as of a card."""


class TruncateIp(Statement):
    """Leave an IP address's network: the rest of its bits become 0. What is no address is replaced.

    An IPv6 address that holds an IPv4 address (mapped, 6to4) is taken for that.
    """

    name: Literal["truncate_ip"] = "truncate_ip"
    v4_bits: Annotated[int, Field(ge=0, le=31, strict=True)] = 24
    """Bits left of an IPv4 address."""
    v6_bits: Annotated[int, Field(ge=0, le=127, strict=True)] = 48
    """Bits left of an IPv6 address."""


class DateShift(Statement):
    """Move dates by some days, all of one person's by the same, in the form they are written in.

    By person is meant the event's user id, else its anonymous id; by the same, as long as one key
    is active. Replaced where an event names nobody, or the date cannot be read. Shifted again, it
    moves again: what it writes cannot be told from a date.
    """

    name: Literal["date_shift"] = "date_shift"
    days: Annotated[int, Field(ge=1, le=36_500, strict=True)] = 30
    """Most days that dates move, forwards or backwards; never 0."""
    day_first: bool = False
    """Whether 03/04/2024 is the third of April."""


class Generalise(Statement):
    """Make a date or a number less exact; what cannot be read as such is replaced."""

    name: Literal["generalise"] = "generalise"
    dates: Literal["month", "year"] | None = None
    """Leave a date's month (`2024-03`) or year (`2024`)."""
    numbers: Annotated[int, Field(ge=2, strict=True)] | None = None
    """Leave the range of this width that a number is in: by 10, 37 becomes `[30,40)`."""
    day_first: bool = False
    """Whether 03/04/2024 is the third of April."""

    @model_validator(mode="after")
    def _one_kind(self) -> Generalise:
        if (self.dates is None) == (self.numbers is None):
            raise PydanticCustomError("generalise_kind", "expected either dates or numbers")
        return self


class Drop(Statement):
    """Leave out the whole field."""

    name: Literal["drop"] = "drop"


class Keep(Statement):
    """Leave what was found as it is; the manifest says so.

    So does what was found within it with a lower score: an IP address in a URL that is kept.
    """

    name: Literal["keep"] = "keep"


class DropEvent(Statement):
    """Leave out the whole event, counted by the rule's name."""

    name: Literal["drop_event"] = "drop_event"


OPERATORS: dict[str, type[Statement]] = {
    "replace": Replace,
    "redact": Redact,
    "mask": Mask,
    "hash": Hash,
    "encrypt": Encrypt,
    "format_preserve": FormatPreserve,
    "truncate_ip": TruncateIp,
    "date_shift": DateShift,
    "generalise": Generalise,
    "drop": Drop,
    "keep": Keep,
    "drop_event": DropEvent,
}


def _spelled_out(written: object) -> object:
    match written:
        case Statement():
            return written
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
        "expected an operator's name, or one name with its options: {mask: {…}}",
    )


Operator: TypeAlias = Annotated[
    Replace
    | Redact
    | Mask
    | Hash
    | Encrypt
    | FormatPreserve
    | TruncateIp
    | DateShift
    | Generalise
    | Drop
    | Keep
    | DropEvent,
    Field(discriminator="name"),
    BeforeValidator(_spelled_out),
]
