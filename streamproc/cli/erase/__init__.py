"""``streamproc erase``: a person forgotten everywhere, and what proves it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from streamproc.cli import LazyGroup, counted, settings_of
from streamproc.cli.identity.whose import known, moment, tokens_of

if TYPE_CHECKING:
    from streamproc.erasing.steps import Done
    from streamproc.erasure import Case, Person
    from streamproc.events import Token
    from streamproc.settings import Settings

__all__ = ["case_of", "erase", "json_option", "reason_option", "searching", "write_down"]

LONGEST_REASON = 500

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module:attribute, first line of its help)
    "verify": (
        "streamproc.cli.erase.verify:verify",
        "Search every place for what is left of somebody who was erased.",
    ),
    "lift": (
        "streamproc.cli.erase.lift:lift",
        "Have later events of an erased person count again.",
    ),
}

json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object instead of what people read."
)
reason_option = click.option("--reason", default="", help="Why; stands in the audit log.")


def _whose(option: str, name: str, metavar: str, text: str) -> Callable[[Any], Any]:
    return click.option(option, name, multiple=True, metavar=metavar, help=text)


@click.group(cls=LazyGroup, lazy=COMMANDS, invoke_without_command=True)
@_whose("--user", "users", "ID|-", "A user id as events have it; - reads a line of input.")
@_whose("--anonymous", "devices", "ID|-", "An anonymous id, likewise.")
@_whose("--trait", "traits", "NAME=VALUE|-", "A trait that names people, such as email=….")
@_whose("--token", "tokens", "TOKEN", "A token of any of them (tok_…), as rows have it.")
@click.option("--receipt", metavar="RECEIPT", help="Go on with an erasure that was begun.")
@reason_option
@click.option("--dry-run", is_flag=True, help="Say whom it would be; erase nothing.")
@json_option
@click.pass_context
def erase(ctx: click.Context, /, **asked: Any) -> None:
    """Erase a person everywhere, and verify that nothing is left.

    The person is all that the links show to be the same one, whatever is given of it: user ids,
    devices and traits, under every key of the ring. A device or trait that others have, too, stays.

    Links and attributes are taken back, the person's key is deleted, the loaders are told to delete
    the rows, and workers suppress all later events of the person (`suppressed` in the ruleset).
    Whatever interrupts it, the same command begun again with --receipt finishes it. There is no way
    back but for later events (`streamproc erase lift`).
    """
    if ctx.invoked_subcommand is not None:
        return
    settings = settings_of(ctx).settings
    given = _given(settings, asked)
    if (asked["receipt"] is None) == (not given):
        raise click.UsageError(
            "name somebody with --user, --anonymous, --trait or --token, or go on with --receipt"
        )
    case, person = _begun(settings, asked["receipt"]), None
    if case is None:
        case, person = _found(settings, given)
    if asked["dry_run"]:
        _tell(_fields(case, person, None), person, as_json=asked["as_json"])
        return
    write_down(settings, "erase", case.receipt, asked["reason"], tokens=len(case.tokens))
    click.echo(f"Erasing under {case.receipt}; should this end, go on with --receipt.", err=True)
    with searching() as tell:
        done = _erase(settings, case, tell)
    _tell(_fields(case, person, done), person, as_json=asked["as_json"])


def _given(settings: Settings, asked: Mapping[str, Sequence[str]]) -> list[Token]:
    from streamproc.redact import TOKEN

    if not all(map(TOKEN.fullmatch, asked["tokens"])):
        raise click.BadParameter("expected a token: tok_…", param_hint="--token")
    named = [
        *(("user", "=", value) for value in asked["users"]),
        *(("device", "=", value) for value in asked["devices"]),
        *(each.partition("=") for each in asked["traits"]),
    ]
    written = [f"{name}{equals}{_value(value)}" for name, equals, value in named]
    return [token for each in (*written, *asked["tokens"]) for token in tokens_of(settings, each)]


def _value(written: str) -> str:
    """Return what was given for an id or a trait; ``-`` stands for a line of standard input."""
    value = sys.stdin.readline().rstrip("\r\n") if written == "-" else written
    if value.strip() in {"", "-"}:
        raise click.UsageError("an id or a trait is empty: nobody is erased")
    return value


def _begun(settings: Settings, receipt: str | None) -> Case | None:
    from streamproc.telemetry import configure

    configure(settings.log)
    return None if receipt is None else case_of(settings, receipt)


def case_of(settings: Settings, receipt: str) -> Case:
    """Return the case of ``receipt``.

    Raises:
        ConfigError: There is none.
        RetryableError: Its topic cannot be read now.
    """
    from streamproc.errors import ConfigError, Problem
    from streamproc.kafka.attribute_topic import read_cases

    case = read_cases(settings).get(receipt)
    if case is None:
        told = (
            f"{settings.topics.suppressed} has no such erasure: nothing was done, or it is lifted"
        )
        raise ConfigError(Problem("command line", "RECEIPT", told))
    return case


def _found(settings: Settings, given: Sequence[Token]) -> tuple[Case, Person]:
    """Return a new case, and the person it is about."""
    import secrets
    from datetime import UTC, datetime

    from streamproc.assemble import load_identity_config, load_key_ring, nobody_of
    from streamproc.erasure import Case, new_receipt, person_of
    from streamproc.erasure.cases import RECEIPT_BYTES
    from streamproc.errors import ConfigError, Problem
    from streamproc.events import Micros

    nobody = nobody_of(load_identity_config(settings), load_key_ring(settings))
    if not nobody.isdisjoint(given):
        told = "is generic, as the identity configuration has it: it names nobody"
        raise ConfigError(Problem("command line", "the person", told))
    with known(settings) as view:
        person = person_of(view, given)
    now = datetime.now(UTC)
    receipt = new_receipt(now.date(), secrets.token_bytes(RECEIPT_BYTES))
    at = Micros(int(now.timestamp() * 1_000_000))
    return Case(receipt, at, tuple(sorted(person.tokens))), person


def _erase(settings: Settings, case: Case, tell: Callable[[int], object]) -> Done:
    from streamproc.erasing.steps import erase as take_steps

    return take_steps(settings, case, tell)


@contextmanager
def searching() -> Iterator[Callable[[int], object]]:
    """Show how many records were searched; yields what is to be told of more."""
    from streamproc.cli.progress import progress_of

    with progress_of(None) as advance:
        yield lambda records: advance(records, 0)


def write_down(settings: Settings, action: str, receipt: str, reason: str, **counts: int) -> None:
    """Write an action to the audit log, if one is configured.

    Raises:
        ConfigError: It cannot be written.
    """
    from datetime import UTC, datetime

    from streamproc.audit import append, entry

    if len(reason) > LONGEST_REASON:
        told = f"expected at most {LONGEST_REASON} characters"
        raise click.BadParameter(told, param_hint="--reason")
    if settings.audit.file is not None:
        details = {name: str(count) for name, count in counts.items()}
        details |= {"receipt": receipt, "reason": reason.strip()}
        append(settings.audit.file, [entry(action, datetime.now(UTC), **details)])


def _fields(case: Case, person: Person | None, done: Done | None) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "receipt": case.receipt if done else None,
        "at": moment(case.at),
        "tokens": len(case.tokens),
    }
    if person is not None:
        kinds = {"ids": person.count("id"), "devices": person.count("device")}
        fields |= {**kinds, "traits": person.count("trait"), "shared": len(person.shared)}
        fields["known"] = person.known
    if done is not None:
        fields |= {**done._asdict(), "until": moment(done.until)}
    return fields


def _tell(fields: Mapping[str, Any], person: Person | None, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(fields))
        return
    if person is not None:
        names = (("ids", "id"), ("devices", "device"), ("traits", "trait"))
        parts = ", ".join(counted(fields[name], noun) for name, noun in names)
        click.echo(f"The person: {parts}. {fields['shared']:,} shared with others stay.")
        if not person.known:
            click.echo("Nothing is linked with what was given: check that it is written right.")
    if fields["receipt"] is None:
        click.echo("Nothing was erased.")
        return
    _print_steps(fields)
    click.echo(f"Receipt {fields['receipt']}: streamproc erase verify {fields['receipt']}")


def _print_steps(fields: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    keys = "no store of people's keys is configured"
    if fields["keys"] is not None:
        keys = f"{counted(fields['keys'], 'key')} deleted"
    table = Table("Step", "Done", box=None, header_style="bold")
    table.add_row("suppressed", counted(fields["tokens"], "token"))
    table.add_row("links", f"{fields['links']:,} taken back")
    table.add_row("attributes", f"{counted(fields['records'], 'record')} taken back")
    table.add_row("keys", keys)
    told = f"{counted(fields['deletions'], 'deletion')} published, up to {fields['until']}"
    table.add_row("warehouse", told)
    Console(width=None if Console().is_terminal else 200).print(table)
