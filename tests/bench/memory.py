"""Runs the engine over millions of events, and shows that its memory stays flat.

    python tests/bench/memory.py [--events N]

Every hundred thousand events come from another seed of the shipped generator: other people, other
devices, other texts, so that whatever is remembered has to be forgotten. Fails where the most
memory of the last half is more than 5 % above that of the first, its first tenth left out, or where
it passes 600 MB.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click

from streamproc.assemble import make_pipeline
from streamproc.demo import Mix, generate
from streamproc.events import Micros, Origin, Record
from streamproc.identity import View
from streamproc.redact import KeyRing
from streamproc.settings import Settings

BATCH = 500
EVENTS_OF_A_SEED = 100_000
MOST_GROWTH = 1.05
MOST_MEGABYTES = 600
PAGE = os.sysconf("SC_PAGE_SIZE")


def megabytes() -> float:
    """Return the memory of this process that is in use now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * PAGE / 1_048_576


def batches(events: int) -> Iterator[list[Record]]:
    """Yield ``events`` raw records of ever new people, in batches."""
    for start in range(0, events, EVENTS_OF_A_SEED):
        made = generate(min(EVENTS_OF_A_SEED, events - start), 1 + start, Mix(malformed=0.0))
        while batch := list(islice(made, BATCH)):
            yield [
                Record(Origin("raw", 0, 0), item.key, item.value, Micros(1_767_603_600_000_000))
                for item in batch
            ]


@click.command()
@click.option("--events", default=5_000_000, show_default=True)
@click.option("--progress", default=250_000, show_default=True, help="Events between two lines.")
def main(events: int, progress: int) -> None:
    """Run the engine over many events and watch its memory."""
    with tempfile.TemporaryDirectory() as cache:
        settings = Settings.model_validate({"worker": {"directory": cache}})
        pipeline = make_pipeline(settings, KeyRing("k1", {"k1": bytes(32)}), View())
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)
    seen: list[float] = []
    done = 0
    busy = 0.0
    for batch in batches(events):
        began = time.perf_counter()
        pipeline.run(batch)
        busy += time.perf_counter() - began
        done += len(batch)
        if done % progress == 0:
            seen.append(megabytes())
            rate = done / busy
            click.echo(f"{done:>10,} events  {seen[-1]:6.1f} MB  {rate:8,.0f} events/s")
    settled = seen[max(1, len(seen) // 10) :]
    half = len(settled) // 2
    first, last = max(settled[:half]), max(settled[half:])
    click.echo(f"most memory: {first:.1f} MB in the first half, {last:.1f} MB in the last")
    if last > first * MOST_GROWTH or last > MOST_MEGABYTES:
        sys.exit("memory is not as it should be")


if __name__ == "__main__":
    main()
