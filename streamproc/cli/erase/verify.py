"""``streamproc erase verify``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from streamproc.cli import counted, settings_of
from streamproc.cli.erase import case_of, json_option, searching
from streamproc.cli.identity.whose import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamproc.erasure import Case
    from streamproc.erasure.findings import Finding

__all__ = ["verify"]

EXIT_LEFT = 1

STYLES = {"clear": "green", "fading": "dim", "found": "bold red", "unknown": "yellow"}


@click.command()
@click.argument("receipt")
@json_option
@click.pass_context
def verify(ctx: click.Context, receipt: str, *, as_json: bool) -> None:
    """Search every place for what is left of somebody who was erased.

    State, topics, warehouse and keys are searched for the tokens of the case that RECEIPT names;
    counts are told, nothing else. What is `fading` is nothing that anybody is told of, and goes by
    itself: copies that Kafka has not compacted yet, rows on the loader's topic that are kept out of
    the warehouse, raw events. Exits with 1 where something is `found`, or a place cannot be
    searched now.
    """
    from streamproc.erasing.search import search
    from streamproc.erasure.findings import is_erased
    from streamproc.telemetry import configure

    settings = settings_of(ctx).settings
    configure(settings.log)
    case = case_of(settings, receipt)
    with searching() as tell:
        findings = list(search(settings, case, tell))
    erased = is_erased(findings)
    if as_json:
        places = [finding._asdict() for finding in findings]
        told = {"receipt": receipt, "at": moment(case.at), "tokens": len(case.tokens)}
        click.echo(json.dumps({**told, "erased": erased, "places": places}))
    else:
        _print(case, findings, erased=erased)
    sys.exit(0 if erased else EXIT_LEFT)


def _print(case: Case, findings: Sequence[Finding], *, erased: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("Place", "Found", "", "", box=None, header_style="bold")
    table.columns[1].justify = "right"
    for place, found, verdict, told in findings:
        style = STYLES[verdict]
        table.add_row(place, "" if found is None else f"{found:,}", verdict, told, style=style)
    Console(width=None if Console().is_terminal else 200).print(table)
    told = "Erased: but for what goes by itself nothing is left"
    if not erased:
        told = "NOT ERASED yet, or not everywhere to be searched: see above what is left"
    click.echo(f"{told} of {counted(len(case.tokens), 'token')} ({moment(case.at)}).")
