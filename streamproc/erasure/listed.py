"""The suppression list, in the store of identity state.

Nearly every token that is looked up is not on it, which a Bloom filter tells in a microsecond
(Bloom, 1970, CACM 13(7)); a get of the store, which settles the rest, takes ten. Memory is the
filter's 2 MB and the store's, however many people there are. Several cases may have one token; it
is on the list as long as any of them is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import orjson

from streamproc.erasure.cases import Case
from streamproc.events import Micros, Token
from streamproc.identity.store import Store

__all__ = ["LIST_ENTRIES", "SuppressionList"]

CASE: Final = b"sc\0"  # + receipt: when, and the tokens
LISTED: Final = b"st\0"  # + token: the receipts, as a JSON list
LIST_ENTRIES: Final = (CASE, LISTED)
"""What the keys of all entries of a list begin with."""

FILTER_BITS: Final = 1 << 24
"""At a million tokens, one in four hundred that are not on the list costs a get."""
LAST_BIT: Final = FILTER_BITS - 1
FILTER_HASHES: Final = 4


class _Filter:
    """Tokens of which some may be on the list, and all others are not."""

    def __init__(self) -> None:
        self._bits = bytearray(FILTER_BITS // 8)

    # Two hashes make all of them: Kirsch and Mitzenmacher, 2006, "Less hashing, same performance".

    def add(self, token: Token) -> None:
        """Have ``token`` be one that may be."""
        place = hash(token)
        step = place >> 24 | 1
        for _ in range(FILTER_HASHES):
            self._bits[(place & LAST_BIT) >> 3] |= 1 << (place & 7)
            place += step

    def may_hold(self, token: Token) -> bool:
        """Return whether ``token`` may be on the list."""
        bits, place = self._bits, hash(token)
        step = place >> 24 | 1
        for _ in range(FILTER_HASHES):
            if not bits[(place & LAST_BIT) >> 3] >> (place & 7) & 1:
                return False
            place += step
        return True


class SuppressionList:
    """The cases in a store. For one thread at a time."""

    def __init__(self, store: Store) -> None:
        """Go on with what is in ``store``."""
        self._store = store
        self._count = sum(1 for _ in store.scan(CASE))
        self._filter = _Filter()
        for key, _ in store.scan(LISTED):
            self._filter.add(Token(key.removeprefix(LISTED).decode()))

    def __len__(self) -> int:
        """Return how many cases there are."""
        return self._count

    def take(self, case: Case) -> None:
        """Put the tokens of ``case`` on the list; one that is there already is replaced."""
        self.lift(case.receipt)
        self._store.put(CASE + case.receipt.encode(), orjson.dumps([case.at, case.tokens]))
        self._count += 1
        for token in dict.fromkeys(case.tokens):
            self._set(token, [*self._receipts(token), case.receipt])

    def lift(self, receipt: str) -> None:
        """Take the tokens of a case off the list, as far as no other case has them."""
        case = self.case(receipt)
        if case is None:
            return
        self._store.delete(CASE + receipt.encode())
        self._count -= 1
        for token in case.tokens:
            self._set(token, [each for each in self._receipts(token) if each != receipt])

    def case(self, receipt: str) -> Case | None:
        """Return a case; None where there is none."""
        found = self._store.get(CASE + receipt.encode())
        return None if found is None else _read(receipt, found)

    def cases(self) -> Iterator[Case]:
        """Yield the cases, by receipt."""
        for key, value in self._store.scan(CASE):
            yield _read(key.removeprefix(CASE).decode(), value)

    def holds(self, tokens: Iterable[Token]) -> bool:
        """Return whether any of ``tokens`` is on the list."""
        if not self._count:
            return False
        may_hold, get = self._filter.may_hold, self._store.get
        return any(may_hold(token) and get(LISTED + token.encode()) is not None for token in tokens)

    def _receipts(self, token: Token) -> list[str]:
        found = self._store.get(LISTED + token.encode())
        return [] if found is None else list(orjson.loads(found))

    def _set(self, token: Token, receipts: list[str]) -> None:
        if receipts:
            self._filter.add(token)
            self._store.put(LISTED + token.encode(), orjson.dumps(receipts))
        else:
            self._store.delete(LISTED + token.encode())


def _read(receipt: str, value: bytes) -> Case:
    at, tokens = orjson.loads(value)
    return Case(receipt, Micros(at), tuple(map(Token, tokens)))
