"""Records of the topic of suppressed people to Avro and back; their key is the receipt.

In Avro's single-object encoding, as :mod:`streamproc.kafka.codecs` has it.
"""

from __future__ import annotations

from typing import Final

from streamproc.erasure import RECEIPT, Case
from streamproc.errors import EventError
from streamproc.events import Micros, Token
from streamproc.kafka.codecs import declared_codec
from streamproc.redact import TOKEN

__all__ = ["decode_case", "encode_case", "parse_case_key"]

SUPPRESSION: Final = declared_codec("suppression")


def encode_case(case: Case) -> bytes:
    """Return the message value of ``case``; its key is the receipt."""
    return SUPPRESSION.encode(case._asdict())


def decode_case(value: bytes | None) -> Case:
    """Return the case in a message value.

    Raises:
        EventError: ``load``, ``not_ours``; also where what it names is no receipt, or no tokens.
    """
    fields = SUPPRESSION.decode(value)
    tokens = tuple(map(Token, fields["tokens"]))
    if not RECEIPT.fullmatch(fields["receipt"]) or not all(map(TOKEN.fullmatch, tokens)):
        raise EventError("load", "not_ours")
    return Case(fields["receipt"], Micros(fields["at"]), tokens)


def parse_case_key(key: bytes | None) -> str:
    """Return the receipt that a message's key names.

    Raises:
        EventError: ``load``, ``not_ours``.
    """
    receipt = (key or b"").decode(errors="replace")
    if not RECEIPT.fullmatch(receipt):
        raise EventError("load", "not_ours")
    return receipt
