"""What can be done with a value: one function an operator, and the table of them.

An operator that cannot do its work on a value, because it cannot read it or the event names nobody,
puts ``<ENTITY>`` in its place: nothing passes because it was written oddly.

What redaction wrote is left as it is when it is redacted again. Of two operators that cannot be
said, because what they write looks like what they read: ``format_preserve`` and ``date_shift``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeAlias

from streamproc.events import Subject
from streamproc.redact.ciphers import ENCRYPTED
from streamproc.redact.dates import generalised_date, shifted
from streamproc.redact.formats import in_its_form
from streamproc.redact.subjects import person_of
from streamproc.redact.tokens import TOKEN, Tokens
from streamproc.rules import (
    SEARCHABLE,
    Action,
    DateShift,
    Encrypt,
    FormatPreserve,
    Generalise,
    Hash,
    Keep,
    Mask,
    Operator,
    Redact,
    Replace,
    TruncateIp,
)

__all__ = [
    "WRITTEN",
    "depends_on_subject",
    "is_keyed",
    "keeps_apart",
    "may_hold_written",
    "rewritten",
]

WRITTEN = re.compile(rf"{TOKEN.pattern}|{ENCRYPTED.pattern}|<(?:{'|'.join(sorted(SEARCHABLE))})>")
"""What redaction writes: left as it is, so that redacting twice changes nothing. Any other word in
angle brackets (``<JANE>``, ``<GB29NWBK60161331926819>``) is a value."""

NUMBER = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?", re.ASCII)
RANGE = re.compile(r"\[(-?\d{1,20}),(-?\d{1,20})\)", re.ASCII)

Operation: TypeAlias = Callable[[Action, str, Tokens, Subject | None], str | None]
"""Returns None where the operator cannot do its work on the value."""


def rewritten(action: Action, value: str, tokens: Tokens, subject: Subject | None = None) -> str:
    """Return what ``action`` makes of ``value``: a text found in a field, or a field's whole text.

    Dropping fields and events is not done here: there is no new value then.

    Args:
        action: What is to be done.
        value: What it is to be done with, percent-encoding undone.
        tokens: Makes what depends on keys.
        subject: Whom the event is about; see :func:`depends_on_subject`.

    Raises:
        RetryableError: The store of people's keys cannot be reached now.
    """
    unread = f"<{action.entity}>"
    if value == unread or WRITTEN.fullmatch(value):
        return value
    new = OPERATIONS[type(action.operator)](action, value, tokens, subject)
    return unread if new is None else new


def depends_on_subject(operator: Operator) -> bool:
    """Return whether the same value may become something else in an event of someone else."""
    return isinstance(operator, DateShift) or (
        isinstance(operator, Encrypt) and operator.per_subject
    )


def is_keyed(operator: Operator) -> bool:
    """Return whether what ``operator`` writes depends on the active key."""
    return isinstance(operator, Hash | Encrypt | FormatPreserve | DateShift)


def keeps_apart(operator: Operator) -> bool:
    """Return whether two values never become one, as what tells rows apart needs."""
    return isinstance(operator, Hash | Keep) or (
        isinstance(operator, Encrypt) and not operator.per_subject
    )


def may_hold_written(text: str) -> bool:
    """Return whether :data:`WRITTEN` may be found in ``text``; cheaper than searching for it."""
    return "<" in text or "tok_" in text or "enc_" in text


def _replace(action: Action, _value: str, _tokens: Tokens, _subject: Subject | None) -> str:
    assert isinstance(action.operator, Replace)
    return action.operator.template.replace("{entity}", action.entity)


def _redact(_action: Action, _value: str, _tokens: Tokens, _subject: Subject | None) -> str:
    return ""


def _keep(_action: Action, value: str, _tokens: Tokens, _subject: Subject | None) -> str:
    return value


def _hash(action: Action, value: str, tokens: Tokens, _subject: Subject | None) -> str:
    return tokens.of_value(action.entity, value)


def _encrypt(action: Action, value: str, tokens: Tokens, subject: Subject | None) -> str | None:
    assert isinstance(action.operator, Encrypt)
    if not action.operator.per_subject:
        return tokens.ciphers.encrypted(value)
    person = person_of(subject)
    return None if person is None else tokens.ciphers.encrypted_for(person, value)


def _format_preserve(
    action: Action, value: str, tokens: Tokens, _subject: Subject | None
) -> str | None:
    assert isinstance(action.operator, FormatPreserve)
    tweak = action.entity.encode()
    return in_its_form(tokens.ciphers.ff1, tweak, value, action.operator.keep_last)


def _date_shift(action: Action, value: str, tokens: Tokens, subject: Subject | None) -> str | None:
    shift = action.operator
    assert isinstance(shift, DateShift)
    person = person_of(subject)
    if person is None:
        return None
    days = tokens.ciphers.shift_of(person, shift.days)
    return shifted(value, days, day_first=shift.day_first)


def _mask(action: Action, value: str, _tokens: Tokens, _subject: Subject | None) -> str:
    mask = action.operator
    assert isinstance(mask, Mask)
    places = [at for at, character in enumerate(value) if _goes(mask, character)]
    total = len(places)
    if mask.first or mask.last:
        hidden = {*places[: mask.first], *places[max(0, total - mask.last) :]}
    else:
        hidden = set(places[mask.keep_first : max(0, total - mask.keep_last)])
    masked = _masked(mask, value, hidden)
    if masked == value:
        # Masked before: what is left is what may be left. Or too short for anything to go.
        return value if hidden else _masked(mask, value, set(places))
    left = sum(value[at] != mask.character for at in places)
    if left <= mask.keep_first + mask.keep_last:
        return _masked(mask, value, set(places))
    return masked


def _goes(mask: Mask, character: str) -> bool:
    # What is masked already counts as a character of the value: else masking twice would mask more.
    if character == mask.character or character.isalnum():
        return True
    return mask.skip is not None and character not in mask.skip


def _masked(mask: Mask, value: str, hidden: set[int]) -> str:
    return "".join(
        mask.character if at in hidden else character for at, character in enumerate(value)
    )


def _truncate_ip(
    action: Action, value: str, _tokens: Tokens, _subject: Subject | None
) -> str | None:
    truncate = action.operator
    assert isinstance(truncate, TruncateIp)
    try:
        address = ipaddress.ip_address(value.strip())
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        # 2002:c000:20a::1 is 192.0.2.10 in other words, all of it in the first 48 bits.
        address = address.ipv4_mapped or address.sixtofour or address
    bits = truncate.v4_bits if address.version == 4 else truncate.v6_bits
    cut = address.max_prefixlen - bits
    return str(type(address)(int(address) >> cut << cut))


def _generalise(
    action: Action, value: str, _tokens: Tokens, _subject: Subject | None
) -> str | None:
    generalise = action.operator
    assert isinstance(generalise, Generalise)
    if generalise.dates is not None:
        return generalised_date(value, generalise.dates, day_first=generalise.day_first)
    assert generalise.numbers is not None
    return _range_of(value.strip(), generalise.numbers)


def _range_of(value: str, width: int) -> str | None:
    if (written := RANGE.fullmatch(value)) is not None:
        start, end = map(int, written.groups())
        if end - start == width and start % width == 0:
            return value
    if NUMBER.fullmatch(value) is None:
        return None
    start = int(Decimal(value).to_integral_value("ROUND_FLOOR")) // width * width
    return f"[{start},{start + width})"


OPERATIONS: Mapping[type, Operation] = {
    DateShift: _date_shift,
    Encrypt: _encrypt,
    FormatPreserve: _format_preserve,
    Generalise: _generalise,
    Hash: _hash,
    Keep: _keep,
    Mask: _mask,
    Redact: _redact,
    Replace: _replace,
    TruncateIp: _truncate_ip,
}
