"""``streamproc identity import``."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from streamproc.cli import EXIT_DEAD_LETTERS, settings_of
from streamproc.cli.identity.telling import tell_totals

if TYPE_CHECKING:
    from streamproc.business.totals import Totals
    from streamproc.settings import Settings

__all__ = ["import_"]


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", help="The source's name in the identity configuration.")
@click.option("--object", "kind", help="Which of its objects the rows are, if it has several.")
@click.option(
    "--full", is_flag=True, help="The file is all there is: what is not in it any more goes."
)
@click.option("--emptied", is_flag=True, help="With --full: more than half may be gone.")
@click.option("--dry-run", is_flag=True, help="Say what would be known, and load nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as a JSON object.")
@click.pass_context
def import_(
    ctx: click.Context,
    file: Path,
    source: str | None,
    kind: str | None,
    *,
    full: bool,
    emptied: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Load what the business knows of people and accounts from a file.

    FILE is .csv with a line of column names, .jsonl or .parquet; which of its columns count, the
    identity configuration says. Attributes go by the rules in force, as an event's traits would.
    Rows that say nothing of anyone are told by their lines, and the exit code is then 3.
    """
    from streamproc.telemetry import configure

    if full and dry_run:
        raise click.UsageError("--full and --dry-run exclude each other")
    settings = settings_of(ctx).settings
    configure(settings.log)
    wanted = Wanted(source, kind, full=full, emptied=emptied, dry_run=dry_run)
    totals = _import(settings, file, wanted)
    if as_json:
        click.echo(json.dumps({"dry_run": dry_run, **totals.keys()}))
    else:
        tell_totals(totals, dry_run=dry_run)
    sys.exit(EXIT_DEAD_LETTERS if totals.left_out else 0)


class Wanted(NamedTuple):
    """What was asked for."""

    source: str | None
    kind: str | None
    full: bool
    emptied: bool
    dry_run: bool


def _import(settings: Settings, file: Path, wanted: Wanted) -> Totals:
    import time

    from streamproc.assemble import load_identity_config
    from streamproc.business.assembly import Makers, find_place
    from streamproc.business.files import read_file
    from streamproc.business.known import KnownRecords
    from streamproc.business.loading import Load, load_rows, sweep
    from streamproc.cli.progress import progress_of
    from streamproc.events import Micros
    from streamproc.kafka.attribute_topic import attribute_writer

    config = load_identity_config(settings)
    found = find_place(config, wanted.source, wanted.kind)
    maker = Makers(settings, config).of({found.object: found})[found.object]
    now = Micros(time.time_ns() // 1_000)
    rows = read_file(file, found.said.columns)
    with (
        nullcontext() if wanted.dry_run else attribute_writer(settings) as writer,
        progress_of(None) as advance,
        KnownRecords() as known,
    ):
        load_rows(maker, rows, Load(writer, now, lambda count: advance(count, 0)), known)
        if wanted.full and writer is not None:
            deleted = sweep(settings, found, writer, known, emptied=wanted.emptied)
            maker.totals.deleted += deleted
    return maker.totals
