"""``streamproc bench``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from streamproc.cli import rules_option, settings_of, with_rules
from streamproc.cli.progress import progress_of
from streamproc.cli.throwaway import throwaway_keys

if TYPE_CHECKING:
    from streamproc.capacity import Profile
    from streamproc.capacity.measure import Measured
    from streamproc.events import Record
    from streamproc.pipeline import Pipeline
    from streamproc.settings import Settings

__all__ = ["bench"]

GENERATED: Final = 20_000
"""Events of the demo's day: as many people come back in it as in a real one."""


@click.command()
@click.argument("file", type=click.File("rb"), required=False)
@rules_option
@click.option(
    "--seconds",
    default=10.0,
    show_default=True,
    type=click.FloatRange(1, 3_600),
    help="How long to measure, after the models are loaded.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="A file for the profile, for `streamproc capacity --profile`.",
)
@click.option("--json", "as_json", is_flag=True, help="The profile as one JSON object.")
@click.pass_context
def bench(
    ctx: click.Context,
    *,
    file: BinaryIO | None,
    rules_directory: Path | None,
    seconds: float,
    output: Path | None,
    as_json: bool,
) -> None:
    """Measure what a process does on this machine, with your rules.

    FILE, or - for standard input, holds events of yours, one JSON object a line; each is run once,
    so give it 20,000 or more, of one time. Without it, events of the demo are made up. No Kafka is
    needed, nothing is sent, and tokens are made with a key of this run.
    """
    from streamproc import telemetry

    settings = with_rules(settings_of(ctx).settings, rules_directory)
    telemetry.configure(settings.log)
    profile, measured = _measured(settings, file, seconds)
    if output is not None:
        output.write_text(profile.model_dump_json(indent=2) + "\n", encoding="utf-8")
    if as_json:
        click.echo(profile.model_dump_json(indent=2))
    else:
        _show(profile)
    _warn(measured)


def _measured(
    settings: Settings, file: BinaryIO | None, seconds: float
) -> tuple[Profile, Measured]:
    from streamproc.assemble import load_rules, make_pipeline
    from streamproc.capacity.measure import Measuring, measure
    from streamproc.identity import View

    ruleset = load_rules(settings)
    records = _generated() if file is None else _records(file)
    with (
        throwaway_keys(settings) as (made, ring),
        progress_of(round(seconds * 1_000)) as advance,
    ):
        how = Measuring(
            seconds,
            made.worker.batch_records,
            told=lambda events, took: advance(events, round(took * 1_000)),
        )
        pipeline = make_pipeline(made, ring, View(), ruleset)
        measured = measure(pipeline, records, how)
    if not measured.events:
        raise click.UsageError("there are no events to measure with")
    source = "generated" if file is None else Path(file.name).name
    return _profile(measured, pipeline, ruleset.name, source), measured


def _generated() -> Iterator[Record]:
    from itertools import count

    from streamproc.demo import Mix, generate
    from streamproc.events import Micros, Origin, Record

    for day in count(1):
        for number, made in enumerate(generate(GENERATED, day, Mix(malformed=0.0))):
            yield Record(Origin("generated", 0, number), made.key, made.value, Micros(0))


def _records(file: BinaryIO) -> Iterator[Record]:
    from streamproc.events import Micros, Origin, Record

    for number, line in enumerate(file):
        if value := line.rstrip(b"\r\n"):
            yield Record(Origin("file", 0, number), None, value, Micros(0))


def _profile(measured: Measured, pipeline: Pipeline, ruleset: str, source: str) -> Profile:
    from streamproc.capacity import Profile
    from streamproc.capacity.measure import memory_bytes, this_machine
    from streamproc.processes import usable_cores

    return Profile(
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=this_machine(usable_cores()),
        source=source,
        events=measured.events,
        ruleset=ruleset,
        fingerprint=pipeline.ruleset,
        per_second=round(measured.per_second, 1),
        micros={stage: round(took, 2) for stage, took in measured.micros.items()},
        event_bytes=measured.event_bytes / measured.events,
        row_bytes=measured.row_bytes / max(measured.rows, 1) or 1.0,
        dead=measured.dead.total() / measured.events,
        remembered=1 - measured.missed / max(measured.asked, 1),
        memory_bytes=memory_bytes(),
    )


def _show(profile: Profile) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    per_event = 1e6 / profile.per_second
    console.print(
        f"[bold]{profile.per_second:,.0f} events/s[/bold] a process, {per_event:,.0f} µs an event"
    )
    table = Table("stage", "µs an event", "share", box=box.SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    total = sum(profile.micros.values())
    for stage, micros in profile.micros.items():
        table.add_row(stage, f"{micros:,.1f}", f"{micros / total:.0%}")
    console.print(table)
    for line in _told(profile):
        console.print(line, markup=False, soft_wrap=True)


def _told(profile: Profile) -> Iterator[str]:
    machine = profile.machine
    yield (
        f"{profile.events:,} events ({profile.source}) of {profile.event_bytes:,.0f} bytes, rows "
        f"of {profile.row_bytes:,.0f}; {profile.dead:.1%} dead letters; "
        f"{profile.remembered:.0%} of values remembered."
    )
    yield f"Ruleset {profile.ruleset}; memory {profile.memory_bytes / 1e6:,.0f} MB."
    yield (
        f"{machine.processor}, {machine.cores} cores to use; Python {machine.python}, streamproc "
        f"{machine.streamproc}."
    )


def _warn(measured: Measured) -> None:
    if measured.at_end:
        click.echo(
            f"The events ended after {measured.events:,}, each run once: memories were still "
            "filling. Give it more for a surer figure.",
            err=True,
        )
    for cause, count in measured.dead.most_common(5):
        click.echo(f"{count:,} dead letters: {cause}", err=True)
