"""Measures identity state: made anew from its topic, its memory, what a look-up costs.

    python tests/bench/identity.py [--identities N] [--direct]

Makes N people, each with a device, every tenth with a second user id, and writes their links to a
topic of a real Kafka; then a process of its own makes its state of them, as a worker does when it
has lost its disk, and asks for people and devices: the same few, and any. Rates and costs are by
processor time of that process, all its threads together; memory is its resident set, all told:
interpreter, Kafka's client, RocksDB and what is kept at hand. With ``--direct`` no Kafka is used:
records go into the state as the reader hands them over, as they are made (whose cost is taken off).
"""

from __future__ import annotations

import gc
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import click

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "deploy/kafka")]

from broker import KafkaBroker
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streamproc.events import Link, Micros, Subject, Token
from streamproc.identity import View
from streamproc.identity.language import IdentityConfig
from streamproc.kafka.codecs import encode_link, link_key
from streamproc.kafka.identity.reader import COMMIT_RECORDS, TAKE_RECORDS
from streamproc.kafka.identity.slots import Source, take_slot
from streamproc.kafka.identity.start import following_identity
from streamproc.kafka.identity.state import Found, IdentityState, Place
from streamproc.settings import Settings

PARTITIONS = 12
LOOKUPS = 100_000
HOT = 1_000
BEGAN = 1_767_603_600_000_000
LETTERS = bytes.maketrans(b"0123456789abcdef", b"abcdefghijklmnop")
PAGE = os.sysconf("SC_PAGE_SIZE")


def token(kind: str, number: int) -> Token:
    """Return a token as real ones are: spread evenly, and found again by nothing but its number."""
    digest = hashlib.md5(f"{kind}{number}".encode(), usedforsecurity=False).hexdigest()
    return Token("tok_k1_" + digest.encode().translate(LETTERS).decode())


def links(identities: int) -> Iterator[Link]:
    """Yield who belongs together, as it happens: people in any order."""
    for step in range(identities):
        number = step * 7_919 % identities
        at = Micros(BEGAN + step)
        yield Link("identify", token("device", number), token("user", number), at=at)
        if number % 10 == 0:
            one, other = sorted((token("user", number), token("second", number)))
            yield Link("alias", one, other, at=at)


def settings_of(brokers: str, folder: Path) -> Settings:
    """Return the settings of a worker."""
    values = {"kafka": {"brokers": brokers}, "identity": {"directory": str(folder)}}
    return Settings.model_validate(values)


def publish(settings: Settings, identities: int) -> int:
    """Write the links to their topic; return how many they are."""
    admin = AdminClient({"bootstrap.servers": settings.kafka.brokers})
    config = {"cleanup.policy": "compact", "compression.type": "lz4"}
    topics = settings.topics
    for name in (topics.links, topics.attributes, topics.suppressed):
        new = NewTopic(name, PARTITIONS, 1, config=config)
        admin.create_topics([new])[name].result(30)
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka.brokers,
            "compression.type": "lz4",
            "linger.ms": 50,
            "queue.buffering.max.messages": 500_000,
        }
    )
    count = 0
    for count, link in enumerate(links(identities), start=1):
        while True:
            try:
                producer.produce(settings.topics.links, encode_link(link), link_key(link))
                break
            except BufferError:
                producer.poll(0.1)
        if count % 10_000 == 0:
            producer.poll(0)
    assert producer.flush(120) == 0
    return count


