"""Measures the engine, bytes in to bytes out, beside Presidio string by string and the floor.

    python tests/bench/engine.py [--events N] [--json]

One process, one core, no Kafka: records of the shipped generator through the pipeline in batches of
500, as a worker takes them. The peer is Presidio's ``AnalyzerEngine`` over the same recognizers on
every string of the same events; the floor parses an event, goes over its values, and writes it. A
rate is the median of its batches, so that what else a shared machine does counts little.

*Patterns* is without the language model, *names* with it. *Memory* is what a running worker has:
values come back as they do in sessions. *No memory* searches every value anew. *Sentences* are one
more field of every event: one of 300, as support forms and chat bots have them, or never the same
twice.
"""

from __future__ import annotations

import gc
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import click
import orjson
from presidio_analyzer import AnalyzerEngine
from rich import box
from rich.console import Console
from rich.table import Table

from streamproc.assemble import load_rules, make_pipeline
from streamproc.demo import Mix, generate
from streamproc.detect import Recognition, key_words
from streamproc.detect.language import NAMED_ENTITIES
from streamproc.detect.recognizers import reference_engine
from streamproc.events import DeadLetter, Micros, Origin, Record
from streamproc.identity import View
from streamproc.redact import KeyRing
from streamproc.rules import Ruleset
from streamproc.settings import Settings

BATCH = 500
PEER_EVENTS = 40
"""Presidio takes a tenth of a second an event."""
PROSE_EVENTS = 4_000
NO_MEMORY_EVENTS = 2_000
RING = KeyRing("k1", {"k1": bytes(32)})
ARRIVED = Micros(1_767_603_600_000_000)
GC_THRESHOLD = 50_000
"""The worker's."""

NAMES = "Amara Bruno Chiara Dmitri Elif Farah Goran Hana Ines Jonas Kemal Lena Mira Nils".split()  # noqa: SIM905
REQUESTS = (
    "Please tell {name} that invoice {number} was paid twice this month.",
    "My colleague {name} cannot open the report after update {number}.",
    "Thanks to {name}, who solved ticket {number} within the hour!",
    "The export of project {number} stops when {name} shares it with others.",
)


class Rate(NamedTuple):
    """One row of the table."""

    name: str
    events: int
    per_second: float
    """The median of batches."""
    missed: float
    """Values an event that were searched."""


def records(values: Iterable[bytes]) -> list[Record]:
    """Return raw records of ``values``, as a worker reads them."""
    return [
        Record(Origin("events.raw", 0, number), b"key", value, ARRIVED)
        for number, value in enumerate(values)
    ]


