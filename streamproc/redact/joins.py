"""Old tokens beside new ones, while a rotation's keys overlap: rows before and after still join."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streamproc.events import ManifestEntry
from streamproc.redact.operators import WRITTEN
from streamproc.redact.places import path_of
from streamproc.redact.survey import Leaf, text_of
from streamproc.redact.tokens import Tokens
from streamproc.rules import Hash

__all__ = ["SUFFIX", "write_previous"]

SUFFIX = "_previous"
"""What the key of an old token's field has behind the key of the new one's."""


def write_previous(leaves: Iterable[Leaf], tokens: Tokens) -> Iterator[ManifestEntry]:
    """Write the token of the key before beside each of ``leaves`` that a rule wants it for.

    A field of that name that is there already stays as it is: it is the event's own, or was written
    when the event was redacted before.

    Yields:
        What the manifest is to say of each field that was written.
    """
    for leaf in leaves:
        action, key = leaf.site.whole, f"{leaf.step}{SUFFIX}"
        if action is None or not isinstance(action.operator, Hash) or not action.operator.join:
            continue
        if not _stands_alone(leaf) or key in leaf.holder:
            continue
        text = text_of(leaf.value)
        if WRITTEN.fullmatch(text):
            continue
        leaf.holder[key] = tokens.previous_of_value(action.entity, text)[0]
        path = path_of(leaf.site, leaf.trail, leaf.step) + SUFFIX
        yield ManifestEntry(path, action.entity, action.rule, "hash", 1.0, tokens.overlap[0])


def _stands_alone(leaf: Leaf) -> bool:
    if type(leaf.value) not in {str, int, float} or type(leaf.holder) is not dict:
        return False
    # A key that is no plain word may be personal data, and is not to be written once more; message
    # ids tell rows apart, and join nothing.
    return leaf.site.plain and leaf.site.role != "message_id"
