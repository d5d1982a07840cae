"""``streamproc dead schema``."""

from __future__ import annotations

import json

import click

__all__ = ["schema"]


@click.command()
def schema() -> None:
    """Print the JSON Schema of repairs, for editors.

    That of this version is also shipped as schemas/repair.json, which a file of repairs names in
    its first line: `# yaml-language-server: $schema=…`.
    """
    from streamproc.deadletters.repair.schema import repair_schema

    click.echo(json.dumps(repair_schema(), indent=2, ensure_ascii=False))