def with_prose(values: Iterable[bytes], distinct: int | None) -> Iterator[bytes]:
    """Yield ``values`` with a sentence each: one of ``distinct``, or each another."""
    for number, value in enumerate(values):
        event: dict[str, Any] = orjson.loads(value)
        which = number if distinct is None else number % distinct
        properties = event.setdefault("properties", {})
        properties["feedback"] = REQUESTS[which % len(REQUESTS)].format(
            name=NAMES[which // 4 % len(NAMES)], number=which
        )
        yield orjson.dumps(event)


def timed(work: Callable[[Sequence[Any]], object], items: Sequence[Any], batch: int) -> float:
    """Return the median rate of ``work`` on batches of ``items``, in items a second."""
    rates = []
    for start in range(0, len(items), batch):
        part = items[start : start + batch]
        began = time.perf_counter()
        work(part)
        rates.append(len(part) / (time.perf_counter() - began))
    return statistics.median(rates)


def engine(
    name: str, given: Sequence[Record], ruleset: Ruleset, cache: Path, memo: int = 65_536
) -> Rate:
    """Measure our engine after a first tenth, in which a memory fills and a processor warms up."""
    settings = Settings.model_validate({"worker": {"memo_entries": memo, "directory": cache}})
    pipeline = make_pipeline(settings, RING, View(), ruleset)
    gc.collect()
    gc.freeze()
    first = len(given) // 10
    run(pipeline.run, given[:first])
    met = pipeline.memo.missed
    rate = timed(lambda part: run(pipeline.run, part), given[first:], BATCH)
    rest = len(given) - first
    return Rate(name, rest, rate, (pipeline.memo.missed - met) / rest)


def run(pipeline: Callable[[Sequence[Record]], Any], given: Sequence[Record]) -> None:
    """Run a batch; every event has to become a row."""
    outcomes = pipeline(given).outcomes
    assert not any(isinstance(outcome, DeadLetter) for outcome in outcomes)


def presidio(name: str, given: Sequence[Record], ruleset: Ruleset) -> Rate:
    """Measure Presidio's own engine, string by string."""
    recognition = Recognition(ruleset.entities, ruleset.minimum_score, own=ruleset.recognizers)
    analyzer = reference_engine(recognition)
    entities = sorted(ruleset.entities)

    def work(part: Sequence[Record]) -> None:
        for record in part:
            assert record.value is not None
            search(analyzer, entities, orjson.loads(record.value), "")

    search(analyzer, entities, orjson.loads(given[0].value or b""), "")
    return Rate(name, len(given), timed(work, given, 5), float("nan"))


def search(analyzer: AnalyzerEngine, entities: list[str], value: Any, key: str) -> None:
    """Search every string below ``value`` as ``analyzer`` does."""
    if isinstance(value, dict):
        for step, below in value.items():
            search(analyzer, entities, below, step)
    elif isinstance(value, list):
        for below in value:
            search(analyzer, entities, below, key)
    elif isinstance(value, str):
        analyzer.analyze(value, "en", entities=entities, context=list(key_words(key)))


def floor(given: Sequence[Record]) -> Rate:
    """Measure what no engine in Python can do without."""

    def work(part: Sequence[Record]) -> None:
        for record in part:
            assert record.value is not None
            body = orjson.loads(record.value)
            waiting = [body]
            for content in waiting:
                waiting += [value for value in content.values() if type(value) is dict]
            orjson.dumps(body)

    return Rate("parse, walk, write", len(given), timed(work, given, BATCH), float("nan"))


def measure(events: int, cache: Path) -> Iterator[Rate]:
    """Yield the rates, our own without names first."""
    ruleset = load_rules(Settings())
    pattern_only = ruleset.model_copy(update={"entities": ruleset.entities - NAMED_ENTITIES})
    values = [made.value for made in generate(events, 1, Mix(malformed=0.0))]
    given = records(values)
    some = given[: min(NO_MEMORY_EVENTS, events)]
    yield engine("patterns, memory", given, pattern_only, cache)
    yield engine("patterns, no memory", some, pattern_only, cache, 1)
    yield engine("names, memory", given, ruleset, cache)
    yield engine("names, no memory", some, ruleset, cache, 1)
    prose = records(with_prose(values, 300))
    yield engine("names, 300 sentences", prose, ruleset, cache)
    prose = records(with_prose(islice(values, PROSE_EVENTS), None))
    yield engine("names, new sentences", prose, ruleset, cache)
    yield presidio("AnalyzerEngine, patterns", given[:PEER_EVENTS], pattern_only)
    yield presidio("AnalyzerEngine, names", given[:PEER_EVENTS], ruleset)
    yield floor(given)


def show(rates: Sequence[Rate], size: float) -> None:
    """Print the table; ratios are to the first row."""
    table = Table(
        "one process", "events", "events/s", "µs", "ratio", "searched", box=box.SIMPLE_HEAD
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for rate in rates:
        table.add_row(
            rate.name,
            f"{rate.events:,}",
            f"{rate.per_second:,.0f}" if rate.per_second > 100 else f"{rate.per_second:,.1f}",
            f"{1e6 / rate.per_second:,.1f}",
            f"{rate.per_second / rates[0].per_second:,.3g} x",
            "" if rate.missed != rate.missed else f"{rate.missed:.2f}",
        )
    console = Console()
    console.print(f"The engine, on events of {size:,.0f} bytes (searched: values an event):")
    console.print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"Most memory, all of these in one process: {peak:,.0f} MB")


@click.command()
@click.option("--events", default=20_000, show_default=True, help="Events for our engine.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def main(events: int, as_json: bool) -> None:
    """Measure the engine beside Presidio string by string and the floor."""
    gc.set_threshold(GC_THRESHOLD)
    size = statistics.fmean(len(made.value) for made in generate(2_000, 1, Mix(malformed=0.0)))
    rates = []
    with tempfile.TemporaryDirectory() as cache:
        for rate in measure(events, Path(cache)):
            click.echo(f"{rate.name}: {rate.per_second:,.0f} events/s", err=True)
            rates.append(rate)
    if as_json:
        click.echo(json.dumps([rate._asdict() for rate in rates], indent=2))
    else:
        show(rates, size)


if __name__ == "__main__":
    main()
