"""Measures what enrichments and transformations cost an event.

    python tests/bench/own_code.py [--events N] [--json]

One process, no Kafka, no names: the shipped ruleset alone, and with one of them beside it,
one after the other on the same batches. Warm: the user agents, hosts and values are known. The
median of batches is given; the process of a transformation is waited for, so its time counts.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import click
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]
from rich import box
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.engine import BATCH, RING, records
from bench.rules import main_ruleset
from bench.side_by_side import medians

from streamproc.assemble import Assembly
from streamproc.demo import generate
from streamproc.enrich.enricher import Enricher
from streamproc.enrich.options import GeoOptions, Options, ReferrerOptions, UserAgentOptions
from streamproc.identity import View
from streamproc.pipeline import Parts, Pipeline
from streamproc.settings import Settings
from streamproc.transform import Limits, Transformer, load_code

LIMITS = Limits(seconds=10.0, memory_bytes=536_870_912)
CODE = {
    "transform_event": "def transform_event(event, metadata):\n    return event\n",
    "transform_batch": "def transform_batch(events, metadata):\n    return events\n",
}


def variants(parts: Parts, folder: Path) -> dict[str, Parts]:
    """Return the parts of a pipeline by what is beside the shipped rules in it."""
    places = folder / "places.mmdb"
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Example")
    for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"):
        writer.insert_network(IPSet([network]), {"country": {"iso_code": "NL"}})
    writer.to_db_file(str(places))
    options = {
        "user_agent": Options(user_agent=UserAgentOptions()),
        "geo": Options(geo=GeoOptions(file=places)),
        "campaign": Options(campaign=True),
        "referrer": Options(referrer=ReferrerOptions()),
    }
    made = {"nothing": parts}
    made |= {name: replace(parts, enricher=Enricher(each)) for name, each in options.items()}
    for name, source in CODE.items():
        (folder / name / "after").mkdir(parents=True)
        (folder / name / "after" / "own.py").write_text(source)
        transformer = Transformer(load_code(folder / name), "after", LIMITS)
        made[name] = replace(parts, after=transformer)
    return made


def measure(events: int) -> dict[str, float]:
    """Return microseconds an event by what is beside the shipped rules."""
    batch_of = records(each.value for each in generate(events, 1))
    batches = [batch_of[at : at + BATCH] for at in range(0, len(batch_of), BATCH)]
    with tempfile.TemporaryDirectory() as folder:
        parts = Assembly(Settings(), RING, View()).parts(main_ruleset())
        made = {name: Pipeline(each) for name, each in variants(parts, Path(folder)).items()}
        return medians(made, batches)


@click.command()
@click.option("--events", default=2_000, show_default=True, type=click.IntRange(BATCH))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def main(events: int, as_json: bool) -> None:
    """Measure, and print a table."""
    measured = measure(events)
    if as_json:
        click.echo(json.dumps({"microseconds": measured}))
        return
    table = Table("Beside the shipped rules", box=box.SIMPLE)
    table.add_column("µs an event", justify="right")
    table.add_column("more", justify="right")
    for name, microseconds in measured.items():
        table.add_row(name, f"{microseconds:.1f}", f"{microseconds - measured['nothing']:+.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
