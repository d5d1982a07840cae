"""The records that dead letters are of: opened with a private key, or read again where they lay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from streamproc.deadletters.inventory import Entry, Position
from streamproc.deadletters.opening import Open, Opened
from streamproc.events import DeadLetter, Record
from streamproc.kafka.dead_letters import read_letters, read_records
from streamproc.settings import KafkaSettings

__all__ = ["Original", "Originals", "batches", "original_of", "read_originals"]

BATCH_BYTES: Final = 64 * 1_024 * 1_024
"""Most bytes of originals that are held at once, as far as letters say how large theirs are."""
USUAL_BYTES: Final = 2_048
"""What an original is taken to have where its letter does not say."""


class Original(NamedTuple):
    """A dead letter and its record, as that was.

    Attributes:
        sealed: Whether it was opened with the private key; else it was read again.
    """

    entry: Entry
    letter: DeadLetter
    record: Record
    sealed: bool

    def __repr__(self) -> str:
        """Say which it is, without its values."""
        return f"Original({self.entry.position})"


class Originals(NamedTuple):
    """What there was to be had of a batch.

    Attributes:
        found: In the order asked for.
        missing: How many are not to be had, by why.
    """

    found: Sequence[Original]
    missing: Mapping[str, int]


def batches(entries: Iterable[Entry], most: int) -> Iterator[list[Entry]]:
    """Yield ``entries``, as they come, in batches whose originals fit in memory.

    Args:
        entries: Letters.
        most: Most letters of a batch.
    """
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        of_entry = entry.size or USUAL_BYTES
        if batch and (len(batch) >= most or size + of_entry > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += of_entry
    if batch:
        yield batch


def read_originals(
    kafka: KafkaSettings, dead: str, entries: Sequence[Entry], opened: Open | None
) -> Originals:
    """Return the originals of ``entries``.

    A sealed one is opened where there is a key for it; every other is read again from its topic,
    where it still is.

    Args:
        kafka: The brokers, and how to connect.
        dead: The topic of dead letters.
        entries: The letters.
        opened: Opens sealed originals; None where nobody gave a private key.

    Raises:
        ConfigError: A letter is not there any more.
        RetryableError: A topic cannot be read.
    """
    letters = read_letters(kafka, dead, (entry.position for entry in entries))
    unsealed = _unsealed(letters, opened)
    left = {letter.origin for at, letter in letters.items() if at not in unsealed}
    records = read_records(kafka, left)
    found, missing = [], Counter[str]()
    for entry in entries:
        letter = letters[entry.position]
        record = unsealed.get(entry.position)
        again = records.get(letter.origin)
        if record is not None:
            found.append(Original(entry, letter, record, sealed=True))
        elif again is not None and again.timestamp == letter.timestamp:
            found.append(Original(entry, letter, again, sealed=False))
        else:
            missing[_why(letter, again, opened)] += 1
    return Originals(found, missing)


def original_of(kafka: KafkaSettings, letter: DeadLetter, opened: Open | None) -> Record | str:
    """Return the record that ``letter`` is of, or why it is not to be had.

    Raises:
        RetryableError: The record's topic cannot be read.
    """
    if letter.sealed is not None and opened is not None:
        original = opened(letter.sealed)
        if original is not None:
            return _record(letter, original)
    again = read_records(kafka, [letter.origin]).get(letter.origin)
    if again is not None and again.timestamp == letter.timestamp:
        return again
    return _why(letter, again, opened)


def _unsealed(
    letters: Mapping[Position, DeadLetter], opened: Open | None
) -> dict[Position, Record]:
    found = {}
    for position, letter in letters.items():
        if opened is None or letter.sealed is None:
            continue
        if (original := opened(letter.sealed)) is not None:
            found[position] = _record(letter, original)
    return found


def _record(letter: DeadLetter, opened: Opened) -> Record:
    return Record(letter.origin, opened.key, opened.value, letter.timestamp, opened.headers)


def _why(letter: DeadLetter, again: Record | None, opened: Open | None) -> str:
    if letter.sealed is None:
        sealed = "not sealed"
    else:
        sealed = "sealed, and no private key given" if opened is None else "sealed to another key"
    if again is not None:
        return f"{sealed}; another record lies where it lay: its topic was made anew"
    return f"{sealed}; its topic does not have it any more"
