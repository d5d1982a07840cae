"""One column of a table, from the values of its events: typed, in its kind, all that fits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streamproc.events import Json
from streamproc.warehouse.kinds import Kind, Misfit, MisfitReason, fit, join, kind_of
from streamproc.warehouse.shape.arrow import TYPES
from streamproc.warehouse.shape.series import Numbers, Series

__all__ = ["Column", "Wanted", "column", "has_dates", "plain_array", "spread"]

MOMENT: Final = (
    r"^(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-[0-9]{2}-[0-9]{2}"
    r"[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?Z$"
)
"""The timestamps that Arrow reads by itself, a small part of those of ``kinds``; it checks days."""


class Wanted(NamedTuple):
    """What a column has to be.

    Attributes:
        known: Its kind in the warehouse; None if it is new.
        widen: Whether the kind may be wider than ``known``.
        text_bytes: Longest text, in bytes of UTF-8.
    """

    known: Kind | None
    widen: bool
    text_bytes: int

    def kind(self, seen: Kind) -> Kind:
        """Return the kind of a column where values of the kind ``seen`` come."""
        if self.known is None:
            return seen
        return join(self.known, seen) if self.widen else self.known


class Column(NamedTuple):
    """A column and, by place, the values that did not fit it."""

    array: pa.Array
    kind: Kind
    misfits: Sequence[tuple[int, Json, MisfitReason]] = ()


def column(values: Series, places: Numbers, length: int, wanted: Wanted) -> Column:
    """Return the column of ``length`` rows with ``values`` at ``places``, null elsewhere.

    Its kind is the narrowest that holds all values and ``wanted.known``; that one itself if it may
    not be widened.
    """
    array = plain_array(values, wanted.text_bytes)
    kind = wanted.kind(_seen_kind(values, array))
    if array is None or values.kind is not kind:
        array = _converted(array, kind)
    if array is not None:
        return Column(spread(array, places, length), kind)
    return _one_by_one(values, places, length, (kind, wanted.text_bytes))


def plain_array(values: Series, text_bytes: int) -> pa.Array | None:
    """Return the values as they are, None unless they are plain and fit."""
    array = values.array()
    return _clean(array, text_bytes) if array is not None and values.types == {str} else array


def has_dates(array: pa.Array) -> bool:
    """Whether some of the texts may be dates or timestamps: a hyphen after four digits."""
    return bool(pc.any(pc.match_substring_regex(array, "^[0-9]{4}-")).as_py())


def _seen_kind(values: Series, array: pa.Array | None) -> Kind:
    """Return the narrowest kind of all values; ``array`` is their :func:`plain_array`."""
    if array is not None and (plain := values.kind) is not None:
        if plain is not Kind.STRING or not has_dates(array):
            return plain
        if _moments(array) is not None:
            return Kind.TIMESTAMP
    kinds: set[Kind] = set()
    for value in values.values():
        kind = kind_of(value)
        assert kind is not None  # no value is blank
        kinds.add(kind)
        if kind is Kind.STRING:
            break
    return reduce(join, kinds)


def spread(array: pa.Array, places: Numbers, length: int) -> pa.Array:
    """Return ``length`` values: those of ``array`` at ``places``, null elsewhere."""
    if len(places) == length and bool((places[1:] > places[:-1]).all()):
        return array
    index = np.full(length, -1, np.int64)
    index[places] = np.arange(len(places))
    return array.take(pa.array(index, mask=index < 0))


def _clean(array: pa.Array, text_bytes: int) -> pa.Array | None:
    """Return texts without U+0000, None if one is too long."""
    if len(array) == 0:
        return array
    sizes = np.frombuffer(array.buffers()[1], np.int32)
    if sizes[-1] > text_bytes and int(np.diff(sizes).max()) > text_bytes:
        return None
    letters = np.frombuffer(array.buffers()[2], np.uint8, sizes[-1]) if sizes[-1] else sizes[:0]
    if letters.size and not letters.all():
        array = pc.replace_substring(array, "\0", "\N{REPLACEMENT CHARACTER}")
        longest = pc.max(pc.binary_length(array)).as_py()
        return array if longest <= text_bytes else None
    return array


def _converted(array: pa.Array | None, kind: Kind) -> pa.Array | None:
    """Return plain values in ``kind`` the quick way, None if there is none."""
    if array is None:
        return None
    if kind is Kind.TIMESTAMP and pa.types.is_string(array.type):
        return _moments(array)
    if kind is Kind.FLOAT and pa.types.is_integer(array.type):
        return array.cast(TYPES[kind], safe=False)
    return None


def _moments(array: pa.Array) -> pa.Array | None:
    """Return texts as the moments they are, None if Arrow does not read them all."""
    if not pc.all(pc.match_substring_regex(array, MOMENT)).as_py():
        return None
    try:
        return pc.cast(array, TYPES[Kind.TIMESTAMP])
    except pa.ArrowInvalid:  # the 30th of February
        return None


def _one_by_one(values: Series, places: Numbers, length: int, target: tuple[Kind, int]) -> Column:
    kind, text_bytes = target
    fitting: list[Any] = []
    fits: list[bool] = []
    misfits: list[tuple[int, Json, MisfitReason]] = []
    for place, value in zip(places.tolist(), values.values(), strict=True):
        try:
            fitting.append(fit(value, kind, text_bytes))
            fits.append(True)
        except Misfit as misfit:
            misfits.append((place, value, misfit.reason))
            fits.append(False)
    array = pa.array(fitting, TYPES[kind])
    return Column(spread(array, places[np.array(fits, np.bool_)], length), kind, misfits)
