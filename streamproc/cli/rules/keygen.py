"""``streamproc rules keygen``."""

from __future__ import annotations

from pathlib import Path

import click

from streamproc.cli.secret_files import write_new

__all__ = ["keygen"]


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Who will publish with it, for the list of signers.")
def keygen(file: Path, name: str) -> None:
    """Make a key to publish rules with, and print its line for the list of signers.

    FILE gets the private key, readable for you alone; one that is there is never written over. The
    line goes into the file that rules.signers names, on every worker and wherever rules are
    published from.
    """
    from streamproc.rollout.signatures import generate_signing_key

    key = generate_signing_key()
    write_new(file, key.pem)
    click.echo("Set rules.signing_key to that file, and add to the list of signers:\n", err=True)
    click.echo(f"{key.public} {' '.join(name.split())}")
