"""Dead letters: what is left of a record that could not become a row.

A dead letter's clear part says where the record lies, why it failed and what shape it has; it holds
no value of the record. The record itself goes in only sealed to a public key.

They can be counted (:mod:`.inventory`), each cause explained (:mod:`.causes`), their originals
opened by who has the private key (:mod:`.opening`) and repaired (:mod:`.repair`).

Core: imports ``events``, ``errors``, ``decode``, orjson, NumPy and PyNaCl; repairs import ``rules``
too. The public key comes in as an argument; workers never hold the private one.
"""

from streamproc.deadletters.letter import dead_letter
from streamproc.deadletters.seal import (
    KeyPair,
    Seal,
    generate_key_pair,
    pack_original,
    sealer,
    unpack_original,
    unseal,
)
from streamproc.deadletters.view import view

__all__ = [
    "KeyPair",
    "Seal",
    "dead_letter",
    "generate_key_pair",
    "pack_original",
    "sealer",
    "unpack_original",
    "unseal",
    "view",
]
