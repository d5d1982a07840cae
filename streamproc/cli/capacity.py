"""``streamproc capacity``."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamproc.cli import settings_of
from streamproc.cli.moments import Span

if TYPE_CHECKING:
    from streamproc.capacity import Load, Need, Planned, Profile

__all__ = ["capacity"]

ROWS_PER_SECOND = 13_000
"""What one loader loaded into DuckDB (`make bench`, 23 November 2026, 2 shared cores)."""
HOUR = timedelta(hours=1)


@click.command()
@click.option(
    "--events-per-second", required=True, type=click.FloatRange(0.001), help="The mean of a day."
)
@click.option(
    "--event-bytes", type=click.FloatRange(1), help="Mean bytes of an event [default: measured]."
)
@click.option(
    "--profile",
    "profile_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What `streamproc bench --output` measured on the machine it is to run on.",
)
@click.option(
    "--peak",
    default=3.0,
    show_default=True,
    type=click.FloatRange(1),
    help="The busiest minute to the mean.",
)
@click.option(
    "--outage", default="1h", show_default=True, type=Span(), help="A stop to be made up for …"
)
@click.option("--catch-up", default="2h", show_default=True, type=Span(), help="… in this time.")
@click.option("--retention", type=Span(), help="Of raw events [default: that of the settings].")
@click.option(
    "--replication", type=click.IntRange(1), help="[default: that of the settings, at least 3]"
)
@click.option(
    "--compression",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.01, 1),
    help="Bytes on disk to those of events, as producers compress them.",
)
@click.option(
    "--loader-rows-per-second",
    default=ROWS_PER_SECOND,
    show_default=True,
    type=click.FloatRange(1),
    help="What one loader loads; measured with DuckDB, other warehouses differ.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def capacity(
    ctx: click.Context,
    /,
    *,
    profile_file: Path | None,
    as_json: bool,
    **asked: object,
) -> None:
    """Reckon workers, partitions, disk and memory for a load.

    Each figure says how it was reckoned. What a process does is measured by `streamproc bench` on
    the machine it is to run on; without a profile the developers' is taken, which is not yours.
    """
    from streamproc.capacity import SHIPPED, needs, read_profile

    profile = SHIPPED if profile_file is None else read_profile(profile_file)
    load = _load(ctx, profile, asked)
    planned = needs(load, profile)
    rests_on = _rests_on(profile, shipped=profile_file is None)
    if as_json:
        click.echo(_as_json(planned, profile, rests_on))
    else:
        _show(planned, rests_on)


def _load(ctx: click.Context, profile: Profile, asked: dict[str, object]) -> Load:
    from streamproc.capacity import Load

    settings = settings_of(ctx).settings
    hours = {name: value / HOUR for name, value in asked.items() if isinstance(value, timedelta)}
    given = {name: value for name, value in asked.items() if isinstance(value, int | float)}
    if not hours["catch_up"]:
        raise click.BadParameter("it takes some time", ctx, param_hint="--catch-up")
    return Load(
        events_per_second=given["events_per_second"],
        event_bytes=given.get("event_bytes", profile.event_bytes),
        peak=given["peak"],
        outage_hours=hours["outage"],
        catch_up_hours=hours["catch_up"],
        raw_hours=hours.get("retention", settings.topics.raw_retention_hours),
        load_hours=settings.topics.load_retention_hours,
        replication=int(given.get("replication", max(3, settings.topics.replication))),
        compression=given["compression"],
        rows_per_second=given["loader_rows_per_second"],
        single_loader=settings.loader.sink == "duckdb",
        identity_bytes=settings.identity.memory_bytes,
    )


def _rests_on(profile: Profile, *, shipped: bool) -> str:
    machine = profile.machine
    whose = "The developers' machine, not yours (see `streamproc bench`): " if shipped else ""
    return (
        f"{whose}{profile.per_second:,.0f} events/s a process, measured {profile.measured_at} with "
        f"ruleset {profile.ruleset} on {profile.events:,} events ({profile.source}) of "
        f"{profile.event_bytes:,.0f} bytes; {machine.processor}, {machine.cores} cores."
    )


def _as_json(planned: Planned, profile: Profile, rests_on: str) -> str:
    return json.dumps(
        {
            "needs": [need._asdict() for need in planned.needs],
            "warnings": list(planned.warnings),
            "rests_on": rests_on,
            "profile": profile.model_dump(),
        },
        indent=2,
        ensure_ascii=False,
    )


def _show(planned: Planned, rests_on: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table("need", "figure", "because", box=box.SIMPLE_HEAD)
    table.columns[1].justify = "right"
    table.columns[1].no_wrap = True
    for need in planned.needs:
        table.add_row(need.name, _figure(need), need.why)
    console = Console(highlight=False)
    console.print(table)
    console.print(f"Rests on: {rests_on}", markup=False, soft_wrap=True)
    for warning in planned.warnings:
        click.secho(f"Mind: {warning}.", fg="yellow", err=True)


def _figure(need: Need) -> str:
    if not need.unit.startswith("B"):
        return f"{need.value:,.0f}{need.unit}"
    value, rest = need.value, need.unit[1:]
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1_000 or unit == "TB":
            break
        value /= 1_000
    return f"{value:,.{0 if value >= 100 else 1}f} {unit}{rest}"
