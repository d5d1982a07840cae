"""``streamproc identity show``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from streamproc.cli import settings_of
from streamproc.cli.identity.whose import WHOSE, known, known_token, moment, tokens_of

if TYPE_CHECKING:
    from streamproc.identity.profile import Profile

__all__ = ["show"]

EXIT_UNKNOWN = 1


@click.command()
@click.argument("whose", metavar=WHOSE)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_context
def show(ctx: click.Context, whose: str, *, as_json: bool) -> None:
    """Tell whom an id or a trait belongs to, and by which links.

    It is named by its token, or in clear: user=…, device=…, or the name of a trait such as email=…,
    with - for the first line of standard input. Tokens are shown, and what attributes may enter
    events. Exits with 1 where nothing is known of it.
    """
    from streamproc.identity.profile import profile_of

    settings = settings_of(ctx).settings
    tokens = tokens_of(settings, whose)
    with known(settings) as view:
        profile = profile_of(view, known_token(view, tokens))
    if as_json:
        click.echo(json.dumps(_plain(profile), indent=2))
    else:
        _print(profile)
    sys.exit(0 if profile.statements else EXIT_UNKNOWN)


def _plain(profile: Profile) -> dict[str, Any]:
    identity = profile.identity
    return {
        "token": profile.token,
        "trait": profile.trait or None,
        "identity": {
            "id": identity.id,
            "account": identity.account,
            "by": identity.by,
            "since": moment(identity.since) or None,
            "attributes": dict(identity.attributes),
        },
        "ids": list(profile.ids),
        "quarantined": profile.quarantined,
        "statements": [
            {
                "relation": each.relation,
                "token": each.token,
                "at": moment(each.at) or None,
                "state": _state(each.token, each.at),
            }
            for each in profile.statements
        ],
    }


def _state(token: str | None, at: int | None) -> str:
    if token is None:
        return "too many"
    return "stated" if at is not None else "taken back"


def _print(profile: Profile) -> None:
    from rich.console import Console
    from rich.table import Table

    identity = profile.identity
    since = f" since {moment(identity.since)}" if identity.since is not None else ""
    click.echo(f"{profile.token} belongs to {identity.id}, by {identity.by}{since}.")
    if identity.account:
        click.echo(f"Account {identity.account}.")
    for name, value in identity.attributes.items():
        click.echo(f"{name}: {json.dumps(value)}")
    if profile.quarantined:
        click.echo("Its person had too many ids: each of them stands for itself.")
    elif len(profile.ids) > 1:
        click.echo(f"One person: {', '.join(profile.ids)}.")
    if not profile.statements:
        click.echo("Nothing is known of it.")
        return
    table = Table("Stated with", "Token", "When", "", box=None, header_style="bold")
    for each in profile.statements:
        state = _state(each.token, each.at).replace("stated", "")
        table.add_row(each.relation, each.token, moment(each.at), state)
    Console(width=None if Console().is_terminal else 200).print(table)
