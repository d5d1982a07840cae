"""What can be done with a value: one function an operator, and the table of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from streamproc.redact.tokens import TOKEN, Tokens
from streamproc.rules import SEARCHABLE, Action, Hash, Keep, Mask, Redact, Replace

__all__ = ["WRITTEN", "rewritten"]

WRITTEN = re.compile(rf"{TOKEN.pattern}|<(?:{'|'.join(sorted(SEARCHABLE))})>")
"""What redaction writes: left as it is, so that redacting twice changes nothing. Any other word in
angle brackets (``<JANE>``, ``<GB29NWBK60161331926819>``) is a value."""


def rewritten(action: Action, value: str, tokens: Tokens) -> str:
    """Return what ``action`` makes of ``value``: a text found in a field, or a field's whole text.

    Dropping fields and events is not done here: there is no new value then.
    """
    if WRITTEN.fullmatch(value):
        return value
    return OPERATORS[type(action.operator)](action, value, tokens)


def _replace(action: Action, _value: str, _tokens: Tokens) -> str:
    assert isinstance(action.operator, Replace)
    return action.operator.template.replace("{entity}", action.entity)


def _redact(_action: Action, _value: str, _tokens: Tokens) -> str:
    return ""


def _keep(_action: Action, value: str, _tokens: Tokens) -> str:
    return value


def _hash(action: Action, value: str, tokens: Tokens) -> str:
    return tokens.of_value(action.entity, value)


def _mask(action: Action, value: str, _tokens: Tokens) -> str:
    mask = action.operator
    assert isinstance(mask, Mask)
    total = sum(character.isalnum() for character in value)
    first, last = mask.keep_first, mask.keep_last
    if total <= first + last:
        if total == first + last and mask.character in value:
            return value  # masked before: what is left is what may be left
        first = last = 0
    seen = 0
    masked = []
    for character in value:
        if character.isalnum():
            seen += 1
            kept = seen <= first or seen > total - last
            masked.append(character if kept else mask.character)
        else:
            masked.append(character)
    return "".join(masked)


OPERATORS: Mapping[type, Callable[[Action, str, Tokens], str]] = {
    Hash: _hash,
    Keep: _keep,
    Mask: _mask,
    Redact: _redact,
    Replace: _replace,
}
