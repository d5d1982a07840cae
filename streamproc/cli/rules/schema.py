"""``streamproc rules schema``."""

from __future__ import annotations

import json

import click

__all__ = ["schema"]


@click.command()
def schema() -> None:
    """Print the JSON Schema of rulesets, for editors.

    That of this version is also shipped as schemas/rules.json, which a ruleset names in its first
    line: `# yaml-language-server: $schema=…`.
    """
    from streamproc.rules import load_recognizers
    from streamproc.rules.schema import ruleset_schema
    from streamproc.shipped import shipped

    made = ruleset_schema(load_recognizers(shipped("rules/recognizers")))
    click.echo(json.dumps(made, indent=2, ensure_ascii=False))
