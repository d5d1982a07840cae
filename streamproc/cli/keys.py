"""``streamproc keys``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamproc.cli import counted, settings_of
from streamproc.cli.secret_files import write_new

if TYPE_CHECKING:
    from streamproc.events import Token
    from streamproc.redact import KeyRing

__all__ = ["keys"]

AS_JSON = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object instead of what people read."
)


@click.group()
def keys() -> None:
    """Make, rotate and look at key rings; forget a person's key."""


@keys.command()
@click.option(
    "--file",
    "ring_file",
    type=click.Path(path_type=Path),
    default=Path("keyring.json"),
    show_default=True,
    help="Where the key ring goes.",
)
@click.option(
    "--dead-letters",
    "private_file",
    type=click.Path(path_type=Path),
    help="Also make a key pair that the originals of dead letters are sealed to; its private key "
    "goes to this file. Keep that away from the workers.",
)
def generate(ring_file: Path, private_file: Path | None) -> None:
    """Make a key ring, and say what to set.

    Files are made readable for you alone; one that is there is never written over.
    """
    import secrets

    from streamproc.deadletters import generate_key_pair
    from streamproc.redact import write_key_ring
    from streamproc.redact.keys import KEY_BYTES

    ring = write_key_ring("k1", {"k1": secrets.token_bytes(KEY_BYTES)})
    write_new(ring_file, ring)
    lines = ["[keys]", f'file = "{ring_file.resolve()}"']
    if private_file is not None:
        pair = generate_key_pair()
        write_new(private_file, pair.private + "\n")
        lines += ["", "[dead_letters]", f'public_key = "{pair.public}"']
    click.echo("Set in streamproc.toml:\n", err=True)
    click.echo("\n".join(lines))


@keys.command("list")
@AS_JSON
@click.pass_context
def list_keys(ctx: click.Context, *, as_json: bool) -> None:
    """Print the keys of the ring, never a secret.

    The check tells whether two rings have the same key under one name; nothing else can be learnt
    from it.
    """
    from streamproc.assemble import load_key_ring

    ring = load_key_ring(settings_of(ctx).settings)
    _print(ring, as_json=as_json)


@keys.command()
@click.option("--name", help="Name of the new key [default: k and the next free number].")
@AS_JSON
@click.pass_context
def rotate(ctx: click.Context, name: str | None, *, as_json: bool) -> None:
    """Add a key to the ring and make it the active one.

    From their next start on, workers make new tokens with it. The key before overlaps: identity
    goes on across the two, and `hash: {join: true}` writes the old token beside the new one, until
    `keys retire`. Start all workers anew soon after.
    """
    import secrets

    from streamproc.redact.keys import KEY_BYTES

    file, ring = _ring_file(ctx)
    version = name or _next_name(ring)
    try:
        rotated = ring.rotated(version, secrets.token_bytes(KEY_BYTES))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--name") from None
    _write_again(file, rotated)
    _print(rotated, as_json=as_json)


@keys.command()
@click.argument("name")
@AS_JSON
@click.pass_context
def retire(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """End the overlap of the key NAME.

    The key itself stays in the ring, so that what it encrypted can still be revealed.
    """
    file, ring = _ring_file(ctx)
    try:
        retired = ring.retired(name)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="NAME") from None
    _write_again(file, retired)
    _print(retired, as_json=as_json)


@keys.command()
@click.option("--token", "tokens", multiple=True, help="A person's token (tok_…), as rows have it.")
@click.option(
    "--user",
    "users",
    multiple=True,
    metavar="ID|-",
    help="A person's user or anonymous id, as events have it; - reads one a line, which keeps them "
    "out of the shell's history.",
)
@AS_JSON
@click.pass_context
def forget(
    ctx: click.Context, tokens: tuple[str, ...], users: tuple[str, ...], *, as_json: bool
) -> None:
    """Delete a person's key: what was encrypted for that person can never be read again.

    Name the anonymous ids as well: events without a user id were encrypted for those. Later events
    of the person are not encrypted but replaced. Copies of the store keep their keys.
    """
    from datetime import UTC, datetime

    from streamproc.assemble import load_key_ring, load_subject_keys
    from streamproc.audit import append, entry

    settings = settings_of(ctx).settings
    ring = load_key_ring(settings)
    persons = [*_checked(tokens), *_tokens_of(users, ring)]
    if not persons:
        raise click.UsageError("name somebody with --token or --user")
    store = load_subject_keys(settings, ring)
    if settings.audit.file is not None:
        now = datetime.now(UTC)
        append(settings.audit.file, [entry("forget", now, person=person) for person in persons])
    count = store.forget(persons)
    store.close()
    click.echo(json.dumps({"deleted": count}) if as_json else f"{counted(count, 'key')} deleted.")


def _checked(tokens: tuple[str, ...]) -> list[Token]:
    from streamproc.events import Token
    from streamproc.redact import TOKEN

    if not all(map(TOKEN.fullmatch, tokens)):
        raise click.BadParameter("expected a token: tok_…", param_hint="--token")
    return [Token(token) for token in tokens]


def _tokens_of(users: tuple[str, ...], ring: KeyRing) -> list[Token]:
    """Return the tokens of ids under every key of the ring: they may have been made with any."""
    from streamproc.redact import KeyRing, Tokens

    others = tuple(version for version in ring.secrets if version != ring.active)
    made = Tokens(KeyRing(ring.active, ring.secrets, others))
    found = []
    for user in users:
        lines = click.get_text_stream("stdin", encoding="utf-8") if user == "-" else [user]
        for line in lines:
            if identifier := line.rstrip("\r\n"):
                found += [made.of_identifier(identifier), *made.previous_identifiers(identifier)]
    return found


def _ring_file(ctx: click.Context) -> tuple[Path, KeyRing]:
    from streamproc.assemble import load_key_ring
    from streamproc.errors import ConfigError, Problem

    settings = settings_of(ctx).settings
    ring = load_key_ring(settings)
    if settings.keys.ring is not None or settings.keys.command or settings.keys.file is None:
        name = "keys.ring" if settings.keys.ring is not None else "keys.command"
        message = "is set, and not in a file: change the ring where it is kept"
        raise ConfigError(Problem("settings", name, message))
    return settings.keys.file, ring


def _next_name(ring: KeyRing) -> str:
    number = 1
    while f"k{number}" in ring.secrets:
        number += 1
    return f"k{number}"


def _row(ring: KeyRing, version: str) -> dict[str, str]:
    state = "active" if version == ring.active else "overlap" if version in ring.overlap else "old"
    return {"key": version, "state": state, "check": ring.derive("check", version)[:4].hex()}


def _print(ring: KeyRing, *, as_json: bool) -> None:
    rows = [_row(ring, version) for version in ring.secrets]
    if as_json:
        click.echo(json.dumps({"keys": rows}, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("Key", "State", "Check", box=None, header_style="bold")
    for row in rows:
        table.add_row(*row.values(), style=None if row["state"] == "active" else "dim")
    Console().print(table)


def _write_again(file: Path, ring: KeyRing) -> None:
    """Put ``ring`` in the place of the file's, whole or not at all."""
    from streamproc.redact import write_key_ring

    beside = file.with_name(f"{file.name}.new")
    write_new(beside, write_key_ring(ring.active, ring.secrets, ring.overlap))
    beside.replace(file)
