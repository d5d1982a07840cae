"""Measures the search for names in prose: texts a second, and the memory it takes over many texts.

    python tests/bench/names.py [--texts N] [--processes N] [--model NAME|FOLDER] [--flat PERCENT]

The texts are made here: sentences of 8 to 25 words, a third of which no text before had, as bad as
it can get for a model that remembers words. No two are the same. Memory is that of this process,
its processes beside; fails when it grows by more than ``--flat`` percent after the first tenth.
"""

from __future__ import annotations

import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click

from streamproc.detect import Detector, NameModel, Recognition, Text

BATCH_TEXTS = 500
COMMON = (
    "the please customer asked about order was told that it never came to and called from "
    "Jane Miller Berlin again with an invoice Monday Robert new phone Smith Kowalski in of for"
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def sentences(rng: random.Random) -> Iterator[str]:
    """Yield sentences, no two alike."""
    common = COMMON.split()
    while True:
        words = [
            rng.choice(common) if rng.random() < 2 / 3 else "".join(rng.choices(LETTERS, k=7))
            for _ in range(rng.randint(8, 25))
        ]
        yield " ".join(words)


def resident_mb() -> float:
    """Return the megabytes of memory that this process and its children hold now."""
    processes = ["self", *(str(child.pid) for child in multiprocessing.active_children())]
    return sum(map(_resident_mb, processes))


def _resident_mb(process: str) -> float:
    for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("Linux says how much memory a process holds")


@click.command()
@click.option("--texts", default=20_000, show_default=True, help="How many texts to search.")
@click.option("--processes", default=0, show_default=True, help="Processes that read names.")
@click.option("--model", default=NameModel().spacy, show_default=True, help="The spaCy model.")
@click.option("--flat", default=5.0, show_default=True, help="Most growth of memory, in percent.")
def main(texts: int, processes: int, model: str, flat: float) -> None:
    """Measure the search for names in prose."""
    recognition = Recognition(frozenset({"PERSON"}), names=NameModel(spacy=model))
    stream = sentences(random.Random(1))
    with tempfile.TemporaryDirectory() as cache:
        detector = Detector(recognition, cache=Path(cache), processes=processes)
        detector.detect([Text(next(stream)) for _ in range(BATCH_TEXTS)])
        memory: list[float] = []
        found = 0
        begun, cpu = time.perf_counter(), time.process_time()
        for _ in range(max(texts // BATCH_TEXTS, 1)):
            batch = [Text(next(stream)) for _ in range(BATCH_TEXTS)]
            found += sum(map(len, detector.detect(batch)))
            memory.append(resident_mb())
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    read = len(memory) * BATCH_TEXTS
    warm = memory[len(memory) // 10]
    growth = 100 * (memory[-1] / warm - 1)
    click.echo(f"{read:,} texts, {found:,} names: {read / seconds:,.0f} texts/s")
    click.echo(f"processor time of this process: {1e6 * cpu / read:,.0f} µs a text")
    click.echo(
        f"memory: {warm:.0f} MB after a tenth, {memory[-1]:.0f} MB at the end: {growth:+.1f} %"
    )
    if growth > flat:
        sys.exit(1)


if __name__ == "__main__":
    main()
