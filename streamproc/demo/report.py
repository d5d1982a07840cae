"""The demo's report: from the run and the warehouse, as JSON and for people."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import orjson
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from streamproc.canaries.leaks import Leak
from streamproc.demo.records import Generated
from streamproc.demo.run import Plan, Run, samples
from streamproc.events import Json, path_text

__all__ = ["Change", "Report", "build_report", "render", "to_json"]

ROWS = "SELECT count(*) FROM streamproc_messages"
TABLES = """
SELECT table_name, estimated_size, column_count FROM duckdb_tables()
WHERE table_name NOT LIKE 'streamproc\\_%' ESCAPE '\\' ORDER BY 2 DESC, 1
"""
MANIFESTS = "SELECT table_name FROM duckdb_columns() WHERE column_name = 'redaction_manifest'"
BY_ENTITY = "SELECT finding ->> 'entity', count(*) FROM findings GROUP BY ALL ORDER BY 2 DESC, 1"
BY_PATH = r"""
SELECT regexp_replace(finding ->> 'path', '\[\d+\]', '[*]', 'g'), finding ->> 'entity', count(*)
FROM findings GROUP BY ALL ORDER BY 3 DESC, 1, 2
"""
QUERY = (
    "SELECT coalesce(event_table, type) AS event, count(*) AS events, "
    "count(DISTINCT identity_id) AS people "
    "FROM streamproc_messages GROUP BY 1 ORDER BY events DESC"
)
MOST_TABLES = 12
MOST_PATHS = 20
MOST_LEAKS = 20


@dataclass(frozen=True, slots=True)
class Change:
    """One leaf of an event, before and after; None where it is not there."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """What the demo has to say."""

    events: int
    rows: int
    dead: int
    dropped: Mapping[str, int]
    duplicates: int
    seconds: float
    leaks: tuple[Leak, ...]
    planted: Mapping[str, int]
    redacted: Mapping[str, int]
    by_entity: Mapping[str, int]
    by_path: tuple[tuple[str, str, int], ...]
    tables: tuple[tuple[str, int, int], ...]
    """Names, rows and columns, the largest first."""
    searched: Mapping[str, int]
    complete: bool
    changes: tuple[Change, ...]
    warehouse: Path

    @property
    def missing(self) -> int:
        """Events that ended nowhere; below zero if some ended twice."""
        ended = self.rows + self.duplicates + self.dead + sum(self.dropped.values())
        return self.events - ended

    @property
    def succeeded(self) -> bool:
        """Whether nothing leaked, nothing is missing, and everything was searched."""
        return not self.leaks and self.missing == 0 and self.complete

    @property
    def command(self) -> str:
        """A command line that queries the warehouse."""
        connect = f"duckdb.connect({str(self.warehouse)!r}, read_only=True)"
        script = f"import duckdb; {connect}.sql('{QUERY}').show()"
        # Within double quotes, because the script is full of single ones.
        quoted = re.sub(r'([\\"$`])', r"\\\1", script)
        return f'{shlex.quote(sys.executable)} -c "{quoted}"'


def build_report(plan: Plan, run: Run) -> Report:
    """Return the report of ``run``; the warehouse must be closed by then."""
    with duckdb.connect(str(plan.warehouse), read_only=True) as warehouse:
        rows = warehouse.execute(ROWS).fetchall()[0][0]
        tables = tuple(warehouse.execute(TABLES).fetchall())
        warehouse.execute(f"CREATE TEMP VIEW findings AS {_findings_query(warehouse)}")
        by_entity = dict(warehouse.execute(BY_ENTITY).fetchall())
        by_path = tuple(warehouse.execute(BY_PATH).fetchall())
    return Report(
        events=len(plan.records),
        rows=rows,
        dead=run.arrived.dead,
        dropped=run.arrived.dropped,
        duplicates=run.duplicates,
        seconds=run.seconds,
        leaks=tuple(run.check.leaks),
        planted=run.check.planted_by_kind(),
        redacted=run.check.redacted_by_kind(),
        by_entity=by_entity,
        by_path=by_path,
        searched=dict(run.check.searched),
        complete=run.complete,
        changes=_sample(plan, run),
        tables=tables,
        warehouse=plan.warehouse,
    )


def to_json(report: Report) -> dict[str, Any]:
    """Return the report as an object; it holds paths and counts, and no value of any event."""
    return {
        "events": report.events,
        "rows": report.rows,
        "dead": report.dead,
        "dropped": sum(report.dropped.values()),
        "dropped_by_rule": dict(report.dropped),
        "duplicates": report.duplicates,
        "missing": report.missing,
        "leaks": len(report.leaks),
        "leaked": [leak._asdict() for leak in report.leaks],
        "planted": sum(report.planted.values()),
        "planted_by_kind": dict(report.planted),
        "redacted": sum(report.redacted.values()),
        "redacted_by_kind": dict(report.redacted),
        "findings_by_entity": dict(report.by_entity),
        "findings_by_path": [
            {"path": path, "entity": entity, "findings": count}
            for path, entity, count in report.by_path
        ],
        "tables": [
            {"table": table, "rows": rows, "columns": columns}
            for table, rows, columns in report.tables
        ],
        "searched": dict(report.searched),
        "searched_everything": report.complete,
        "seconds": round(report.seconds, 3),
        "events_per_second": round(report.events / max(report.seconds, 1e-9), 1),
        "warehouse": str(report.warehouse),
        "query": report.command,
    }


def render(report: Report, console: Console) -> None:
    """Print the report for people."""
    console.print(_summary(report))
    console.print(_tables(report))
    console.print(_findings(report))
    if report.changes:
        console.print(_before_and_after(report))
    console.print(_leak_check(report))
    console.print(Text("\nThe warehouse is a DuckDB file. Try:", style="bold"))
    console.print(f"  {report.command}", soft_wrap=True, highlight=False, markup=False)


def _summary(report: Report) -> Group:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right")
    table.add_row(
        f"{report.events:,}", f"events in, {report.events / report.seconds:,.0f} a second"
    )
    table.add_row(f"{report.rows:,}", "rows in the warehouse")
    table.add_row(f"{report.dead:,}", "dead letters")
    for rule, count in report.dropped.items():
        table.add_row(f"{count:,}", f"dropped by rule {rule}")
    if report.duplicates:
        table.add_row(f"{report.duplicates:,}", "left out: their message id was there already")
    if report.missing:
        table.add_row(f"{report.missing:,}", "MISSING", style="bold red")
    return Group(Text("\nEvents", style="bold"), table)


def _tables(report: Report) -> Group:
    table = Table("Table", box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("Rows", justify="right")
    table.add_column("Columns", justify="right")
    for name, rows, columns in report.tables[:MOST_TABLES]:
        table.add_row(name, f"{rows:,}", f"{columns:,}")
    if (more := len(report.tables) - MOST_TABLES) > 0:
        table.add_row(f"and {more} more tables", "", "", style="dim")
    return Group(Text("\nTables", style="bold"), table)


def _findings(report: Report) -> Group:
    entities = Table("Entity", box=None, header_style="dim", padding=(0, 2, 0, 0))
    entities.add_column("Findings", justify="right")
    for entity, count in report.by_entity.items():
        entities.add_row(entity, f"{count:,}")
    paths = Table("Path", "Entity", box=None, header_style="dim", padding=(0, 2, 0, 0))
    paths.add_column("Findings", justify="right")
    for path, entity, count in report.by_path[:MOST_PATHS]:
        paths.add_row(path, entity, f"{count:,}")
    if (more := len(report.by_path) - MOST_PATHS) > 0:
        paths.add_row(f"and {more} more paths", "", "", style="dim")
    return Group(Text("\nFindings", style="bold"), entities, Text(), paths)


def _before_and_after(report: Report) -> Group:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for heading in ("Path", "Before", "After"):
        table.add_column(heading, overflow="fold")
    for change in report.changes:
        table.add_row(
            *(
                Text("(not there)", style="dim") if cell is None else Text(cell)
                for cell in (change.path, change.before, change.after)
            )
        )
    return Group(Text("\nOne event, before and after", style="bold"), table)


def _leak_check(report: Report) -> Group:
    planted, redacted = sum(report.planted.values()), sum(report.redacted.values())
    verdict = (
        Text(f"none of {planted:,} planted values leaked", style="bold green")
        if not report.leaks
        else Text(f"{len(report.leaks):,} LEAKS: {redacted:,} of {planted:,} kept in", "bold red")
    )
    kinds = Table("Planted", box=None, header_style="dim", padding=(0, 2, 0, 0))
    kinds.add_column("Values", justify="right")
    kinds.add_column("Redacted", justify="right")
    for kind, count in report.planted.items():
        kinds.add_row(kind, f"{count:,}", f"{report.redacted.get(kind, 0):,}")
    searched = ", ".join(f"{area} ({count:,})" for area, count in report.searched.items())
    parts: list[RenderableType] = [
        Text("\nLeak check", style="bold"),
        verdict,
        kinds,
        Text(f"searched: {searched}", "dim"),
    ]
    if not report.complete:
        parts.append(Text("the topics could not be read to their ends", style="bold red"))
    return Group(*parts, *_leaks(report))


def _leaks(report: Report) -> Iterator[Table]:
    if report.leaks:
        table = Table("Kind", "Found in", "Message id", "Planted at", box=None, style="red")
        for leak in report.leaks[:MOST_LEAKS]:
            table.add_row(*leak)
        yield table


def _findings_query(warehouse: duckdb.DuckDBPyConnection) -> str:
    """Return the query for the manifests of all base tables, one line a finding."""
    tables = [table for (table,) in warehouse.execute(MANIFESTS).fetchall()]
    manifests = " UNION ALL ".join(
        f'SELECT redaction_manifest AS manifest FROM "{table}"'  # noqa: S608 - our own tables
        for table in tables
    )
    source = manifests or "SELECT '[]' AS manifest"
    return f"SELECT unnest(manifest::JSON[]) AS finding FROM ({source})"  # noqa: S608 - as above


def _sample(plan: Plan, run: Run) -> tuple[Change, ...]:
    """Return how the event with the most kinds of planted values changed."""
    for record in samples(plan.records):
        if (after := run.samples.get(record.message_id)) is not None:
            return tuple(_changes(record, after))
    return ()


def _changes(record: Generated, after: Json) -> Iterator[Change]:
    old, new = dict(_leaves(record.event)), dict(_leaves(after))
    for path in [*old, *(path for path in new if path not in old)]:
        if old.get(path) != new.get(path):
            yield Change(path, old.get(path), new.get(path))


def _leaves(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict | list):
        for step, each in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _leaves(each, (*path, step))
    else:
        yield path_text(path), node if isinstance(node, str) else orjson.dumps(node).decode()
