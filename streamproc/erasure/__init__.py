"""Erasure: who is to be forgotten, by tokens alone, and what becomes of what they do later.

A :class:`Case` says whom somebody asked to have forgotten: every token of one person, found by
:func:`person_of`, under a receipt. It is one record of a compacted topic, so it is there wholly or
not at all, whoever is killed while a person is erased; all other steps follow from it and can be
taken again. Cases are kept for ever: they are the suppression list that every worker honours
(:class:`SuppressionList`, :class:`Suppression`). What a case is checked against is
:mod:`.findings`.

Imports ``events``, ``errors``, ``identity`` and ``redact``; orjson. No I/O: the topics are written
and searched by ``kafka`` and ``erasing``.
"""

from streamproc.erasure.cases import RECEIPT, Case, new_receipt
from streamproc.erasure.listed import LIST_ENTRIES, SuppressionList
from streamproc.erasure.person import Person, person_of
from streamproc.erasure.records import spared
from streamproc.erasure.suppression import (
    NOBODY,
    SUPPRESSED,
    Listed,
    Suppression,
    anonymised,
    unnamed,
)

__all__ = [
    "LIST_ENTRIES",
    "NOBODY",
    "RECEIPT",
    "SUPPRESSED",
    "Case",
    "Listed",
    "Person",
    "Suppression",
    "SuppressionList",
    "anonymised",
    "new_receipt",
    "person_of",
    "spared",
    "unnamed",
]
