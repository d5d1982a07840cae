"""``streamproc identity merge`` and ``unmerge``: what people know better than events do."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

import click

from streamproc.cli import counted, settings_of
from streamproc.cli.audit import audit_log
from streamproc.cli.identity.whose import WHOSE, known, known_token, tokens_of

if TYPE_CHECKING:
    from streamproc.events import Link
    from streamproc.identity import View
    from streamproc.settings import Settings

__all__ = ["merge", "unmerge"]

EXIT_NO = 1
LONGEST_REASON = 500

_reason = click.option("--reason", required=True, help="Why; stands in the audit log.")
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a line.")


@click.command()
@click.argument("one", metavar=WHOSE)
@click.argument("other", metavar=WHOSE)
@_reason
@_json
@click.pass_context
def merge(ctx: click.Context, one: str, other: str, reason: str, *, as_json: bool) -> None:
    """Say that two ids are one person, as an alias event does.

    They are named as for `identity show`. Written to the audit log before it counts. Exits with 1
    where they are one already, were taken apart, or would be more ids than a person may have.
    """
    from datetime import UTC, datetime

    from streamproc.events import Micros
    from streamproc.identity.links import alias

    settings = settings_of(ctx).settings
    named = (tokens_of(settings, one), tokens_of(settings, other))
    with known(settings) as view:
        first, second = (known_token(view, each) for each in named)
        link = alias(first, second, Micros(int(datetime.now(UTC).timestamp() * 1_000_000)))
        refused = _why_not(view, link, settings)
    if refused is None:
        _write(settings, "identity-merge", [link], reason)
    _tell([link] if refused is None else [], refused, as_json=as_json)


@click.command()
@click.argument("one", metavar=WHOSE)
@click.argument("other", metavar=WHOSE)
@_reason
@_json
@click.pass_context
def unmerge(ctx: click.Context, one: str, other: str, reason: str, *, as_json: bool) -> None:
    """Take back every link between two ids, or an id and a trait, for good.

    They are named as for `identity show`. Written to the audit log before it counts; events that
    state the links again change nothing, until the keys are rotated: then the ids have new tokens.
    Exits with 1 where there is no link between the two themselves: over which ids they are one
    person is told then.
    """
    from streamproc.identity.profile import cuts_between, path_between

    settings = settings_of(ctx).settings
    named = (tokens_of(settings, one), tokens_of(settings, other))
    with known(settings) as view:
        # While keys overlap each of them has a token of every key, and links of each.
        pairs = list(product(*named))
        cuts = [cut for pair in pairs for cut in cuts_between(view.graph, *pair)]
        path = path_between(view.graph, *(known_token(view, each) for each in named))
    refused = None
    if not cuts:
        refused = "there is no link between the two"
        if path:
            refused += f"; they are one person over {', '.join(path[1:-1])}"
    else:
        _write(settings, "identity-unmerge", cuts, reason)
    _tell(cuts, refused, as_json=as_json)


def _why_not(view: View, link: Link, settings: Settings) -> str | None:
    """Return why ``link`` would not make one person of its two ends; None if it would."""
    from streamproc.assemble import load_identity_config
    from streamproc.kafka.attribute_topic import read_cases

    ids = {*view.graph.ids_of(link.left), *view.graph.ids_of(link.right)}
    if link.left == link.right or link.right in view.graph.ids_of(link.left):
        return "they are one person already"
    if view.graph.is_cut(link):
        return "they were taken apart, for good; each can be merged with other ids"
    if any({link.left, link.right} & {*case.tokens} for case in read_cases(settings).values()):
        return "one of the two was erased: nothing is linked with it until `streamproc erase lift`"
    most = load_identity_config(settings).limits.ids_per_person
    if len(ids) > most:
        return f"they would have {len(ids)} ids, and limits.ids_per_person is {most}"
    return None


def _write(settings: Settings, action: str, links: Sequence[Link], reason: str) -> None:
    """Write ``links`` down, then publish them.

    Raises:
        ConfigError: No audit log is configured, or it cannot be written.
        RetryableError: The brokers do not have them.
    """
    from datetime import UTC, datetime

    from streamproc.audit import append, entry
    from streamproc.kafka.attribute_topic import attribute_writer

    if not 0 < len(reason.strip()) <= LONGEST_REASON:
        told = f"expected 1 to {LONGEST_REASON} characters"
        raise click.BadParameter(told, param_hint="--reason")
    now = datetime.now(UTC)
    entries = [
        entry(action, now, kind=each.kind, left=each.left, right=each.right, reason=reason.strip())
        for each in links
    ]
    append(audit_log(settings.audit.file), entries)
    with attribute_writer(settings) as writer:
        writer.links(links)
        writer.flush()


def _tell(links: Sequence[Link], refused: str | None, *, as_json: bool) -> None:
    if as_json:
        stated = [{"kind": each.kind, "left": each.left, "right": each.right} for each in links]
        click.echo(json.dumps({"links": stated, "refused": refused}))
    elif refused is not None:
        click.echo(f"Nothing was changed: {refused}.", err=True)
    else:
        done = "taken back" if links[0].cut else "stated"
        click.echo(f"{counted(len(links), 'link')} {done}; workers know within a second.")
    sys.exit(0 if refused is None else EXIT_NO)
