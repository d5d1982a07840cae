"""``streamproc topics``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from streamproc.cli import settings_of

if TYPE_CHECKING:
    from streamproc.kafka.topics import Change, Found, TopicAdmin
    from streamproc.settings import Settings

DONE = {"create": "created", "grow": "grown", "alter": "altered", "refuse": "refused", "none": ""}
DUE = {
    "create": "to create",
    "grow": "to grow",
    "alter": "to alter",
    "refuse": "refused",
    "none": "",
}
HOUR_MS = 3_600_000


@click.group()
def topics() -> None:
    """Create and inspect the topics."""


@topics.command()
@click.option("--dry-run", is_flag=True, help="Say what would be done; do nothing.")
@click.option("--grow", is_flag=True, help="Add partitions even where keys move to other ones.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def apply(ctx: click.Context, *, dry_run: bool, grow: bool, as_json: bool) -> None:
    """Make the topics as the settings say.

    Creates what is missing, alters what differs. Partitions of the raw and the loader topic are
    added with --grow only: records of one key would go on in another partition, past those still
    waiting in the old one. Exits with 1 when something was refused.
    """
    from streamproc.kafka.topics import carry_out, compare, survey, wanted

    settings = settings_of(ctx).settings
    asked = wanted(settings)

    def run(admin: TopicAdmin) -> list[Change]:
        there = survey(admin, [topic.name for topic in asked])
        changes = compare(asked, there, grow=grow)
        if not dry_run:
            carry_out(admin, changes)
        return changes

    changes = _with_brokers(settings, run)
    words = DUE if dry_run else DONE
    rows = [
        {
            "topic": each.topic.name,
            "action": words[each.action] or "as asked for",
            "detail": each.detail,
        }
        for each in changes
    ]
    _print(rows, as_json=as_json)
    sys.exit(any(each.action == "refuse" for each in changes))


@topics.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def show(ctx: click.Context, *, as_json: bool) -> None:
    """Print the topics as the brokers have them, and how that differs from the settings."""
    from streamproc.kafka.topics import compare, survey, wanted

    settings = settings_of(ctx).settings
    asked = wanted(settings)
    there: dict[str, Found] = _with_brokers(
        settings, lambda admin: survey(admin, [topic.name for topic in asked])
    )
    drift: dict[str, list[str]] = {topic.name: [] for topic in asked}
    for change in compare(asked, there, grow=True):
        if change.action != "none":
            drift[change.topic.name].append(change.detail)
    _print(
        [
            {
                "topic": name,
                **_shape(there.get(name)),
                "drift": "; ".join(drift[name]) if name in there else "missing",
            }
            for name in drift
        ],
        as_json=as_json,
    )


@topics.command()
@click.option("--role", "roles", multiple=True, help="Only of this role; again for more.")
@click.option(
    "--principal",
    "given",
    multiple=True,
    metavar="ROLE=PRINCIPAL",
    help="Who has a role, such as loader=User:warehouse; else User:streamproc-ROLE.",
)
@click.option("--apply", "carry_out", is_flag=True, help="Have the brokers allow it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def acls(
    ctx: click.Context,
    *,
    roles: tuple[str, ...],
    given: tuple[str, ...],
    carry_out: bool,
    as_json: bool,
) -> None:
    """Print what each role has to be allowed in the cluster, and no more; --apply allows it.

    What else the brokers allow is left as it is. Whoever applies needs ALTER on the cluster.
    """
    from streamproc.kafka.acls import ROLES, allow, grants

    settings = settings_of(ctx).settings
    principals = {role: f"User:streamproc-{role}" for role in ROLES} | _principals(given, ROLES)
    for role in roles:
        _known(role, ROLES, "--role")
    asked = [each for each in grants(settings) if not roles or each.role in roles]
    rows = [
        {
            "role": each.role,
            "principal": principals[each.role],
            "resource": each.kind,
            "name": each.name,
            "operations": ", ".join(each.operations),
        }
        for each in asked
    ]
    if carry_out:
        number = _with_brokers(settings, lambda admin: allow(admin, asked, principals))
        click.echo(f"streamproc: {number} ACLs are in force", err=True)
    _print(rows, as_json=as_json, what="acls")


def _shape(found: Found | None) -> dict[str, Any]:
    if found is None:
        names = ("partitions", "replication", "retention_hours", "cleanup", "records")
        return dict.fromkeys(names)
    config = found.config or {}
    cleanup = config.get("cleanup.policy")
    kept = config.get("retention.ms") if cleanup == "delete" else None
    return {
        "partitions": found.partitions,
        "replication": found.replication,
        "retention_hours": int(kept) / HOUR_MS if kept else None,
        "cleanup": cleanup,
        "records": found.records,
    }


def _with_brokers(settings: Settings, run: Callable[[TopicAdmin], Any]) -> Any:
    """Return what ``run`` returns; brokers that stay away end the command with a line and 1."""
    from streamproc.errors import RetryableError
    from streamproc.kafka.topics import admin_client, patiently

    brokers = settings.kafka.brokers
    admin = admin_client(settings, "topics")
    try:
        return patiently(
            lambda: run(admin), lambda why: click.echo(f"streamproc: {brokers}: {why}", err=True)
        )
    except RetryableError as error:
        raise click.ClickException(f"{brokers}: {error}") from None


def _print(rows: list[dict[str, Any]], *, as_json: bool, what: str = "topics") -> None:
    if as_json:
        click.echo(json.dumps({what: rows}, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    headings = [name.replace("_", " ").capitalize() for name in rows[0]]
    table = Table(*headings, box=None, header_style="bold")
    for row in rows:
        cells = [
            "" if cell is None else f"{cell:g}" if isinstance(cell, float) else str(cell)
            for cell in row.values()
        ]
        table.add_row(*cells)
    Console(width=None if Console().is_terminal else 200).print(table)


def _principals(given: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    found = {}
    for each in given:
        role, equals, principal = each.partition("=")
        _known(role, known, "--principal")
        kind, colon, name = principal.partition(":")
        if not (equals and kind and colon and name):
            told = f"expected ROLE=TYPE:NAME, such as {role}=User:{role}"
            raise click.BadParameter(told, param_hint="--principal")
        found[role] = principal
    return found


def _known(role: str, known: Iterable[str], option: str) -> None:
    if role not in known:
        told = f"no such role: {role}; there are {', '.join(known)}"
        raise click.BadParameter(told, param_hint=option)
