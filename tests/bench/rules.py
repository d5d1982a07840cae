"""Measures what rules cost an event: the shipped ones, and many more beside them.

    python tests/bench/rules.py [--events N] [--json]

One process, one core, no Kafka, no names: the shipped ruleset, and the same with rules that are
about other fields or for other events, of all kinds, one after the other on the same batches. Warm,
each value known, is what rules can slow down; the median of batches is given.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.engine import BATCH, RING, records
from bench.side_by_side import medians

from streamproc.assemble import load_rules, make_pipeline
from streamproc.demo import generate
from streamproc.detect.language import NAMED_ENTITIES
from streamproc.identity import View
from streamproc.pipeline import Pipeline
from streamproc.rules import Rule, Ruleset
from streamproc.settings import Settings

COUNTS = (10, 100, 200)


def main_ruleset() -> Ruleset:
    """Return the shipped ruleset without names, whose cost would hide all others."""
    shipped = load_rules(Settings())
    return shipped.model_copy(update={"entities": shipped.entities - NAMED_ENTITIES})


def more_rules(count: int) -> Iterator[Rule]:
    """Yield ``count`` rules that decide nothing in the demo's events, of five kinds."""
    for number in range(count):
        kinds: list[dict[str, object]] = [
            {"fields": [f"properties.field_{number}"]},
            {"fields": [f"**.field_{number}.email"]},
            {"fields": ["**"], "events": [f"Other {number} *"]},
            {"fields": ["**.email"], "topics": [f"topic-{number}"], "types": ["track"]},
            {
                "fields": ["**.email"],
                "when": {"path": "context.plan", "equals": f"plan-{number}"},
            },
        ]
        decides: dict[str, object] = {
            "name": f"more-{number}",
            "entity": "EMAIL_ADDRESS",
            "operator": "redact",
        }
        yield Rule.model_validate(decides | kinds[number % 5])


def pipelines() -> dict[int, Pipeline]:
    """Return a pipeline by how many rules there are beside the shipped ones; 0 first."""
    ruleset, settings = main_ruleset(), Settings()
    made: dict[int, Pipeline] = {}
    for count in (0, *COUNTS):
        rules = (*more_rules(count), *ruleset.rules)
        more = ruleset.model_copy(update={"rules": rules})
        made[count] = make_pipeline(settings, RING, View(), more)
    return made


def measure(events: int) -> dict[int, float]:
    """Return microseconds an event by how many rules there are beside the shipped ones."""
    batch_of = records(each.value for each in generate(events, 1))
    batches = [batch_of[at : at + BATCH] for at in range(0, len(batch_of), BATCH)]
    return medians(pipelines(), batches)


@click.command()
@click.option("--events", default=2_000, show_default=True, type=click.IntRange(BATCH))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def main(events: int, as_json: bool) -> None:
    """Measure, and print a table."""
    measured = measure(events)
    if as_json:
        click.echo(json.dumps({"microseconds": measured}))
        return
    table = Table("Rules beside the shipped", box=box.SIMPLE)
    table.add_column("µs an event", justify="right")
    table.add_column(f"times {COUNTS[0]}", justify="right")
    for count, microseconds in measured.items():
        table.add_row(
            str(count), f"{microseconds:.1f}", f"{microseconds / measured[COUNTS[0]]:.2f}"
        )
    Console().print(table)


if __name__ == "__main__":
    main()