def megabytes() -> float:
    """Return the memory of this process that is in use now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * PAGE / 1_048_576


def cost(ask: Callable[[int], object], numbers: list[int]) -> float:
    """Return the processor time of asking for each of ``numbers``, in microseconds."""
    began = time.process_time()
    for number in numbers:
        ask(number)
    return (time.process_time() - began) / len(numbers) * 1e6


def measure(settings: Settings, identities: int, count: int) -> None:
    """Make the state, or go on with it; ask it."""
    began, busy = time.perf_counter(), time.process_time()
    before = megabytes()
    with following_identity(settings, IdentityConfig(version=1), frozenset()) as reader:
        busy, wall = time.process_time() - busy, time.perf_counter() - began
        said = f"{count / busy:>9,.0f} links/s" if count else f"{busy:>9.2f} s of processor"
        click.echo(f"  read: {said} ({wall:,.1f} s by the clock)")
        gc.collect()
        click.echo(f"  memory: {megabytes():,.0f} MB, of which {before:,.0f} before it began")
        ask(reader.state, identities)
        click.echo(f"  memory after look-ups: {megabytes():,.0f} MB")


def measure_directly(folder: Path, identities: int) -> None:
    """Make the state without Kafka; ask it."""
    source = Source("direct", {"links": None}, "")
    now = Micros(time.time_ns() // 1_000)
    memory = Settings().identity.memory_bytes
    before = megabytes()
    slot = take_slot(folder, source, memory, now)
    state = IdentityState(slot.store, View(slot.store), "links", {})
    began = time.process_time()
    count = 0
    for chunk in chunks(identities):
        state.take(chunk)
        count += len(chunk)
        if count % COMMIT_RECORDS == 0:
            state.commit()
        if count % 1_000_000 == 0:
            click.echo(f"  {count:,} links, {megabytes():,.0f} MB")
    state.commit()
    busy = time.process_time() - began - making(count, identities)
    click.echo(f"  read: {count / busy:>9,.0f} links/s")
    gc.collect()
    click.echo(f"  memory: {megabytes():,.0f} MB, of which {before:,.0f} before it began")
    ask(state, identities)
    click.echo(f"  memory after look-ups: {megabytes():,.0f} MB")
    slot.close()


def chunks(identities: int) -> Iterator[list[Found]]:
    """Yield the links as the reader hands them over."""
    place = Place("links", 0)
    numbered = enumerate(links(identities))
    records = (Found(place, n, link_key(link), encode_link(link)) for n, link in numbered)
    while chunk := list(islice(records, TAKE_RECORDS)):
        yield chunk


def making(count: int, identities: int) -> float:
    """Return the processor time that making ``count`` records takes, in seconds."""
    some = LOOKUPS // TAKE_RECORDS
    began = time.process_time()
    made = sum(map(len, islice(chunks(identities), some)))
    return (time.process_time() - began) / made * count


def ask(state: IdentityState, identities: int) -> None:
    """Look people and devices up."""
    rng = random.Random(1)
    anyone = [rng.randrange(identities) for _ in range(LOOKUPS)]
    few = [number % HOT for number in range(LOOKUPS)]
    making = cost(lambda number: Subject(token("user", number), None, None), few)

    def user(number: int) -> None:
        assert state.resolve(Subject(token("user", number), None, None)).id is not None

    def device(number: int) -> None:
        found = state.resolve(Subject(None, token("device", number), None))
        assert found.by == "anonymous_id"

    def stranger(number: int) -> None:
        state.resolve(Subject(None, token("stranger", number), None))

    cost(user, few), cost(device, few)
    for name, what, numbers in (
        ("a user, at hand", user, few),
        ("a device, at hand", device, few),
        ("any user", user, anyone),
        ("any device", device, anyone),
        ("a device never seen", stranger, anyone),
    ):
        click.echo(f"  look-up of {name}: {cost(what, numbers) - making:.1f} us")


def measure_with_kafka(folder: Path, identities: int) -> None:
    """Have a process make the state from a topic, and another one go on with it."""
    with KafkaBroker() as broker:
        count = publish(settings_of(broker.bootstrap, folder), identities)
        click.echo(f"{identities:,} identities, {count:,} links")
        shared = [f"--identities={identities}", f"--brokers={broker.bootstrap}"]
        for said, links_read in (("made anew", count), ("started again", 0)):
            click.echo(said)
            arguments = [*shared, f"--folder={folder}", f"--links={links_read}"]
            subprocess.run([sys.executable, __file__, *arguments], check=True)


@click.command()
@click.option("--identities", default=1_000_000, show_default=True)
@click.option("--direct", is_flag=True, help="Without Kafka.")
@click.option("--brokers", help="For the processes that this one starts.")
@click.option("--folder", help="As well.", type=click.Path(path_type=Path))
@click.option("--links", "count", default=0)
def main(
    identities: int, brokers: str | None, folder: Path | None, count: int, *, direct: bool
) -> None:
    """Measure identity state."""
    if brokers is not None and folder is not None:
        measure(settings_of(brokers, folder), identities, count)
        return
    with tempfile.TemporaryDirectory(prefix="identity-") as temporary:
        folder = Path(temporary)
        if direct:
            click.echo(f"{identities:,} identities, without Kafka")
            measure_directly(folder, identities)
        else:
            measure_with_kafka(folder, identities)
        used = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        click.echo(f"on disk: {used / 1_048_576:,.0f} MB")


if __name__ == "__main__":
    main()
