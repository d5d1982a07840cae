"""``streamproc rules explain``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from streamproc.cli import EXIT_DEAD_LETTERS, rules_option, settings_of, with_rules
from streamproc.cli.throwaway import throwaway_keys

if TYPE_CHECKING:
    from streamproc.effects.explanation import Explained, Explanation
    from streamproc.rules import Ruleset
    from streamproc.settings import Settings

__all__ = ["explain"]

PRINTED_WIDTH = 160


@click.command()
@click.argument("file", metavar="[EVENT]", type=click.File("rb"), default="-")
@rules_option
@click.option("--path", help="Only this field and those below it: context.traits.email.")
@click.option("--topic", help="The topic the event is taken to be from [default: the raw topic].")
@click.option("--json", "as_json", is_flag=True, help="The explanation as one JSON object.")
@click.pass_context
def explain(
    ctx: click.Context,
    *,
    file: BinaryIO,
    rules_directory: Path | None,
    path: str | None,
    topic: str | None,
    as_json: bool,
) -> None:
    """Tell what becomes of an event and why, field by field, never a value.

    EVENT or standard input holds one event as JSON. Told are, for each field, the shape of its
    value, what was found in it and by what, the rule that decides, those that do not and why, and
    what is written. The exit code is 3 when the event would be a dead letter.
    """
    from streamproc.assemble import load_rules
    from streamproc.telemetry import configure

    settings = with_rules(settings_of(ctx).settings, rules_directory)
    configure(settings.log)
    ruleset = load_rules(settings)
    explanation = _explained(settings, ruleset, file.read(), topic or settings.topics.raw)
    if path is not None:
        kept = tuple(field for field in explanation.fields if _is_below(field, path))
        explanation = explanation._replace(fields=kept)
    _tell(explanation, as_json=as_json)
    sys.exit(EXIT_DEAD_LETTERS if explanation.outcome == "dead letter" else 0)


def _explained(settings: Settings, ruleset: Ruleset, value: bytes, topic: str) -> Explanation:
    from streamproc.assemble import Assembly
    from streamproc.effects.explanation import Explainer
    from streamproc.events import Micros, Origin, Record
    from streamproc.identity import View
    from streamproc.redact import Tokens

    with throwaway_keys(settings) as (kept_apart, ring):
        parts = Assembly(kept_apart, ring, View()).parts(ruleset)
        explainer = Explainer(parts, Tokens(ring))
        return explainer.explain(Record(Origin(topic, 0, 0), None, value.strip(), Micros(0)))


def _is_below(field: Explained, path: str) -> bool:
    return field.path == path or field.path.startswith((f"{path}.", f"{path}["))


def _tell(explanation: Explanation, *, as_json: bool) -> None:
    from streamproc.effects.explanation_report import explanation_json, render_explanation

    if as_json:
        click.echo(json.dumps(explanation_json(explanation), indent=2))
    else:
        from rich.console import Console

        console = Console(width=None if Console().is_terminal else PRINTED_WIDTH)
        render_explanation(explanation, console)
