"""Canaries: invented people planted in events, and the search for what is theirs.

A canary is an event of somebody who does not exist. It takes the way of every other event, and
whatever of it is found behind the redaction is a leak, whoever's values the same fault lets
through as well. Everything in it follows from a secret and a nonce (:func:`hatch`), and its message
id says which nonce it was (:mod:`.marks`): who has the secret knows a canary again without having
kept anything; who has not can make none.

The demo plants (:mod:`.planting`) and searches (:mod:`.leaks`) in the same way. What sends canaries
and looks for them is ``canary``.

Core: imports ``events`` and Hyperscan. No I/O; time, chance and secrets come in as arguments.
"""

from streamproc.canaries.hatching import (
    EVENT,
    KINDS,
    PLACES,
    Canary,
    Place,
    Recipe,
    hatch,
    known_again,
)
from streamproc.canaries.leaks import Finder, Leak, Text
from streamproc.canaries.ledger import WHERE, Found, Ledger, Outcome, Sent, Spot, Verdict, Where
from streamproc.canaries.marks import MARK, NONCE_BYTES, mark, nonce_of
from streamproc.canaries.planting import Kind, Personal, Planted

__all__ = [
    "EVENT",
    "KINDS",
    "MARK",
    "NONCE_BYTES",
    "PLACES",
    "WHERE",
    "Canary",
    "Finder",
    "Found",
    "Kind",
    "Leak",
    "Ledger",
    "Outcome",
    "Personal",
    "Place",
    "Planted",
    "Recipe",
    "Sent",
    "Spot",
    "Text",
    "Verdict",
    "Where",
    "hatch",
    "known_again",
    "mark",
    "nonce_of",
]
