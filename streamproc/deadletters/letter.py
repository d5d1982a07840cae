"""A failed record and its error to a dead letter."""

from __future__ import annotations

from streamproc.deadletters.seal import Seal, pack_original
from streamproc.deadletters.view import view
from streamproc.errors import EventError
from streamproc.events import DeadLetter, Record

__all__ = ["dead_letter"]


def dead_letter(
    record: Record,
    error: EventError,
    *,
    ruleset: str,
    seal: Seal | None,
    text: bytes | None = None,
) -> DeadLetter:
    """Return the dead letter of ``record``.

    Args:
        record: The record as it came.
        error: Why it cannot go on; its stage, code and path are copied.
        ruleset: Fingerprint of the ruleset in force; empty where none is.
        seal: Encrypts the original, as :func:`~streamproc.deadletters.seal.sealer` makes it;
            without one the original is left out, and ``origin`` says where it lies.
        text: The JSON text that the record stands for, where it is none itself.
    """
    packed = b"" if seal is None else pack_original(record.key, record.value, record.headers)
    return DeadLetter(
        stage=error.stage,
        code=error.code,
        path=error.path,
        origin=record.origin,
        timestamp=record.timestamp,
        ruleset=ruleset,
        view=view(record.value if text is None else text),
        sealed=None if seal is None else seal(packed),
    )
