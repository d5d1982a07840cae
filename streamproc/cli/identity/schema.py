"""``streamproc identity schema``."""

from __future__ import annotations

import json

import click

__all__ = ["schema"]


@click.command()
def schema() -> None:
    """Print the JSON Schema of identity configurations, for editors.

    That of this version is also shipped as schemas/identity.json, which a configuration names in
    its first line: `# yaml-language-server: $schema=…`.
    """
    from streamproc.identity.schema import identity_schema

    click.echo(json.dumps(identity_schema(), indent=2, ensure_ascii=False))
