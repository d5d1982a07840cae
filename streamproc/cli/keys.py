"""``streamproc keys``."""

from __future__ import annotations

import os
from pathlib import Path

import click

__all__ = ["keys"]

OWNER_ALONE = 0o600


@click.group()
def keys() -> None:
    """Make key rings, and key pairs for dead letters."""


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
    _write_new(ring_file, ring)
    lines = ["[keys]", f'file = "{ring_file.resolve()}"']
    if private_file is not None:
        pair = generate_key_pair()
        _write_new(private_file, pair.private + "\n")
        lines += ["", "[dead_letters]", f'public_key = "{pair.public}"']
    click.echo("Set in streamproc.toml:\n", err=True)
    click.echo("\n".join(lines))


def _write_new(file: Path, content: str) -> None:
    from streamproc.errors import ConfigError, Problem

    try:
        place = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ALONE)
    except FileExistsError:
        raise ConfigError(Problem(str(file), "", "is there already; not written over")) from None
    except OSError as error:
        raise ConfigError(Problem(str(file), "", f"cannot be written: {error.strerror}")) from None
    with os.fdopen(place, "w", encoding="ascii") as opened:
        opened.write(content)
